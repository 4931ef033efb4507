"""Networks and accelerators together: layer rows become a simulator workload."""

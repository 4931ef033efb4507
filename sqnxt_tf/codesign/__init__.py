"""Networks and accelerators together: layer rows become workloads, and spaces of both are searched."""

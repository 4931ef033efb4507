"""Design-space exploration: spaces of networks and accelerators, their costs, Pareto sets, sampling and halving."""

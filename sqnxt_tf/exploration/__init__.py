"""Design-space exploration: networks and accelerators searched together.

- `families.py`: the families of networks that a space can hold, and their dimensions.
- `space.py`: a space of networks and accelerators, as the values of each dimension.
- `space_file.py`: reads a space from a TOML file and checks it.
- `space_values.py`: the values that may stand in a space's file.
- `spaces/`: the bundled spaces.
- `workloads.py`: layer rows as simulator workloads, without building or exporting a network.
- `candidates.py`: the costs of a network on an accelerator.
- `cost_tables.py`: the costs of whole spaces, as sums of tables over stages.
- `enumeration.py`: costs every pair of a small space.
- `exact.py`: the true Pareto set of a space of any size, by sums of table entries.
- `pairs.py`: pairs of networks and accelerators as arrays, for `exact.py`.
- `stage_choices.py`: the entries of stages that cannot be part of a Pareto set.
- `dominance_grid.py`: a fast test that recognises most dominated candidates.
- `sampling.py`: samples spaces that are too large to enumerate, by Optuna.
- `trial_storage.py`: the storage of Optuna's trials, shared by workers and kept after interruptions.
- `pareto.py`: Pareto sets of candidates.
- `outcome.py`: the result of a search.
- `successive_halving.py`: chooses networks for finalist training, and the better half after each rung.
"""

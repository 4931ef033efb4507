"""The accelerator: from a layer and the hardware to cycles and energy.

| file | role |
|---|---|
| `on_chip` | the global buffer, and what some dataflows need beside the PEs, as data |
| `accelerator` | the hardware as data: PE array, DRAM, energies, vector unit |
| `accelerator_entries` | what an entry of an accelerator file may be: a number in a range, or true or false |
| `accelerator_options` | the entries that most accelerators do without |
| `accelerator_schema` | the entries of an accelerator file: range, unit and meaning of each |
| `accelerator_faults` | all faults of such a file, reported in one error |
| `declared_dataflows` | the dataflows of a file, checked against the sections that they need |
| `accelerator_file`, `presets/` | an accelerator as a TOML file, checked when it is read |
| `accelerator_template` | a commented file to start from |
| `axes` | candidate tile sizes along one dimension of a layer |
| `candidates` | candidate tilings of the map and of the channels: pairs of axes |
| `tiling` | all tilings of a layer, which of them fit the buffer, and their DRAM words |
| `dataflows` | array cycles and buffer words of the two dataflows that cut a layer to tiles |
| `operand_limits` | what differs by operand in these two, and systolic arrays |
| `tiling_cost` | cycles and energy of one tiling, by component |
| `tile_search` | the best tiling of each dataflow |
| `row_stationary` | mappings in row stationary that may be the best |
| `row_figures` | what a mapping moves between the memories, and how long the array works |
| `row_search` | the best mapping and its cost |
| `output_block` | the best block of outputs, and its cost |
| `dataflow_search` | all dataflows of an accelerator, the fastest first |
| `layer_costs` | the cost of a layer on the array, and of an operator on the vector unit |
| `accelerator_vectors` | many accelerators as one whose numbers are vectors, which the formulas take too |
| `best_tiles` | the best tilings on many accelerators, and their costs |
| `tile_fronts` | the search on many accelerators of one PE array: the tilings that are the best at some bandwidth |
| `array_axes` | candidate tile sizes on many PE arrays |
| `array_search` | the search on many PE arrays, by branch and bound |

Each file imports only from files above it in the table.
"""

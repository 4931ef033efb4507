"""The accelerator: from a layer and the hardware to cycles and energy.

| file | role |
|---|---|
| `accelerator` | the hardware as data: PE array, buffer, DRAM, energies, vector unit |
| `accelerator_schema` | the entries of an accelerator file: range, unit and meaning of each |
| `accelerator_faults` | all faults of such a file, reported in one error |
| `accelerator_file`, `presets/` | an accelerator as a TOML file, checked when it is read |
| `accelerator_template` | a commented file to start from |
| `axes` | candidate tile sizes along one dimension of a layer |
| `candidates` | candidate tilings of the map and of the channels: pairs of axes |
| `tiling` | all tilings of a layer, which of them fit the buffer, and their DRAM words |
| `dataflows` | array cycles and buffer words of the two dataflows |
| `tiling_cost` | cycles and energy of one tiling, by component |
| `tile_search` | the best tiling of each dataflow |
| `tile_fronts` | the tilings that are the best at some bandwidth, shared by many accelerators |
| `machine_vectors` | the cost of a layer on many accelerators at once |
| `layer_costs` | the cost of a layer on the array, and of an operator on the vector unit |

Each file imports only from files above it in the table.
"""

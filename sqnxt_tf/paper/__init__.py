"""The tables and figures of the SqueezeNext paper, our numbers beside the paper's.

- `parameters.py`: Tables 1 and 2, parameters and MACs.
- `table3.py`: Table 3, time and energy of 13 networks on two arrays.
- `figures.py`: the data of Figures 6 and 7.
- `cross_validation.py`: how well the numbers that are fitted to Table 3 predict networks that they were not fitted to.
"""

"""What the tests of several files share; fixtures stand in `conftest.py` and use these.

| file | role |
|---|---|
| `repository` | where the repository's files are, and its `setup.cfg` |
| `benchmark_scripts` | the scripts of `benchmarks/` as modules |
| `commands` | the command line and Python code as processes of their own |
| `golden` | tables of expected figures |
| `images` | folders of images |
| `onnx_graphs` | ONNX graphs, built by hand |
| `report_graphs` | graphs for the HTML report, one of them with hostile names |
| `paper_networks` | the networks of the paper's Table 3 as plain layers |
| `keras_networks` | small Keras networks |
| `founders` | small models that an evolution begins with |
| `training` | data to train on in seconds, and runs that are cut |
| `browsers`, `webdemo_page`, `strokes` | a real browser, and what a user does to the page of the web demo |
| `programs/` | programs that tests start by path |
"""

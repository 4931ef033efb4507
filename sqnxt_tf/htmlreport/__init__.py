"""The simulator's results on some networks as one HTML file, which opens offline, on a phone and in dark mode.

- `study.py`: simulates each network on all arrays and at all precisions.
- `view.py`: turns the results of one network into text, numbers and table rows.
- `model_comparison.py`: does the same for several networks side by side.
- `sortable_tables.py`: the tables of the page.
- `charts.py`: computes the geometry of the charts, from the parts in `chart_shapes.py`.
- `scales.py`: computes axes and their ticks, and formats numbers.
- `writing.py`: fills in the templates and writes the file.
- `page/`: templates, CSS and JavaScript. The page requests nothing, and shows everything without JavaScript too.
"""

"""What the simulator says of some networks as one HTML file that opens offline, on a phone and in the dark.

`study` simulates; `view` turns figures into words and rows, `charts` into the geometry of charts (`scales` has their
axes), `comparison` does both for several networks; `writing` puts them into the page. The page itself is in `page/`:
templates, CSS and JavaScript. It asks nothing of anybody, and without JavaScript it shows all that it has.
"""

"""What the simulator says of some networks as one HTML file that opens offline, on a phone and in the dark.

`study` simulates, `view` turns its figures into words and rows, `charts` into the geometry of charts (`scales` has their
axes), `writing` puts them into the page. The page itself is in `page/`: a template, its charts, CSS and JavaScript. It
asks nothing of anybody, and without JavaScript it shows all that it has.
"""

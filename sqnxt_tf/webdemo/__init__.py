"""A static web page that runs artifacts in the browser of whoever opens it.

`site` writes it; `artifacts` says what the page needs to know of each model, `runtimes` which files of which npm
packages run them, `npm` fetches those. The page itself is in `page/`: plain HTML, CSS and JavaScript, copied as it is.
"""

"""A static web page that runs artifacts in the browser.

- `site.py`: writes the site.
- `web_models.py`: what the page needs to know about each model.
- `browser_runtimes.py` and `runtimes.json`: the files of npm packages that run models in a browser.
- `npm.py`: fetches those files and checks them.
- `page/`: the page itself, plain HTML, CSS and JavaScript, which is copied unchanged.
- `licenses/`: the licences of the runtimes.
"""

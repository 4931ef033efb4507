"""Settings of the documentation site. `make docs` builds it, without a network."""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent))

import sqnxt_tf

project = "sqnxt-tf"
author = "the authors of sqnxt-tf"
release = version = sqnxt_tf.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click", "directives"]
# Two fields of the same name (`bytes`) are two targets for a type that is called so; none of them is meant.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

default_role = "code"  # docstrings write code in single backticks, as Markdown does
smartquotes_action = "D"  # dashes alone: what is quoted is often typed
autodoc_preserve_defaults = True  # a default reads as it is written, not as the address of a function
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # `Attributes:` of a docstring and the fields themselves are not two things
python_maximum_signature_line_length = 90

html_theme = "furo"
html_title = "sqnxt-tf"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}

"""How the documentation is built: ``sphinx-build -W docs docs/_build/html``."""

import numpywren

project = "numpywren"
author = "The numpywren developers"
copyright = "The numpywren developers"
version = release = numpywren.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"numpywren {release}"
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

# numpydoc lays out what the docstrings say; types stand there, in words.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

"""Sphinx's settings; `python docs/build.py` builds the site."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "numbatorch"
extensions = ["myst_nb", "mathml"]
exclude_patterns = ["generate"]

html_theme = "furo"
html_title = "numbatorch"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1d4ed8", "color-brand-content": "#1d4ed8"},
    "dark_css_variables": {"color-brand-primary": "#93c5fd", "color-brand-content": "#93c5fd"},
}
pygments_style = "friendly"
pygments_dark_style = "monokai"

add_module_names = False
toc_object_entries = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}  # no script from another server

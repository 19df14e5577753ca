"""Sphinx configuration."""

from __future__ import annotations

import rsvp

project = "rsvp"
author = "the rsvp developers"
copyright = "the rsvp developers"
version = release = rsvp.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"rsvp {release}"
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
nitpicky = False

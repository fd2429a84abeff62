"""Sphinx's settings for `make site`. Nothing here may load anything from the network."""

from __future__ import annotations

from docutils import nodes
from typeset import svg

project = "Transfer learning, measured"
author = "The tlhelpers authors"
copyright = "the tlhelpers authors, MIT licence"
extensions = ["myst_nb"]
nb_execution_mode = "off"  # build_site.py has run the lessons
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}

html_theme = "furo"
html_title = project
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_extra_path = []
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_search_summary = False  # it fetches the pages, which a browser refuses from a folder
html_math_renderer = "ziamath"
templates_path = []


def _inline(self, node: nodes.math) -> None:
    self.body.append(svg(node.astext(), inline=True))
    raise nodes.SkipNode


def _block(self, node: nodes.math_block) -> None:
    self.body.append(f'<div class="formula">{svg(node.astext(), inline=False)}</div>')
    raise nodes.SkipNode


def setup(app) -> None:
    app.add_html_math_renderer("ziamath", (_inline, None), (_block, None))
    app.connect("builder-inited", _extra)


def _extra(app) -> None:
    """Decks and pictures go to the site as they are."""
    from pathlib import Path

    app.config.html_extra_path = [str(Path(app.srcdir) / "_extra")]

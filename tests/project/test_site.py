"""`make site`: links and cells of the site. Sphinx runs in the slow test, where it is there."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys

import build_site
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = build_site.ROOT
PAGES = {
    "docs/coverage.md": "coverage.html",
    "notebooks/01_freeze.ipynb": "lessons/01_freeze.html",
    "README.md": "index.html",
    "slides/01.html": "slides/01.html",
    "data/picture.png": "data/picture.png",
}


@pytest.mark.parametrize(
    "here, text, expected",
    [
        (
            "docs/coverage.md",
            "[01](../notebooks/01_freeze.ipynb#cell-id=step)",
            '<a href="lessons/01_freeze.html#cell-id=step">01</a>',
        ),
        (
            "notebooks/01_freeze.ipynb",
            "[map](../docs/coverage.md)",
            '<a href="../coverage.html">map</a>',
        ),
        ("README.md", "[`a[0]` deck](slides/01.html)", '<a href="slides/01.html">`a[0]` deck</a>'),
        ("README.md", "[gone](SECURITY.md) stays", "gone stays"),
        ("README.md", "[paper](https://arxiv.org/abs/1) [up](#start)", None),
        ("notebooks/01_freeze.ipynb", "![a](../data/picture.png)", "![a](../data/picture.png)"),
        ("docs/coverage.md", '<img src="../data/picture.png">', '<img src="data/picture.png">'),
        (
            "README.md",
            '<a class="x" href="notebooks/01_freeze.ipynb">one</a> <a href="LICENSE">two</a>',
            '<a class="x" href="lessons/01_freeze.html">one</a> two',
        ),
    ],
)  # fmt: skip
def test_links_lead_to_the_sites_pages(here, text, expected):
    assert build_site.relink(text, here, PAGES) == (text if expected is None else expected)


def test_cells_get_addresses_and_solutions_are_folded():
    hidden = {"tags": ["solution"], "jupyter": {"source_hidden": True}}
    plain = {"text/plain": "x"}
    cells = [
        new_markdown_cell("# Title", id="header"),
        new_code_cell("x", id="code", outputs=[new_output("display_data", data=plain)]),
        new_markdown_cell("# Second title", id="second"),
        new_code_cell("# Solution", id="solved", metadata=hidden),
    ]
    lesson = build_site.Lesson.__new__(build_site.Lesson)
    lesson.notebook = new_notebook(cells=cells)
    build_site.fold(lesson)
    texts = [cell.source for cell in lesson.notebook.cells if cell.cell_type == "markdown"]
    for name in ("header", "code", "second", "solved"):
        assert sum(f'id="cell-id={name}"' in text for text in texts) == 1
    assert sum(bool(re.search(r"(?m)^# ", text)) for text in texts) == 1, "one title a page"
    folded = [c for c in lesson.notebook.cells if "hide-input" in c.metadata.get("tags", [])]
    assert [cell.id for cell in folded] == ["solved"]


def test_every_picture_of_the_readme_goes_along():
    shown = set(re.findall(r'<img src="([^"]+)"', (ROOT / "README.md").read_text(encoding="utf-8")))
    assert shown and shown <= build_site.shown_by("README.md")


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in build_site.NEEDED),
    reason='the extra "site" is not installed: pip install -e ".[site]"',
)
def test_the_site_works_from_a_folder(tmp_path):
    """Built with one lesson: nothing from outside, links inside lead somewhere, search is there."""
    command = [sys.executable, "tools/build_site.py", "--lessons", "00", "--out"]
    made = subprocess.run(
        [*command, str(tmp_path / "site")], cwd=ROOT, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=600,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    site = tmp_path / "site"
    assert (site / "searchindex.js").is_file() and (site / "api" / "index.html").is_file()
    for page in [*site.glob("*.html"), *site.glob("lessons/*.html")]:
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        loaded = [t["src"] for t in soup.select("[src]")]
        loaded += [t["href"] for t in soup.select("link[href]") if "stylesheet" in t.get("rel", "")]
        assert not [a for a in loaded if re.match(r"(https?:)?//", a)], (
            f"{page.name} loads {loaded}"
        )
        for address in loaded + [t["href"] for t in soup.select("a[href]")]:
            path = address.partition("#")[0].partition("?")[0]
            if path and not re.match(r"\w+:", path):
                assert (page.parent / path).exists(), f"{page.name} leads to {address}"

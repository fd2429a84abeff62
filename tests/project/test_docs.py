"""`make docs`: every public name is on the pages, every link leads somewhere, nothing is loaded."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import build_docs
import build_pages
import pytest
from bs4 import BeautifulSoup

import tlhelpers as tl


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[Path, BeautifulSoup]:
    pytest.importorskip("pdoc", reason='pdoc is not installed: pip install -e ".[docs]"')
    out = tmp_path_factory.mktemp("reference with a space")
    assert build_docs.main(["--out", str(out)]) == 0
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in out.rglob("*.html")
    }


def front(pages) -> BeautifulSoup:
    return next(page for path, page in pages.items() if path.name == "tlhelpers.html")


def test_every_link_leads_to_a_page_and_a_place_on_it(pages):
    ids = {path: {tag["id"] for tag in page.select("[id]")} for path, page in pages.items()}
    broken = []
    for path, page in pages.items():
        for link in page.select("a[href]"):
            address = urlsplit(link["href"])
            if address.scheme:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            if target not in ids or address.fragment and address.fragment not in ids[target]:
                broken.append(f"{path.name}: {link['href']}")
    assert not broken
    assert sum(len(page.select("a[href]")) for page in pages.values()) > 500


def test_every_public_name_has_its_signature_and_its_module(pages):
    listed = {entry["id"]: entry for entry in front(pages).select(".public")}
    assert set(listed) == set(tl.__all__)
    wilson = listed["wilson_interval"]
    assert wilson.a["href"] == "tlhelpers/evaluation/statistics.html#wilson_interval"
    assert wilson.select_one(".signature").get_text() == "(correct, n, confidence=0.95)"
    assert "accuracy" in wilson.p.get_text()
    functions = [name for name in listed if callable(getattr(tl, name))]
    assert not [name for name in functions if not listed[name].p], "public, but without a docstring"


def test_every_module_has_a_page_and_answers_have_none(pages):
    package = Path(tl.__file__).parent
    modules = {path.stem for path in package.rglob("*.py") if not path.stem.startswith("__")}
    answers = {name for name in modules if name.startswith("lesson_")}
    assert answers and modules - answers <= {path.stem for path in pages}
    assert not answers & {path.stem for path in pages}


def test_the_reference_loads_nothing_from_the_network(pages):
    assert not [name for page in pages.values() for name in build_pages.remote_resources(page)]

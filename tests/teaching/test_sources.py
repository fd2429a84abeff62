"""The articles behind the claims: named on the start page, and the only sources of a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tlhelpers as tl
from tlhelpers.core.errors import InputError

START = Path(__file__).resolve().parents[2] / "notebooks" / "00_start_here.ipynb"


def test_the_table_names_every_article_and_links_those_with_an_address():
    rows = tl.sources_table().splitlines()[2:]
    assert len(rows) == len(tl.SOURCES)
    for row, source in zip(rows, tl.SOURCES.values(), strict=True):
        assert source.publisher in row and source.title in row
        assert (f"[{source.publisher}]({source.address})" in row) is bool(source.address)


def test_the_start_page_says_what_a_claim_a_source_and_a_verdict_are():
    cells = json.loads(START.read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(cell["source"]) for cell in cells)
    assert all(f"**{word}**" in text for word in ("claim", "source", "verdict"))
    assert "tl.sources_table()" in text


def test_a_verdict_has_a_known_source(capsys):
    assert tl.verdict("C1", "holds", "1 against 2.", source="LeewayHertz").title == (
        "C1 holds (source: LeewayHertz)"
    )
    with pytest.raises(InputError, match='no source "LeewayHerz".*"LeewayHertz"'):
        tl.verdict("C1", "holds", "1 against 2.", source="LeewayHerz")


def test_a_paper_is_a_source_too_and_is_linked():
    from tlhelpers.teaching.sources import PAPERS, find_source

    assert not tl.SOURCES.keys() & PAPERS.keys()
    assert all("arxiv.org/abs/" in find_source(name).address for name in PAPERS)
    assert tl.verdict("C24", "fails", "1 against 2.", source="Hu et al. 2021").source in PAPERS

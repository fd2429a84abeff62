"""The deck on applications: no result without its source, and figures as the code draws them."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

SLIDES = Path(__file__).resolve().parents[2] / "slides"
DECK = (SLIDES / "applications.md").read_text(encoding="utf-8")
PLACE = re.compile(r"arXiv \d{4}\.\d{5}|10\.\d{4}/[\w./]+\w")


@pytest.fixture(scope="module")
def draw():
    sys.path.insert(0, str(SLIDES))
    try:
        yield importlib.import_module("draw_applications")
    finally:
        sys.path.remove(str(SLIDES))


def test_the_figures_are_what_the_code_draws_today(draw):
    for name, figure in draw.FIGURES.items():
        stored = (SLIDES / "figures" / name).read_text(encoding="utf-8")
        assert figure() + "\n" == stored, f"{name}: make slides"


def test_every_published_result_has_a_year_and_a_place_that_its_slide_names_too(draw):
    for result in draw.PUBLISHED:
        place = PLACE.search(result.source)
        assert re.search(r" 20\d\d, ", result.source) and place, result.source
        assert place[0] in DECK, result.source
        assert result.left_out, result.task


def test_every_slide_with_a_published_result_says_what_it_does_not_show():
    for slide in re.split(r"^---$", DECK, flags=re.M)[2:]:
        shown = slide.partition("<!--\nSay")[0]
        if PLACE.search(shown) and "cards" not in shown:
            assert "Not shown" in shown, shown[:60]


@pytest.mark.parametrize("name", "eyes hospital fog translation language video measured".split())
def test_a_description_holds_the_values_that_its_figure_shows(draw, name):
    figure = draw.FIGURES[f"applications_{name}.svg"]()
    (alt,) = re.findall(rf"!\[([^]]*)\]\(figures/applications_{name}\.svg\)", DECK)
    texts = re.findall(r"<text([^>]*)>([^<]*)<", figure)  # muted: the axis
    shown = " ".join(words for style, words in texts if draw.MUTED not in style)
    values = re.findall(r"\d*\.\d+", shown)
    assert values and set(values) <= set(re.findall(r"\d*\.\d+", alt))

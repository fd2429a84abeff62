"""The deck on weight freezing: today's figures, and words that say what was measured."""

from __future__ import annotations

import importlib
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from statistics import fmean

import pytest

SLIDES = Path(__file__).resolve().parents[2] / "slides"
DECK = (SLIDES / "01_weight_freezing.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"(?<![\w.-])(?:\d+\.?\d*|\.\d+)")  # not the 18 of ResNet-18


@pytest.fixture(scope="module")
def draw():
    sys.path.insert(0, str(SLIDES))
    try:
        yield importlib.import_module("draw_01")
    finally:
        sys.path.remove(str(SLIDES))


def numbers(text: str) -> set[float]:
    return {float(number) for number in NUMBER.findall(text.replace("-.", " ."))}


def slide(heading: str) -> str:
    """The slide with this heading, without its notes."""
    (found,) = (part for part in DECK.split("\n---\n") if f"\n# {heading}" in part)
    return found.split("<!--")[0]


def test_the_figures_are_what_the_measurements_give(draw):
    for name, figure in draw.FIGURES.items():
        stored = (SLIDES / "figures" / name).read_text(encoding="utf-8")
        assert figure() + "\n" == stored, f"{name}: make slides"


@pytest.mark.parametrize(("alt", "name"), re.findall(r"!\[(.*?)\]\(figures/(.*?)\)", DECK))
def test_a_description_has_no_number_that_is_not_drawn(alt, name):
    """So a new measurement, which draws other numbers, asks for another description."""
    texts = ET.parse(SLIDES / "figures" / name).getroot().iter("{http://www.w3.org/2000/svg}text")
    assert numbers(alt) <= numbers(" ".join(text.text for text in texts))


def test_a_description_of_other_numbers_is_found():
    assert numbers("ResNet-18 fell from .99 to 85 per cent in layer4, from minus .011") == {
        *(0.99, 85, 0.011)
    }


def test_the_words_beside_the_figures_are_measured_or_computed(draw):
    found, batches = draw.measured(), draw.measured()["batches"]
    changed = {sum(found["moved"].values()), found["entries"]}
    assert changed == numbers(re.search(r"^# (.* entries have changed)$", DECK, re.M)[1])
    kept = {round(100 * 0.9**batches), round(100 * 0.9 ** (3 * batches), 1)}
    assert kept | {batches} <= numbers(slide("The leak").replace("{", " "))


def test_the_titles_are_what_was_measured(draw):
    found = draw.measured()
    stages: dict[str, list[float]] = {}
    for name, value in found["drift"].items():
        stages.setdefault(name.split(".")[0], []).append(value)
    assert max(stages, key=lambda stage: fmean(stages[stage])) == "layer4"
    sgd, adamw = (found["change"][run] for run in ("all layers", "all layers, AdamW"))
    assert (max(sgd, key=sgd.get), max(adamw, key=adamw.get)) == ("conv1", "layer4")
    assert max(found["old_task"]["after"]) < found["old_task"]["before"] - 0.05


def test_the_verdict_on_the_slide_is_the_lesson_s(draw):
    """C1 "depends": a step is below "about half", an epoch with validation is not."""
    step, epoch, job = draw.measured()["ratios"][draw.LARGE].values()
    assert job < step < 0.4 <= epoch <= 0.6


def test_frozen_stages_have_not_moved_at_all(draw):
    change = draw.measured()["change"]
    assert set(change["head alone"].values()) == {0}
    assert [change["from layer3"][f"layer{i}"] for i in (1, 2)] == [0, 0]

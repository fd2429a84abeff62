"""The ants-and-bees deck says what was measured: its drawings and its numbers are today's."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

SLIDES = Path(__file__).resolve().parents[2] / "slides"
UNITS = re.compile(r"\b(\d+\.\d) (?:points|minutes|seconds)")
CARRIED = re.compile(r"base64,[\w+/=]+")  # encoders differ between versions of Pillow
DECIMAL = re.compile(r"(?<![\d.])0?(\.\d+)(?!\d)")
COUNT = re.compile(r"\b(\d+) of 153\b")
# Not measured here: the tutorial's log; one picture in 153; McNemar's p of 4 and of 6 to none.
KNOWN = {".954", ".928", ".65", ".125", ".031", ".001", ".95", ".90", ".9", ".5"}


@pytest.fixture(scope="module")
def draw():
    sys.path.insert(0, str(SLIDES))
    try:
        yield importlib.import_module("draw_05")
    finally:
        sys.path.remove(str(SLIDES))


@pytest.fixture(scope="module")
def plotted(draw) -> dict[str, str]:
    """What each plot shows in numbers, by the figure's file name."""
    import matplotlib.pyplot as plt

    labels = {name: plot().get_label() for name, plot in draw.PLOTS.items()}
    plt.close("all")
    return labels


def slides() -> list[str]:
    deck = (SLIDES / "05_ants_and_bees.md").read_text(encoding="utf-8")
    return re.split(r"^---$", deck, flags=re.M)[2:]


def decimals(text: str) -> set[str]:
    return set(DECIMAL.findall(text))


def test_the_drawings_are_what_the_measurements_give(draw):
    for name, drawing in draw.DRAWINGS.items():
        stored = (SLIDES / "figures" / name).read_text(encoding="utf-8")
        assert CARRIED.sub("", drawing() + "\n") == CARRIED.sub("", stored), f"{name}: make slides"


def test_a_plots_description_has_numbers_of_that_plot_only(plotted):
    for slide in slides():
        for description, name in re.findall(r"!\[(.*?)\]\(figures/(.*?)\)", slide, flags=re.S):
            if name in plotted:
                assert decimals(description), f"{name}: no number in its description"
                assert decimals(description) - KNOWN <= decimals(plotted[name]), name


def test_every_number_of_the_deck_was_measured(plotted, draw):
    found = draw.measured()
    shares = {f"{found['c18']['target']:.2f}", "0.545"}  # the latter: see the next test
    known = KNOWN | decimals(" ".join([*plotted.values(), *shares]))
    gaps = [*found["too_high"], *found["best_epochs"]["points"], found["recipe_minutes"]]
    points = {f"{gap:.1f}" for gap in gaps} | {f"{found['fixed_seconds']:.1f}"}
    right = {*found["right"].values(), *draw.PUBLISHED}
    right |= {found["photographs"][way] for way in ("zero-shot", "fixed")}
    for number, slide in enumerate(slides(), 1):
        assert decimals(UNITS.sub("", slide)) <= known, f"slide {number}"
        assert set(map(int, COUNT.findall(slide))) <= right, f"slide {number}"
        assert set(UNITS.findall(slide)) <= points, f"slide {number}"


def test_the_colour_histogram_is_the_stored_one(draw):
    assert f"{draw.stored('shortcuts')['colour histogram']:.3f}" == "0.545"


def test_counts_of_the_deck_are_the_measured_ones(draw):
    deck, found = "\n".join(slides()), draw.measured()
    (ants, missed), (called, bees) = found["confusion"]
    assert [ants + missed, called + bees] == [70, 83]
    a, b, _ = found["mcnemar"]["fine-tuned / fixed"]
    wanted = [f"{a} to {b}", f"{missed} ants", f"{called} bee", f"{found['steps']} optimiser steps"]
    wanted += [f"{name}, {found['splits'][split]}," for name, split in (("Train", "train"),)]
    assert [words for words in wanted if words not in deck] == []


def test_the_transfer_slide_has_eight_seeds(draw):
    rows = draw.stored("transfer_resnet18")["rows"]
    assert {len(row["accuracies"]) for row in rows} == {8}, "the title says 8"


def test_a_number_nobody_measured_is_found(plotted):
    invented = "Test accuracy .123 of the five ways."
    assert not decimals(invented) <= KNOWN | decimals(" ".join(plotted.values()))
    assert json.dumps(sorted(decimals("0.52, .52 and 1.52"))) == '[".52"]'

"""The ants-and-bees deck says what was measured: its figures are today's, and so are its words."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

SLIDES = Path(__file__).resolve().parents[2] / "slides"
CARRIED = re.compile(r"base64,[\w+/=]+")  # encoders differ between versions of Pillow


@pytest.fixture(scope="module")
def draw():
    sys.path.insert(0, str(SLIDES))
    try:
        yield importlib.import_module("draw_05")
    finally:
        sys.path.remove(str(SLIDES))


def test_the_figures_are_what_the_measurements_give(draw):
    for name, figure in draw.FIGURES.items():
        stored = (SLIDES / "figures" / name).read_text(encoding="utf-8")
        assert CARRIED.sub("", figure() + "\n") == CARRIED.sub("", stored), f"{name}: make slides"


def sayings(draw) -> list[str]:
    """What the deck has to say, word for word, if it speaks of these measurements."""
    found, dot = draw.measured(), draw.dot
    n, runs = found["piles"]["test"], found["curves"]
    said = [
        f"{name}, {found['piles'][pile]}," for name, pile in (("Train", "train"), ("Val", "val"))
    ]
    said += [
        f"{name[0].upper()}{name[1:]} {count} of {n}, {dot(count / n)}"
        for name, count in found["right"].items()
    ]
    said += [f"{name} {dot(value)}" for name, value in found["reported"].items()]
    said += [f"{what} {sure:.0%}".replace("%", " %") for _, what, sure in found["mistakes"]]
    (ants, missed), (called, bees) = found["confusion"]
    said.append(
        f"{ants} ants right, {missed} ants called bees, {called} bee called ant, {bees} bees"
    )
    photographs = found["photographs"]
    said += [
        f"{dot(photographs[w] / n)} or {photographs[w]} of {n}" for w in ("zero training", "fixed")
    ]
    cost = found["milliseconds"]
    said.append(f"fixed {dot(cost['fixed, not cached'] / cost['full'], 2)}")
    said.append(f"1 / {cost['full'] / cost['fixed, cached features']:.0f}")
    said.append(f"{found['recipe_minutes']} on one core")
    said.append(
        f"{dot(found['c18']['target'], 2)} after **{found['c18']['reached']['fine-tuned']} steps**"
    )
    said.append(f"Scratch ends at {dot(runs['scratch'][-1][1], 2)}")
    said += [f"validation {dot(run['val'], 2)}" for run in found["broken"].values()]
    for start in draw.STARTS:
        means = [dot(row["mean"], 2) for row in draw.transfer_rows(start)]
        said += [", ".join(means)] if start != "pretrained" else [f"{means[0]} with 5"]
    said.append(f"{draw.times_longer()} times the steps {dot(draw.longer_scratch()['mean'], 2)}")
    only = found["mcnemar"]["fine-tuned / fixed"]
    said.append(f"{only[0]} to {only[1]}")
    return said


def test_the_words_are_what_the_measurements_give(draw):
    deck = (SLIDES / "05_ants_and_bees.md").read_text(encoding="utf-8")
    assert [saying for saying in sayings(draw) if saying not in deck] == []


def test_the_seeds_of_the_transfer_slide_are_those_of_the_measurement(draw):
    deck = (SLIDES / "05_ants_and_bees.md").read_text(encoding="utf-8")
    assert {len(row["accuracies"]) for row in draw.transfer()["rows"]} == {8}, "the title says 8"
    assert "# Eight seeds" in deck and "mean of 8 seeds" in deck

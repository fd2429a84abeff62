"""The deck on weight freezing says what was measured: its figures are today's, and so its words."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

import tlhelpers as tl

SLIDES = Path(__file__).resolve().parents[2] / "slides"


@pytest.fixture(scope="module")
def draw():
    sys.path.insert(0, str(SLIDES))
    try:
        yield importlib.import_module("draw_01")
    finally:
        sys.path.remove(str(SLIDES))


def test_the_figures_are_what_the_measurements_give(draw):
    for name, figure in draw.FIGURES.items():
        stored = (SLIDES / "figures" / name).read_text(encoding="utf-8")
        assert figure() + "\n" == stored, f"{name}: make slides"


def sayings(draw) -> list[str]:
    """What the deck has to say, word for word, if it speaks of these measurements."""
    found, dot = draw.measured(), draw.dot
    gain, old = tl.mean_interval(found["gain"]), found["old_job"]
    sgd, adamw = (found["change"][name] for name in ("all layers", "all layers, AdamW"))
    times, ratios = found["milliseconds"][draw.LARGE], list(found["ratios"][draw.LARGE].values())
    soft = [dot(distance) for distance in found["soft_sharing"].values()]
    walked = {name: dot(after, 3) for name, (_, after) in found["walked_on"].items()}
    return [
        f"has **{found['entries']} entries**",
        f"# {sum(found['moved'].values())}\n",
        f"After {found['batches']} batches $.9^{{{found['batches']}}} = "
        f"{0.9 ** found['batches']:.0%}".replace("%", r"\,\%"),
        f"after three epochs **{100 * 0.9 ** (3 * found['batches']):.1f} %**",
        f"moved by {100 * found['features_moved']:.0f} per cent",
        f"{100 * found['old_answers_differ']:.0f} per cent of the pictures",
        f"from {dot(old['before'])} to {dot(old['after'])} in three leaky epochs",
        f"On the new job {dot(gain.mean, 3)} is lost in the mean of four runs, three of which lost",
        f"minus {dot(-gain.low, 3)} to {dot(gain.high, 3)}",
        f"conv1 moved most, {dot(sgd['conv1'], 3)}, and layer4 least, {dot(sgd['layer4'], 3)}",
        f"layer4 moved most, {dot(adamw['layer4'], 3)}, and conv1 {dot(adamw['conv1'], 3)}",
        f"free {soft[0]}, strength 1 {soft[1]}, strength 10 {soft[2]}, strength 50 {soft[3]}",
        f"with momentum {walked['SGD, momentum 0.9']}, with weight decay "
        f"{walked['SGD, weight decay 0.01']}, AdamW {walked['AdamW']}",
        f"full step {times['full']:.0f} ms, frozen {times['frozen']:.0f} ms, "
        f"cached {times['cached']:.1f} ms",
        f"a step .33 and {dot(ratios[0])}; an epoch with validation .45 and {dot(ratios[1])}",
        f"25 epochs on cached features {dot(ratios[2], 3)}",
    ]


def test_the_words_are_what_the_measurements_give(draw):
    deck = (SLIDES / "01_weight_freezing.md").read_text(encoding="utf-8")
    assert [saying for saying in sayings(draw) if saying not in deck] == []
    assert sum(value > 0 for value in draw.measured()["gain"]) == 3


def test_the_verdict_on_the_slide_is_the_lesson_s(draw):
    """C1 "depends": a step is below "about half", an epoch with validation is not."""
    step, epoch, job = draw.measured()["ratios"][draw.LARGE].values()
    assert job < step < 0.4 <= epoch <= 0.6


def test_frozen_stages_have_not_moved_at_all(draw):
    change = draw.measured()["change"]
    assert set(change["head alone"].values()) == {0}
    assert [change["from layer3"][f"layer{i}"] for i in (1, 2)] == [0, 0]

"""Advice on how deep to freeze: read from a stored table, honest about time and limits."""

from __future__ import annotations

import json
from statistics import fmean

import pytest

import tlhelpers as tl
from tlhelpers.teaching import advice

FROZEN = ["nothing", "early", "all but the head"]
# target, images a class -> mean accuracy from scratch, then by depth
MEANS = {
    ("insects", 5): (0.5, 0.60, 0.70, 0.80),
    ("insects", 100): (0.6, 0.95, 0.90, 0.85),
    ("gratings", 5): (0.3, 0.40, 0.60, 0.30),
    ("gratings", 100): (0.95, 0.80, 0.60, 0.40),
    ("handwriting", 5): (0.5, 0.80, 0.805, 0.60),
    ("handwriting", 100): (0.9, 0.95, 0.85, 0.70),
}
SECONDS = (60.0, 60.0, 30.0, 1.0)  # of a training, in the same order


def rows():
    """Five runs a cell; the runs of a cell share their draw, so differences are steady."""
    for (target, images), means in MEANS.items():
        for position, (mean, seconds) in enumerate(zip(means, SECONDS, strict=True)):
            for seed in range(5):
                yield {
                    "part": "test",
                    "target": target,
                    "start": "scratch" if position == 0 else "pretrained",
                    "frozen": max(position - 1, 0),
                    "images": images,
                    "seed": seed,
                    "steps": 100,
                    # handwriting, 5 a class: the two best differ by less than their noise
                    "accuracy": mean + 0.02 * seed - 0.04 + 0.01 * (-1) ** (seed + position),
                    "seconds": seconds,
                }


@pytest.fixture
def table(monkeypatch):
    made = advice._Table(list(rows()), FROZEN, 100)
    monkeypatch.setattr(advice, "_table", lambda: made)
    return made


@pytest.mark.parametrize(
    ("images", "similarity", "strategy", "frozen"),
    [
        (10, "near", "freeze all but the head, and train it", "all but the head"),
        (200, "near", "train everything, from the pre-trained weights", "nothing"),
        (10, "far", "freeze early, and train the rest", "early"),
        (200, "far", "train from scratch; the pre-trained start is no help here", None),
    ],
)
def test_each_quadrant_gets_the_winner_of_its_cell(table, images, similarity, strategy, frozen):
    found = tl.advise(images, 2, similarity)
    assert (found.strategy, found.frozen) == (strategy, frozen)


def test_among_equals_the_deepest_freeze_is_taken(table):
    cells = table.cells("handwriting", 5)
    best = max(cells, key=lambda name: fmean(cells[name]))
    assert tl.advise(10, 2, "middling").frozen == "early"
    swapped = {**cells, "early": cells["nothing"], "nothing": cells["early"]}
    assert best == "early" and advice._cheapest_of_the_best(swapped, FROZEN) == "early"


def test_every_number_comes_from_the_table(table):
    told = str(tl.advise(10, 2, "near"))
    for name, values in table.cells("insects", 5).items():
        assert f"{name} {tl.mean_interval(values)}" in told
    assert "at 100 a class it would be: train everything" in told
    assert "if it were far, it would be: freeze early" in told


def test_too_little_time_leads_to_what_fits_into_it(table):
    assert tl.advise(200, 2, "near", minutes=2).frozen == "nothing"
    half = tl.advise(200, 2, "near", minutes=0.6)
    assert half.frozen == "early"
    assert "The best, with nothing frozen, takes 1 min for 100 steps." in half.measured
    nothing_fits = tl.advise(200, 2, "near", minutes=0.001)
    assert nothing_fits.strategy.startswith("no training: compute the features once")
    slower = tl.advise(200, 2, "near", minutes=2, seconds_per_step=60 / 100 * 10)
    assert slower.frozen == "all but the head", "a network ten times as slow: 10 min, 5 min, 10 s"


@pytest.mark.parametrize(("images", "says"), [(4, "fewer layers"), (5000, "more layers")])
def test_extrapolation_is_confessed(table, images, says):
    limits = " ".join(tl.advise(images, 2, "near").limits)
    assert "extrapolated" in limits and says in limits
    assert "extrapolated" not in " ".join(tl.advise(40, 2, "near").limits)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"similarity": "similar"}, 'unknown similarity "similar"'),
        ({"classes": 1}, "2 classes or more"),
        ({"images": 1}, "got 1 images, 2 classes"),
        ({"minutes": 0}, "times above 0"),
        ({"seconds_per_step": -1}, "times above 0"),
    ],
)
def test_what_cannot_be_is_refused(table, how, says):
    with pytest.raises(tl.InputError, match=says):
        tl.advise(**{"images": 10, "classes": 2, "similarity": "near", **how})


def test_the_stored_table_answers_everywhere():
    stored = json.loads((tl.data_dir() / "results" / "depth_similarity.json").read_text("utf-8"))
    for similarity in advice.TARGETS:
        for images in (10, 2000):
            found = tl.advise(images, 2, similarity, minutes=30)
            assert found.frozen in [*stored["made"]["frozen"], None]
            assert found.measured and found.would_change and found.limits
            assert "<strong>" in found._repr_html_()

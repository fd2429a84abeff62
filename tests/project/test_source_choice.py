"""The stored table of lesson 08: fair to its baseline, and what the lesson's text says of it."""

from __future__ import annotations

import json
from statistics import fmean

import numpy as np
import pytest
from scipy.stats import kendalltau

from data.recipes import source_choice_table as recipe
from tlhelpers.core.assets import data_dir
from tlhelpers.models.source_networks import list_sources

TABLE = json.loads((data_dir() / "results" / "source_choice.json").read_text(encoding="utf-8"))
ROWS = {(r["target"], r["source"], r["images"], r["arm"]): r for r in TABLE["rows"]}
SCORES = {(r["target"], r["source"], r["images"]): r for r in TABLE["scores"]}


def accuracies(target, source, images, arm) -> np.ndarray:
    return np.array(ROWS[target, source, images, arm]["accuracies"])


def test_all_was_measured():
    assert list(TABLE["targets"]) == list(recipe.TARGETS)
    for target in recipe.TARGETS:
        for source in TABLE["sources"]:
            for images in recipe.sizes_of(source):
                assert len(accuracies(target, source, images, "fine-tuned")) >= 5
            for images in recipe.SIZES:
                assert len(accuracies(target, source, images, "frozen")) >= 10
            for images in recipe.SCORED:
                assert SCORES[target, source, images].keys() >= set(recipe.SCORES)


def test_every_side_has_equal_steps_and_a_rate_from_inside_its_grid():
    assert {r["steps"] for r in TABLE["rows"] if r["arm"] == "fine-tuned"} == {recipe.STEPS}
    for (target, source, _, arm), row in ROWS.items():
        if arm == "frozen":
            continue
        grid = TABLE["tuning"][f"{target}, {source}"]
        rates = sorted(map(float, grid))
        assert row["rate"] in rates[1:-1], f"{target}, {source}: rate on the edge of its grid"
        assert grid[f"{row['rate']:g}"] == max(grid.values())


def gap(target, source, images, arm) -> float:
    """Points of error that transfer adds, mean over the seeds."""
    pair = (accuracies(target, name, images, arm) for name in ("random", source))
    return 100 * float(np.mean(np.subtract(*pair)))


def test_few_classes_hurt_on_handwriting_and_help_on_insects():
    for images in recipe.SIZES:
        assert gap("handwriting", "few classes", images, "frozen") > 10
        assert gap("handwriting", "few classes", images, "fine-tuned") > 4
        assert gap("insects", "few classes", images, "fine-tuned") < -4


@pytest.mark.parametrize("source", ["few classes", "shuffled labels"])
def test_steps_heal_what_images_do_not(source):
    most = recipe.SIZES[-1]
    brief = gap("handwriting", source, most, "fine-tuned")
    assert brief > gap("handwriting", source, recipe.SIZES[0], "fine-tuned") / 2
    assert gap("handwriting", source, most, "longer") < brief / 3


def tau(score, target, arm) -> float:
    """Mean of Kendall's tau over the draws of 20 images of each class."""
    truth = [accuracies(target, s, 20, arm).mean() for s in TABLE["sources"]]
    values = np.array([SCORES[target, s, 20][score] for s in TABLE["sources"]])
    return fmean(kendalltau(column, truth)[0] for column in values.T)


def test_feature_scores_know_the_frozen_accuracy_of_handwriting_better():
    for score in ("LogME", "H-score", "probe"):
        frozen, tuned = (tau(score, "handwriting", arm) for arm in ("frozen", "fine-tuned"))
        assert frozen > tuned + 0.1
    assert tau("LogME", "handwriting", "frozen") > 0.6


def test_the_sources_of_the_table_are_those_that_can_be_loaded():
    assert set(TABLE["sources"]) == {*list_sources(), *recipe.OTHERS}

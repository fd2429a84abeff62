"""The stored table of lesson 11 is complete, and bears out what the lesson's text says of it."""

from __future__ import annotations

import json
from collections import Counter
from statistics import fmean

import pytest

from data.recipes import instances_features as recipe
from data.recipes.instances_features.bridges import PAIRS
from data.recipes.instances_features.digits import STRENGTHS
from data.recipes.instances_features.report import markdown
from data.recipes.tables import RESULTS, select


@pytest.fixture(scope="module")
def table():
    return json.loads((RESULTS / "instances_features.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def mean(table):
    def over_seeds(column="accuracy", **where):
        return fmean(select(table["rows"], column, **where))

    return over_seeds


def test_the_markdown_is_made_of_the_rows(table):
    text = (RESULTS / "instances_features.md").read_text(encoding="utf-8")
    assert text == markdown(table["rows"], table)


def test_every_arm_has_every_seed(table):
    digits = {"features", "bridges"}
    kinds = Counter(
        tuple((k, v) for k, v in row.items() if k not in ("seed", "accuracy", "r2", "effective"))
        for row in table["rows"]
        if row["part"] != "diabetes"
    )
    for kind, count in kinds.items():
        part = kind[0][1]
        assert count == len(recipe.DIGIT_SEEDS if part in digits else recipe.SEEDS), kind
    seeds = {row["seed"] for row in table["rows"]}
    assert not seeds & {*recipe.TUNING_SEEDS, *recipe.DIGIT_TUNING_SEEDS}


def test_weights_repair_the_simple_learner_only(mean):
    def cohort(kind, arm, labels):
        return mean(part="cohort", learner=kind, arm=arm, labels=labels)

    pooled, weighted = cohort("linear", "pooled", 20), cohort("linear", "domain classifier", 0)
    assert pooled < 0.52 < cohort("linear", "target only", 20) < weighted
    assert cohort("quadratic", "pooled", 20) > cohort("quadratic", "domain classifier", 0) - 0.01
    real = {arm: mean("r2", part="diabetes", arm=arm) for arm in ("pooled", "kernel mean matching")}
    assert real["pooled"] > real["kernel mean matching"] + 0.03


@pytest.mark.parametrize("features, most", [("pixels", 1.5), ("network", 2.5)])
def test_the_means_are_a_large_part_of_the_alignment(mean, features, most):
    where = {"part": "features", "features": features, "d": 40}
    none, means = (mean(arm=arm, **where) for arm in ("none", "means"))
    assert means > none + 0.01
    for method in ("CORAL", "subspace alignment", "TCA", "TCA, RBF kernel"):
        assert mean(arm=method, **where) - none < most * (means - none)
    assert mean(arm="own components", **where) < 0.15
    assert mean(arm="z-scores", **where) < none


def test_no_penalty_lies_on_the_edge_of_what_was_tried(table):
    """Ten labels or pairs want no penalty at all: there the largest strength is none."""
    for name, chosen in table["settings"].items():
        if isinstance(chosen, list) and "own components" not in name:
            assert chosen[1] > STRENGTHS[0], name


def test_fifty_pairs_beat_three_hundred_labels_and_the_way_matters(mean):
    def bridge(arm, pairs, sensor="42 sums"):
        return mean(part="bridges", sensor=sensor, pairs=pairs, arm=arm)

    there, back = "pixels to line sums, ridge", "line sums to pixels, ridge"
    assert bridge(there, 50) > bridge("labels alone", 300) + 0.01
    assert bridge("all labels", 0) > bridge(there, 50)
    poor, noisy = "16 sums", "42 noisy sums"
    assert bridge(there, 50, poor) > bridge("CCA", 50, poor) + 0.02 > bridge(back, 50, poor) + 0.04
    assert bridge("labels alone", 50, noisy) + 0.1 < bridge(there, 50, noisy)
    assert bridge(there, 50, noisy) < bridge("labels alone", 300, noisy) - 0.02
    assert abs(bridge(there, 50, noisy) - bridge(back, 50, noisy)) < 0.03
    for pairs in PAIRS[1:]:
        assert bridge("CCA", pairs) > bridge("CCA, almost no shrinkage", pairs) + 0.01

"""The stored table of lesson 11 is complete, and bears out what the lesson's text says of it."""

from __future__ import annotations

import json
from collections import Counter
from statistics import fmean

import pytest

from data.recipes import instances_features as recipe
from data.recipes.instances_features.bridges import PAIRS
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
        if "source_accuracy" not in row
        else (row["part"], row["features"], row["arm"], row["d"])
        for row in table["rows"]
        if row["part"] != "diabetes"
    )
    for kind, count in kinds.items():
        part = kind[0] if isinstance(kind[0], str) else kind[0][1]
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


def test_the_means_are_most_of_the_alignment(mean):
    for features, d in (("pixels", 40), ("network", 20)):
        where = {"part": "features", "features": features, "d": d}
        means = mean(arm="means", **where)
        assert means > mean(arm="none", **where) + 0.015
        for method in ("CORAL", "subspace alignment", "TCA", "TCA, RBF kernel"):
            assert mean(arm=method, **where) < means + 0.015
        assert mean(arm="own components", **where) < 0.15


def test_fifty_pairs_beat_three_hundred_labels_and_the_way_matters(mean):
    def bridge(arm, pairs, directions=4):
        return mean(part="bridges", directions=directions, pairs=pairs, arm=arm)

    there, back = "pixels to line sums, ridge", "line sums to pixels, ridge"
    assert bridge(there, 50) > bridge("labels alone", 300) + 0.01
    assert bridge("all labels", 0) > bridge(there, 300)
    assert bridge(there, 50, 2) > bridge("CCA", 50, 2) + 0.02 > bridge(back, 50, 2) + 0.04
    for pairs in PAIRS[1:]:
        assert bridge("CCA", pairs) > bridge("CCA, almost no shrinkage", pairs) + 0.01

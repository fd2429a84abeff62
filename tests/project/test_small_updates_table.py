"""The stored table of lesson 13: complete, fair, and with a trunk that is worth keeping."""

from __future__ import annotations

import itertools
import json
from statistics import fmean

import pytest

import tlhelpers as tl
from data.recipes.small_updates_table import (
    LONG,
    METHODS,
    PATIENT,
    RANKS,
    REPORTED_SEEDS,
    SCRATCH,
    SIZES,
    STEPS,
    TARGETS,
)
from data.recipes.tables import RESULTS, select

TABLE = json.loads((RESULTS / "small_updates.json").read_text(encoding="utf-8"))


def test_every_method_has_every_seed_and_no_other():
    cells = [(m, n) for n in SIZES for m in METHODS if m != SCRATCH or n == "all"]
    cells += [(m, 50) for m in RANKS]
    wanted = {(t, *c, s) for t, c, s in itertools.product(TARGETS, cells, REPORTED_SEEDS)}
    found = [(r["target"], r["method"], r["images"], r["seed"]) for r in TABLE["rows"]]
    assert len(found) == len(wanted) and set(found) == wanted
    assert len(TABLE["long"]) == len(TARGETS) * len(PATIENT) * len(REPORTED_SEEDS)
    assert (TABLE["steps"], TABLE["long_steps"]) == (STEPS, LONG)


@pytest.mark.parametrize("target", TARGETS)
def test_no_rate_lies_on_the_edge_of_its_grid(target):
    assert set(TABLE["rates"][target]) == METHODS.keys() | RANKS.keys()
    for found in TABLE["rates"][target].values():
        grid = sorted(map(float, found["errors"]))
        assert grid[0] < found["rate"] < grid[-1]
        assert found["errors"][f"{found['rate']:g}"] == min(found["errors"].values())


def test_it_counts_the_numbers_that_are_trained():
    """As the library counts them today, on two classes."""
    for method, change in (METHODS | RANKS).items():
        model = tl.load_mini_vit().model
        tl.replace_head(model, 2)
        change(model)
        counts = select(TABLE["rows"], "trained", target="insects", method=method)
        assert set(counts) == {tl.count_parameters(model)["trainable"]}, method


@pytest.mark.parametrize("target", TARGETS)
def test_the_trunk_is_worth_keeping(target):
    """Every small update beats the same network from scratch, with all images."""

    def mean(method):
        return fmean(select(TABLE["rows"], "accuracy", target=target, method=method, images="all"))

    assert all(mean(method) > mean(SCRATCH) + 0.1 for method in METHODS if method != SCRATCH)

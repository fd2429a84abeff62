"""The stored table of lesson 13's second half bears out what the lesson says of it."""

from __future__ import annotations

import json
from statistics import fmean

import pytest

from data.recipes.keep_and_merge.report import markdown
from data.recipes.tables import RESULTS

SEEDS, TUNING_SEEDS = set(range(5)), {100, 101}


@pytest.fixture(scope="module")
def table():
    return json.loads((RESULTS / "keep_and_merge.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def mean(table):
    def over_seeds(part, column="accuracy", **where):
        rows = [r for r in table["parts"][part]["rows"] if where.items() <= r.items()]
        assert {row["seed"] for row in rows} == SEEDS, where
        return fmean(row[column] for row in rows)

    return over_seeds


def test_the_markdown_is_made_of_the_rows(table):
    text = (RESULTS / "keep_and_merge.md").read_text(encoding="utf-8")
    assert text == markdown(table["parts"], table)


def test_no_row_is_of_a_seed_that_was_tuned_on(table):
    for part in table["parts"].values():
        assert {row["seed"] for row in part["rows"]} == SEEDS
    assert not SEEDS & TUNING_SEEDS


def test_fine_tuning_forgets_and_statistics_are_part_of_it(mean):
    end = {"after": "stripes", "task": "letters"}
    usual = {"way": "full, new job first", **end}
    assert mean("forgetting", **usual) < 0.6
    assert 0.6 < mean("forgetting", "refreshed", **usual) < 0.9
    for way in ("L2-SP", "EWC"):
        assert mean("forgetting", "refreshed", way=way, **end) > 0.95
    assert mean("forgetting", way="rehearsal", **end) > 0.95


def test_one_adapter_each_forgets_nothing_and_one_for_all_does(mean):
    for task in ("letters", "handwriting"):
        later = mean("forgetting", way="LoRA, one each", after="stripes", task=task)
        assert later == mean("forgetting", way="LoRA, one each", after=task, task=task)
    assert mean("forgetting", way="LoRA, one for all", after="stripes", task="letters") < 0.85


def test_statistics_of_the_batch_help_against_noise_and_fail_on_one_class(mean):
    noise = {"kind": "noise", "strength": 0.5}
    plain, own = (mean("corruption", **noise, arm=a) for a in ("as it is", "batch statistics"))
    assert own > plain + 0.2
    fog = {"kind": "fog", "strength": 0.5}
    plain, own = (mean("corruption", **fog, arm=a) for a in ("as it is", "batch statistics"))
    assert abs(own - plain) < 0.1
    for arm in ("batch statistics", "Tent"):
        stream = {"kind": "stream", "arm": arm, "pass": 1}
        assert mean("corruption", **stream, order="one class") < 0.3
        assert mean("corruption", **stream, order="mixed") > 0.8

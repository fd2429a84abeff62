"""The stored table of lesson 10 on unlabelled pictures bears out what the lesson says of it."""

from __future__ import annotations

import json
from collections import Counter
from statistics import fmean

import pytest

from data.recipes import self_taught_table as recipe
from data.recipes.tables import RESULTS


@pytest.fixture(scope="module")
def table():
    return json.loads((RESULTS / f"{recipe.NAME}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def mean(table):
    def over_seeds(column="accuracy", **where):
        rows = [r for r in table["rows"] if all(r.get(k) == v for k, v in where.items())]
        assert rows, where
        return fmean(row[column] for row in rows)

    return over_seeds


def test_the_markdown_is_made_of_the_rows(table):
    text = (RESULTS / f"{recipe.NAME}.md").read_text(encoding="utf-8")
    assert text == recipe.markdown(table["rows"], table)


def test_every_arm_has_every_seed_and_none_was_tuned_on(table):
    told = ("seed", "accuracy", "ari", "seconds", "kept_mistakes", "believed", "believed_right")
    kinds = Counter(tuple((k, v) for k, v in row.items() if k not in told) for row in table["rows"])
    for kind, count in kinds.items():
        facts = dict(kind)
        seeds = recipe.SEEDS
        if facts["part"] == "rounds":
            by_network = facts["learner"] == "network"
            seeds = recipe.NETWORK_ROUND_SEEDS if by_network else recipe.ROUND_SEEDS
        assert count == len(seeds), kind
    assert not {row["seed"] for row in table["rows"]} & set(recipe.TUNING_SEEDS)


@pytest.mark.parametrize("target", recipe.TARGETS)
@pytest.mark.parametrize("pretext", ["rotation", "contrastive"])
def test_a_pretext_helps_a_layer_before_its_answer_and_not_at_it(mean, target, pretext):
    def few(arm, use):
        return mean(part="digits", target=target, labels=10, arm=arm, use=use)

    earlier = few(pretext, "frozen, a layer earlier")
    assert earlier > few("pixels", "frozen") + 0.03
    assert earlier > few("no pretext", "frozen, a layer earlier") + 0.03
    assert few(pretext, "frozen") < earlier - 0.03
    assert abs(few(pretext, "fine-tuned") - few("no pretext", "fine-tuned")) < 0.04


def test_only_the_labels_of_letters_make_better_groups(mean):
    for arm in ("no pretext", "rotation", "contrastive"):
        for target in recipe.TARGETS:
            groups = {"part": "groups", "target": target}
            assert mean("ari", arm=arm, **groups) < mean("ari", arm="pixels", **groups) - 0.05
    rendered = {"part": "groups", "target": "rendered"}
    assert mean("ari", arm="letters' labels", **rendered) > 0.7


@pytest.mark.parametrize("learner", ["regression", "network"])
def test_equal_shares_help_where_they_are_true(mean, learner):
    def gain(situation, rule="equal shares"):
        where = {"part": "rounds", "learner": learner, "situation": situation, "rule": rule}
        return mean(round=recipe.ROUNDS, **where) - mean(round=0, **where)

    assert gain("rendered, 20 labels") > 0.05 and gain("fonts to handwriting") > 0.05
    assert gain("rendered, 20 labels, uneven") < -0.05


def test_own_answers_teach_a_regression_nothing(mean):
    for situation in recipe.SITUATIONS:
        where = {"part": "rounds", "learner": "regression", "situation": situation}
        kept = mean("kept_mistakes", rule="all answers", round=recipe.ROUNDS, **where)
        assert kept > 0.99

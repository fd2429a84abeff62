"""The recipe behind what helps against a source that hurts, and its stored table."""

from __future__ import annotations

import json

import pytest
import torch

from data.recipes import bad_source_table as recipe
from data.recipes.tables import RESULTS


@pytest.fixture(scope="module")
def table():
    return json.loads((RESULTS / "bad_source.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("fresh", range(6))
def test_a_start_keeps_the_first_blocks_and_draws_the_last_anew(fresh):
    whole = recipe.start_of(recipe.GOOD, 0, seed=3)
    start = recipe.start_of(recipe.GOOD, fresh, seed=3)
    other = recipe.start_of(recipe.GOOD, fresh, seed=4)
    first = {"stem": "conv1.weight"}
    for place, block in enumerate(recipe.BLOCKS):
        name = first.get(block, f"{block}.0.conv1.weight")
        kept = torch.equal(start.get_parameter(name), whole.get_parameter(name))
        same = torch.equal(start.get_parameter(name), other.get_parameter(name))
        assert kept == same == (place >= fresh)


def test_rows_are_of_each_class_and_their_own_draw():
    labels = torch.arange(300) % 10
    rows = recipe.part_rows(labels, 7, seed=0)
    assert labels[rows].tolist() == [k for k in range(10) for _ in range(7)]
    assert len(rows.unique()) == 70
    assert rows.tolist() != recipe.part_rows(labels, 7, seed=1).tolist()


def test_the_stored_table_is_whole_and_its_markdown_comes_from_it(table):
    found = {(row["source"], row["fresh_blocks"]) for row in table["blocks"]}
    assert {(recipe.BAD, k) for k in range(5)} | {(recipe.NONE, 5), (recipe.GOOD, 0)} <= found
    assert all(len(row["accuracies"]) >= 5 for row in table["blocks"])
    draws = len({row["seed"] for row in table["probes"]})
    sources = len({row["source"] for row in table["probes"]})
    assert len(table["probes"]) == draws * sources * len(recipe.PROBE_IMAGES)
    stored = (RESULTS / "bad_source.md").read_text(encoding="utf-8")
    assert recipe.markdown(table, table) == stored

"""The stored table of lesson 07: complete, fair to both starts and all depths, as its text says."""

from __future__ import annotations

import itertools
import json

import pytest
import torch
from torch import nn

from data.recipes import depth_similarity_table as recipe
from data.recipes.tables import RESULTS

STORED = json.loads((RESULTS / "depth_similarity.json").read_text(encoding="utf-8"))
ROWS = STORED["rows"]
KEY = ("part", "target", "start", "frozen", "images", "seed", "steps", "rate")


def of(**wanted) -> list[dict]:
    return [row for row in ROWS if wanted.items() <= row.items()]


def test_no_training_is_stored_twice():
    keys = [tuple(row[name] for name in KEY) for row in ROWS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("target", recipe.AUGMENT)
def test_every_cell_has_the_same_five_seeds(target):
    cells = [
        {"start": "pretrained", "frozen": frozen, "images": images}
        for frozen in range(len(recipe.FROZEN))
        for images in (recipe.SMALL, recipe.LARGE)
    ]
    cells += [
        {"start": start, "frozen": 0, "images": images}
        for start in ("pretrained", "scratch")
        for images in (recipe.SMALL, recipe.MIDDLE, recipe.LARGE)
    ]
    for cell, steps in itertools.product(cells, (recipe.STEPS,)):
        rows = of(part="test", target=target, steps=steps, **cell)
        assert sorted(row["seed"] for row in rows) == list(recipe.REPORTED_SEEDS), cell
        assert len({row["rate"] for row in rows}) == 1


@pytest.mark.parametrize("target", recipe.AUGMENT)
def test_rates_are_the_best_of_their_grids_and_on_no_edge(target):
    for start, frozen in [*(("pretrained", k) for k in range(5)), ("scratch", 0)]:
        cell = {"target": target, "start": start, "frozen": frozen}
        tuned = of(part="tune", **cell)
        assert not {row["seed"] for row in tuned} & {*recipe.REPORTED_SEEDS}
        grid = {row["rate"] for row in tuned}
        means = {r: sum(row["accuracy"] for row in tuned if row["rate"] == r) for r in grid}
        best = max(means, key=means.get)
        assert min(grid) < best < max(grid)
        assert {row["rate"] for row in of(part="test", **cell)} <= {
            rate for rate, value in means.items() if value == means[best]
        }


def test_the_text_is_made_of_the_rows():
    text = (RESULTS / "depth_similarity.md").read_text(encoding="utf-8")
    assert text == recipe.markdown(ROWS)


def test_a_chain_of_the_pieces_is_the_network_and_what_is_frozen_stays():
    run = recipe.Run("gratings", "pretrained", 2, recipe.SMALL, seed=0)
    pieces = recipe.stages(run)
    x = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    data = [(x, torch.arange(4))] * 2
    before = [tensor.clone() for piece in pieces[:2] for tensor in piece.state_dict().values()]
    features = data
    for piece in pieces[:2]:
        features = recipe.through(piece, features)
    free = nn.Sequential(*pieces[2:]).eval()
    with torch.no_grad():
        whole = nn.Sequential(*pieces).eval()(x)
        torch.testing.assert_close(free(features[0][0]), whole)
    found = recipe.train(free, features, 1e-2, features, at=(1,))
    after = [tensor for piece in pieces[:2] for tensor in piece.state_dict().values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert set(found["curve"]) == {1, 2} and found["curve"][2] == found["accuracy"]
    with torch.no_grad():
        assert not torch.equal(nn.Sequential(*pieces).eval()(x), whole), "the others were trained"

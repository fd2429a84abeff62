"""Fine-tuning between frozen and free against closed forms: gradients, ends of a line, groups."""

from __future__ import annotations

import copy
import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl
from data.recipes.fine_tuning_methods import FIRST_SEED, RUNS, TUNING_SEEDS
from data.recipes.fine_tuning_methods.methods import METHODS, SHOTS
from data.recipes.fine_tuning_methods.networks import few
from data.recipes.fine_tuning_methods.overfitting import wrong_labels
from data.recipes.fine_tuning_methods.report import summarise
from data.recipes.tables import RESULTS
from tlhelpers.core.errors import InputError
from tlhelpers.methods.fine_tuning import (
    discriminative_rates,
    distance_travelled,
    gradual_unfreezing,
    interpolate_weights,
    l2_sp,
)

LAYERS = ["features.0", "features.4", "features.9", "head"]


@pytest.fixture
def start():
    torch.manual_seed(0)
    return tl.digit_network(26).eval()


@pytest.fixture
def model(start):
    """The same network, a new head, every parameter outside it moved by 1/2."""
    moved = copy.deepcopy(start)
    tl.replace_head(moved, 10)
    with torch.no_grad():
        for parameter in moved.features.parameters():
            parameter += 0.5
    return moved


def outside_the_head(model):
    return list(model.features.parameters())


# --- L2-SP and distance --------------------------------------------------------------------------


def test_the_penalty_and_the_distance_count_what_moved(model, start):
    n = sum(p.numel() for p in outside_the_head(model))
    assert distance_travelled(model, start) == pytest.approx(0.5 * n**0.5, rel=1e-5)
    assert l2_sp(model, start, 0.2).item() == pytest.approx(0.1 * n / 4, rel=1e-5)


def test_the_gradient_of_the_penalty_is_weight_times_the_way(model, start):
    l2_sp(model, start, 0.2, head_weight=0.3).backward()
    for parameter in outside_the_head(model):
        torch.testing.assert_close(parameter.grad, torch.full_like(parameter, 0.2 * 0.5))
    torch.testing.assert_close(model.head.weight.grad, 0.3 * model.head.weight.detach())
    assert all(parameter.grad is None for parameter in start.parameters())


def test_nothing_is_penalised_at_the_start_whatever_the_head(start):
    model = copy.deepcopy(start)
    nn.init.constant_(model.head.weight, 7.0)
    assert distance_travelled(model, start) == 0
    penalty = l2_sp(model, start, 1.0)
    penalty.backward()
    assert penalty.item() == 0 and model.head.weight.grad is None


def test_running_statistics_are_no_distance(start):
    model = copy.deepcopy(start).train()
    model(torch.rand(8, 1, 16, 16) * 100)
    assert distance_travelled(model, start) == 0


def test_gradient_descent_under_the_penalty_stops_where_theory_says():
    """Loss 1/2 (w - 3)^2 + a/2 (w - 1)^2 is least at (3 + a) / (1 + a)."""
    start = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1))
    nn.init.constant_(start[0].weight, 1.0)
    model = copy.deepcopy(start)
    optimizer = torch.optim.SGD(model[0].parameters(), 0.2)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (model[0].weight - 3).square().sum() / 2 + l2_sp(model, start, 4.0)
        loss.backward()
        optimizer.step()
    assert model[0].weight.item() == pytest.approx(7 / 5, rel=1e-4)


def test_networks_of_other_builds_are_refused(start):
    other = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    for wrong in (
        lambda: l2_sp(other, start),
        lambda: distance_travelled(start, other),
        lambda: interpolate_weights(start, tl.digit_network(10), 0.5),
    ):
        with pytest.raises(InputError, match="not built alike"):
            wrong()
    with pytest.raises(InputError, match="0 or more"):
        l2_sp(start, start, -1)


# --- the line between two networks ---------------------------------------------------------------


@pytest.fixture
def ends(start):
    end = copy.deepcopy(start).train()
    optimizer = torch.optim.SGD(end.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(end(torch.rand(16, 1, 16, 16)), torch.randint(26, (16,))).backward()
        optimizer.step()
    return start, end.eval()


def test_the_ends_of_the_line_are_the_two_networks_bit_by_bit(ends):
    first, last = ends
    at_0, at_1 = (tl.fingerprint(interpolate_weights(first, last, a)) for a in (0, 1))
    assert tl.changed(at_1, tl.fingerprint(last)) == []
    counters = [name for name in at_0 if name.endswith("num_batches_tracked")]
    assert tl.changed(at_0, tl.fingerprint(first)) == counters  # integers are not averaged


def test_half_way_is_the_mean_of_weights_and_statistics(ends):
    first, last = (network.state_dict() for network in ends)
    half = interpolate_weights(*ends, 0.5).state_dict()
    assert not torch.equal(first["features.1.running_mean"], last["features.1.running_mean"])
    for name, value in half.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (first[name] + last[name]) / 2)
        else:
            assert value == last[name] == 3


def test_the_line_leaves_both_ends_alone(ends):
    before = [tl.fingerprint(network) for network in ends]
    between = interpolate_weights(*ends, 0.3)
    with torch.no_grad():
        for parameter in between.parameters():
            parameter.zero_()
    assert [tl.fingerprint(network) for network in ends] == before
    assert not between.training


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_is_a_share(ends, alpha):
    with pytest.raises(InputError, match="share from 0"):
        interpolate_weights(*ends, alpha)


# --- which layers move, and how fast -------------------------------------------------------------


def test_one_more_layer_is_trainable_after_each_quarter(model):
    expected = {0.0: "head", 0.24: "head", 0.25: "features.9", 0.5: "features.4"}
    expected |= {0.75: "features.0", 1.0: "features.0"}
    for share, name in expected.items():
        assert gradual_unfreezing(model, LAYERS, share) == name
        first = next(n for n, p in model.named_parameters() if p.requires_grad)
        assert first == f"{name}.weight"


def test_gradual_unfreezing_says_what_is_wrong(model):
    for layers, share in ((LAYERS, 1.5), ([], 0.5), (["haed"], 0.5)):
        with pytest.raises(InputError):
            gradual_unfreezing(model, layers, share)


def test_each_layer_learns_more_slowly_than_the_next(model):
    groups = discriminative_rates(model, LAYERS, 0.1, factor=10)
    assert {group["name"]: group["lr"] for group in groups} == pytest.approx(
        dict(zip(LAYERS, (1e-4, 1e-3, 1e-2, 1e-1), strict=True))
    )
    found = [id(p) for group in groups for p in group["params"]]
    assert sorted(found) == sorted(map(id, model.parameters()))  # each once


def test_frozen_layers_are_in_no_group(model):
    tl.freeze_to(model, "features.9")
    groups = discriminative_rates(model, LAYERS, 1.0)
    assert [group["name"] for group in groups] == ["head", "features.9"]
    assert groups[1]["lr"] == pytest.approx(1 / 2.6)
    tl.freeze(model)
    with pytest.raises(InputError, match="frozen"):
        discriminative_rates(model, LAYERS, 1.0)
    with pytest.raises(InputError, match="named_modules"):
        discriminative_rates(model, ["fc"], 1.0)


# --- the stored table ----------------------------------------------------------------------------


def test_wrong_labels_are_a_fifth_and_never_the_right_one():
    part = tl.font_glyphs(1000, seed=3)
    spoilt = wrong_labels(part, 0.2, seed=0)
    assert 0.15 < (spoilt.labels != part.labels).float().mean() < 0.25
    assert spoilt.labels.max() < 10 and torch.equal(spoilt.images, part.images)


def test_few_takes_the_same_number_of_each_class_and_no_image_twice():
    part = tl.font_glyphs(400, seed=3)
    chosen = few(part, 5, seed=1)
    assert chosen.labels.bincount().tolist() == [5] * 10
    assert len({image.numpy().tobytes() for image in chosen.images}) == 50


def test_the_stored_table_is_complete_and_fair():
    path = RESULTS / "fine_tuning_methods.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    rows = stored["rows"]
    assert path.with_suffix(".md").read_text(encoding="utf-8") == summarise(rows)
    runs = {}
    for part in ("methods", "line", "overfit", "combine"):
        runs[part] = {row["run"] for row in rows if row["part"] == part}
        assert len(runs[part]) >= 5 and runs[part] == set(range(len(runs[part])))
    for trained_on in SHOTS:
        found = [r for r in rows if r["part"] == "methods" and r["trained_on"] == trained_on]
        pairs = {(row["run"], row["method"]) for row in found}
        assert len(found) == len(pairs) == len(runs["methods"]) * len(METHODS)
        for method, grid in stored["tuning"][trained_on]["grids"].items():
            rate, strength = stored["tuning"][trained_on]["best"][method]
            assert grid[f"{rate:g}, {strength:g}"] == max(grid.values())
    assert not set(TUNING_SEEDS) & {FIRST_SEED + run for run in range(RUNS)}
    probes = [row for row in rows if row.get("method") == "linear probe"]
    assert probes and all(row["distance"] == 0 for row in probes)

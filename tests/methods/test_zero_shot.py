"""Zero-shot methods against brute force, closed forms and cases worked out by hand."""

from __future__ import annotations

import json
import math

import pytest
import torch

from data.recipes import zero_shot_table as recipe
from tlhelpers.core.assets import data_dir
from tlhelpers.core.errors import InputError
from tlhelpers.data.shapes import SIZES, shape_attributes, split_classes
from tlhelpers.evaluation.statistics import mean_interval
from tlhelpers.methods.zero_shot import (
    calibrated,
    dap,
    eszsl,
    harmonic_mean,
    signatures,
    tradeoff,
)


@pytest.fixture
def chance():
    return torch.Generator().manual_seed(0)


def test_signatures_mark_one_value_of_each_attribute():
    found = signatures(torch.tensor([[1, 0], [0, 2]]), (2, 3))
    assert found.tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 0, 1]]


def test_dap_is_the_product_of_the_attributes_probabilities(chance):
    logits, values = torch.randn(5, 11, generator=chance), shape_attributes()
    parts = [part.softmax(1) for part in logits.split(SIZES, 1)]
    expected = torch.stack(
        [parts[0][:, a] * parts[1][:, b] * parts[2][:, c] for a, b, c in values.tolist()], 1
    )
    torch.testing.assert_close(dap(logits, values, SIZES).exp(), expected)
    torch.testing.assert_close(expected.sum(1), torch.ones(5))  # 48 classes are all there are


def test_dap_divides_by_the_prior():
    values = torch.tensor([[0], [1]])
    logits = torch.tensor([[0.8, 0.2]]).log()
    assert dap(logits, values, (2,)).argmax() == 0
    corrected = dap(logits, values, (2,), prior=torch.tensor([0.9, 0.1]))
    torch.testing.assert_close(corrected.exp(), torch.tensor([[0.8 / 0.9, 2.0]]))


def test_dap_says_which_sizes_do_not_fit():
    with pytest.raises(InputError, match="do not fit"):
        dap(torch.zeros(2, 10), shape_attributes(), SIZES)


@pytest.mark.parametrize("gamma, lam", [(1.0, 1.0), (0.1, 10.0), (30.0, 0.2)])
def test_eszsl_is_the_brute_force_least_squares_solution(gamma, lam, chance):
    """All four penalty terms as rows of one linear system in the entries of V."""
    n, d, c, a = 20, 4, 5, 3
    x = torch.randn(n, d, generator=chance, dtype=torch.float64)
    s = torch.randn(c, a, generator=chance, dtype=torch.float64)
    labels = torch.randint(c, (n,), generator=chance)
    y = -torch.ones(n, c, dtype=torch.float64)
    y[torch.arange(n), labels] = 1
    eye_d, eye_a = (torch.eye(size, dtype=torch.float64) for size in (d, a))
    # vec of A V B' by rows is kron(A, B) vec(V)
    system = torch.cat(
        [
            torch.kron(x, s),
            math.sqrt(gamma) * torch.kron(eye_d, s),
            math.sqrt(lam) * torch.kron(x, eye_a),
            math.sqrt(gamma * lam) * torch.kron(eye_d, eye_a),
        ]
    )
    goal = torch.zeros(len(system), dtype=torch.float64)
    goal[: n * c] = y.flatten()
    expected = torch.linalg.lstsq(system, goal[:, None]).solution.reshape(d, a)
    torch.testing.assert_close(eszsl(x, labels, s, gamma, lam), expected)


def test_eszsl_finds_an_unseen_class_whose_attributes_are_linear_in_the_features(chance):
    described = signatures(shape_attributes(), SIZES)
    split = split_classes(3)
    mix = torch.randn(11, 20, generator=chance)
    labels = split.seen.repeat(10)
    rows = torch.searchsorted(split.seen, labels)
    found = eszsl(described[labels] @ mix, rows, described[split.seen], 1e-3, 1e-3)
    scores = described[split.unseen] @ mix @ found @ described[split.unseen].T
    assert scores.argmax(1).tolist() == list(range(len(split.unseen)))


def test_eszsl_refuses_what_it_cannot_use():
    x, s = torch.randn(4, 2), torch.randn(3, 2)
    with pytest.raises(InputError, match="above 0"):
        eszsl(x, torch.tensor([0, 1, 2, 0]), s, gamma=0)
    with pytest.raises(InputError, match="0 to 2"):
        eszsl(x, torch.tensor([0, 1, 3, 0]), s)


def test_harmonic_mean():
    assert harmonic_mean(0.9, 0.3) == pytest.approx(0.45)
    assert harmonic_mean(0.6, 0.6) == pytest.approx(0.6)
    assert harmonic_mean(1.0, 0.0) == harmonic_mean(0.0, 0.0) == 0.0


def test_calibration_takes_from_seen_classes_only(chance):
    scores = torch.randn(6, 4, generator=chance)
    before, seen = scores.clone(), torch.tensor([True, False, True, False])
    found = calibrated(scores, seen, 2.0)
    torch.testing.assert_close(found[:, seen], before[:, seen] - 2)
    assert torch.equal(found[:, ~seen], before[:, ~seen]) and torch.equal(scores, before)


def test_calibration_trades_seen_for_unseen_accuracy_monotonically(chance):
    scores, seen = torch.randn(400, 10, generator=chance), torch.arange(10) < 6
    labels = torch.randint(10, (400,), generator=chance)
    scores[torch.arange(400), labels] += 1
    scores[:, seen] += 1
    curve = tradeoff(scores, labels, seen)
    assert curve.offsets == sorted(curve.offsets)
    assert curve.seen == sorted(curve.seen, reverse=True) and curve.unseen == sorted(curve.unseen)
    assert curve.unseen[0] == 0 and curve.seen[-1] == 0
    # The ends are what one side alone would answer; each point is what `calibrated` gives.
    only = scores[:, ~seen].argmax(1) + 6
    old = seen[labels]
    assert curve.unseen[-1] == pytest.approx((only == labels)[~old].float().mean().item())
    for i in (5, 50, 90):
        right = calibrated(scores, seen, curve.offsets[i]).argmax(1) == labels
        assert right[old].float().mean().item() == pytest.approx(curve.seen[i], abs=0.01)
        assert right[~old].float().mean().item() == pytest.approx(curve.unseen[i], abs=0.01)
    best = max(map(harmonic_mean, curve.seen, curve.unseen))
    i = curve.offsets.index(curve.best_offset)
    assert harmonic_mean(curve.seen[i], curve.unseen[i]) == best


def test_a_tradeoff_needs_both_kinds():
    with pytest.raises(InputError, match="seen and of unseen"):
        tradeoff(torch.randn(3, 2), torch.tensor([0, 0, 0]), torch.tensor([True, False]))


def test_stored_table_is_fair_and_says_what_the_lesson_says():
    """No rate from the edge of its grid, eight splits, both answers to claim C13."""
    table = json.loads((data_dir() / "results" / "zero_shot.json").read_text(encoding="utf-8"))
    for kind, grid in table["tuning"].items():
        rates, means = [float(rate) for rate in grid], list(grid.values())
        best = rates[means.index(max(means))]
        assert rates[0] < best < rates[-1] and best == table["rates"][kind]
    rows = [row for row in table["rows"] if "harmonic" in row]
    assert len({row["run"] for row in rows}) >= 8
    for way in ("DAP", "ESZSL", "two towers"):
        found = [row for row in rows if row["way"] == way]
        assert mean_interval([row["unseen_only"] for row in found]).low > 2 / 8
        assert mean_interval([row["wrong_descriptions"] for row in found]).high < 1 / 8
    bias = [row["seen"] - row["unseen"] for row in rows if row["way"] == "DAP"]
    assert mean_interval(bias).low > 0
    for row in rows:
        assert row["harmonic"] == pytest.approx(harmonic_mean(row["seen"], row["unseen"]), abs=1e-3)


@pytest.mark.trained
def test_an_unseen_class_is_found_and_a_seen_one_preferred(seed, holds):
    """A third of the recipe's steps are enough to see both."""
    split = split_classes(50 + seed)
    data, tests = recipe.pictures(split, 50 + seed)
    model = recipe.train("attributes", data, 1e-2, seed, steps=120)
    score = recipe.scorers("attributes", model, data, split)["DAP"]
    found = recipe.measure(score, tests, split)
    holds("unseen only", found["unseen_only"], above=0.25)
    holds("unseen only beyond generalised", found["unseen_only"] - found["unseen"], above=0.05)
    holds("gain by calibration", found["calibrated_harmonic"] - found["harmonic"], above=0.0)

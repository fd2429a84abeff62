"""Error rates of a door: counted by hand, and against scikit-learn's ROC curve."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import tlhelpers as tl

DISTANCES = [0.1, 0.2, 0.4, 0.7, 0.3, 0.5, 0.6, 0.8, 0.9]
SAME = [True, True, True, True, False, False, False, False, False]


def test_error_rates_by_hand():
    assert tl.error_rates(DISTANCES, SAME, 0.5) == pytest.approx((2 / 5, 1 / 4))
    assert tl.error_rates(torch.tensor(DISTANCES), torch.tensor(SAME), 0.05) == (0, 1)
    assert tl.error_rates(DISTANCES, SAME, 1) == (1, 0)


@pytest.mark.parametrize(
    ("share", "threshold"), [(0, 0.2), (0.1, 0.2), (0.2, 0.4), (0.4, 0.5), (0.6, 0.7)]
)
def test_the_threshold_keeps_its_promise(share, threshold):
    found = tl.threshold_for(DISTANCES, SAME, share)
    assert found == threshold
    assert tl.error_rates(DISTANCES, SAME, found).false_accepts <= share


def test_a_door_that_no_threshold_can_save_stays_closed():
    threshold = tl.threshold_for([0.1, 0.5], [False, True], 0.0)
    assert threshold == -np.inf
    assert tl.error_rates([0.1, 0.5], [False, True], threshold) == (0, 1)


def test_equal_distances_come_in_together():
    distances, same = [0.3, 0.3, 0.3, 0.9], [True, False, False, False]
    assert tl.threshold_for(distances, same, 0.34) == -np.inf
    assert tl.equal_error_rate(distances, same).rate == pytest.approx((2 / 3 + 0) / 2)


def test_equal_error_rate_against_the_roc_curve():
    from sklearn.metrics import roc_curve

    chance = np.random.default_rng(0)
    same = chance.random(3000) < 0.2
    distances = chance.normal(np.where(same, 0.0, 1.5), 1.0)
    found = tl.equal_error_rate(distances, same)
    far, come_in, _ = roc_curve(same, -distances, drop_intermediate=False)
    crossing = np.interp(0, far - (1 - come_in), far)
    assert found.rate == pytest.approx(crossing, abs=1e-3)
    # two normal distributions 1.5 apart: they cross half-way, at the tail beyond .75
    assert found.rate == pytest.approx(0.2266, abs=0.02)
    assert tl.error_rates(distances, same, found.threshold) == pytest.approx(
        (found.rate, found.rate), abs=1e-3
    )


def pairs_of(persons: int, pictures: int, spread, seed: int):
    """Distances between pictures on a line: persons far apart, pictures of one near each other."""
    chance = np.random.default_rng(seed)
    who = np.repeat(np.arange(persons), pictures)
    x = (chance.normal(0, 3, persons) + 0 * spread)[who] + chance.normal(0, spread[who])
    i, j = np.triu_indices(len(who), 1)
    return np.abs(x[i] - x[j]), who[i], who[j]


def test_the_interval_over_persons_is_wider_than_over_pairs():
    """Half of the persons are hard: their pairs fail together."""
    distances, a, b = pairs_of(24, 8, np.where(np.arange(24) % 2, 0.1, 2.0), 0)
    same = a == b
    interval = tl.equal_error_interval(distances, a, b, draws=100)
    assert interval.mean == pytest.approx(tl.equal_error_rate(distances, same).rate)
    assert interval.low < interval.mean < interval.high
    chance, rates = np.random.default_rng(1), []
    for _ in range(100):
        drawn = chance.integers(len(same), size=len(same))
        rates.append(tl.equal_error_rate(distances[drawn], same[drawn]).rate)
    over_pairs = np.quantile(rates, 0.975) - np.quantile(rates, 0.025)
    assert interval.high - interval.low > 1.5 * over_pairs


def test_the_interval_over_persons_covers():
    """Of 40 sets of persons from one population, most intervals hold the population's rate."""
    spread = np.full(400, 1.0)
    truth = np.mean([_rate(pairs_of(400, 2, spread, seed)) for seed in range(5)])
    spread = np.full(20, 1.0)
    hits = 0
    for seed in range(40):
        interval = tl.equal_error_interval(*pairs_of(20, 4, spread, 100 + seed), draws=60)
        hits += interval.low <= truth <= interval.high
    assert hits >= 30


def _rate(pairs) -> float:
    distances, a, b = pairs
    return tl.equal_error_rate(distances, a == b).rate


@pytest.mark.parametrize(
    ("distances", "same"), [([0.1, 0.2], [True]), ([0.1, 0.2], [True, True]), ([[0.1]], [[True]])]
)
def test_wrong_pairs_are_refused(distances, same):
    for measure in (
        lambda: tl.error_rates(distances, same, 0.5),
        lambda: tl.threshold_for(distances, same),
        lambda: tl.equal_error_rate(distances, same),
    ):
        with pytest.raises(tl.InputError):
            measure()


def test_shares_and_names_are_checked():
    with pytest.raises(tl.InputError, match="share"):
        tl.threshold_for(DISTANCES, SAME, 1.0)
    with pytest.raises(tl.InputError, match="one length"):
        tl.equal_error_interval([0.1, 0.2], [0, 1], [0])

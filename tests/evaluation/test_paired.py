"""Paired differences against published values, closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from tlhelpers.core.errors import InputError
from tlhelpers.evaluation.paired import holm, least_visible, paired_interval


@pytest.mark.parametrize(
    ("only_a", "only_b", "n", "low", "high"),
    [
        # Fagerland, Lydersen and Laake (2014), airway reactivity, Wald with Bonett-Price adjustment
        (7, 1, 21, -0.508, -0.013),
        (4, 26, 48, 0.255, 0.625),  # the example of statpsych's ci.prop.ps (Bonett)
        (0, 10, 10, 0.52, 1.0),  # never beyond 1
        (10, 0, 10, -1.0, -0.52),
    ],
)
def test_the_interval_agrees_with_published_ones(only_a, only_b, n, low, high):
    found = paired_interval(only_a, only_b, n)
    assert found.mean == pytest.approx((only_b - only_a) / n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-4)
    mirrored = paired_interval(only_b, only_a, n)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize(
    ("n", "only_a", "only_b"), [(153, 0.03, 0.06), (153, 0.01, 0.02), (40, 0.1, 0.2)]
)
def test_the_interval_covers_the_truth_as_often_as_it_says(n, only_a, only_b):
    draws = np.random.default_rng(0).multinomial(n, (only_a, only_b, 1 - only_a - only_b), 2000)
    found = [paired_interval(int(a), int(b), n) for a, b, _ in draws]
    hits = np.mean([i.low <= only_b - only_a <= i.high for i in found])
    assert 0.93 <= hits <= 0.99


def test_two_that_never_disagree_still_have_a_width():
    found = paired_interval(0, 0, 153)
    assert found.mean == 0 and found.low == -found.high < 0


def test_holm_by_hand():
    """.005 x 4, .01 x 3, .03 x 2, .04 x 1; none below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7]) == [0.7] and holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 3, 0.05 / 6, 0.001, 0.03125])
def test_least_visible_is_the_smallest_that_the_exact_test_sees(alpha):
    for disagreements in range(80):
        found = least_visible(disagreements, alpha)
        m = max(disagreements, found)  # where there are too few: so many, all on one side
        assert (m - found) % 2 == 0 and binomtest((m - found) // 2, m).pvalue <= alpha
        assert binomtest((m - found) // 2 + 1, m).pvalue > alpha
    assert least_visible(0) == 6 and least_visible(20) == 10


@pytest.mark.parametrize(
    "call",
    [
        lambda: paired_interval(0, 0, 0),
        lambda: paired_interval(3, 3, 5),
        lambda: paired_interval(-1, 3, 5),
        lambda: paired_interval(1, 3, 5, 95),
        lambda: holm([0.1, 1.1]),
        lambda: holm([float("nan")]),
        lambda: least_visible(-1),
        lambda: least_visible(3, 0),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()

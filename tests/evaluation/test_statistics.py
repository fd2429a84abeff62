"""Intervals and tests against closed forms and published values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tlhelpers.core.errors import InputError
from tlhelpers.evaluation.statistics import (
    Interval,
    equal_steps,
    mcnemar,
    mean_interval,
    wilson_interval,
)
from tlhelpers.training.metrics import History


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [  # Newcombe (1998), Statistics in Medicine 17:857, table I, score method without correction
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_newcombe(correct, n, low, high):
    interval = wilson_interval(correct, n)
    assert interval.mean == correct / n
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("correct", "n"), [(146, 153), (142, 153), (1, 1), (0, 7), (7, 7)])
def test_wilson_ends_solve_the_score_equation(correct, n):
    """At either end p: (share - p)^2 = z^2 p (1 - p) / n."""
    interval, z = wilson_interval(correct, n), 1.959963984540054
    for p in (interval.low, interval.high):
        assert (correct / n - p) ** 2 == pytest.approx(z * z * p * (1 - p) / n, abs=1e-12)
    assert 0 <= interval.low <= interval.mean <= interval.high <= 1


def test_wilson_widens_with_confidence():
    wide, narrow = wilson_interval(146, 153, 0.99), wilson_interval(146, 153, 0.9)
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(
    "arguments", [(3, 0), (4, 3), (-1, 3), (2, 3, 1.0), (2, 3, 0.0), (2, 3, 95)]
)
def test_wilson_refuses(arguments):
    with pytest.raises(InputError):
        wilson_interval(*arguments)


def test_mean_interval_of_two_values_is_the_closed_form():
    """With one degree of freedom t is Cauchy: its 97.5 % quantile is tan(.475 pi)."""
    interval = mean_interval([0.8, 0.9])
    half = math.tan(0.475 * math.pi) * 0.05  # |difference| / 2 is the standard error
    assert interval.mean == pytest.approx(0.85)
    assert interval.high - interval.mean == pytest.approx(half, rel=1e-6)
    assert interval.mean - interval.low == pytest.approx(half, rel=1e-6)


def test_mean_interval_uses_the_tabled_quantile():
    values = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])  # t(.975, 4) = 2.776 in every table
    interval = mean_interval(values)
    assert interval.high - interval.mean == pytest.approx(2.776 * math.sqrt(2.5 / 5), abs=1e-3)


def test_mean_interval_covers_the_truth_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(3.0, 2.0, size=(1000, 5))
    hits = sum(interval.low <= 3.0 <= interval.high for interval in map(mean_interval, draws))
    assert 0.93 <= hits / 1000 <= 0.97


def test_mean_interval_refuses_one_run_and_names_the_remedy():
    with pytest.raises(InputError, match="at least 2 values, got 1.*other seeds"):
        mean_interval([0.9])
    with pytest.raises(InputError, match="not finite"):
        mean_interval([0.9, float("nan")])


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_value"),
    [  # Fagerland, Lydersen & Laake (2013), BMC Med Res Methodol 13:91, exact conditional
        (1, 7, 0.0703),
        (6, 16, 0.0525),
        (0, 0, 1.0),
        (4, 0, 0.125),  # four images, all one way: 2 * (1/2)^4
    ],
)
@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_mcnemar_is_the_exact_binomial(only_a, only_b, p_value, kind):
    a = [True] * only_a + [False] * only_b + [True] * 20 + [False] * 3
    b = [False] * only_a + [True] * only_b + [True] * 20 + [False] * 3
    result = mcnemar(kind(a), kind(b))
    assert (result.only_a, result.only_b) == (only_a, only_b)
    assert result.p_value == pytest.approx(p_value, abs=6e-5)
    swapped = mcnemar(kind(b), kind(a))
    assert (swapped.only_a, swapped.p_value) == (only_b, result.p_value)


@pytest.mark.parametrize(
    ("a", "b"), [([True], [True, False]), ([], []), ([0.3, 1.0], [True, True]), ([2], [1])]
)
def test_mcnemar_refuses(a, b):
    with pytest.raises(InputError):
        mcnemar(a, b)


@pytest.mark.parametrize(
    ("interval", "spec", "text"),
    [
        (wilson_interval(146, 153), "", ".954 [.909, .978]"),
        (Interval(0.902, 0.8, 1.0), ".1%", "90.2% [80.0%, 100.0%]"),
        (Interval(-0.021, -0.05, 0.01), "", "-.021 [-.050, .010]"),
        (Interval(0.021, -0.01, 0.05), "+.3f", "+.021 [-.010, +.050]"),
        (Interval(10.04, 9.9, 10.2), ".1f", "10.0 [9.9, 10.2]"),
        (Interval(0.99996, 0.9, 1.0), "", "1.000 [.900, 1.000]"),
    ],
)
def test_intervals_print_as_in_papers(interval, spec, text):
    assert format(interval, spec) == text


def test_equal_steps_names_the_steps_of_each_run():
    assert equal_steps({"fixed": History(steps=200), "scratch": 200}) == 200
    with pytest.raises(InputError, match="fixed: 200, scratch: 75"):
        equal_steps({"fixed": History(steps=200), "scratch": History(steps=75)})
    with pytest.raises(InputError, match="no runs"):
        equal_steps({})

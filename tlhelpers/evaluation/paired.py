"""How far two models lie apart on the same samples, and what many comparisons do to a p-value."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..core.errors import InputError
from .statistics import Interval


def paired_interval(only_a: int, only_b: int, n: int, confidence: float = 0.95) -> Interval:
    """Interval of accuracy B minus accuracy A, of two models on the same n samples.

    Wald's interval with one sample added to each side (Bonett and Price, 2012). Of the simple
    intervals it covers the truth as often as it says, also with few samples and rare disagreement
    (Fagerland, Lydersen and Laake, 2014). `mean` is the difference that was measured.

    only_a, only_b: samples that A alone and that B alone got right, as `mcnemar` counts them.

    Raises:
        InputError: no samples, more disagreements than samples, or `confidence` outside (0, 1).
    """
    if n < 1 or min(only_a, only_b) < 0 or only_a + only_b > n or not 0 < confidence < 1:
        raise InputError(
            "paired_interval needs n >= 1 samples, at most n disagreements and a confidence "
            f"between 0 and 1; got {only_a} and {only_b} of {n}, {confidence}."
        )
    from scipy.stats import norm

    a, b = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    half = float(norm.ppf(0.5 + confidence / 2)) * math.sqrt((a + b - (b - a) ** 2) / (n + 2))
    return Interval((only_b - only_a) / n, max(-1.0, b - a - half), min(1.0, b - a + half))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for being several, in the order given (Holm, 1979).

    Whoever calls a difference real where its adjusted value is at most .05 makes one or more such
    mistakes in at most one of twenty families of comparisons.

    Raises:
        InputError: a value outside [0, 1].
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise InputError(f"holm takes p-values, from 0 to 1; got {list(p_values)}.")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def least_visible(disagreements: int, alpha: float = 0.05) -> int:
    """The smallest difference, in samples, that McNemar's exact test calls real at level `alpha`.

    disagreements: samples that one of the two models alone got right. Where there are too few for
    any difference to show, the answer is how many are needed, all on one side.

    Raises:
        InputError: a negative number, or `alpha` outside (0, 1).
    """
    if disagreements < 0 or not 0 < alpha < 1:
        raise InputError(
            f"least_visible needs 0 or more disagreements and 0 < alpha < 1; got {disagreements}, "
            f"{alpha}."
        )
    from scipy.stats import binom

    fewest = math.ceil(1 - math.log2(alpha))  # all one way: p = 2 * (1/2)^m
    m = max(disagreements, fewest)
    weaker = int(binom.ppf(alpha / 2, m, 0.5))  # the most that the weaker side may have, or 1 more
    if 2 * binom.cdf(weaker, m, 0.5) > alpha:
        weaker -= 1
    return m - 2 * weaker

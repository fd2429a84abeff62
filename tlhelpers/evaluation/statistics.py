"""What a number measured on few samples or few seeds can and cannot say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..core.errors import InputError


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval; prints as `.954 [.909, .978]`.

    A format gives other digits: `f"{interval:.1f}"`.
    """

    mean: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        # As accuracies are printed in this course: no zero before the point.
        mean, low, high = (
            re.sub(r"^([+-]?)0\.", r"\1.", format(value, spec or ".3f"))
            for value in (self.mean, self.low, self.high)
        )
        return f"{mean} [{low}, {high}]"

    def __str__(self) -> str:
        return format(self)


def wilson_interval(correct: int, n: int, confidence: float = 0.95) -> Interval:
    """Interval of an accuracy of `correct` out of `n` samples (Wilson, 1927).

    Unlike the usual mean +- 1.96 standard errors it stays inside [0, 1] and is honest near 0 and 1.

    Raises:
        InputError: no samples, more correct than samples, or `confidence` outside (0, 1).
    """
    correct, n = int(correct), int(n)
    if n < 1 or not 0 <= correct <= n:
        raise InputError(
            f"wilson_interval needs 0 <= correct <= n and n >= 1; got {correct} of {n}."
        )
    from scipy.stats import binomtest

    ends = binomtest(correct, n).proportion_ci(_check_confidence(confidence), method="wilson")
    return Interval(correct / n, float(ends.low), float(ends.high))


def mean_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """Mean over repetitions (seeds) with Student's t interval (Student, 1908).

    Raises:
        InputError: fewer than two values (one run says nothing about the spread), or one not
            finite.
    """
    values = [float(value) for value in values]
    if len(values) < 2:
        raise InputError(
            f"mean_interval needs at least 2 values, got {len(values)}: "
            "repeat the run with other seeds; one run says nothing about the spread."
        )
    if not all(map(math.isfinite, values)):
        raise InputError(f"mean_interval got values that are not finite: {values}.")
    from scipy.stats import t

    n, mean = len(values), math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(t.ppf(0.5 + _check_confidence(confidence) / 2, n - 1)) * deviation / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


@dataclass(frozen=True)
class McNemar:
    """Samples that only the first or only the second model got right, and the exact p-value."""

    only_a: int
    only_b: int
    p_value: float

    def __str__(self) -> str:
        p = f"{self.p_value:.3f}".removeprefix("0")
        return f"right only in A: {self.only_a}, only in B: {self.only_b}, exact p = {p}"


def mcnemar(correct_a: Sequence[bool], correct_b: Sequence[bool]) -> McNemar:
    """Do two models differ on the same samples? Exact two-sided test (McNemar, 1947).

    `correct_a` and `correct_b` say for each sample, in the same order, whether the model was
    right: sequences, arrays or tensors of N booleans. Only samples on which they disagree count; if
    the models are equally good, each of these falls to either side like a fair coin.

    Raises:
        InputError: the two differ in length, are empty, or hold something else than yes or no.
    """
    a, b = ([_check_bool(value) for value in _to_list(values)] for values in (correct_a, correct_b))
    if len(a) != len(b) or not a:
        raise InputError(
            f"mcnemar compares two models on the same samples; got {len(a)} and {len(b)} answers."
        )
    from scipy.stats import binomtest

    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    disagreed = only_a + only_b
    p_value = float(binomtest(only_a, disagreed).pvalue) if disagreed else 1.0
    return McNemar(only_a, only_b, p_value)


def equal_steps(runs: Mapping[str, object]) -> int:
    """Number of optimiser steps that all runs of a comparison share.

    `runs` maps a name to the `History` of a run, or to its number of steps. Equal epochs are
    not equal training: a run on fewer samples takes fewer steps an epoch and looks worse for that
    alone.

    Raises:
        InputError: no runs, or unequal steps; the message names the steps of each.
    """
    steps = {name: run if isinstance(run, int) else run.steps for name, run in runs.items()}
    if len(set(steps.values())) != 1:
        listed = ", ".join(f"{name}: {count}" for name, count in steps.items()) or "no runs given"
        raise InputError(
            f"These runs cannot be compared, their optimiser steps differ ({listed}). "
            "Give fit() the same steps= for each."
        )
    return next(iter(steps.values()))


def _check_confidence(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise InputError(f"confidence is a share between 0 and 1, such as 0.95; got {confidence}.")
    return confidence


def _to_list(values) -> list:
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _check_bool(value) -> bool:
    if value not in (0, 1):
        raise InputError(
            f"mcnemar needs True or False for each sample, got {value!r}: "
            "give predictions == labels."
        )
    return bool(value)

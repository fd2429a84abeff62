"""Is this the same person? Error rates of a threshold on distances, and how sure they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.errors import InputError
from .statistics import Interval


class ErrorRates(NamedTuple):
    """Share of strangers that are let in, and of the same persons that are sent away."""

    false_accepts: float
    false_rejects: float


class EqualError(NamedTuple):
    """Where both error rates are equal, and the distance at which they are."""

    rate: float
    threshold: float


def error_rates(distances, same, threshold: float) -> ErrorRates:
    """Errors of a door that opens at a distance of `threshold` or less.

    `distances` are N numbers, `same` says of each whether both pictures show one person: sequences,
    arrays or tensors. The two rates are called FAR and FRR, or FMR and FNMR (ISO/IEC 19795-1).

    Raises:
        InputError: other lengths, or only one kind of pair.
    """
    distances, same = _pairs(distances, same)
    opens = distances <= threshold
    return ErrorRates(float(opens[~same].mean()), float((~opens[same]).mean()))


def threshold_for(distances, same, false_accepts: float = 0.01) -> float:
    """The largest observed distance that lets in at most this share of the strangers.

    Choose it on other persons than those it is reported on. Minus infinity (a door that never
    opens) where even the smallest distance lets in too many. Errors as in `error_rates`.
    """
    if not 0 <= false_accepts < 1:
        raise InputError(f"false_accepts is a share from 0 to below 1; got {false_accepts}.")
    distances, same = _pairs(distances, same)
    strangers = np.sort(distances[~same])
    allowed = int(false_accepts * len(strangers) + 1e-9)
    # Below the first stranger that may not come in; with ties, below all of the same distance.
    below = distances[distances < strangers[allowed]]
    return float(below.max()) if len(below) else -np.inf


def equal_error_rate(distances, same) -> EqualError:
    """The error rate at the threshold where as many strangers come in as friends stay out.

    Between the two nearest thresholds the mean of both rates is given. Errors as in `error_rates`.
    """
    distances, same = _pairs(distances, same)
    order = np.argsort(distances, kind="stable")
    return _equal_error(distances[order], same[order], np.ones(len(order)))


def equal_error_interval(
    distances, persons_a, persons_b, *, draws: int = 200, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """The equal error rate with a bootstrap interval over *persons* (Bolle et al. 2004).

    Pairs are not independent: 32 persons with ten pictures make 51,040 pairs, and a person who is
    hard to recognise spoils hundreds of them. So whole persons are drawn, with replacement, and
    every pair counts as often as both of its persons were drawn.

    Args:
        distances: N numbers. persons_a, persons_b: who is on the two pictures, N numbers each.
        draws: repetitions.

    Raises:
        InputError: other lengths, or only one kind of pair.
    """
    a, b = np.asarray(persons_a), np.asarray(persons_b)
    if a.shape != b.shape:
        raise InputError(f"persons_a {a.shape} and persons_b {b.shape} must have one length.")
    distances, same = _pairs(distances, a == b)
    order = np.argsort(distances, kind="stable")
    names, both = np.unique(np.concatenate([a[order], b[order]]), return_inverse=True)
    first, second = both[: len(a)], both[len(a) :]
    distances, same = distances[order], same[order]
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        counts = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        weight = np.where(same, counts[first], counts[first] * counts[second]).astype(float)
        if weight[same].any() and weight[~same].any():
            found.append(_equal_error(distances, same, weight).rate)
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    rate = _equal_error(distances, same, np.ones(len(same))).rate
    return Interval(rate, float(low), float(high))


def _equal_error(distances: np.ndarray, same: np.ndarray, weight: np.ndarray) -> EqualError:
    """Of pairs sorted by distance. Entry i: the door opens for the pairs 0..i."""
    accepted = np.cumsum(np.where(same, 0, weight)) / weight[~same].sum()
    rejected = 1 - np.cumsum(np.where(same, weight, 0)) / weight[same].sum()
    last = np.flatnonzero(np.append(np.diff(distances) > 0, True))  # of equal distances, the last
    at = last[np.argmin(np.abs(accepted[last] - rejected[last]))]
    return EqualError(float(accepted[at] + rejected[at]) / 2, float(distances[at]))


def _pairs(distances, same) -> tuple[np.ndarray, np.ndarray]:
    distances, same = np.asarray(distances, float), np.asarray(same)
    if distances.ndim != 1 or distances.shape != same.shape:
        raise InputError(
            f"distances {distances.shape} and same {same.shape} must be two lists of one length."
        )
    same = same.astype(bool)
    if same.all() or not same.any():
        raise InputError("Error rates need pairs of one person and pairs of two: one kind is here.")
    return distances, same

"""Simulated patients whose age, illness and its rule can be shifted: the true rule is known.

No patient is real, and no number here says anything about medicine. What is simulated can be
checked: a method's weights against the true ones, its accuracy against the best possible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import InputError, nearest

YOUNG, OLD = (38.0, 8.0), (68.0, 6.0)  # mean and standard deviation of the ages, in years
SHIFTS = ("covariate", "labels", "concept")


@dataclass(frozen=True)
class Cohort:
    """Patients of one region.

    Attributes:
        patients: float64 (N, D): age in years, then one marker or two, without unit.
        ill: int64 (N,), 1 for ill.
    """

    patients: np.ndarray
    ill: np.ndarray

    def __len__(self) -> int:
        return len(self.ill)

    def __getitem__(self, index) -> Cohort:
        """The patients at `index` (a mask, a slice or positions)."""
        return Cohort(self.patients[index], self.ill[index])


def draw_cohort(n: int, *, older: float, seed: int = 0) -> Cohort:
    """Draw `n` patients (age, marker A, marker B), of which the share `older` is around 68 years.

    The others are around 38. Only the ages depend on the region; who is ill follows `illness_risk`
    everywhere: a pure covariate shift.

    Raises:
        InputError: fewer than one patient, or a share outside 0 to 1.
    """
    _check(n, older)
    rng = np.random.default_rng(seed)
    patients = np.column_stack([_ages(n, older, rng), rng.normal(size=(n, 2))])
    return Cohort(patients, _toss(illness_risk(patients), rng))


def illness_risk(patients: np.ndarray) -> np.ndarray:
    """True probability (N,) that patients (N, 3) are ill, as simulated.

    Age raises it, marker B raises it at any age. Marker A raises it before an age of about 55 and
    lowers it after: one rule for all, which no straight line can follow.
    """
    age, a, b = np.asarray(patients, dtype=float).T
    return _sigmoid(0.03 * (age - 55) + 1.5 * b + 2.5 * a * _direction(age))


def age_density_ratio(ages: np.ndarray, *, source: float, target: float) -> np.ndarray:
    """True weights (N,): density of these ages in the target over their density in the source.

    `source` and `target` are the shares of older patients that `draw_cohort` was given.
    """
    young, old = (
        np.exp(-0.5 * ((np.asarray(ages) - mean) / spread) ** 2) / spread
        for mean, spread in (YOUNG, OLD)
    )
    return (target * old + (1 - target) * young) / (source * old + (1 - source) * young)


def draw_shift(kind: str, n: int, *, seed: int = 0) -> tuple[Cohort, Cohort]:
    """A source and a target of `n` patients each (age, marker) that differ in one thing.

    - `"covariate"`: the ages differ, the rule is the same, as in `draw_cohort`.
    - `"labels"`: half of the source is ill, a tenth of the target. How the ill and the healthy
      look is the same.
    - `"concept"`: same patients, another rule: the limit of the marker is 0, then 1.

    Raises:
        InputError: another kind, or fewer than one patient.
    """
    if kind not in SHIFTS:
        raise InputError(f'unknown shift "{kind}".{nearest(kind, SHIFTS)}')
    _check(n, 0)
    rng = np.random.default_rng(seed)
    if kind == "labels":
        return _with_share(0.5, n, rng), _with_share(0.1, n, rng)
    pair = []
    for older, limit in ((0.1, 0.0), (0.95, 0.0)) if kind == "covariate" else ((0.5, 0), (0.5, 1)):
        age, marker = _ages(n, older, rng), rng.normal(size=n)
        log_odds = 2.5 * marker * _direction(age) if kind == "covariate" else 4 * (marker - limit)
        pair.append(Cohort(np.column_stack([age, marker]), _toss(_sigmoid(log_odds), rng)))
    return pair[0], pair[1]


def _with_share(share: float, n: int, rng) -> Cohort:
    ill = _toss(np.full(n, share), rng)
    features = [rng.normal(50 + 8 * ill, 10), rng.normal(1.6 * ill - 0.8, 1.0)]
    return Cohort(np.column_stack(features), ill)


def _ages(n: int, older: float, rng) -> np.ndarray:
    is_old = rng.random(n) < older
    return np.where(is_old, rng.normal(*OLD, n), rng.normal(*YOUNG, n))


def _direction(age: np.ndarray) -> np.ndarray:
    """From 1 for the young to -1 for the old; 0 at 55."""
    return 1 - 2 * _sigmoid((age - 55) / 4)


def _sigmoid(log_odds: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(log_odds)


def _toss(probability: np.ndarray, rng) -> np.ndarray:
    return (rng.random(len(probability)) < probability).astype(np.int64)


def _check(n: int, older: float) -> None:
    if n < 1 or not 0 <= older <= 1:
        raise InputError(
            f"a cohort has n >= 1 patients and a share of older ones from 0 to 1; got n={n}, "
            f"older={older}."
        )

"""Heterogeneous transfer: two feature spaces, bridged by pairs that need no label.

A pair is one object seen in both spaces: row i of `x` (N, D) and row i of `y` (N, E). What is
learnt from N pairs is a map between the spaces, over which a classifier can travel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.errors import InputError
from .feature_alignment import LinearMap, root

STRENGTHS = tuple(10.0**power for power in range(-3, 5))


def ridge_bridge(x, y, *, strengths: Sequence[float] = STRENGTHS) -> LinearMap:
    """Ridge regression from `x` to `y` (Hoerl & Kennard 1970): the asymmetric bridge.

    The strength is the one with the smallest error when each pair in turn is left out: no label and
    no further data are needed to choose it. Features are standardised first.

    Raises:
        InputError: fewer than 3 pairs, or sides of different length.
    """
    from sklearn.linear_model import RidgeCV

    x, y = _pairs(x, y)
    scale = _scale(x)
    model = RidgeCV(list(strengths)).fit((x - x.mean(0)) / scale, y)
    matrix = np.atleast_2d(model.coef_).T / scale[:, None]
    return LinearMap(x.mean(0), matrix, np.atleast_1d(model.intercept_))


def procrustes_bridge(x, y, dimensions: int) -> LinearMap:
    """Rotate the principal components of `x` onto those of `y` (Schoenemann 1966): a rigid bridge.

    It may turn and stretch evenly, nothing else. So it needs few pairs, and fits only spaces of
    nearly the same shape, as two languages' word vectors are (Xing et al. 2015).

    Args:
        dimensions: number of principal components on either side.

    Raises:
        InputError: fewer than 3 pairs, sides of different length, or too many dimensions.
    """
    from scipy.linalg import orthogonal_procrustes

    x, y = _pairs(x, y)
    if not 1 <= dimensions <= min(x.shape[1], y.shape[1], len(x) - 1):
        raise InputError(
            f"{len(x)} pairs of {x.shape[1]} and {y.shape[1]} features have at most "
            f"{min(x.shape[1], y.shape[1], len(x) - 1)} principal components; got {dimensions}."
        )
    scale = _scale(x)
    bases = [
        np.linalg.svd(side - side.mean(0), full_matrices=False)[2][:dimensions].T
        for side in (x / scale, y)
    ]
    a, b = (x - x.mean(0)) / scale @ bases[0], (y - y.mean(0)) @ bases[1]
    rotation, strength = orthogonal_procrustes(a, b)
    stretch = strength / np.square(a).sum()
    matrix = (bases[0] / scale[:, None]) @ rotation @ bases[1].T * stretch
    return LinearMap(x.mean(0), matrix, y.mean(0))


def cca_bridge(
    x, y, *, shrinkage: float = 0.1, dimensions: int | None = None
) -> tuple[LinearMap, LinearMap]:
    """Canonical correlation analysis (Hotelling 1936): the symmetric bridge, a map for each side.

    Both sides are whitened, and turned so that coordinate k of one correlates with coordinate k of
    the other only, the strongest correlation first. Each coordinate is multiplied by its
    correlation, so that one which only one side can see counts little.

    Args:
        shrinkage: added to both covariances, in units of their mean variance (Vinod 1976). At 0, as
            in scikit-learn's `CCA`, there must be more pairs than features.
        dimensions: how many coordinates to keep; by default all.

    Raises:
        InputError: fewer than 3 pairs, sides of different length, or a covariance without inverse.
    """
    x, y = _pairs(x, y)
    whiten = []
    for side in (x, y):
        covariance = np.atleast_2d(np.cov(side, rowvar=False))
        extra = shrinkage * covariance.trace() / len(covariance)
        whiten.append(root(covariance + extra * np.eye(len(covariance)), -0.5))
    across = (x - x.mean(0)).T @ (y - y.mean(0)) / (len(x) - 1)
    left, correlations, right = np.linalg.svd(whiten[0] @ across @ whiten[1], full_matrices=False)
    keep = slice(dimensions)
    strength = correlations[keep]
    zero = np.zeros(len(strength))
    return (
        LinearMap(x.mean(0), whiten[0] @ left[:, keep] * strength, zero),
        LinearMap(y.mean(0), whiten[1] @ right.T[:, keep] * strength, zero),
    )


def _scale(x: np.ndarray) -> np.ndarray:
    deviation = x.std(0)
    return np.where(deviation > 1e-9, deviation, 1.0)


def _pairs(x, y) -> tuple[np.ndarray, np.ndarray]:
    x, y = (np.asarray(side, dtype=float) for side in (x, y))
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) < 3:
        raise InputError(
            "a bridge needs 3 pairs or more: row i of both sides is the same object; got "
            f"{x.shape} and {y.shape}."
        )
    return x, y

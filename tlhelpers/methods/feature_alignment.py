"""Feature transfer: bring the features of two domains together without a label of the target.

Asymmetric methods map the source into the target's space (`coral_map`). Symmetric ones map both
into a third space (`transfer_components`). Subspace alignment stands between them. Arrays are
NumPy: (N, D) features of the source, (M, D) of the target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.errors import InputError


@dataclass(frozen=True)
class LinearMap:
    """Features (N, D) to features (N, E): `(x - center) @ matrix + offset`.

    Attributes:
        center: (D,). matrix: (D, E). offset: (E,).
    """

    center: np.ndarray
    matrix: np.ndarray
    offset: np.ndarray

    def __call__(self, x) -> np.ndarray:
        x = np.asarray(x, dtype=float)
        if x.ndim != 2 or x.shape[1] != len(self.center):
            raise InputError(f"this map takes features (N, {len(self.center)}); got {x.shape}.")
        return (x - self.center) @ self.matrix + self.offset


def coral_map(source, target, *, shrinkage: float = 0.01) -> LinearMap:
    """CORAL (Sun, Feng & Saenko 2016): whiten the source, then give it the target's covariance.

    Source features leave with the mean and the covariance of the target's. Asymmetric and, since
    both square roots have an inverse, without any loss of information.

    Args:
        shrinkage: added to both covariances, in units of the source's mean variance. A direction in
            which a domain hardly varies would otherwise be divided by almost 0.

    Raises:
        InputError: features that do not fit together, or no shrinkage where a covariance has no
            inverse.
    """
    source, target = _pair(source, target)
    covariances = [np.cov(x, rowvar=False) for x in (source, target)]
    extra = shrinkage * covariances[0].trace() / source.shape[1] * np.eye(source.shape[1])
    matrix = root(covariances[0] + extra, -0.5) @ root(covariances[1] + extra, 0.5)
    return LinearMap(source.mean(0), matrix, target.mean(0))


def root(covariance: np.ndarray, power: float) -> np.ndarray:
    """A symmetric positive matrix (D, D) to a power, such as -0.5 to whiten.

    Raises:
        InputError: a negative power of a matrix that has no inverse.
    """
    values, vectors = np.linalg.eigh(covariance)
    if power < 0 and values[0] <= 1e-12 * max(values[-1], 1e-300):
        raise InputError("this covariance has no inverse; give more examples, or some shrinkage.")
    return (vectors * np.maximum(values, 0) ** power) @ vectors.T


def subspace_alignment(source, target, dimensions: int) -> tuple[LinearMap, LinearMap]:
    """Subspace alignment (Fernando et al. 2013): a map for the source, and one for the target.

    Each domain has principal components of its own. The source's are turned to the target's by
    M = P_S^T P_T. (Only the source is turned: many authors call it asymmetric. What is alike after
    it is the `dimensions`-dimensional space of the target, so that both lose the rest.)

    Raises:
        InputError: features that do not fit together, or more dimensions than there are features.
    """
    source, target = _pair(source, target)
    _check_dimensions(dimensions, min(*source.shape, *target.shape))
    bases = []
    for x in (source, target):
        bases.append(np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:dimensions].T)
    turned = bases[0] @ (bases[0].T @ bases[1])
    zero = np.zeros(dimensions)
    return LinearMap(source.mean(0), turned, zero), LinearMap(target.mean(0), bases[1], zero)


def transfer_components(
    source, target, dimensions: int, *, mu: float = 1.0, kernel: str = "linear"
) -> Callable[[np.ndarray], np.ndarray]:
    """Transfer component analysis, TCA (Pan et al. 2011): one map for both domains.

    Of all directions in kernel space it takes those along which the domains have nearly the same
    mean (a small MMD) and the examples still vary much. The map takes features (N, D) and returns
    (N, dimensions).

    Args:
        mu: how much a large map costs, in units of the mean diagonal of the kernel.
        kernel: "linear" works on the features themselves, with a penalty on the map (the form of
            Long et al. 2013); "rbf" as in the paper, with the median squared distance as its width.

    Raises:
        InputError: features that do not fit together, too many dimensions, or another kernel.
    """
    from scipy.linalg import eigh
    from scipy.spatial.distance import cdist

    source, target = _pair(source, target)
    x = np.concatenate([source, target])
    if kernel not in ("linear", "rbf"):
        raise InputError(f'kernel is "linear" or "rbf", not "{kernel}".')
    if kernel == "linear":  # the kernel of the features is the features themselves: D, not N + M
        _check_dimensions(dimensions, x.shape[1])
        center = x.mean(0)

        def lift(points):
            return np.asarray(points, dtype=float) - center

    else:
        _check_dimensions(dimensions, len(x))
        width = np.median(cdist(x[::5], x[::5], "sqeuclidean"))

        def lift(points):
            return np.exp(-cdist(np.asarray(points, dtype=float), x, "sqeuclidean") / width)

    lifted = lift(x)
    gap = lifted[: len(source)].mean(0) - lifted[len(source) :].mean(0)
    spread = np.cov(lifted, rowvar=False, bias=True)
    unit = mu * np.trace(spread) / len(spread)
    cost = np.outer(gap, gap) + unit * np.eye(len(spread))
    top = len(spread) - dimensions
    vectors = eigh(spread, cost, subset_by_index=[top, len(spread) - 1])[1][:, ::-1]
    return lambda points: lift(points) @ vectors


def _pair(source, target) -> tuple[np.ndarray, np.ndarray]:
    source, target = (np.asarray(x, dtype=float) for x in (source, target))
    if (
        source.ndim != 2
        or target.shape[1:] != source.shape[1:]
        or min(len(source), len(target)) < 2
    ):
        raise InputError(
            f"source and target need features (N, D) and (M, D), with the same D and two examples "
            f"or more; got {source.shape} and {target.shape}."
        )
    return source, target


def _check_dimensions(dimensions: int, most: int) -> None:
    if not 1 <= dimensions <= most:
        raise InputError(f"between 1 and {most} dimensions are possible here; got {dimensions}.")

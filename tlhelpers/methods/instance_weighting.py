"""Instance transfer: source examples join the target's training, each with a weight.

Arrays are NumPy: (N, D) features of the source, (M, D) of the target. Weights have mean 1, so that
they change which examples count, not how strongly all of them together count against a penalty.
"""

from __future__ import annotations

import numpy as np

from ..core.errors import InputError


def importance_weights(source, target, *, clip: float | None = None) -> np.ndarray:
    """Weights (N,) of the source by a domain classifier: how target-like is each example?

    A logistic regression on standardised features tells source (0) from target (1). Its odds
    p / (1 - p), times N / M, estimate the ratio of the densities, target over source (Bickel et
    al. 2007), by which a mean over the source becomes one over the target (Shimodaira 2000).

    Args:
        clip: the largest weight in units of the mean, before the mean is set to 1 again; less
            variance for some bias.

    Raises:
        InputError: features that do not fit together, or a clip that is not positive.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    source, target = matching_features(source, target)
    if clip is not None and not clip > 0:
        raise InputError(f"clip is the largest weight and must be positive; got {clip}.")
    x = np.concatenate([source, target])
    domain = np.repeat([0, 1], [len(source), len(target)])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, domain)
    log_odds = classifier.decision_function(source)
    weights = np.exp(log_odds - log_odds.max())  # N / M drops out of the mean
    weights /= weights.mean()
    if clip is not None:
        weights = np.minimum(weights, clip)
    return weights / weights.mean()


def kernel_mean_matching(
    source, target, *, bound: float = 10.0, width: float | None = None, steps: int = 500
) -> np.ndarray:
    """Weights (N,) for which the source's mean in kernel space meets the target's (Huang 2006).

    No density and no classifier: the weights make the MMD of lesson 06 between the weighted source
    and the target small. A quadratic problem with 0 <= w <= `bound` and mean 1, solved by
    accelerated projected gradients (Beck & Teboulle 2009).

    Args:
        width: standard deviation of the Gaussian kernel on standardised features; by default the
            median distance between examples.

    Raises:
        InputError: features that do not fit together, or a bound below 1 (no weights have mean 1).
    """
    from scipy.spatial.distance import cdist

    source, target = matching_features(source, target)
    if not bound >= 1:
        raise InputError(f"bound must be 1 or more, so that the weights can have mean 1: {bound}.")
    both = np.concatenate([source, target])
    both = (both - both.mean(0)) / np.where(both.std(0) > 0, both.std(0), 1)
    squared = cdist(both[: len(source)], both, "sqeuclidean")
    if width is None:
        width = np.sqrt(np.median(squared[squared > 0]))
    kernel = np.exp(-squared / (2 * width**2))
    within, across = np.split(kernel, [len(source)], axis=1)
    aim = across.mean(1) * len(source)
    step = 1 / np.linalg.eigvalsh(within)[-1]
    weights = ahead = np.ones(len(source))
    for k in range(steps):
        before, weights = weights, _project(ahead - step * (within @ ahead - aim), bound)
        ahead = weights + k / (k + 3) * (weights - before)
    return weights


def effective_sample_size(weights) -> float:
    """How many equally weighted examples say as much (Kish 1965): (sum w)^2 / sum w^2.

    Raises:
        InputError: no weights, negative ones, or all of them 0.
    """
    weights = np.asarray(weights, dtype=float)
    if weights.size == 0 or (weights < 0).any() or not weights.sum() > 0:
        raise InputError("effective_sample_size needs weights of 0 or more, not all of them 0.")
    return float(weights.sum() ** 2 / (weights**2).sum())


def estimate_shares(labels, predictions, target_predictions) -> np.ndarray:
    """Shares of the classes (K,) in an unlabelled target, under label shift (Lipton et al. 2018).

    Where the classes look the same in both domains, a classifier makes the same mistakes in both:
    its confusion matrix on source examples that it was not trained on, and how often it predicts
    each class on the target, determine the shares.

    Args:
        labels, predictions: (N,) class numbers of held-out source examples.
        target_predictions: (M,).

    Raises:
        InputError: no examples, or a class that is never predicted: the shares are not determined.
    """
    labels, predictions, seen = (
        np.asarray(x, dtype=int) for x in (labels, predictions, target_predictions)
    )
    if not len(seen) or not len(labels) or len(labels) != len(predictions):
        raise InputError("estimate_shares needs a label for each source prediction, and a target.")
    k = max(labels.max(), predictions.max(), seen.max()) + 1
    counts = np.zeros((k, k))
    np.add.at(counts, (predictions, labels), 1)
    confusion = counts / np.maximum(counts.sum(0), 1)
    if np.linalg.matrix_rank(confusion) < k:
        raise InputError("the confusion matrix has no inverse: a class is missing, or never told.")
    shares = np.linalg.solve(confusion, np.bincount(seen, minlength=k) / len(seen))
    shares = np.maximum(shares, 0)
    return shares / shares.sum()


def _project(weights: np.ndarray, bound: float) -> np.ndarray:
    """The nearest weights with mean 1 between 0 and `bound`: all moved by one number, and cut."""
    from scipy.optimize import brentq

    def excess(move):
        return np.clip(weights - move, 0, bound).mean() - 1

    ends = weights.min() - bound, weights.max()
    return np.clip(weights - brentq(excess, *ends), 0, bound)


def matching_features(source, target) -> tuple[np.ndarray, np.ndarray]:
    """Both as float arrays (N, D) and (M, D); `InputError` where they do not fit together."""
    source, target = (np.asarray(x, dtype=float) for x in (source, target))
    if source.ndim != 2 or target.shape[1:] != source.shape[1:] or not len(source) * len(target):
        raise InputError(
            f"source and target need features (N, D) and (M, D) with the same D; got "
            f"{source.shape} and {target.shape}."
        )
    return source, target

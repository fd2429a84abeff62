"""Classical baselines: designed features (HOG), and a tuned linear classifier on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..core.errors import InputError

STRENGTHS = tuple(10.0**power for power in range(-5, 3))


def hog(images: Tensor, *, cell: int = 8, bins: int = 9) -> Tensor:
    """Histograms of oriented gradients (Dalal and Triggs 2005): edge directions by place.

    Every pixel votes for the direction of its gradient, 0 to 180 degrees in `bins` steps, with the
    gradient's length as weight; of a colour image the channel with the longest gradient votes. The
    votes of each cell of `cell` x `cell` pixels are summed, and every 2 x 2 cells are scaled to
    length 1, cut off at .2, and scaled again, so that light and contrast drop out. Computed by
    scikit-image's `skimage.feature.hog`.

    Args:
        images: uint8, or float in 0..1, (N, C, H, W).

    Returns float32 (N, (H // cell - 1) * (W // cell - 1) * 4 * bins). Raises `InputError` for
    images of another shape, or smaller than 2 x 2 cells.
    """
    from skimage.feature import hog as describe

    if images.ndim != 4 or min(images.shape[2:]) < 2 * cell:
        raise InputError(
            f"hog takes images (N, C, H, W) of {2 * cell} pixels a side or more, not "
            f"{tuple(images.shape)}. Take a smaller cell, or enlarge the images."
        )
    pixels = (images.float() / 255 if images.dtype == torch.uint8 else images).cpu().numpy()
    settings = {"orientations": bins, "pixels_per_cell": (cell, cell), "cells_per_block": (2, 2)}
    rows = [describe(image, **settings, channel_axis=0) for image in pixels]
    return torch.tensor(np.stack(rows), dtype=torch.float32)


def logistic_regression(
    features: Tensor, labels: Tensor, *, folds: int = 5, strengths: Sequence[float] = STRENGTHS
):
    """Logistic regression on standardised features, its penalty chosen on the training data alone.

    The inverse strength C is the one of `strengths` (eight from 1e-5 to 100) that does best in a
    stratified cross-validation. The features are standardised once, and rotated into the space
    that the training examples span: an L2 penalty gives the same classifier there, from N numbers
    per example in place of D.

    Args:
        features: (N, D). labels: (N,).

    Returns a fitted scikit-learn `Pipeline` (`.predict`, `.score`); its step `"choose"` is the
    search (`.best_params_`, `.best_score_`). Raises `InputError` when a class has fewer examples
    than there are folds.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    counts = labels.unique(return_counts=True)[1]
    if len(counts) < 2 or counts.min() < folds:
        raise InputError(
            f"cross-validation in {folds} folds needs two classes with {folds} examples or more "
            f"each, there are {counts.tolist()}. Give more examples, or folds=2."
        )
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": list(strengths)}, cv=folds)
    steps = [("scale", StandardScaler()), ("rotate", PCA(svd_solver="full")), ("choose", search)]
    with threadpool_limits(1):  # forty small fits: threads would wait for each other
        return Pipeline(steps).fit(features.double().numpy(), labels.numpy())

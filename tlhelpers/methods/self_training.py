"""Pseudo-labels: a model's own answers as labels for pictures that nobody labelled."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError


def pseudo_labels(
    probabilities: Tensor, threshold: float = 0.95, *, per_class: int | None = None
) -> tuple[Tensor, Tensor]:
    """Which unlabelled examples to believe, and what they are taken for.

    Kept are the rows of `probabilities` (N, K) whose largest value is at least `threshold` (Lee
    2013; FixMatch, Sohn et al. 2020, arXiv 2001.07685). With `per_class` at most so many of each
    class are kept, the surest ones: that assumes that the unlabelled examples hold the classes in
    equal shares (class-balanced self-training, Zou et al. 2018, arXiv 1810.07911).

    Returns int64 rows (M,) in rising order, and their labels (M,).

    Raises:
        InputError: these are not probabilities (logits, for instance), the threshold is outside
            [0, 1], or `per_class` is below 1.
    """
    if probabilities.ndim != 2 or not torch.allclose(
        probabilities.sum(1).float(), torch.ones(len(probabilities), device=probabilities.device),
        atol=1e-3,
    ) or (len(probabilities) and probabilities.min() < 0):  # fmt: skip
        raise InputError(
            "pseudo_labels takes probabilities (N, K), each row adding up to 1. Of logits take "
            ".softmax(1) first: a threshold on logits has no meaning."
        )
    if not 0 <= threshold <= 1:
        raise InputError(f"the threshold is a probability between 0 and 1; got {threshold}.")
    if per_class is not None and per_class < 1:
        raise InputError(f"per_class is 1 or more, or None; got {per_class}.")
    sure, labels = probabilities.max(1)
    kept = sure >= threshold
    if per_class is not None:
        order = torch.where(kept, sure, -1.0).argsort(descending=True, stable=True)
        own = torch.nn.functional.one_hot(labels[order], probabilities.shape[1])
        rank = torch.empty_like(labels)
        rank[order] = own.cumsum(0).gather(1, labels[order][:, None])[:, 0]  # 1: the surest
        kept &= rank <= per_class
    rows = kept.nonzero()[:, 0]
    return rows, labels[rows]

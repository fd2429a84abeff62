"""Zero-shot classification from attributes, and how to measure it fairly.

A class that no training picture shows is known by its description: one value of each attribute.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import InputError


def signatures(values: Tensor, sizes: Sequence[int]) -> Tensor:
    """Descriptions (C, A) of classes as float (C, sum of `sizes`): 1 where a value is present."""
    columns = [
        torch.nn.functional.one_hot(values[:, i], size).float() for i, size in enumerate(sizes)
    ]
    return torch.cat(columns, dim=1)


def dap(logits: Tensor, values: Tensor, sizes: Sequence[int], prior: Tensor | None = None):
    """Direct attribute prediction (Lampert et al. 2009): class scores (N, C), in nats.

    A class gets the sum of the log-probabilities of its attribute values.

    Args:
        logits: (N, sum of `sizes`), the attributes' outputs side by side.
        values: (C, A), the value of each attribute in each class.
        sizes: number of values of each attribute.
        prior: (sum of `sizes`), frequency of each value in training; its logarithm is subtracted.

    Raises:
        InputError: sizes that do not fit the logits or the values.
    """
    if logits.shape[1] != sum(sizes) or values.shape[1] != len(sizes):
        raise InputError(
            f"sizes {tuple(sizes)} do not fit logits {tuple(logits.shape)} and values "
            f"{tuple(values.shape)}."
        )
    logs = [part.log_softmax(1) for part in logits.split(list(sizes), dim=1)]
    logs = torch.cat(logs, dim=1)
    if prior is not None:
        logs = logs - prior.log()
    return logs @ signatures(values, sizes).T.to(logs)


def eszsl(
    features: Tensor, labels: Tensor, signatures: Tensor, gamma: float = 1.0, lam: float = 1.0
) -> Tensor:
    """The closed form of ESZSL (Romera-Paredes and Torr 2015): V (D, A).

    Scores of any described classes are then `features @ V @ signatures.T`. V minimises
    |X V S' - Y|^2 + gamma |V S'|^2 + lam |X V|^2 + gamma lam |V|^2, with Y 1 for the right class of
    a picture and -1 for the others.

    Args:
        features: (N, D), of training pictures.
        labels: (N,), rows of `signatures`.
        signatures: (C, A), of the classes trained on.
        gamma, lam: strengths of the penalties, above 0.

    Raises:
        InputError: a penalty of 0 or less, or a label that is no row of `signatures`.
    """
    if gamma <= 0 or lam <= 0:
        raise InputError(f"gamma and lam must be above 0; got {gamma:g} and {lam:g}.")
    if labels.min() < 0 or labels.max() >= len(signatures):
        raise InputError(f"labels must be rows of signatures: 0 to {len(signatures) - 1}.")
    target = -torch.ones(len(features), len(signatures), dtype=features.dtype)
    target = target.to(features.device).scatter_(1, labels[:, None], 1.0)
    x, s = features, signatures.to(features)
    left = x.T @ x + gamma * torch.eye(x.shape[1]).to(x)
    right = s.T @ s + lam * torch.eye(s.shape[1]).to(x)
    return torch.linalg.solve(right, torch.linalg.solve(left, x.T @ target @ s).T).T


def calibrated(scores: Tensor, seen: Tensor, offset: float) -> Tensor:
    """Calibrated stacking (Chao et al. 2016): `offset` is taken from the seen classes' scores.

    `scores` is (N, C), `seen` a mask (C,). The scores given are left as they are.
    """
    return scores - offset * seen.to(scores)


def harmonic_mean(seen: float, unseen: float) -> float:
    """2 a b / (a + b), and 0 where both are 0: high only where both accuracies are (Xian 2017)."""
    return statistics.harmonic_mean([seen, unseen])


@dataclass(frozen=True)
class Tradeoff:
    """Accuracy on seen and on unseen classes for each of some offsets, ascending."""

    offsets: list[float]
    seen: list[float]
    unseen: list[float]

    @property
    def best_offset(self) -> float:
        """The offset with the highest harmonic mean; of several, the middle one."""
        means = [harmonic_mean(a, b) for a, b in zip(self.seen, self.unseen, strict=True)]
        best = [i for i, mean in enumerate(means) if mean == max(means)]
        return self.offsets[best[len(best) // 2]]


def tradeoff(scores: Tensor, labels: Tensor, seen: Tensor, points: int = 100) -> Tradeoff:
    """Accuracies among all classes as calibrated stacking's offset grows.

    Args:
        scores: (N, C), of pictures of seen and of unseen classes, in any mixture.
        labels: (N,), class numbers.
        seen: mask (C,). Accuracies are means over pictures, so give equally many of each class.
        points: how many offsets. They are quantiles of the offsets at which a picture's answer
            changes sides, so that the steps are about equal.

    Raises:
        InputError: pictures of one side only.
    """
    of_seen = seen[labels]
    if of_seen.all() or not of_seen.any():
        raise InputError("tradeoff needs pictures of seen and of unseen classes.")
    low = torch.finfo(scores.dtype).min
    on_seen, seen_answer = scores.masked_fill(~seen, low).max(1)
    on_unseen, unseen_answer = scores.masked_fill(seen, low).max(1)
    needed = on_seen - on_unseen  # the offset at which the answer changes sides
    grid = torch.quantile(needed.float(), torch.linspace(0, 1, points).to(needed.device))
    first, last = float(grid[0]), float(grid[-1])
    grid = [first - 1e-3, *grid[1:-1].tolist(), last + 1e-3]
    parts: tuple[list, list] = ([], [])
    for offset in grid:
        right = torch.where(needed > offset, seen_answer, unseen_answer) == labels
        for part, mask in zip(parts, (of_seen, ~of_seen), strict=True):
            part.append(float(right[mask].float().mean()))
    return Tradeoff(grid, *parts)

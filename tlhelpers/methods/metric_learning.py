"""Learn a distance instead of classes: alike close together, others apart; and use it on few shots.

Embeddings are vectors (N, D), one for each picture. `tlhelpers.evaluation.verification` measures
what they are worth at a door, `episode_accuracies` what they are worth with one or few examples of
a class that no training has seen.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import InputError


def pair_distances(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Euclidean distances of all N (N - 1) / 2 pairs of (N, D), and which pairs share a label.

    Both are (pairs,), in the order of `torch.triu_indices`. The gradient is finite at distance 0.
    """
    _check(embeddings, labels)
    i, j = torch.triu_indices(len(labels), len(labels), 1, device=embeddings.device)
    # Differences, not the faster products: those lose the small distances to rounding.
    exact = "donot_use_mm_for_euclid_dist"
    distances = torch.cdist(embeddings, embeddings, compute_mode=exact)
    return distances[i, j], labels[i] == labels[j]


def contrastive_loss(embeddings: Tensor, labels: Tensor, margin: float = 1.0) -> Tensor:
    """Pull pairs of one label together; push others apart until `margin` lies between them.

    Mean of d^2 over the pairs with the same label plus mean of max(0, margin - d)^2 over the
    others, for all pairs in the batch (N, D). Hadsell, Chopra, LeCun 2006, with both kinds of pair
    weighted alike: in a batch of many persons there are far more pairs of different ones.

    Raises:
        InputError: the batch has no pair of one of the two kinds.
    """
    distance, same = pair_distances(embeddings, labels)
    if same.all() or not same.any():
        raise InputError(
            "A contrastive batch needs pairs of both kinds: two samples of one class, and two "
            "classes. `balanced_batch` draws such batches."
        )
    pull = distance[same].square().mean()
    push = (margin - distance[~same]).clamp_min(0).square().mean()
    return pull + push


def triplet_loss(embeddings: Tensor, labels: Tensor, margin: float = 0.2) -> Tensor:
    """Each sample nearer to every other of its class than to any stranger, by `margin`.

    max(0, |a - p|^2 - |a - n|^2 + margin) for every anchor a, positive p and negative n in the
    batch (N, D), mean over those above 0. Squared distances and margin as in FaceNet (Schroff,
    Kalenichenko, Philbin 2015, arXiv 1503.03832), which normalises embeddings to length 1; the mean
    over the triplets that still have a loss is that of Hermans, Beyer, Leibe 2017 (arXiv
    1703.07737): the solved ones would drown the others.

    Raises:
        InputError: no triplet in the batch.
    """
    _check(embeddings, labels)
    squared = (embeddings[:, None] - embeddings[None]).square().sum(-1)
    same = labels[:, None] == labels[None]
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    triplets = (same & ~itself)[:, :, None] & ~same[:, None, :]
    if not triplets.any():
        raise InputError(
            "A triplet needs two samples of one class and one of another; the batch has none. "
            "`balanced_batch` draws such batches."
        )
    losses = (squared[:, :, None] - squared[:, None, :] + margin).clamp_min(0)[triplets]
    return losses.sum() / (losses > 0).sum().clamp_min(1)


def prototypes(features: Tensor, labels: Tensor) -> Tensor:
    """Mean feature of each class 0..K-1: (K, D) of features (N, D). Snell et al. 2017."""
    _check(features, labels)
    members = F.one_hot(labels).to(features.dtype)
    if (members.sum(0) == 0).any():
        raise InputError(
            f"every class 0..{members.shape[1] - 1} needs a sample; some of them have none."
        )
    return (members.T @ features) / members.sum(0)[:, None]


def prototype_logits(queries: Tensor, centres: Tensor) -> Tensor:
    """Minus the squared distance of queries (Q, D) to prototypes (K, D): logits (Q, K).

    Their cross-entropy is the loss of prototypical networks (Snell, Swersky, Zemel 2017, arXiv
    1703.05175).
    """
    return -torch.cdist(queries, centres).square()


def balanced_batch(
    labels: Tensor, classes: int, each: int, generator: torch.Generator | None = None
) -> Tensor:
    """Rows of a batch of `each` samples of each of `classes` classes, drawn at random.

    Sorted by class: (classes * each,). `labels` are N class numbers.

    Raises:
        InputError: fewer classes with so many samples.
    """
    return _draw(_members(labels), classes, each, generator)


def episode_accuracies(
    features: Tensor,
    labels: Tensor,
    *,
    ways: int,
    shots: int,
    queries: int = 5,
    episodes: int = 200,
    seed: int = 0,
) -> list[float]:
    """Accuracy of the nearest prototype in `episodes` small tests with new classes.

    Each episode draws `ways` classes, `shots` examples of each to make a prototype of, and
    `queries` others of each to recognise (Vinyals et al. 2016, arXiv 1606.04080). The same seed
    draws the same episodes for any features, so that methods are compared on the same pictures.

    Args:
        features: (N, D), or pixels of any shape (N, ...).
        labels: N class numbers.
    """
    chance = torch.Generator().manual_seed(seed)
    features, members = features.flatten(1).cpu(), _members(labels.cpu())
    expected = torch.arange(ways).repeat_interleave(queries)
    found = []
    for _ in range(episodes):
        rows = _draw(members, ways, shots + queries, chance).view(ways, shots + queries)
        centres = features[rows[:, :shots]].mean(1)
        logits = prototype_logits(features[rows[:, shots:]].flatten(0, 1), centres)
        found.append((logits.argmax(1) == expected).double().mean().item())
    return found


def _members(labels: Tensor) -> list[Tensor]:
    """The rows of each class."""
    order = labels.argsort(stable=True)
    return list(order.split(torch.bincount(labels).tolist()))


def _draw(members: list[Tensor], classes: int, each: int, generator) -> Tensor:
    """`each` rows of each of `classes` classes that have so many."""
    enough = [rows for rows in members if len(rows) >= each]
    if len(enough) < classes or min(classes, each) < 1:
        raise InputError(
            f"{classes} classes with {each} samples each were asked for; {len(enough)} classes "
            "have so many. Ask for fewer."
        )
    chosen = torch.randperm(len(enough), generator=generator)[:classes].tolist()
    picks = [torch.randperm(len(enough[i]), generator=generator)[:each] for i in chosen]
    return torch.cat([enough[i][pick] for i, pick in zip(chosen, picks, strict=True)])


def _check(features: Tensor, labels: Tensor) -> None:
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise InputError(
            f"features {tuple(features.shape)} and labels {tuple(labels.shape)}: (N, D) and (N,) "
            "are needed, one label for each row."
        )

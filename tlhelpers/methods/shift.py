"""Has the model left home? What a batch without labels shows, and the accuracy it foretells.

Logits are (N, K), features (N, D), labels (N,). The source is a labelled set that the model was
*not* trained on: a model is surer of its training images than it will ever be again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError, nearest
from .adaptation.domain_gap import domain_probe, proxy_a_distance
from .adaptation.losses import mmd

SCORES = ("entropy", "confidence")


def certainty(logits: Tensor, score: str = "entropy") -> Tensor:
    """How sure each prediction is, (N,): the higher, the surer.

    "confidence" is the largest probability, 1/K to 1; "entropy" the negative entropy in nats,
    -log K to 0, which also sees how the rest is shared out.

    Raises:
        InputError: unknown score, or logits that are not (N, K).
    """
    if score not in SCORES:
        raise InputError(f'unknown score "{score}".{nearest(score, SCORES)}')
    if logits.ndim != 2 or len(logits) == 0 or logits.shape[1] < 2:
        raise InputError(f"certainty takes logits (N, K) of K >= 2 classes, got {logits.shape}.")
    p = logits.detach().double().softmax(1)
    return p.amax(1) if score == "confidence" else torch.special.xlogy(p, p).sum(1)


def atc_threshold(logits: Tensor, labels: Tensor, score: str = "entropy") -> float:
    """The certainty below which lie as many source predictions as are wrong.

    Where none is wrong this is the lowest certainty found, which says little: take a larger or a
    harder source set. Where all are wrong it is infinite.
    """
    scores = certainty(logits, score).sort().values
    if labels.shape != scores.shape:
        raise InputError(f"{len(logits)} logits need as many labels, got {tuple(labels.shape)}.")
    wrong = int((logits.argmax(1) != labels).sum())
    return float(scores[wrong]) if wrong < len(scores) else float("inf")


def average_thresholded_confidence(
    source_logits: Tensor,
    source_labels: Tensor,
    target_logits: Tensor,
    *,
    score: str = "entropy",
) -> float:
    """Predicted accuracy on a target without labels: the share of it above the source's threshold.

    ATC, Garg et al. 2022, arXiv 2201.04234. It assumes that a prediction of a certain certainty is
    as often right on the target as on the source; no label says whether that is so.

    Raises:
        InputError: unknown score, other shapes, or two numbers of classes.
    """
    if source_logits.shape[1:] != target_logits.shape[1:]:
        raise InputError(
            "source and target logits need the same classes, got "
            f"{tuple(source_logits.shape)} and {tuple(target_logits.shape)}."
        )
    threshold = atc_threshold(source_logits, source_labels, score)
    return float((certainty(target_logits, score) >= threshold).double().mean())


class ShiftMonitor:
    """Compares batches without labels with a labelled set from home; each signal grows with shift.

    Attributes:
        accuracy: on the source set. confidence: mean largest probability on it.
        threshold: of ATC, see `atc_threshold`.
    """

    SIGNALS = ("A-distance", "MMD", "confidence drop", "ATC drop")

    def __init__(self, features: Tensor, logits: Tensor, labels: Tensor, score: str = "entropy"):
        self.threshold = atc_threshold(logits, labels, score)
        self.accuracy = float((logits.argmax(1) == labels).double().mean())
        self.confidence = float(certainty(logits, "confidence").mean())
        self._features, self._score = features.detach(), score

    def signals(self, features: Tensor, logits: Tensor) -> dict[str, float]:
        """Four warnings about a batch (N, D) and (N, K), by name.

        "A-distance" (Ben-David et al. 2007; 0 to 2) and "MMD" (Gretton et al. 2012) compare its
        features with the source's. "confidence drop" and "ATC drop" are accuracies that the batch
        is expected to lose: by the mean confidence (difference of confidences, Guillory et al.
        2021, arXiv 2107.03315) and by `average_thresholded_confidence`.
        """
        above = certainty(logits, self._score) >= self.threshold
        values = (
            proxy_a_distance(domain_probe(self._features, features)),
            float(mmd(self._features, features.detach())),
            self.confidence - float(certainty(logits, "confidence").mean()),
            self.accuracy - float(above.double().mean()),
        )
        return dict(zip(self.SIGNALS, values, strict=True))

    def alarm_levels(
        self, features: Tensor, logits: Tensor, size: int, *, draws: int = 19, seed: int = 0
    ) -> dict[str, float]:
        """The largest value of each signal in `draws` random batches from home.

        `features` and `logits` are more images from home, which need no labels; `size` is the size
        of the batches that will be watched: small batches vary more. One more batch from home
        exceeds the largest of 19 in about one of 20 cases.

        Raises:
            InputError: fewer images than `size`, or fewer than one draw.
        """
        if not 4 <= size <= len(features) or draws < 1:
            raise InputError(
                f"alarm_levels draws >= 1 batches of 4 to {len(features)} of the images given; "
                f"asked for {draws} of {size}."
            )
        chance = torch.Generator().manual_seed(seed)
        chosen = [torch.randperm(len(features), generator=chance)[:size] for _ in range(draws)]
        found = [self.signals(features[rows], logits[rows]) for rows in chosen]
        return {name: max(values[name] for values in found) for name in self.SIGNALS}

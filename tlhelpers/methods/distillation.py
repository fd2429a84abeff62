"""Distillation: a small network learns from the answers of a large one."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ..core.errors import InputError


def distillation_loss(logits: Tensor, taught: Tensor, temperature: float = 2.0) -> Tensor:
    """How far a student's answers are from its teacher's: a scalar with a gradient for the student.

    The Kullback-Leibler divergence from the teacher's probabilities to the student's, both softened
    by the temperature, times its square: so the gradient keeps its size whatever the temperature
    (Hinton et al. 2015, arXiv 1503.02531). No label is needed. A temperature of 1 takes the
    teacher's probabilities as they are; a high one compares the logits of all classes alike.

    Args:
        logits: the student's, (N, K). taught: the teacher's, of the same images; no gradient.

    Raises:
        InputError: other shapes, or a temperature that is not above 0.
    """
    if logits.ndim != 2 or logits.shape != taught.shape:
        raise InputError(
            f"the student's logits are {tuple(logits.shape)}, the teacher's {tuple(taught.shape)}: "
            "both must be (N, K), for the same images and the same classes."
        )
    if not temperature > 0:
        raise InputError(f"a temperature is above 0; got {temperature}.")
    return temperature**2 * F.kl_div(
        (logits / temperature).log_softmax(1),
        (taught.detach() / temperature).log_softmax(1),
        reduction="batchmean",
        log_target=True,
    )

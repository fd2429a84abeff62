"""Test-time adaptation: a network that goes on adjusting itself to the pictures that arrive.

No label and no picture of the training is needed, only batches. That is also what can go wrong: a
batch of one class says little about the world.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..core.errors import InputError


def mean_entropy(logits: Tensor) -> Tensor:
    """How unsure the answers are: mean entropy of softmax(logits) over the rows (N, K), in nats."""
    log_p = logits.log_softmax(1)
    return -(log_p.exp() * log_p).sum(1).mean()


def tent(model: nn.Module, batches: Iterable, lr: float = 1e-3) -> tuple[Tensor, nn.Module]:
    """Answer batch after batch, each normalised with its own statistics, and learn on the way.

    After each batch BatchNorm's scales and offsets take one Adam step towards surer answers, a
    smaller `mean_entropy`; nothing else moves (Tent, Wang et al. 2021, arXiv 2006.10726). With
    `lr=0` nothing is learnt: only the statistics are those of the batch, as in AdaBN.

    Args:
        batches: images (B, C, H, W), prepared as the model needs them, or pairs (images, labels),
            whose labels are not read. `model` itself is left as it is.

    Returns the answers, logits (N, K) in the order of the images, each given before the step on its
    own batch; and the network as it is after the last batch. That network has no statistics of its
    own: it normalises every batch by itself.

    Raises:
        InputError: a negative rate, no BatchNorm, no batches, or a batch of one image.
    """
    if lr < 0:
        raise InputError(f"tent needs a rate of 0 or more; got {lr}.")
    model = copy.deepcopy(model).eval().requires_grad_(False)
    layers = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not layers:
        raise InputError("tent: this model has no BatchNorm layer, and these are what it adjusts.")
    for layer in layers:
        layer.track_running_stats = False
        layer.running_mean = layer.running_var = None  # so the batch's own are used
    adjusted = [p.requires_grad_(lr > 0) for layer in layers for p in layer.parameters()]
    if lr > 0 and not adjusted:
        raise InputError("tent: these BatchNorm layers have no scale to adjust; take lr=0.")
    optimizer = torch.optim.Adam(adjusted, lr) if lr > 0 else None
    answers = []
    for batch in batches:
        x = batch[0] if isinstance(batch, (tuple, list)) else batch
        if len(x) < 2:
            raise InputError(
                "tent got a batch of one image: a mean and a variance over a batch need two or "
                "more. Collect a few images before you answer."
            )
        with torch.set_grad_enabled(lr > 0):
            logits = model(x)
        answers.append(logits.detach())
        if optimizer:
            optimizer.zero_grad()
            mean_entropy(logits).backward()
            optimizer.step()
    if not answers:
        raise InputError("tent got no batches.")
    return torch.cat(answers), model

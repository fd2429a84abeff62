"""Elastic weight consolidation: learn the new job with the weights that the old one needs least.

Kirkpatrick et al. 2017, arXiv 1612.00796. It is `l2_sp` with a stiffness of its own for each
weight: the Fisher information, which says how much the old answers change when that weight moves.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import InputError


def fisher_information(
    trunk: nn.Module, head: nn.Module, images: Tensor, *, seed: int = 0
) -> dict[str, Tensor]:
    """How much the answers of `head(trunk(images))` depend on each parameter of the trunk.

    The diagonal of the Fisher information, mean over the images of (d log p(y | x) / dw)^2, with
    labels y drawn from the network's own answers: no label of the old job is needed. Divided by its
    mean over all parameters, so that a penalty's weight means about the same for every network and
    for `l2_sp`. The network is measured in eval mode and left in the mode that it had.

    Args:
        images: (N, C, H, W), prepared as the trunk needs them; a hundred or more.

    Returns {name of the parameter: tensor of its shape}.

    Raises:
        InputError: no images, or a trunk that none of the answers depends on.
    """
    if len(images) < 1:
        raise InputError("fisher_information needs images of the old job, a hundred or more.")
    chance = torch.Generator().manual_seed(seed)
    named = dict(trunk.named_parameters())
    free = {name: p.requires_grad for name, p in named.items()}
    training, found = trunk.training, {name: torch.zeros_like(p) for name, p in named.items()}
    trunk.eval().requires_grad_(True)
    for image in images.split(1):  # squares of single gradients: a batch would mix them first
        log_p = F.log_softmax(head(trunk(image)), 1)
        label = torch.multinomial(log_p.detach().exp().cpu(), 1, generator=chance)
        gradients = torch.autograd.grad(log_p[0, label.item()], named.values(), allow_unused=True)
        for name, gradient in zip(named, gradients, strict=True):
            if gradient is not None:
                found[name] += gradient.square()
    trunk.train(training)
    for name, p in named.items():
        p.requires_grad_(free[name])
    mean = sum(f.sum() for f in found.values()) / sum(f.numel() for f in found.values())
    if not mean > 0:
        raise InputError(
            "the Fisher information is 0 everywhere: does `head` take what `trunk` returns, and do "
            "its answers depend on the trunk?"
        )
    return {name: f / mean for name, f in found.items()}


def ewc(
    trunk: nn.Module, start: nn.Module, fisher: Mapping[str, Tensor], weight: float = 1.0
) -> Tensor:
    """Penalty that holds each weight near its start as firmly as the old job needs it: a scalar.

    weight / 2 * sum of F (w - w0)^2; with several old jobs add one penalty for each (elastic weight
    consolidation, Kirkpatrick et al. 2017, arXiv 1612.00796).

    Args:
        trunk: in training. start: its copy from the end of the old job; it gets no gradient.
        fisher: of the old job, from `fisher_information`.

    Raises:
        InputError: a negative weight, or names that do not fit.
    """
    if weight < 0:
        raise InputError(f"ewc needs a weight of 0 or more; got {weight}.")
    moving, fixed = dict(trunk.named_parameters()), dict(start.named_parameters())
    if not moving.keys() == fixed.keys() == fisher.keys():
        names = sorted((moving.keys() ^ fixed.keys()) | (moving.keys() ^ fisher.keys()))
        raise InputError(
            f"ewc: trunk, start and fisher do not belong to one network; {names[0]} is not in all "
            "of them. Give copies of the very trunk that the information was measured on."
        )
    held = (
        (f * (moving[name] - fixed[name].detach()).square()).sum() for name, f in fisher.items()
    )
    return weight / 2 * sum(held)

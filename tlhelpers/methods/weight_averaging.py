"""Arithmetic on whole networks: averages of several, and what a training has added to one.

It works only between networks that share their beginning. BatchNorm's running statistics belong to
the weights that they were measured with: after any of these, measure them again with
`adapt_batchnorm`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core.errors import InputError


@torch.no_grad()
def average_weights(networks: Sequence[nn.Module]) -> nn.Module:
    """A new network whose every weight is the mean over the given ones, in eval mode.

    A uniform model soup (Wortsman et al. 2022, arXiv 2203.05482). Floating-point buffers, such as
    BatchNorm's running statistics, are averaged too, and are wrong then; see this module's text.

    Raises:
        InputError: no networks, or networks that are not built alike.
    """
    states = [network.state_dict() for network in networks]
    if not states:
        raise InputError("average_weights needs at least one network.")
    for state in states[1:]:
        _check_alike(states[0], state, "average_weights")
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }
    found = copy.deepcopy(networks[0])
    found.load_state_dict(mean)
    return found.eval()


@torch.no_grad()
def task_vector(start: nn.Module, tuned: nn.Module) -> dict[str, Tensor]:
    """What fine-tuning added to each parameter: {name: tuned - start}.

    Ilharco et al. 2023, arXiv 2212.04089. Buffers are left out: statistics are measured, not
    learned.

    Raises:
        InputError: networks that are not built alike.
    """
    first, last = dict(start.named_parameters()), dict(tuned.named_parameters())
    _check_alike(first, last, "task_vector")
    return {name: (last[name] - value).detach() for name, value in first.items()}


@torch.no_grad()
def add_task_vectors(
    start: nn.Module, vectors: Sequence[dict[str, Tensor]], scale: float = 1.0
) -> nn.Module:
    """A new network: start + scale * the sum of the task vectors, in eval mode.

    A negative `scale` subtracts: the network shall do the task worse than before (Ilharco et al.
    2023, arXiv 2212.04089).

    Raises:
        InputError: a vector that belongs to another network.
    """
    found = copy.deepcopy(start).eval()
    named = dict(found.named_parameters())
    for vector in vectors:
        _check_alike(named, vector, "add_task_vectors")
        for name, change in vector.items():
            named[name] += scale * change
    return found


def _check_alike(first: dict[str, Tensor], other: dict[str, Tensor], what: str) -> None:
    shapes = [{name: tuple(value.shape) for name, value in one.items()} for one in (first, other)]
    if shapes[0] != shapes[1]:
        names = sorted(set(shapes[0].items()) ^ set(shapes[1].items()))
        raise InputError(
            f"{what}: these are not weights of one architecture, they differ in {names[0][0]}. "
            "Take the heads off first (`tl.replace_head(model, nn.Identity())`), or give networks "
            "with heads for the same classes."
        )

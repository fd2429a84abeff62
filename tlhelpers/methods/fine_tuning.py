"""Between frozen and free: how far a pre-trained network may move, and how far it went.

Each function is one idea for fine-tuning. All of them leave the head out of what is held near the
start: a new head has no start worth keeping.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..models.freezing import freeze_to
from ..models.heads import get_heads


def l2_sp(
    model: nn.Module, start: nn.Module, weight: float = 0.01, head_weight: float = 0.0
) -> Tensor:
    """Penalty on the distance from the starting point: a scalar to add to the loss.

    weight / 2 * |w - w0|^2 over all parameters but the head's, and head_weight / 2 * |w|^2 over the
    head's, which has no starting point (L2-SP, Li et al. 2018, arXiv 1802.01483). This is soft
    weight sharing: a weight of 0 is plain fine-tuning, a very large one is freezing, which is hard
    sharing.

    Args:
        model: the network in training. start: the pre-trained one; it gets no gradient.

    Raises:
        InputError: a negative weight, or networks that differ in more than the head.
    """
    if weight < 0 or head_weight < 0:
        raise InputError(f"l2_sp needs weights of 0 or more; got {weight} and {head_weight}.")
    pairs, head = _pairs(model, start)
    away = sum(((w - w0).square().sum() for w, w0 in pairs), torch.zeros(()))
    if not head_weight:
        return weight / 2 * away
    return weight / 2 * away + head_weight / 2 * sum(w.square().sum() for w in head)


@torch.no_grad()
def distance_travelled(model: nn.Module, start: nn.Module) -> float:
    """|w - w0|, Euclidean, over all parameters but the head's.

    Buffers do not count: BatchNorm's running statistics are measured, not learned.

    Raises:
        InputError: networks that differ in more than the head.
    """
    pairs, _ = _pairs(model, start)
    return sum((w - w0).square().sum().item() for w, w0 in pairs) ** 0.5


@torch.no_grad()
def interpolate_weights(start: nn.Module, end: nn.Module, alpha: float) -> nn.Module:
    """A new network on the straight line between two: (1 - alpha) start + alpha end, in eval mode.

    The head takes part, so `start` needs one for the same classes: that of a linear probe. With 0
    and 1 the ends come back bit by bit. BatchNorm's running statistics are averaged with the
    weights: those of either end belong to other activations. Counters (integers) are those of
    `end`. WiSE-FT, Wortsman et al. 2022, arXiv 2109.01903.

    Raises:
        InputError: `alpha` outside [0, 1], or networks that are not built alike, head included.
    """
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha is a share from 0 (start) to 1 (end); got {alpha}.")
    first, last = start.state_dict(), end.state_dict()
    _check_alike(first, last, "interpolate_weights")
    mixed = {
        name: torch.lerp(first[name], value, alpha) if value.is_floating_point() else value
        for name, value in last.items()
    }
    network = copy.deepcopy(end)
    network.load_state_dict(mixed)
    return network.eval()


def gradual_unfreezing(model: nn.Module, layers: Sequence[str], share: float) -> str:
    """Make the last layer trainable at first, and one more after each equal share of the training.

    Call it before a step; use `tl.train_mode` after it, so that what is frozen stays in eval mode.
    ULMFiT, Howard & Ruder 2018, arXiv 1801.06146.

    Args:
        layers: names of the layers at which a stage begins, the earliest first, such as
            `["layer3", "layer4", "fc"]`. What comes before the first is never trained.
        share: of the training that is done, from 0 to 1.

    Returns the name of the earliest trainable layer.

    Raises:
        InputError: no layers, an unknown one, or a share outside [0, 1].
    """
    if not layers or not 0 <= share <= 1:
        raise InputError(
            f"gradual_unfreezing needs layers and a share from 0 to 1; got {list(layers)}, {share}."
        )
    stage = min(int(share * len(layers)), len(layers) - 1)
    freeze_to(model, first := layers[-1 - stage])
    return first


def discriminative_rates(
    model: nn.Module, layers: Sequence[str], lr: float, factor: float = 2.6
) -> list[dict]:
    """Optimizer groups in which each layer learns `factor` times more slowly than the next one.

    The last of `layers` gets `lr`. The factor of 2.6 is that of ULMFiT, Howard & Ruder 2018, arXiv
    1801.06146.

    Args:
        layers: names of the layers at which a group begins, in the order in which they run. What
            comes before the first belongs to the first group.

    Returns dicts with "params", "lr" and "name", for any `torch.optim` optimizer; frozen parameters
    are left out.

    Raises:
        InputError: no layers, an unknown one, or nothing to train.
    """
    known = dict(model.named_modules())
    if not layers or any(name not in known for name in layers):
        raise InputError(
            f"discriminative_rates needs names out of model.named_modules(); got {list(layers)}."
        )
    groups: dict[str, list[nn.Parameter]] = {name: [] for name in layers}
    current = layers[0]
    for name, module in model.named_modules():
        current = name if name in groups else current
        groups[current] += [p for p in module.parameters(recurse=False) if p.requires_grad]
    found = [
        {"params": parameters, "lr": lr / factor**depth, "name": name}
        for depth, (name, parameters) in enumerate(reversed(groups.items()))
        if parameters
    ]
    if not found:
        raise InputError("every parameter is frozen: call tl.unfreeze(...) first.")
    return found


def _pairs(model: nn.Module, start: nn.Module) -> tuple[list[tuple[Tensor, Tensor]], list[Tensor]]:
    """Parameters outside the head with their starting points, and the head's parameters."""
    heads = get_heads(model)
    in_head = {id(p) for _, head in heads for p in head.parameters()}
    moving = {n: p for n, p in model.named_parameters() if id(p) not in in_head}
    at_start = {n: p.detach() for n, p in start.named_parameters()}
    prefixes = tuple(f"{name}." for name, _ in heads)
    fixed = {n: p for n, p in at_start.items() if not n.startswith(prefixes)}
    _check_alike(fixed, moving, "the starting point")
    pairs = [(p, at_start[n]) for n, p in moving.items()]
    return pairs, [p for _, head in heads for p in head.parameters()]


def _check_alike(first: dict[str, Tensor], last: dict[str, Tensor], what: str) -> None:
    shapes = [{name: tuple(value.shape) for name, value in one.items()} for one in (first, last)]
    if shapes[0] != shapes[1]:
        names = sorted(set(shapes[0].items()) ^ set(shapes[1].items()))
        raise InputError(
            f"{what}: the two networks are not built alike, they differ in {names[0][0]}. Give the "
            "start of this very network, with a head for the same classes."
        )

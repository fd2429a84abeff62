"""Freeze, thaw, train in groups: a trained network as the start of another (its head: `heads`).

Frozen is a fact, and it is kept in one place: a parameter's `requires_grad`. `train_mode` derives
the rest from it, because `requires_grad=False` alone does not stop BatchNorm from updating its
running statistics in train mode. `fingerprint` proves it, over parameters and buffers.
"""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from ..core.errors import InputError, nearest
from .heads import get_heads


def freeze(module: nn.Module) -> None:
    """Stop every parameter of `module` from being trained; use `train_mode` for its buffers."""
    module.requires_grad_(False)


def unfreeze(module: nn.Module) -> None:
    """Make every parameter of `module` trainable."""
    module.requires_grad_(True)


def freeze_to(model: nn.Module, layer: str) -> None:
    """Freeze all that is registered before `layer`; make `layer` and all that follows trainable.

    Args:
        model: any network whose layers are registered in the order they run (torchvision's are).
        layer: a dotted name out of `model.named_modules()`, such as "layer4" or "features.10".

    Parameters that belong directly to a container around `layer` count as before it. Calling it
    again with an earlier layer thaws more: gradual unfreezing. Raises `InputError` for an unknown
    layer. Howard and Ruder 2018, arXiv:1801.06146.
    """
    names = [name for name, _ in model.named_modules() if name]
    if layer not in names:
        shallow_first = sorted(names, key=lambda name: name.count("."))
        raise InputError(f'this network has no layer "{layer}".{nearest(layer, shallow_first)}')
    trainable = False
    for name, module in model.named_modules():
        trainable = trainable or name == layer
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(trainable)


def freeze_batchnorm(model: nn.Module) -> None:
    """Freeze every normalisation layer with running statistics, its scale and shift included.

    In the small batches of fine-tuning, means over the batch are worse than those of a million
    pre-training images; and a network without them gives the same result however a batch is shared
    among processes.
    """
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats:
            module.requires_grad_(False)


def train_mode(model: nn.Module) -> None:
    """`model.train()`, except that every fully frozen submodule stays in eval mode.

    A module is fully frozen when it has parameters and none of them is trainable; it goes to eval
    with all its children, so BatchNorm keeps its running statistics and Dropout in a frozen block
    is off. A module without parameters follows the container it sits in: Dropout between a frozen
    and a trainable layer of one `classifier` stays on, and so does a BatchNorm built with
    `affine=False`.
    """
    model.train()
    for module in model.modules():
        trainable = [parameter.requires_grad for parameter in module.parameters()]
        if trainable and not any(trainable):
            module.eval()


def param_groups(
    model: nn.Module, lr: float, backbone_lr: float | None = None, weight_decay: float = 0.0
) -> list[dict]:
    """Optimizer groups of the trainable parameters: head and backbone, with and without decay.

    Args:
        lr: learning rate of the head, and of the backbone too unless `backbone_lr` is given.
        backbone_lr: learning rate of all other layers; lr / 10 is the usual start for fine-tuning.
        weight_decay: for weights of two and more dimensions; biases and normalisation scales are
            never decayed.

    Returns dicts with "params", "lr", "weight_decay" and "name", none of them empty, ready for any
    `torch.optim` optimizer. Raises `InputError` when nothing is trainable.
    """
    in_head = set()
    if backbone_lr is not None:
        in_head = {id(p) for _, head in get_heads(model) for p in head.parameters()}
    groups: dict[str, dict] = {}
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        decay = weight_decay if parameter.ndim > 1 else 0.0
        if backbone_lr is None:
            name, rate = "all", lr
        elif id(parameter) in in_head:
            name, rate = "head", lr
        else:
            name, rate = "backbone", backbone_lr
        if weight_decay and not decay:
            name += ", no decay"
        empty = {"params": [], "lr": rate, "weight_decay": decay, "name": name}
        groups.setdefault(name, empty)["params"].append(parameter)
    if not groups:
        raise InputError(
            "every parameter of this network is frozen, so there is nothing to train. "
            "Call unfreeze(layer) or replace_head(model, classes) before making an optimizer."
        )
    return list(groups.values())


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Number of parameters: {"total": ..., "trainable": ..., "frozen": ...}."""
    total = sum(parameter.numel() for parameter in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {"total": total, "trainable": trainable, "frozen": total - trainable}


def fingerprint(model: nn.Module) -> dict[str, str]:
    """Name -> digest of every parameter and every buffer; equal digests mean equal bits.

    Buffers are in it because BatchNorm's running statistics are: a network can drift although
    none of its parameters moves.
    """
    entries = [*model.named_parameters(), *model.named_buffers()]
    return {name: _digest(tensor) for name, tensor in entries}


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Names whose digest differs between two fingerprints, or that only one of them has."""
    names = [*after, *(name for name in before if name not in after)]
    return [name for name in names if before.get(name) != after.get(name)]


def _digest(tensor: torch.Tensor) -> str:
    # Flat bytes: NumPy knows no bfloat16, and a tensor of no dimension cannot be reinterpreted.
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    header = f"{tensor.dtype} {tuple(tensor.shape)}".encode()
    return hashlib.blake2b(header + flat.numpy().tobytes(), digest_size=12).hexdigest()

"""Freeze, thaw, behead: the operations that turn a trained network into the start of another.

Frozen is a fact, and it is kept in one place: a parameter's `requires_grad`. `train_mode` derives
the rest from it, because `requires_grad=False` alone does not stop BatchNorm from updating its
running statistics in train mode. `fingerprint` proves it, over parameters and buffers.
"""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from .errors import InputError, nearest

# Where torchvision's classification networks keep their last layer.
_HEAD_NAMES = ("fc", "classifier", "heads", "head")


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


def get_head(model: nn.Module) -> tuple[str, nn.Module]:
    """Dotted name and module of a classifier's last layer, for example ("fc", Linear(...)).

    It is what `replace_head` put in, else what timm's `get_classifier` says, else the last layer
    with weights in torchvision's `fc`, `classifier`, `heads` or `head`, or in an `nn.Sequential`.
    Raises `InputError` when the network has none of these.
    """
    for name, module in model.named_modules():
        if getattr(module, "is_replaced_head", False):
            return name, module
    if hasattr(model, "get_classifier"):
        found = model.get_classifier()
        found = found[0] if isinstance(found, tuple) else found  # distilled networks have two
        return next((name, module) for name, module in model.named_modules() if module is found)
    children = dict(model.named_children())
    root = next((name for name in _HEAD_NAMES if name in children), "")
    if root or isinstance(model, nn.Sequential):
        inside = list(model.get_submodule(root).named_modules(prefix=root))
        for name, module in reversed(inside):
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                return name, module
    raise InputError(
        f"{type(model).__name__} has no head that could be found: none of its children is called "
        f"{', '.join(_HEAD_NAMES)} and holds a Linear or Conv2d layer. Give its last layer one of "
        "these names."
    )


def replace_head(model: nn.Module, new: int | nn.Module) -> nn.Module:
    """Put a new last layer on a classifier and return that layer.

    Args:
        model: any classification network of torchvision or timm, or one built alike.
        new: a number of classes, or a module that takes the features the old head took
            (`nn.Identity()` makes the network return its features).

    A head made here has weights from N(0, .01) and zero biases, so that the first guesses are even
    and the first loss is close to ln(classes). The new head lies on the old one's device, has its
    precision, and is trainable even where the network is frozen. The auxiliary classifiers of
    GoogLeNet and Inception are taken off: they know the old classes only, and without them the
    network returns plain logits in train mode too. Raises `InputError` for less than one class,
    and for a Linear layer made for another number of features.
    """
    if isinstance(new, bool) or not isinstance(new, (int, nn.Module)):
        raise InputError(f"a head is a number of classes or a module, not {new!r}.")
    if isinstance(new, int) and new < 1:
        raise InputError(f"a head needs at least one class, not {new}.")
    name, old = get_head(model)
    like = next((p for p in [*old.parameters(), *model.parameters()]), torch.empty(0))
    if isinstance(new, nn.Module):
        _check_fit(old, new)
        model.set_submodule(name, new)
    elif hasattr(model, "reset_classifier"):
        model.reset_classifier(new)
        name, _ = get_head(model)
    else:
        model.set_submodule(name, _same_kind(old, new))
    _drop_auxiliary(model)
    head = model.get_submodule(name)
    model.to(like.device)  # the whole of it: distilled networks of timm have a second head
    head.to(like.dtype)
    if isinstance(new, int):
        _start_even(head)
    head.requires_grad_(True)
    head.is_replaced_head = True
    return head


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
        in_head = {id(parameter) for parameter in get_head(model)[1].parameters()}
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


def _check_fit(old: nn.Module, new: nn.Module) -> None:
    if isinstance(old, nn.Linear) and isinstance(new, nn.Linear):
        if old.in_features != new.in_features:
            raise InputError(
                f"the new head takes {new.in_features} features, and this network gives "
                f"{old.in_features}. Make it with nn.Linear({old.in_features}, classes)."
            )


def _same_kind(old: nn.Module, num_classes: int) -> nn.Module:
    bias = old.bias is not None
    if isinstance(old, nn.Conv2d):  # SqueezeNet classifies with a convolution
        return nn.Conv2d(
            old.in_channels, num_classes, old.kernel_size, old.stride, old.padding, bias=bias
        )
    return nn.Linear(old.in_features, num_classes, bias=bias)


def _start_even(head: nn.Module) -> None:
    for layer in head.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.normal_(layer.weight, 0, 0.01)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _drop_auxiliary(model: nn.Module) -> None:
    if getattr(model, "aux_logits", False):
        model.aux_logits = False
        for name in ("aux1", "aux2", "AuxLogits"):
            if hasattr(model, name):
                setattr(model, name, None)


def _digest(tensor: torch.Tensor) -> str:
    # Flat bytes: NumPy knows no bfloat16, and a tensor of no dimension cannot be reinterpreted.
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    header = f"{tensor.dtype} {tuple(tensor.shape)}".encode()
    return hashlib.blake2b(header + flat.numpy().tobytes(), digest_size=12).hexdigest()

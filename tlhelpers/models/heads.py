"""The head of a classifier, its last layer: find it, put another in its place."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ..core.errors import InputError

# Where torchvision's classification networks keep their last layer.
_HEAD_NAMES = ("fc", "classifier", "heads", "head")


def get_head(model: nn.Module) -> tuple[str, nn.Module]:
    """Dotted name and module of a classifier's last layer, for example ("fc", Linear(...)).

    It is what timm's `get_classifier` says, else what `replace_head` put in, else the last layer
    with weights in torchvision's `fc`, `classifier`, `heads` or `head`, or in an `nn.Sequential`.
    Raises `InputError` when the network has none of these. Of a distilled network's two heads it
    is the first; see `get_heads`.
    """
    return get_heads(model)[0]


def get_heads(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """All heads of a classifier: one, or the two of a distilled network, which are averaged."""
    named = dict(model.named_modules())
    if hasattr(model, "get_classifier"):
        found = model.get_classifier()
        found = found if isinstance(found, tuple) else (found,)
        return [(n, m) for n, m in named.items() if any(m is one for one in found)]
    # What `replace_head` put in is marked, as its place does not give it away: in DenseNet's
    # `classifier`, which was one layer, a reader's own Sequential looks like AlexNet's, whose head
    # is the last layer inside; and `nn.Identity()` has no weights to be known by.
    if marked := [(n, m) for n, m in named.items() if getattr(m, "is_replaced_head", False)]:
        return marked
    children = dict(model.named_children())
    root = next((name for name in _HEAD_NAMES if name in children), "")
    if root or isinstance(model, nn.Sequential):
        inside = list(model.get_submodule(root).named_modules(prefix=root))
        for name, module in reversed(inside):
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                return [(name, module)]
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
    network returns plain logits in train mode too. A distilled network, which averages the answers
    of two heads, gets a copy of the new one as its second. Raises `InputError` for less than one
    class, and for a Linear layer made for another number of features.
    """
    if isinstance(new, bool) or not isinstance(new, (int, nn.Module)):
        raise InputError(f"a head is a number of classes or a module, not {new!r}.")
    if isinstance(new, int) and new < 1:
        raise InputError(f"a head needs at least one class, not {new}.")
    heads = get_heads(model)
    name, old = heads[0]
    like = next((p for p in [*old.parameters(), *model.parameters()]), torch.empty(0))
    if isinstance(new, nn.Module):
        _check_fit(old, new)
        model.set_submodule(name, new)
        for other, _ in heads[1:]:
            model.set_submodule(other, copy.deepcopy(new))
    elif hasattr(model, "reset_classifier"):
        model.reset_classifier(new)
        heads = get_heads(model)
    else:
        model.set_submodule(name, _same_kind(old, new))
    _drop_auxiliary(model)
    for place, _ in heads:
        head = model.get_submodule(place).to(like.device, like.dtype)
        if isinstance(new, int):
            _start_even(head)
        head.requires_grad_(True)
        head.is_replaced_head = True
    return model.get_submodule(heads[0][0])


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

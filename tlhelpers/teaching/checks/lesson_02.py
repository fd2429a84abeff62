"""Checks of lesson 02: what is left to train, the swap, the gap, from "what" to "where"."""

from __future__ import annotations

import torch
from torch import nn

from . import Wrong, attempted, exercise

# 02-1: what is left to train --------------------------------------------------------------------

_INPUTS, _CLASSES = 256 * 6 * 6, 5
_COUNTS = {
    "forgets the biases": (
        _INPUTS * _CLASSES,
        "counts the weights only. Each of the 5 outputs has a bias as well.",
    ),
    "counts channels, not places": (
        256 * _CLASSES + _CLASSES,
        "would be right if each channel were averaged to one number. AlexNet flattens the map: "
        "every place of the 6 x 6 map is a separate input.",
    ),
    "keeps the two hidden layers": (
        _INPUTS * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * _CLASSES + _CLASSES,
        "contains all three fully connected layers. They are removed, and one new layer replaces "
        "them.",
    ),
    "replaces the last layer only": (
        4096 * _CLASSES + _CLASSES,
        "is a new *last* layer behind the two hidden ones. The whole classifier is removed, so the "
        "new layer reads the pooled map, 256 x 6 x 6.",
    ),
}


@exercise("02-1", wrong={name: lambda count=count: count for name, (count, _) in _COUNTS.items()})
def left_to_train(trainable):
    """Trainable parameters of the full AlexNet with one linear layer for 5 classes."""
    trainable = int(trainable)
    for count, reason in _COUNTS.values():
        if trainable == count:
            raise Wrong(f"{trainable:,} {reason}")
    if trainable != _INPUTS * _CLASSES + _CLASSES:
        raise Wrong(f"{trainable:,} is wrong. Inputs times outputs, and a bias for each output.")
    return (
        f"{trainable:,}: about a thousandth of 54.5 million. The choice of the head changes the "
        "number of trainable parameters much more than freezing the convolutions does."
    )


# 02-2: the swap ---------------------------------------------------------------------------------


def _network(first: bool) -> nn.Module:
    """A small network shaped like AlexNet (Dropout first) or VGG (a linear layer first)."""
    torch.manual_seed(0)
    model = nn.Module()
    model.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    model.avgpool = nn.AdaptiveAvgPool2d(2)
    start = [nn.Dropout()] if first else []
    model.classifier = nn.Sequential(*start, nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 6))
    return model


def _swap(model, classes, *, freeze="before", inputs=None, cut=True):
    """The right swap, and by its options the wrong ones."""
    linear = next(layer for layer in model.classifier if isinstance(layer, nn.Linear))
    if freeze == "before":
        model.requires_grad_(False)
    if cut:
        model.classifier = nn.Sequential(nn.Linear(inputs or linear.in_features, classes))
    else:
        model.classifier[-1] = nn.Linear(model.classifier[-1].in_features, classes)
    if freeze == "after":
        model.requires_grad_(False)
    return model


def _returns_nothing(model, classes):
    _swap(model, classes)
    return model.classifier


_SWAPS = {
    "freezes the new layer too": lambda m, c: _swap(m, c, freeze="after"),
    "freezes nothing": lambda m, c: _swap(m, c, freeze=None),
    "changes the last layer only": lambda m, c: _swap(m, c, cut=False),
    "types the number of features in": lambda m, c: _swap(m, c, inputs=9216),
    "relies on the position": lambda m, c: _swap(m, c, inputs=m.classifier[1].in_features),
    "returns the layer": _returns_nothing,
    "ignores the number of classes": lambda m, c: _swap(m, 2),
}


@exercise("02-2", wrong={name: lambda swap=swap: swap for name, swap in _SWAPS.items()})
def the_swap(swap_head):
    """The swap on two small networks, one with Dropout in front and one without."""
    for first in (True, False):
        model = attempted(swap_head(_network(first), 3))
        kind = "with" if first else "without"
        where = f"On a network {kind} Dropout in front of its classifier"
        if not hasattr(model, "features") or not hasattr(model, "classifier"):
            raise Wrong("Return the whole network: `return model`.")
        layers = [layer for layer in model.classifier.modules() if isinstance(layer, nn.Linear)]
        if len(layers) != 1:
            raise Wrong(
                f"{where} there are {len(layers)} linear layers in `classifier` after the swap. "
                "All old ones are to be removed: set `model.classifier` itself."
            )
        (layer,) = layers
        if layer.in_features != 16:
            raise Wrong(
                f"{where} the new layer takes {layer.in_features} features, and 16 arrive. Read "
                "the number from the first linear layer of the old classifier, wherever it stands."
            )
        if layer.out_features != 3:
            raise Wrong(f"{layer.out_features} outputs for 3 classes: use the argument `classes`.")
        if not all(parameter.requires_grad for parameter in layer.parameters()):
            raise Wrong(
                "The new layer is frozen as well, so nothing can be trained. Freeze first, then "
                "put the new layer in."
            )
        if any(parameter.requires_grad for parameter in model.features.parameters()):
            raise Wrong("The convolutions can still be trained: freeze `model.features`.")
    return "Cut and frozen, with one new layer of the right size: it works for VGG-16, too."


# 02-3: the gap ----------------------------------------------------------------------------------


class _Unsteady(nn.Module):
    """Returns its inputs as answers; in train mode every second answer is reversed."""

    def forward(self, x):
        if not self.training:
            return x
        return torch.where(torch.arange(len(x))[:, None] % 2 == 0, x, -x)


def _batches(right: int, wrong: int) -> list:
    """Batches (x, y) of 4, the last one shorter; x are the answers that `_Unsteady` passes on."""
    y = torch.zeros(right + wrong, dtype=torch.long)
    x = torch.tensor([[1.0, 0.0]] * right + [[0.0, 1.0]] * wrong)
    return list(zip(x.split(4), y.split(4), strict=True))


@torch.no_grad()
def _gap(model, train, val, *, mode="eval", mean="samples", restore=True, sign=1):
    """The right gap, and by its options the wrong ones."""
    was = model.training
    if mode:
        model.train(mode == "train")

    def accuracy(loader):
        right = [(model(x).argmax(1) == y).float() for x, y in loader]
        if mean == "batches":
            return float(sum(r.mean() for r in right) / len(right))
        return float(torch.cat(right).mean())

    found = sign * (accuracy(train) - accuracy(val))
    if restore:
        model.train(was)
    return found


_GAPS = {
    "leaves train mode on": {"mode": None},
    "averages the batches": {"mean": "batches"},
    "takes the wrong sign": {"sign": -1},
    "leaves the network in eval mode": {"restore": False},
}


@exercise(
    "02-3",
    wrong={
        name: lambda fault=fault: lambda model, train, val: _gap(model, train, val, **fault)
        for name, fault in _GAPS.items()
    }
    | {"compares a set with itself": lambda: lambda model, train, val: _gap(model, train, train)},
)
def the_gap(gap):
    """The gap of a network that answers differently in train mode; batches of unequal size."""
    train, val = _batches(9, 0), _batches(4, 5)
    model = _Unsteady().train()
    value = float(attempted(gap(model, train, val)))
    expected = _gap(_Unsteady(), train, val)
    if abs(value - expected) > 1e-6:
        known = {name: _gap(_Unsteady().train(), train, val, **f) for name, f in _GAPS.items()}
        if abs(value - known["leaves train mode on"]) < 1e-6:
            raise Wrong(
                "You measured in train mode, where Dropout and BatchNorm behave differently: call "
                "`model.eval()` first. The check's network gives other answers in train mode."
            )
        if abs(value - known["averages the batches"]) < 1e-6:
            raise Wrong(
                "You averaged the accuracies of the batches. The last batch is shorter, so its "
                "pictures count too much. Count right answers and divide by all pictures."
            )
        if abs(value + expected) < 1e-6:
            raise Wrong("The sign is wrong: it is training accuracy minus validation accuracy.")
        if abs(value) < 1e-6:
            raise Wrong("The gap is 0: are both accuracies measured on the same loader?")
        raise Wrong(f"The check's gap is {expected:.3f}, yours is {value:.3f}.")
    if not model.training:
        raise Wrong(
            "The number is right, but the network was in train mode before and is in eval mode "
            "now: the next training step would run without Dropout."
        )
    return "Both measured in eval mode, every picture counted once, and the mode is restored."


# 02-4: from "what" to "where" -------------------------------------------------------------------


def _convolution(linear, channels, side, *, order="channels", bias=True, kernel=None):
    """The right convolution, and by its options the wrong ones."""
    convolution = nn.Conv2d(channels, linear.out_features, kernel or side, bias=bias)
    with torch.no_grad():
        weight = linear.weight
        if order == "channels":
            weight = weight.view(-1, channels, side, side)
        elif order == "last":
            weight = weight.view(-1, side, side, channels).permute(0, 3, 1, 2)
        else:  # rows and columns change places
            weight = weight.view(-1, channels, side, side).transpose(2, 3)
        convolution.weight.copy_(weight)
        if bias:
            convolution.bias.copy_(linear.bias)
    return convolution


_CONVOLUTIONS = {
    "puts channels last": lambda *a: _convolution(*a, order="last"),
    "swaps rows and columns": lambda *a: _convolution(*a, order="swapped"),
    "forgets the bias": lambda *a: _convolution(*a, bias=False),
    "forgets to copy": lambda linear, c, side: nn.Conv2d(c, linear.out_features, side),
    "takes a 1 x 1 kernel": lambda linear, c, side: nn.Conv2d(c, linear.out_features, 1),
    "returns a linear layer": lambda linear, c, side: linear,
}


@exercise("02-4", wrong={name: lambda make=make: make for name, make in _CONVOLUTIONS.items()})
def linear_as_convolution(as_convolution):
    """The same answer on a 3 x 3 map, and a map of answers on a larger one."""
    torch.manual_seed(0)
    linear, x = nn.Linear(5 * 9, 2), torch.randn(4, 5, 3, 3)
    layer = attempted(as_convolution(linear, 5, 3))
    if not isinstance(layer, nn.Conv2d):
        raise Wrong(f"The answer must be an `nn.Conv2d`; this is {type(layer).__name__}.")
    with torch.no_grad():
        got, wanted = layer(x), linear(x.flatten(1))
    if got.shape != (4, 2, 1, 1):
        raise Wrong(
            f"On a 3 x 3 map it should give one answer, (2, 1, 1); it gives {tuple(got.shape[1:])}."
            " The kernel is as large as the whole map (`side`), without padding."
        )
    got = got[..., 0, 0]
    if not torch.allclose(got, wanted, atol=1e-5):
        if torch.allclose(got + linear.bias, wanted, atol=1e-5):
            raise Wrong("Only the bias is missing: copy `linear.bias` as well.")
        for order, where in (("last", "channels last"), ("swapped", "columns before rows")):
            if torch.allclose(
                got, _convolution(linear, 5, 3, order=order)(x)[..., 0, 0], atol=1e-5
            ):
                raise Wrong(
                    f"The weights are in another order ({where}). `flatten(1)` goes through the "
                    "channels first, then rows, then columns: `.view(-1, channels, side, side)`."
                )
        raise Wrong(
            "The answers differ from the linear layer's. Is `linear.weight`, viewed as (outputs, "
            "channels, side, side), copied into the convolution's weight?"
        )
    places = tuple(layer(torch.randn(1, 5, 6, 8)).shape[2:])
    return (
        f"On a 6 x 8 map it gives answers at {places[0]} x {places[1]} places: a classifier that "
        "slides. OverFeat (Sermanet et al. 2014) made a detector from that."
    )

"""Checks of lesson 04, style transfer: what is optimised, Gram matrices, closures, cutting."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ...methods.style.transfer import gram_matrix
from ...methods.style.vgg_features import layer_names
from . import Wrong, attempted, exercise


@exercise(
    "04-1",
    wrong={
        "forgets the colours": lambda: 240 * 160,
        "counts VGG-16's parameters": lambda: 14_714_688,
        "counts a square": lambda: 3 * 240 * 240,
    },
)
def parameters_of_a_painting(parameters):
    """How many numbers the optimiser changes in a picture of 240 x 160 pixels."""
    if parameters == 240 * 160:
        raise Wrong("These are the pixels; each has three numbers: red, green, blue.")
    if parameters > 1_000_000:
        raise Wrong("That is the size of a network. The network is frozen: none of it changes.")
    if parameters != 3 * 240 * 160:
        raise Wrong(f"{parameters} is not it: height times width times the numbers of a pixel.")
    return "115,200 numbers: less than a hundredth of VGG-16's convolutions, and all that changes."


def _flat(features):
    return features.flatten(2)


@exercise(
    "04-2",
    wrong={
        "not divided": lambda: lambda f: _flat(f) @ _flat(f).mT,
        "divided by positions only": lambda: (
            lambda f: _flat(f) @ _flat(f).mT / (f.shape[2] * f.shape[3])
        ),
        "positions instead of channels": lambda: lambda f: _flat(f).mT @ _flat(f) / f[0].numel(),
        "batch summed away": lambda: (
            lambda f: torch.einsum("bip,bjp->ij", _flat(f), _flat(f)) / f[0].numel()
        ),
        "centred": lambda: lambda f: gram_matrix(f - f.mean(dim=(2, 3), keepdim=True)),
    },
)
def gram_of_a_batch(gram):
    """(B, C, H, W) to (B, C, C), on random features of different height and width."""
    features = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    result, expected = attempted(gram(features.clone())), gram_matrix(features)
    shape = tuple(getattr(result, "shape", ()))
    if shape == (2, 20, 20):
        raise Wrong(
            "You multiplied positions with positions: (B, 20, 20). Style does not depend on "
            "positions, so the sum runs over them: flat @ flat.mT, not flat.mT @ flat."
        )
    if shape == (3, 3):
        raise Wrong("One matrix for the whole batch: each image needs its own, (B, C, C).")
    if shape != (2, 3, 3):
        raise Wrong(f"Of features (2, 3, 4, 5) the result should be (2, 3, 3), not {shape}.")
    if torch.allclose(result, expected * 60):
        raise Wrong("Divide by C * H * W, or a larger picture has a larger style.")
    if torch.allclose(result, expected * 3):
        raise Wrong("Divided by the positions, not yet by the channels: C * H * W.")
    if not torch.allclose(result, expected, atol=1e-6):
        raise Wrong(
            "The shape is right, the values are not. Did you subtract a mean? A Gram matrix takes "
            "the features as they are."
        )
    return "Products of channels, summed over positions: `tl.gram_matrix` is the same."


def _closure(image, optimizer, loss_of, *, zero=True, step=False, returns=True, clamp=False):
    """A closure with one thing wrong, for the tests."""

    def closure():
        if clamp:
            image.data.clamp_(0, 1)
        if zero:
            optimizer.zero_grad()
        loss = loss_of(image)
        loss.backward()
        if step:
            image.data -= 0.1 * image.grad
        return loss if returns else None

    return closure


def _variant(**fault):
    return lambda: lambda *arguments: _closure(*arguments, **fault)


@exercise(
    "04-3",
    wrong={
        "no zero_grad": _variant(zero=False),
        "steps by itself": _variant(step=True),
        "returns nothing": _variant(returns=False),
        "clamps inside": _variant(clamp=True),
        "returns the loss, not a function": lambda: lambda i, o, f: _closure(i, o, f)(),
    },
)
def a_closure_for_lbfgs(closure_for):
    """Called twice on an image that lies partly outside 0..1, then run by L-BFGS."""
    image = torch.linspace(-0.5, 1.5, 48).view(1, 3, 4, 4).requires_grad_()
    optimizer = torch.optim.LBFGS([image], max_iter=5)
    before, goal = image.detach().clone(), torch.full_like(image.detach(), 0.25)

    def loss_of(x):
        return (x - goal).square().sum()

    closure = attempted(closure_for(image, optimizer, loss_of))
    if not callable(closure) or isinstance(closure, torch.Tensor):
        raise Wrong("Return a *function*: L-BFGS wants to call it itself, as often as it likes.")
    values = [closure(), closure()]
    if any(value is None for value in values):
        raise Wrong("The closure must return the loss: L-BFGS uses its value.")
    if torch.equal(image.detach(), before.clamp(0, 1)):
        raise Wrong(
            "The closure clamped the image. L-BFGS does not know of this change, so its estimate "
            "of the curvature is wrong. Clamp after the run, or let colours outside cost."
        )
    if not torch.equal(image.detach(), before):
        raise Wrong(
            "The closure changed the image. It should only compute loss and gradient; L-BFGS "
            "makes the step."
        )
    if image.grad is None:
        raise Wrong("There is no gradient after a call: `loss.backward()` is missing.")
    if not torch.allclose(image.grad, 2 * (before - goal)):
        raise Wrong(
            "After two calls the gradient is not that of the second one alone: begin with "
            "`optimizer.zero_grad()`."
        )
    optimizer.step(closure)
    if loss_of(image.detach()) > 1e-3:
        raise Wrong("L-BFGS did not reach the minimum with this closure. Does it return the loss?")
    return "The middle of a training loop as a function; L-BFGS reached the minimum with it."


def _vgg() -> nn.Sequential:
    torch.manual_seed(2)
    widths, layers = [3, 4, 4, 6, 6], []
    for index, (a, b) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(2)] if index % 2 else []
    return nn.Sequential(*layers)


def _cut(features, layers, *, extra=1, copied=True, frozen=True, inplace=False, pick=max):
    """A cut with one thing wrong, for the tests."""
    chain = features[: pick(layer_names(features)[name] for name in layers) + extra]
    chain = copy.deepcopy(chain) if copied else chain
    for module in chain:
        if isinstance(module, nn.ReLU):
            module.inplace = inplace
    return chain.requires_grad_(not frozen)


def _cut_variant(**fault):
    return lambda: lambda features, layers: _cut(features, layers, **fault)


@exercise(
    "04-4",
    wrong={
        "not copied": _cut_variant(copied=False),
        "not frozen": _cut_variant(frozen=False),
        "ReLU in place": _cut_variant(inplace=True),
        "cut before the ReLU": _cut_variant(extra=0),
        "cut after the first named": _cut_variant(pick=min),
        "not cut": lambda: lambda features, layers: _cut(features, ["conv2_2"]),
    },
)
def a_network_cut_and_frozen(cut):
    """On a small VGG of two blocks; the names come deepest first."""
    features = _vgg()
    given = copy.deepcopy(features)
    chain = attempted(cut(features, ["conv2_1", "conv1_2"]))
    wanted = layer_names(given)["conv2_1"] + 1
    if not isinstance(chain, nn.Module) or not hasattr(chain, "__len__"):
        raise Wrong(f"Return an nn.Sequential, not {type(chain).__name__}.")
    flags = [module.inplace for module in features if isinstance(module, nn.ReLU)]
    if not all(p.requires_grad for p in features.parameters()) or not all(flags):
        raise Wrong(
            "The network you were given has changed: a slice shares its modules. Freeze and alter "
            "a `copy.deepcopy` of it."
        )
    if len(chain) == wanted - 1:
        raise Wrong("The last ReLU is missing: a layer is read after it, so slice to n + 1.")
    if len(chain) < wanted:
        raise Wrong("Cut too early: the deepest of the named layers counts, in whatever order.")
    if len(chain) > wanted:
        raise Wrong(f"{len(chain)} modules where {wanted} would do: the rest is for nothing.")
    if any(p.requires_grad for p in chain.parameters()):
        raise Wrong("Its weights can still be trained: every step costs gradients nobody uses.")
    if any(getattr(module, "inplace", False) for module in chain):
        raise Wrong("A ReLU still works in place, and overwrites the features you keep.")
    x = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    if not torch.allclose(chain(x), given[:wanted](x)):
        raise Wrong("The chain computes something else than the network did up to that layer.")
    return "Frozen, cut, and a copy: what `tl.VGGFeatures` does, which pools by average besides."

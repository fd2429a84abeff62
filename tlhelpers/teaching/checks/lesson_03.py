"""Checks of lesson 03: an extractor by hand, the size of a cache, nearest neighbours."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from . import Wrong, attempted, exercise

# 03-1: an extractor by hand ---------------------------------------------------------------------


def _network() -> nn.Sequential:
    """Small, in train mode, with BatchNorm; its layers are called 0 ... 4."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.Flatten()
    ).train()


def _features(network, layer, x, *, mode="eval", grad=False, remove=True, pool=(2, 3), at="output"):
    """The right extractor, and by its options the wrong ones."""
    caught = []
    hook = network.get_submodule(layer).register_forward_hook(
        lambda module, inputs, output: caught.append(output if at == "output" else inputs[0])
    )
    if mode:
        network.train(mode == "train")
    with torch.set_grad_enabled(grad):
        out = network(x)
    if remove:
        hook.remove()
    found = out if at == "network" else caught[0]
    return found.mean(pool) if pool else found


_EXTRACTORS = {
    "leaves train mode on": {"mode": None},
    "keeps the gradient": {"grad": True},
    "leaves its hook behind": {"remove": False},
    "does not average": {"pool": None},
    "averages over channels": {"pool": (1, 3)},
    "catches the input": {"at": "input"},
    "returns the network's output": {"at": "network", "pool": None},
}


@exercise(
    "03-1",
    wrong={
        name: lambda fault=fault: lambda network, layer, x: _features(network, layer, x, **fault)
        for name, fault in _EXTRACTORS.items()
    },
)
def extractor(features_of):
    """The features of the third layer of a small network with BatchNorm."""
    network, x = _network(), torch.randn(5, 3, 9, 7, generator=torch.Generator().manual_seed(1))
    got = attempted(features_of(network, "2", x.clone()))
    wanted = _features(_network(), "2", x)
    if not isinstance(got, torch.Tensor):
        raise Wrong(f"Return a tensor (N, C), not {type(got).__name__}.")
    if got.ndim == 4:
        raise Wrong(f"The map {tuple(got.shape)} is not averaged over its places: .mean((2, 3)).")
    if got.shape == (5, 7) or got.shape == (5, 5):
        raise Wrong("You averaged over the channels; average over rows and columns, axes (2, 3).")
    if got.shape == network(x).shape:
        raise Wrong("That is the network's own output. Keep what the hook gets: its `output`.")
    if got.shape != wanted.shape:
        raise Wrong(f"The shape is {tuple(got.shape)}, not (N, C) = {tuple(wanted.shape)}.")
    if got.requires_grad:
        raise Wrong("The features carry a gradient: run the network in `with torch.no_grad():`.")
    if network[2]._forward_hooks:
        raise Wrong("The hook is still there and would run at every later pass: hook.remove().")
    if torch.allclose(got, wanted, atol=1e-5):
        return "Eval mode, no gradient, no hook left behind: an extractor for any layer."
    if torch.allclose(got, _features(_network(), "2", x, mode="train"), atol=1e-5):
        raise Wrong(
            "You ran the network in train mode: BatchNorm used the statistics of this batch, so a "
            "picture's features depend on the other pictures in it. Call `network.eval()` first."
        )
    if torch.allclose(got, _features(_network(), "2", x, at="input"), atol=1e-5):
        raise Wrong("You kept the *input* of the layer. A hook gets (module, inputs, output).")
    raise Wrong("The shape is right, the numbers are not. Is it the output of `layer`?")


# 03-2: the size of a cache ----------------------------------------------------------------------

_PICTURES, _WIDTH = 1_281_167, 512
_SIZES = {
    "forgets the bytes": (
        _PICTURES * _WIDTH * 4 / 1e9,
        "is right for one view of 4 bytes, or four views of 1 byte: count both the bytes of a "
        "float32 and all passes over the data.",
    ),
    "forgets the plain picture": (
        _PICTURES * _WIDTH * 4 * 3 / 1e9,
        "counts the 3 augmented views only. The plain picture is kept as well.",
    ),
    "counts bits": (
        _PICTURES * _WIDTH * 32 * 4 / 1e9,
        "counts bits. A byte has 8 of them, a float32 is 4 bytes.",
    ),
    "divides by 1024": (
        _PICTURES * _WIDTH * 4 * 4 / 1024**3,
        "is in GiB (2^30 bytes). Here 1 GB is 10^9 bytes.",
    ),
    "forgets to divide": (_PICTURES * _WIDTH * 4 * 4, "is in bytes. Divide by 10^9."),
}


@exercise("03-2", wrong={name: lambda size=size: size for name, (size, _) in _SIZES.items()})
def size_of_the_cache(gigabytes):
    """Bytes of the features of all ImageNet pictures, four passes, float32."""
    gigabytes, right = float(gigabytes), _PICTURES * _WIDTH * 4 * 4 / 1e9
    for size, reason in _SIZES.values():
        if abs(gigabytes - size) < 0.005 * size:
            raise Wrong(f"{gigabytes:.4g} {reason}")
    if abs(gigabytes - right) > 0.01 * right:
        raise Wrong(f"{gigabytes:.4g} is not right: pictures x features x bytes x passes / 10^9.")
    return (
        f"{right:.1f} GB: it fits on any disk; the pictures themselves need about 140 GB. The "
        "expensive part is the pass through the network."
    )


# 03-3: nearest neighbours -----------------------------------------------------------------------


def _cosine(queries, bank):
    return F.normalize(queries, dim=1) @ F.normalize(bank, dim=1).T


_NEIGHBOURS = {
    "does not normalise": lambda q, b, k: (q @ b.T).topk(k).indices,
    "takes the distance": lambda q, b, k: torch.cdist(q, b).topk(k, largest=False).indices,
    "takes the farthest": lambda q, b, k: _cosine(q, b).topk(k, largest=False).indices,
    "returns the cosines": lambda q, b, k: _cosine(q, b).topk(k).values,
    "the farthest of the nearest first": lambda q, b, k: _cosine(q, b).topk(k).indices.flip(1),
    "ignores k": lambda q, b, k: _cosine(q, b).topk(1).indices,
    "normalises columns": lambda q, b, k: (
        (F.normalize(q, dim=0) @ F.normalize(b, dim=0).T).topk(k).indices
    ),
}


@exercise("03-3", wrong={name: lambda find=find: find for name, find in _NEIGHBOURS.items()})
def nearest_neighbours(nearest):
    """Four queries among forty rows of very unequal length and scale."""
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(4, 6, generator=generator)
    bank = torch.randn(40, 6, generator=generator) * torch.logspace(-1, 1, 40)[:, None]
    got = attempted(nearest(queries.clone(), bank.clone(), 3))
    wanted = _cosine(queries, bank).topk(3).indices
    if not isinstance(got, torch.Tensor) or tuple(got.shape) != (4, 3):
        shape = tuple(got.shape) if isinstance(got, torch.Tensor) else type(got).__name__
        raise Wrong(f"For 4 queries and k=3 the positions have the shape (4, 3), not {shape}.")
    if got.is_floating_point():
        raise Wrong("Those are the cosines. Return the positions: `.topk(k).indices`.")
    if torch.equal(got, wanted):
        return "The angle ignores the length of a feature vector and compares its direction."
    reasons = {
        "does not normalise": "Long rows win because they are long: scale all to length 1 first.",
        "takes the distance": "That is the smallest distance, not the smallest angle: a longer "
        "row in the same direction would be far away.",
        "takes the farthest": "Those point in the *opposite* direction: the largest cosine is the "
        "smallest angle.",
        "the farthest of the nearest first": "The right rows, but the nearest comes first.",
        "normalises columns": "You normalised the columns. A row is a picture: use dim=1.",
    }
    for name, reason in reasons.items():
        if torch.equal(got, _NEIGHBOURS[name](queries, bank, 3)):
            raise Wrong(reason)
    raise Wrong("Not right: normalise the rows of both, multiply, and take the k largest products.")

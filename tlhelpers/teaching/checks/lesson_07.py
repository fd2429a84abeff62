"""Checks of lesson 07: how many layers should move, and how much data is enough."""

from __future__ import annotations

import torch
from torch import nn

from . import Wrong, attempted, exercise

# --- between frozen and free ---------------------------------------------------------------------


class _TwoLayers(nn.Module):
    """A trunk of one layer with BatchNorm, and a head; every number is known."""

    def __init__(self, value: float):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        self.head = nn.Linear(2, 3)
        for parameter in self.parameters():
            nn.init.constant_(parameter, value)
        self.features[1].running_mean.fill_(value)


def _squares(network, start, alpha, *, head=False, half=True, to_zero=False, root=False):
    at_start = dict(start.named_parameters())
    pairs = [
        (p, torch.zeros_like(p) if to_zero else at_start[n].detach())
        for n, p in network.named_parameters()
        if head or not n.startswith("head.")
    ]
    total = sum((p - q).square().sum() for p, q in pairs)
    return (alpha / 2 if half else alpha) * (total.sqrt() if root else total)


def _squares_as(**options):
    return lambda: lambda network, start, alpha: _squares(network, start, alpha, **options)


@exercise(
    "07-4",
    wrong={
        "counts the head": _squares_as(head=True),
        "forgets the half": _squares_as(half=False),
        "plain weight decay": _squares_as(to_zero=True),
        "the distance, not squared": _squares_as(root=True),
        "a plain number": lambda: lambda n, s, alpha: _squares(n, s, alpha).item(),
        "gradient into the start": lambda: (
            lambda n, s, alpha: (
                alpha
                / 2
                * sum(
                    (p - q).square().sum()
                    for p, q in zip(n.features.parameters(), s.features.parameters(), strict=True)
                )
            )
        ),
        "mean instead of sum": lambda: (
            lambda n, s, alpha: (
                alpha
                / 2
                * sum(
                    (p - q.detach()).square().mean()
                    for p, q in zip(n.features.parameters(), s.features.parameters(), strict=True)
                )
            )
        ),
    },
)
def pull_to_the_start(penalty):
    """Ten weights outside the head, each 2 away from its start: 0.5 / 2 * 10 * 4 = 10."""
    network, start = _TwoLayers(3.0), _TwoLayers(1.0)
    value = attempted(penalty(network, start, 0.5))
    number = float(torch.as_tensor(value).detach())
    known = {
        19.0: "You counted the head. It is new, so it has no start to be held at.",
        20.0: "Twice too much: the formula has alpha / 2, whose gradient is alpha (w - w0).",
        22.5: "That is the distance from 0, which is ordinary weight decay. Take the distance from "
        "`start`: here are zeros, there is knowledge.",
        0.25 * 40**0.5: "That is the distance; its *square* is asked for.",
        4.0: "You took means. The formula adds up all weights: a layer with more of them counts "
        "for more.",
    }
    if abs(number - 10) > 1e-4:
        for wrong, why in known.items():
            if abs(number - wrong) < 1e-4:
                raise Wrong(why)
        raise Wrong(
            f"Ten weights outside the head, each 2 away from its start, and alpha = 0.5: that is "
            f"0.25 * 10 * 4 = 10; yours is {number:.4g}."
        )
    if not (isinstance(value, torch.Tensor) and value.requires_grad):
        raise Wrong(
            "The number is right, but no gradient can flow through it. Return the tensor itself: "
            "no `.item()`, no `float`, no `no_grad`."
        )
    value.backward()
    if any(p.grad is not None for p in start.parameters()):
        raise Wrong(
            "The number is right, but the gradient flows into `start` as well. What a network is "
            "held at must not move: `.detach()` its weights."
        )
    return "10. Its gradient is alpha (w - w0): the further away, the stronger the pull."


def _ends():
    """Two small state dicts: weights, running statistics, and a counter."""
    states = []
    for value, count in ((1.0, 7), (5.0, 40)):
        network = _TwoLayers(value)
        network.features[1].num_batches_tracked.fill_(count)
        states.append(network.state_dict())
    return states


def _mix(start, end, alpha, names=lambda name: True):
    return {
        n: (1 - alpha) * start[n] + alpha * v if v.is_floating_point() and names(n) else v
        for n, v in end.items()
    }


def _in_place(start, end, alpha):
    for name, value in end.items():
        if value.is_floating_point():
            value.mul_(alpha).add_(start[name], alpha=1 - alpha)
    return end


def _floats_only(start, end, alpha):
    return {n: v for n, v in _mix(start, end, alpha).items() if v.is_floating_point()}


@exercise(
    "07-5",
    wrong={
        "alpha turned": lambda: lambda start, end, alpha: _mix(start, end, 1 - alpha),
        "statistics of the end": lambda: (
            lambda start, end, alpha: _mix(start, end, alpha, lambda n: "running" not in n)
        ),
        "the counter too": lambda: (
            lambda start, end, alpha: {
                n: (1 - alpha) * start[n] + alpha * v for n, v in end.items()
            }
        ),
        "leaves the counter out": lambda: _floats_only,
        "in place": lambda: _in_place,
        "adds the way to the end": lambda: (
            lambda start, end, alpha: {
                n: v + alpha * (v - start[n]) if v.is_floating_point() else v
                for n, v in end.items()
            }
        ),
    },
)
def network_between(between):
    """From 1 to 5, a quarter of the way: 2; the counter of the end."""
    start, end = _ends()
    found = attempted(between(start, end, 0.25))
    if float(end["head.bias"][0]) != 5 or float(start["head.bias"][0]) != 1:
        raise Wrong(
            "You changed a state dict that you were given: its network has other weights now. "
            "Compute new tensors."
        )
    if missing := [name for name in end if name not in found]:
        raise Wrong(
            f"{missing[0]} is missing: `load_state_dict` wants every entry. Take what is no "
            "floating-point number from `end`."
        )
    weight = float(found["features.0.weight"][0, 0])
    if abs(weight - 4) < 1e-6:
        raise Wrong("At alpha = 0.25 yours is nearer to the end. alpha is the share of the *end*.")
    if abs(weight - 6) < 1e-6:
        raise Wrong("From 1 to 5, yours is 6: beyond the end. Begin at `start`, not at `end`.")
    if abs(weight - 2) > 1e-6:
        raise Wrong(f"From 1 to 5, a quarter of the way is 2; yours is {weight:.4g}.")
    if abs(float(found["features.1.running_mean"][0]) - 2) > 1e-6:
        raise Wrong(
            "The weights are averaged, BatchNorm's running statistics are not. They describe the "
            "activations of one end; the network in between has others. Average them, too."
        )
    counter = found["features.1.num_batches_tracked"]
    if counter.is_floating_point() or int(counter) != 40:
        raise Wrong(
            "num_batches_tracked is a whole number, which has no average: take that of `end`."
        )
    return "Weights and running statistics averaged, the counter taken over. No training at all."


def _keeps_last(losses, patience):
    _, last = _early(losses, patience)
    return last, last


def _early(losses, patience):
    best = epoch = 1
    for epoch, loss in enumerate(losses, start=1):
        if loss < losses[best - 1]:
            best = epoch
        if epoch - best >= patience:
            break
    return best, epoch


def _since_last_fall(losses, patience):
    best, bad = 1, 0
    for epoch in range(1, len(losses) + 1):
        best = epoch if losses[epoch - 1] < losses[best - 1] else best
        bad = bad + 1 if epoch > 1 and losses[epoch - 1] >= losses[epoch - 2] else 0
        if bad >= patience:
            break
    return best, epoch


@exercise(
    "07-6",
    wrong={
        "sees the future": lambda: (
            lambda losses, patience: (
                losses.index(min(losses)) + 1,
                len(losses),
            )
        ),
        "keeps the last weights": lambda: _keeps_last,
        "counts from 0": lambda: lambda losses, p: tuple(n - 1 for n in _early(losses, p)),
        "stops one epoch late": lambda: lambda losses, p: _early(losses, p + 1),
        "compares with the epoch before": lambda: _since_last_fall,
        "stops at the first rise": lambda: lambda losses, p: _early(losses, 1),
    },
)
def when_to_stop(stop_early):
    """Falls, wavers, stops; a lower loss that comes too late; and a loss that only falls."""
    losses = [0.9, 0.7, 0.5, 0.6, 0.55, 0.58, 0.59, 0.6, 0.4]
    kept, last = map(int, attempted(stop_early(list(losses), 3)))
    known = {
        (9, 9): "Yours keeps epoch 9, which was never trained: after epoch 6 there had been no new "
        "lowest loss for 3 epochs. Stop there; what would have come later is not seen.",
        (6, 6): "The stop is right, but you keep the last weights. Keep those of the lowest loss.",
        (2, 5): "Both are one too low: the first epoch is number 1.",
        (3, 8): "You compare with the epoch before. Compare with the *lowest* loss so far: 0.55 is "
        "below 0.6, but not below 0.5.",
        (3, 7): "One epoch too late: epochs 4, 5 and 6 brought no new lowest loss, and these are "
        "3. Is your comparison `>=`?",
        (3, 4): "Yours stops at the first rise. The patience allows 3 epochs without a new low.",
    }
    if (kept, last) in known:
        raise Wrong(known[kept, last])
    if (kept, last) != (3, 6):
        raise Wrong(
            f"For {losses} with patience 3 it is epoch 3, then 6; yours are {kept} and {last}."
        )
    if tuple(map(int, stop_early([3.0, 2.0, 1.0], 2))) != (3, 3):
        raise Wrong("If the loss falls to the end, nothing stops it: 3 epochs, and the third kept.")
    return "Epoch 3 kept, 6 trained. The 0.4 of epoch 9 was never seen: patience is a bet."

"""Checks of lesson 07: how many layers should move, and how much data is enough."""

from __future__ import annotations

import math

import torch
from torch import nn

from ...evaluation.statistics import mean_interval
from ...models.backbones import load_backbone
from ...models.freezing import count_parameters, freeze_to
from ...models.heads import replace_head
from . import Wrong, attempted, exercise

# --- how deep to freeze, and how fast a run arrives ----------------------------------------------


def _counts() -> dict[str, int]:
    """Parameters of the mini ResNet-18 with two classes, stem, stages 1 and 2 frozen."""
    model = load_backbone("resnet18", profile="mini").model
    replace_head(model, 2)
    freeze_to(model, "layer3")
    return count_parameters(model)


def _share(part: str) -> float:
    counts = _counts()
    return counts[part] / counts["total"]


@exercise(
    "07-1",
    wrong={
        "the frozen share": lambda: _share("frozen"),
        "per cent": lambda: 100 * _share("trainable"),
        "counts stages, not parameters": lambda: 0.5,
        "the number, not the share": lambda: _counts()["trainable"],
        "the head alone": lambda: 258 / _counts()["total"],
        "the frozen share in per cent": lambda: 100 * _share("frozen"),
        "trained over frozen": lambda: _counts()["trainable"] / _counts()["frozen"],
        "nothing is frozen": lambda: 1.0,
        "a text": lambda: "94 %",
    },
)
def trainable_share(share):
    """Share of the parameters that is trained when everything before stage 3 is frozen."""
    counts = _counts()
    right = counts["trainable"] / counts["total"]
    if not isinstance(share, (int, float, torch.Tensor)):
        raise Wrong(f"Give a number between 0 and 1, not {type(share).__name__}.")
    if abs(share - right) < 0.005:
        return (
            f"{right:.1%} are still trained. Later stages have twice the channels, so four times "
            "the weights. What early freezing saves is *time*: large maps need no backward pass."
        )
    if abs(share - (1 - right)) < 0.005:
        raise Wrong("That is the share that is frozen. How much is still trained?")
    if abs(share - 100 * (1 - right)) < 0.5:
        raise Wrong("That is what is frozen, in per cent. Give what is trained, between 0 and 1.")
    if share == 1:
        raise Wrong(
            'Then nothing is frozen. Call `tl.freeze_to(model, "layer3")` before you count.'
        )
    if abs(share - right / (1 - right)) < 0.01:
        raise Wrong("You divided by what is frozen. Divide by the total.")
    if abs(share - 100 * right) < 0.5:
        raise Wrong("That is in per cent. A share lies between 0 and 1.")
    if share == counts["trainable"]:
        raise Wrong("That is the number of trained parameters. Divide it by the total.")
    if 0.4 <= share <= 0.6:
        raise Wrong("Half of the stages is not half of the parameters: late stages are far wider.")
    raise Wrong(
        "Not this share. Is the head replaced (2 classes), and are `layer3`, `layer4` and the head "
        'trained? `tl.freeze_to(model, "layer3")`, then `tl.count_parameters`.'
    )


def _paired(best, other, confidence=0.95):
    return mean_interval([a - b for a, b in zip(best, other, strict=True)], confidence)


@exercise(
    "07-2",
    wrong={
        "compares the means": lambda: lambda best, other: sum(best) > sum(other),
        "intervals that do not overlap": lambda: (
            lambda best, other: mean_interval(best).low > mean_interval(other).high
        ),
        "other minus best": lambda: lambda best, other: _paired(other, best).low > 0,
        "in every run": lambda: (
            lambda best, other: all(a > b for a, b in zip(best, other, strict=True))
        ),
        "returns the interval": lambda: lambda best, other: _paired(best, other),
        "sorted before the subtraction": lambda: (
            lambda best, other: _paired(sorted(best), sorted(other)).low > 0
        ),
    },
)
def paired_comparison(distinguishable):
    """Two depths on easy and difficult draws: steady small gain, and one lucky run."""
    steady = [0.62, 0.71, 0.83, 0.91, 0.75], [0.60, 0.70, 0.80, 0.895, 0.75]
    lucky = [0.90, 0.70, 0.72, 0.71, 0.70], [0.71, 0.71, 0.71, 0.71, 0.71]
    always = [0.91, 0.701, 0.711, 0.721, 0.731], [0.71, 0.70, 0.71, 0.72, 0.73]
    shuffled = [0.80, 0.70, 0.90, 0.60, 0.85], [0.69, 0.79, 0.59, 0.84, 0.89]
    found = attempted(distinguishable(*map(list, steady)))
    if type(found).__name__ not in ("bool", "bool_"):  # NumPy has a bool of its own
        raise Wrong(f"Return True or False, not {type(found).__name__}: `interval.low > 0`.")
    if distinguishable(*map(list, lucky)):
        raise Wrong(
            "One lucky run of five (.90 against .71, the others as good as equal) counts as a "
            "difference in your version. The mean is above 0 there, but its interval is not."
        )
    if not found and distinguishable(steady[1], steady[0]):
        raise Wrong("It is turned round: subtract `other` from `best`, not `best` from `other`.")
    if distinguishable(*map(list, always)):
        raise Wrong(
            "Ahead in every run, but four times by .001: your version counts the runs. The "
            "interval of the differences also asks how large they are, and how unequal."
        )
    if not found:
        raise Wrong(
            "A gain of one or two points in nearly every run was not seen. Its runs lie between "
            ".60 and .91, so the two intervals overlap widely. Subtract run by run (best - other), "
            "*then* take the interval of the differences."
        )
    if distinguishable(*map(list, shuffled)):
        raise Wrong(
            "A case in which each depth wins some runs by far counts as a difference in your "
            "version. Subtract run 1 from run 1, run 2 from run 2: do not sort the lists, and take "
            "the interval of these differences, not one of each depth."
        )
    if distinguishable(steady[1], steady[0]):
        raise Wrong("Turned round, it must be False: the first argument has to be the better one.")
    return "Paired: what both runs share, an easy or a difficult draw, is subtracted away."


def _goal(curve, goal):
    return next((step for step in sorted(curve) if curve[step] >= goal), math.inf)


@exercise(
    "07-3",
    wrong={
        "90 % of top": lambda: lambda curve, chance, top: _goal(curve, 0.9 * top),
        "top minus chance, from 0": lambda: (
            lambda curve, chance, top: _goal(curve, 0.9 * (top - chance))
        ),
        "the accuracy, not the step": lambda: (
            lambda curve, chance, top: curve.get(_goal(curve, chance + 0.9 * (top - chance)), 0.0)
        ),
        "the last step below": lambda: (
            lambda curve, chance, top: max(
                s for s in curve if curve[s] < chance + 0.9 * (top - chance)
            )
        ),
        "in the order of the dictionary": lambda: (
            lambda curve, chance, top: next(
                (s for s in curve if curve[s] >= chance + 0.9 * (top - chance)), math.inf
            )
        ),
        "adds chance to 90 % of top": lambda: (
            lambda curve, chance, top: _goal(curve, chance + 0.9 * top)
        ),
        "the position, not the step": lambda: (
            lambda curve, chance, top: sorted(curve).index(
                _goal(curve, chance + 0.9 * (top - chance))
            )
        ),
        "top of the curve, not of the argument": lambda: (
            lambda curve, chance, top: _goal(curve, chance + 0.9 * (max(curve.values()) - chance))
        ),
        "10 % of the way": lambda: (
            lambda curve, chance, top: _goal(curve, chance + 0.1 * (top - chance))
        ),
        "an error if it never arrives": lambda: (
            lambda curve, chance, top: next(
                s for s in sorted(curve) if curve[s] >= chance + 0.9 * (top - chance)
            )
        ),
        "-1 if it never arrives": lambda: (
            lambda curve, chance, top: next(
                (s for s in sorted(curve) if curve[s] >= chance + 0.9 * (top - chance)), -1
            )
        ),
    },
)
def steps_to_ninety_per_cent(steps_to):
    """Two classes, so that chance counts; steps out of order; a curve that never arrives."""
    curve = {0: 0.5, 40: 0.97, 10: 0.8, 20: 0.91, 25: 0.93, 30: 0.955}
    found = attempted(steps_to(dict(curve), 0.5, 1.0))
    if found == 20:
        raise Wrong(
            "At step 20 the accuracy is .91, that is 82 % of the *way*: with two classes the first "
            ".5 is guessing. The goal is chance + 0.9 * (top - chance), here .95."
        )
    if found == 25 and steps_to({0: 0.5, 10: 0.94, 20: 1.0}, 0.5, 1.0) == 20:
        raise Wrong("Use the `top` that is given, here 1, and not the best value of the curve.")
    if found == 25:
        raise Wrong("Step 25 is the last one below the goal of .95. Take the first at or above it.")
    if found == 0:
        raise Wrong("The goal you used is .45, below guessing: add chance to 90 % of the way.")
    if found == 40:
        raise Wrong("The dictionary need not be in order of the steps: go through sorted(curve).")
    if 0 < found < 1:
        raise Wrong("That is an accuracy. The *step* at which it is reached is asked for.")
    if found == 4:
        raise Wrong("That is a position in the list of steps. Return the step itself, here 30.")
    if found == math.inf:
        raise Wrong("Your goal lies above 1: take 90 % of (top - chance), and then add chance.")
    if found != 30:
        there = f", where the accuracy is {curve[found]:g}" if found in curve else ""
        raise Wrong(f"Step 30 is the first at .95 or above; your function says {found}{there}.")
    try:
        never = steps_to(dict(curve), 0.1, 1.2)
    except (StopIteration, ValueError, IndexError) as error:
        raise Wrong(
            f"A curve that never arrives ends in {type(error).__name__} in your version. Give "
            '`next` a second value for that case: `next((...), float("inf"))`.'
        ) from None
    if never != math.inf:
        raise Wrong('A curve that never arrives takes more than all its steps: float("inf").')
    return "And infinity where it never arrives: so a median over runs still means something."


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


def _sums(penalty):
    """A wrong penalty: `penalty` of the differences in the trunk, a list of tensors."""

    def wrong(network, start, alpha):
        trunks = network.features.parameters(), start.features.parameters()
        return alpha / 2 * penalty([p - q.detach() for p, q in zip(*trunks, strict=True)])

    return lambda: wrong


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
        "mean instead of sum": _sums(lambda away: sum(d.square().mean() for d in away)),
        "leaves BatchNorm out": _sums(lambda away: sum(d.square().sum() for d in away[:2])),
        "absolute values": _sums(lambda away: sum(d.abs().sum() for d in away)),
        "square of the sum": _sums(lambda away: sum(d.sum() for d in away).square()),
        "not added up": _sums(lambda away: away[0].square()),
        "the head alone": lambda: (
            lambda n, s, alpha: (
                alpha
                / 2
                * sum(
                    (p - q.detach()).square().sum()
                    for p, q in zip(n.head.parameters(), s.head.parameters(), strict=True)
                )
            )
        ),
        "running statistics too": lambda: (
            lambda n, s, alpha: (
                _squares(n, s, alpha)
                + alpha
                / 2
                * (n.features[1].running_mean - s.features[1].running_mean).square().sum()
            )
        ),
        "held at itself": lambda: lambda n, s, alpha: _squares(n, n, alpha),
    },
)
def pull_to_the_start(penalty):
    """Ten weights outside the head, each 2 away from its start: 0.5 / 2 * 10 * 4 = 10."""
    network, start = _TwoLayers(3.0), _TwoLayers(1.0)
    value = attempted(penalty(network, start, 0.5))
    if not isinstance(value, (int, float, torch.Tensor)) or torch.as_tensor(value).numel() != 1:
        raise Wrong(
            "The penalty is *one* number: square each difference, `.sum()` them for each tensor, "
            "and add up all tensors."
        )
    number = float(torch.as_tensor(value).detach())
    known = {
        19.0: "You counted the head. It is new, so it has no start to be held at.",
        20.0: "Twice too much. The factor is alpha / 2, and alpha is 0.5 here: is the half "
        "missing, or alpha?",
        6.0: "Four of the ten weights are missing. Biases count, and so do BatchNorm's weights.",
        5.0: "You did not square the differences. Is it `.square()`, not `.abs()`?",
        100.0: "You squared the sum. Square each difference first, then add them up.",
        9.0: "That is the head's bias and weight. Take everything *but* the head.",
        12.0: "You counted running statistics. They are no parameters: use `named_parameters`.",
        0.0: "0: you compared the network with itself. The second one is `start`.",
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
        network.features[1].running_var.fill_(value)
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
        "the variance of the end": lambda: (
            lambda start, end, alpha: _mix(start, end, alpha, lambda n: "var" not in n)
        ),
        "the head of the end": lambda: (
            lambda start, end, alpha: _mix(start, end, alpha, lambda n: not n.startswith("head"))
        ),
        "no biases": lambda: (
            lambda start, end, alpha: _mix(start, end, alpha, lambda n: not n.endswith("bias"))
        ),
        "always the middle": lambda: lambda start, end, alpha: _mix(start, end, 0.5),
        "forgets 1 - alpha": lambda: (
            lambda start, end, alpha: {
                n: start[n] + alpha * v if v.is_floating_point() else v for n, v in end.items()
            }
        ),
        "the end as it is": lambda: lambda start, end, alpha: dict(end),
        "the values without names": lambda: (
            lambda start, end, alpha: list(_mix(start, end, alpha).values())
        ),
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
    if not isinstance(found, dict):
        raise Wrong(f"Return a dict of names and tensors, not {type(found).__name__}.")
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
    known = {
        1.0: "It is still the start, 1. Add alpha times the way to the end.",
        3.0: "From 1 to 5, yours is 3, the middle. Use `alpha`, which is 0.25 here.",
        5.0: "It is still the end, 5. Take (1 - alpha) of `start` and alpha of `end`.",
        2.25: "The two shares must add up to 1: (1 - alpha) of `start` and alpha of `end`.",
    }
    if abs(weight - 2) > 1e-6:
        raise Wrong(
            known.get(weight, f"From 1 to 5, a quarter of the way is 2; yours is {weight:.4g}.")
        )
    floats = [name for name, value in end.items() if value.is_floating_point()]
    if other := [name for name in floats if abs(float(found[name].flatten()[0]) - 2) > 1e-6]:
        if "running" in other[0]:
            raise Wrong(
                f"The weights are averaged, but {other[0]} is not. BatchNorm's running statistics "
                "describe the activations of one end; the network in between has others. Average "
                "the mean and the variance, too."
            )
        raise Wrong(f"{other[0]} is not averaged. All weights are: biases and the head, too.")
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


def _latest_of_equals(losses, patience):
    best = epoch = 1
    for epoch, loss in enumerate(losses, start=1):
        if loss <= losses[best - 1]:
            best = epoch
        if epoch - best >= patience:
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
        "last epoch first": lambda: lambda losses, p: _early(losses, p)[::-1],
        "the loss, not its epoch": lambda: (
            lambda losses, p: (losses[_early(losses, p)[0] - 1], _early(losses, p)[1])
        ),
        "one number": lambda: lambda losses, p: _early(losses, p)[0],
        "stops one epoch early": lambda: lambda losses, p: _early(losses, p - 1),
        "the highest loss": lambda: lambda losses, p: _early([-loss for loss in losses], p),
        "the kept epoch from 0": lambda: (
            lambda losses, p: (_early(losses, p)[0] - 1, _early(losses, p)[1])
        ),
        "an equal loss counts as new": lambda: _latest_of_equals,
        "nothing if it falls to the end": lambda: (
            lambda losses, p: _early(losses, p) if _early(losses, p)[1] < len(losses) else None
        ),
    },
)
def when_to_stop(stop_early):
    """Falls, wavers, stops; a lower loss that comes too late; and a loss that only falls."""
    losses = [0.9, 0.7, 0.5, 0.6, 0.55, 0.58, 0.59, 0.6, 0.4]
    found = attempted(stop_early(list(losses), 3))
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise Wrong(
            "Return two numbers: the epoch whose weights are kept, and the last one trained."
        )
    if 0 < found[0] < 1:
        raise Wrong("The first number is a loss. Return the *epoch* that has it, counted from 1.")
    kept, last = map(int, found)
    known = {
        (9, 9): "Yours keeps epoch 9, which was never trained: after epoch 6 there had been no new "
        "lowest loss for 3 epochs. Stop there; what would have come later is not seen.",
        (6, 6): "The stop is right, but you keep the last weights. Keep those of the lowest loss.",
        (6, 3): "Right, and in the wrong order: first the epoch that is kept, then the last one.",
        (3, 5): "One epoch too early: only 4 and 5 brought no new lowest loss, and these are 2.",
        (2, 6): "The epoch that is kept is one too low: the first epoch is number 1.",
        (1, 4): "You keep the highest loss. The lowest is wanted.",
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
    falls = stop_early([3.0, 2.0, 1.0], 2)
    if falls is None:
        raise Wrong(
            "If the loss falls to the end, your function returns nothing: move `return` out."
        )
    if tuple(map(int, stop_early([0.5, 0.5, 0.5], 2))) == (3, 3):
        raise Wrong("An equal loss is no *new lowest* one: compare with `<`, not with `<=`.")
    if tuple(map(int, falls)) != (3, 3):
        raise Wrong("If the loss falls to the end, nothing stops it: 3 epochs, and the third kept.")
    return "Epoch 3 kept, 6 trained. The 0.4 of epoch 9 was never seen: patience is a bet."

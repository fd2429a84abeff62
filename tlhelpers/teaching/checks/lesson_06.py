"""Checks of lesson 06, domain confusion: schedule, DDC's loss, joint batch, mutual information."""

from __future__ import annotations

import math

import torch
from torch import nn

from ...methods.adaptation.losses import linear_mmd, mutual_information, reversal_schedule
from . import Wrong, attempted, exercise


@exercise(
    "06-1",
    wrong={
        "forgets to take 1 away": lambda: lambda p: 2 / (1 + math.exp(-10 * p)),
        "a plain sigmoid": lambda: lambda p: 1 / (1 + math.exp(-10 * p)),
        "sign of the exponent": lambda: lambda p: 2 / (1 + math.exp(10 * p)) - 1,
        "forgets the 10": lambda: lambda p: 2 / (1 + math.exp(-p)) - 1,
        "a straight line": lambda: lambda p: p,
    },
)
def the_schedule(schedule):
    """DANN's strength after a share of the training, at 0, 1/4, 1/2 and 1."""
    values = [float(attempted(schedule(p))) for p in (0.0, 0.25, 0.5, 1.0)]
    expected = [reversal_schedule(p) for p in (0.0, 0.25, 0.5, 1.0)]
    if all(abs(a - b) < 1e-6 for a, b in zip(values, expected, strict=True)):
        return (
            f"0 at the start, {values[1]:.2f} after a quarter: by then the features mean something."
        )
    if abs(values[0] - 1) < 1e-6:
        raise Wrong(
            "At p = 0 yours is 1: full strength on features that mean nothing yet. The formula "
            "takes 1 away at the end."
        )
    if abs(values[0] - 0.5) < 1e-6:
        raise Wrong("Yours is 1/2 at p = 0: a plain sigmoid. Stretch it: twice as high, minus 1.")
    if values[-1] < 0:
        raise Wrong(
            f"At p = 1 yours is {values[-1]:.2f}: a negative strength teaches the features to tell "
            "the domains *apart*. The exponent is -10 p."
        )
    if abs(values[2] - 0.5) < 1e-6:
        raise Wrong("A straight line is a schedule too, but not this one: use the formula.")
    if values[-1] < 0.9:
        raise Wrong(
            f"At p = 1 yours is only {values[-1]:.2f}; it should be all but 1. Is the 10 in the "
            "exponent?"
        )
    raise Wrong(f"At p = 0.5 it is {expected[2]:.4f}, yours {values[2]:.4f}.")


_SOURCE = torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]])
_TARGET = torch.tensor([[4.0, 5.0], [4.0, 5.0]])  # means (1, 1) and (4, 5): 3 and 4 apart


@exercise(
    "06-2",
    wrong={
        "the distance, not squared": lambda: lambda s, t: (s.mean(0) - t.mean(0)).norm(),
        "mean over the features": lambda: lambda s, t: (s.mean(0) - t.mean(0)).square().mean(),
        "one mean over everything": lambda: lambda s, t: (s.mean() - t.mean()).square(),
        "mean distance of pairs": lambda: (
            lambda s, t: (s[:, None] - t[None]).square().sum(-1).mean()
        ),
        "a vector": lambda: lambda s, t: (s.mean(0) - t.mean(0)).square(),
        "a plain number": lambda: lambda s, t: linear_mmd(s, t).item(),
    },
)
def distance_of_means(ddc):
    """A 3-4-5 triangle, then two clouds with the same mean, then the gradient."""
    value = attempted(ddc(_SOURCE.clone(), _TARGET.clone()))
    if isinstance(value, torch.Tensor) and value.ndim:
        raise Wrong(
            f"A loss is one number; yours has shape {tuple(value.shape)}. Add the squares up."
        )
    number = float(value)
    known = {
        5.0: "That is the distance; its square is asked for. (A distance has no gradient at 0.)",
        12.5: "You averaged over the features. The squared length of a vector is the *sum*.",
        12.25: "You took one mean over everything: left and right would cancel. `mean(0)` keeps "
        "the features apart.",
    }
    if abs(number - 25) > 1e-4:
        for wrong, why in known.items():
            if abs(number - wrong) < 1e-4:
                raise Wrong(why)
        pairs = float((_SOURCE[:, None] - _TARGET[None]).square().sum(-1).mean())
        if abs(number - pairs) < 1e-4:
            raise Wrong(
                "That is the mean distance between *samples*; it is large even for equal clouds. "
                "First the means, then one distance."
            )
        raise Wrong(f"For means (1, 1) and (4, 5) it is 3^2 + 4^2 = 25; yours is {number:.4g}.")
    features = _SOURCE.clone().requires_grad_()
    loss = ddc(features, _TARGET)
    if not (isinstance(loss, torch.Tensor) and loss.requires_grad):
        raise Wrong(
            "The number is right, but no gradient can flow through it. Return the tensor itself: "
            "no `.item()`, no `float`."
        )
    return (
        "25. It does not see every difference: two clouds with one mean, one of them ten times "
        "wider, have distance 0."
    )


def _two_passes(network, source, target):
    return network(source), network(target)


def _turned(network, source, target):
    n = len(source)
    z = network(torch.cat([target, source]))
    return z[:n], z[n:]


def _no_gradient(network, source, target):
    with torch.no_grad():
        z = network(torch.cat([source, target]))
    return z[: len(source)], z[len(source) :]


def _in_eval(network, source, target):
    network.eval()
    z = network(torch.cat([source, target]))
    return z[: len(source)], z[len(source) :]


def _halves(network, source, target):
    z = network(torch.cat([source, target]))
    return tuple(z.chunk(2))


@exercise(
    "06-3",
    wrong={
        "two passes": lambda: _two_passes,
        "target first": lambda: _turned,
        "without gradients": lambda: _no_gradient,
        "eval mode": lambda: _in_eval,
        "cuts in the middle": lambda: _halves,
        "not split": lambda: lambda network, s, t: network(torch.cat([s, t])),
    },
)
def one_joint_batch(joint_features):
    """A BatchNorm counts the passes it saw; the features must be those of the joint batch."""
    norm = nn.BatchNorm1d(3)
    chance = torch.Generator().manual_seed(0)
    source = torch.randn(6, 3, generator=chance)
    target = torch.randn(4, 3, generator=chance) + 5
    expected = nn.BatchNorm1d(3)(torch.cat([source, target]))
    found = attempted(joint_features(norm, source.clone(), target.clone()))
    if not (isinstance(found, (tuple, list)) and len(found) == 2):
        raise Wrong("Return two tensors: the features of the source, then those of the target.")
    if not norm.training:
        raise Wrong("The network was left in eval mode. In training, leave the mode as it is.")
    if int(norm.num_batches_tracked) != 1:
        raise Wrong(
            f"The network saw {int(norm.num_batches_tracked)} batches. Apart, each domain is "
            "normalised by its own statistics: the gap is gone in training, and back in use. "
            "Concatenate, then call the network *once*."
        )
    if [len(part) for part in found] != [6, 4]:
        raise Wrong(
            f"The parts have {len(found[0])} and {len(found[1])} rows, given were 6 of the source "
            "and 4 of the target: cut at `len(source)`."
        )
    if not torch.allclose(torch.cat(list(found)), expected, atol=1e-5):
        raise Wrong("The order: source first, then target, in the batch and in what you return.")
    if not all(part.requires_grad for part in found):
        raise Wrong("The features have lost their gradient: no `no_grad`, no `detach` here.")
    return "One pass, one set of statistics: what is measured in training is what is used later."


_SURE = torch.eye(4)
_UNSURE = torch.full((4, 4), 0.25)
_ONE_CLASS = torch.eye(4)[:1].repeat(4, 1)


def _entropy(p, dim=-1):
    return -torch.special.xlogy(p, p).sum(dim)


@exercise(
    "06-4",
    wrong={
        "only confident": lambda: lambda p: -_entropy(p).mean(),
        "only varied": lambda: lambda p: _entropy(p.mean(0)),
        "the sign turned": lambda: lambda p: _entropy(p).mean() - _entropy(p.mean(0)),
        "sum instead of mean": lambda: lambda p: _entropy(p.mean(0)) - _entropy(p).sum(),
        "in bits": lambda: lambda p: (_entropy(p.mean(0)) - _entropy(p).mean()) / math.log(2),
        "0 log 0": lambda: (
            lambda p: -(p.mean(0) * p.mean(0).log()).sum() + (p * p.log()).sum(1).mean()
        ),
    },
)
def mutual_information_of_predictions(score):
    """Sure and varied, no idea, always the same class, and one case in between."""
    sure, unsure, same = (float(attempted(score(p.clone()))) for p in (_SURE, _UNSURE, _ONE_CLASS))
    full = math.log(4)
    if any(map(math.isnan, (sure, unsure, same))):
        raise Wrong(
            "0 log 0 came out as NaN. Its limit is 0: `torch.xlogy(p, p)` knows, or add 1e-8 "
            "inside the logarithm."
        )
    if sure < -1e-6 or unsure < -0.01:
        if abs(sure + full) < 1e-3:
            raise Wrong("The sign is turned: sure and varied predictions must score highest.")
        raise Wrong(
            f"Four times 'no idea' scores {unsure:.2f}, but should score 0. "
            "Both terms belong: the entropy of the mean, minus the *mean* of the entropies."
        )
    if abs(sure) < 1e-3:
        raise Wrong(
            "Sure and varied predictions score 0, no more than always the same class: only the "
            "mean entropy is in it. The entropy of the mean prediction is missing."
        )
    if unsure > 0.01:
        raise Wrong(
            "'No idea' scores as high as sure and varied predictions: only the entropy of the mean "
            "is in it. Subtract the mean of the entropies."
        )
    if abs(sure - 2) < 1e-3:
        raise Wrong("That is in bits. This course counts in nats: the natural logarithm.")
    logits = torch.tensor([[2.0, 0, 0, -1], [0, 1.0, 0.5, 0], [0.3, 0, 3.0, 0]])
    if abs(float(score(logits.softmax(1))) - mutual_information(logits).item()) > 1e-3:
        raise Wrong(
            "The extremes are right, a case in between is not. H(p) = -sum p log p over the "
            "classes; mean over the samples."
        )
    return (
        "Highest for predictions that are each sure, and varied taken together. No label was used."
    )

"""Checks of lesson 05, ants and bees: intervals, the training step, optimism, McNemar."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ...evaluation.statistics import mcnemar, wilson_interval
from ...models.freezing import train_mode
from . import Wrong, attempted, exercise

_N = 153


@exercise(
    "05-1",
    wrong={
        "takes 90 % of 153": lambda: 138,
        "uses mean - 1.96 standard errors": lambda: next(
            c for c in range(_N + 1) if c / _N - 1.96 * (c / _N * (1 - c / _N) / _N) ** 0.5 > 0.9
        ),
        "a guess": lambda: 141,
        "all of them": lambda: _N,
    },
)
def right_answers_for_a_claim(needed):
    """The smallest count of 153 whose Wilson interval lies above .90."""
    if not isinstance(needed, (int, float)) or not 0 <= needed <= _N:
        raise Wrong(f"A count of pictures between 0 and {_N} is asked for.")
    if needed == _needed():
        return (
            f"{needed} of {_N} is {needed / _N:.3f}: to claim more than 90 % on so few pictures, "
            "one has to measure well above it."
        )
    if needed == 138:
        raise Wrong(
            "138 is 90 % of 153. The accuracy itself is above .90 there, but half of the interval "
            "lies below it. Ask `tl.wilson_interval(138, 153).low`."
        )
    if needed == _needed() - 1:
        raise Wrong(
            "One too few. Did you subtract 1.96 standard errors? Near the ends that is too "
            f"hopeful: {needed} of {_N} gives {wilson_interval(int(needed), _N)}."
        )
    if needed > _needed():
        interval = wilson_interval(int(needed) - 1, _N)
        raise Wrong(
            f"{needed} is enough, but not the least: one fewer still gives {interval}. The Wilson "
            "interval is not symmetric around the accuracy, so do not subtract by hand."
        )
    raise Wrong(f"{needed} of {_N} gives {wilson_interval(int(needed), _N)}: its end is below .90.")


def _needed() -> int:
    return next(c for c in range(_N + 1) if wilson_interval(c, _N).low > 0.9)


def _step(model, x, y, optimizer, *, mode=train_mode, zero_grad="before", step=True):
    """A training step with one thing wrong, for the tests."""
    mode(model)
    loss = F.cross_entropy(model(x), y)
    if zero_grad == "before":
        optimizer.zero_grad()
    loss.backward()
    if zero_grad == "after":
        optimizer.zero_grad()
    if step:
        optimizer.step()
    return loss.item()


def _variant(**fault):
    return lambda: lambda model, x, y, optimizer: _step(model, x, y, optimizer, **fault)


@exercise(
    "05-2",
    wrong={
        "no zero_grad": _variant(zero_grad=None),
        "zero_grad after backward": _variant(zero_grad="after"),
        "eval mode": _variant(mode=nn.Module.eval),
        "plain train()": _variant(mode=nn.Module.train),
        "no step": _variant(step=False),
        "returns a tensor": lambda: (
            lambda model, x, y, optimizer: torch.tensor(_step(model, x, y, optimizer))
        ),
    },
)
def one_training_step(training_step):
    """Two calls on a small network with a frozen stem, compared with two right steps."""
    torch.manual_seed(0)
    x, y = torch.randn(8, 3, 6, 6), torch.arange(8) % 2
    mine, reference = _network(), _network()
    optimizers = [torch.optim.SGD(m[1].parameters(), lr=0.5) for m in (mine, reference)]
    before = [p.clone() for p in mine.parameters()]
    losses = [attempted(training_step(mine, x, y, optimizers[0])) for _ in range(2)]
    for _ in range(2):
        expected = _step(reference, x, y, optimizers[1])
    stem, head = mine
    if all(torch.equal(a, b) for a, b in zip(before, mine.parameters(), strict=True)):
        if any(p.grad is not None and p.grad.abs().sum() > 0 for p in mine.parameters()):
            raise Wrong("There is a gradient, and no weight moved: `optimizer.step()` is missing.")
        raise Wrong(
            "No weight moved, because the gradient was gone before the step: `zero_grad` belongs "
            "before `backward`, not between `backward` and `step`."
        )
    if stem.training:
        raise Wrong(
            "The frozen BatchNorm of the stem ran in train mode, so its statistics moved. "
            "`tl.train_mode(model)` keeps frozen modules in eval mode; `model.train()` does not."
        )
    if not head.training:
        raise Wrong(
            "The head stayed in evaluation mode: BatchNorm used old statistics instead of the "
            "batch's. This is the article's lost `else:`. Begin with `tl.train_mode(model)`."
        )
    if not torch.allclose(head[1].weight, reference[1][1].weight, atol=1e-6):
        raise Wrong(
            "After two steps the weights are not where they should be: the second step used the "
            "first one's gradient as well. `optimizer.zero_grad()` before `backward`."
        )
    if not isinstance(losses[-1], float) or abs(losses[-1] - expected) > 1e-5:
        raise Wrong(
            f"The weights are right, but you returned {losses[-1]!r}. Return the loss of this "
            "batch as a float: `loss.item()`."
        )
    return "Forward, loss, zero_grad, backward, step, and the frozen stem stayed still."


def _network() -> nn.Sequential:
    torch.manual_seed(1)
    stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    stem.requires_grad_(False)
    return nn.Sequential(stem, nn.Sequential(nn.BatchNorm1d(64), nn.Linear(64, 2)))


_VAL, _TEST = [0.80, 0.90, 0.85, 0.90, 0.88], [0.84, 0.86, 0.91, 0.89, 0.85]


@exercise(
    "05-3",
    wrong={
        "validation minus test": lambda: lambda val, test: max(val) - test[val.index(max(val))],
        "last epoch instead": lambda: lambda val, test: max(test) - test[-1],
        "difference of the maxima": lambda: lambda val, test: max(test) - max(val),
        "sign the other way": lambda: lambda val, test: test[val.index(max(val))] - max(test),
        "last of equal epochs": lambda: (
            lambda val, test: max(test) - test[max(i for i, v in enumerate(val) if v == max(val))]
        ),
    },
)
def optimism_of_the_best_epoch(optimism):
    """Best test accuracy minus the test accuracy of the epoch that validation chooses."""
    value = attempted(optimism(list(_VAL), list(_TEST)))
    expected = max(_TEST) - _TEST[_VAL.index(max(_VAL))]
    known = {
        max(_VAL) - _TEST[1]: "That is a validation accuracy minus a test accuracy: two different "
        "sets. Both terms must come from the test list.",
        max(_TEST) - _TEST[-1]: "You compared with the last epoch; the question is about the epoch "
        "that validation chooses.",
        max(_TEST) - max(_VAL): "That compares the best of one list with the best of the other. "
        "Take the epoch from `val`, then its accuracy from `test`.",
        -expected: "The sign is turned: what is reported minus what should have been.",
        max(_TEST) - _TEST[3]: "Of equal validation accuracies take the first epoch: "
        "`val.index(max(val))`.",
    }
    for number, why in known.items():
        if abs(value - number) < 1e-9 and abs(value - expected) > 1e-9:
            raise Wrong(why)
    if abs(value - expected) > 1e-9:
        raise Wrong(f"For val={_VAL} and test={_TEST} it is {expected:.2f}, not {value!r}.")
    if abs(attempted(optimism([0.7, 0.9], [0.8, 0.9]))) > 1e-9:
        raise Wrong("When both sets choose the same epoch there is no optimism: 0.")
    return "Never negative, and paid out by every recipe that reports its best test epoch."


_A = [True] * 11 + [True] * 30 + [False] * 3 + [False] * 6
_B = [False] * 11 + [True] * 30 + [True] * 3 + [False] * 6


@exercise(
    "05-4",
    wrong={
        "counts all that are right": lambda: lambda a, b: (sum(a), sum(b), mcnemar(a, b).p_value),
        "swaps A and B": lambda: (
            lambda a, b: (
                mcnemar(a, b).only_b,
                mcnemar(a, b).only_a,
                mcnemar(a, b).p_value,
            )
        ),
        "one-sided": lambda: (
            lambda a, b: (
                mcnemar(a, b).only_a,
                mcnemar(a, b).only_b,
                mcnemar(a, b).p_value / 2,
            )
        ),
        "divides by zero without disagreement": lambda: (
            lambda a, b: (
                mcnemar(a, b).only_a,
                mcnemar(a, b).only_b,
                mcnemar(a, b).p_value / (mcnemar(a, b).only_a + mcnemar(a, b).only_b > 0),
            )
        ),
    },
)
def mcnemar_by_hand(only):
    """(only A, only B, two-sided exact p) on made-up answers, then on equal ones."""
    result = attempted(only(list(_A), list(_B)))
    expected = mcnemar(_A, _B)
    if not isinstance(result, tuple) or len(result) != 3:
        raise Wrong("Return three things: only A right, only B right, and the p-value.")
    only_a, only_b, p = result
    if (only_a, only_b) == (sum(_A), sum(_B)):
        raise Wrong("You counted all right answers; pictures that both got right do not count.")
    if (only_a, only_b) == (expected.only_b, expected.only_a):
        raise Wrong("A and B are swapped: the first number is what only A got right.")
    if (only_a, only_b) != (expected.only_a, expected.only_b):
        raise Wrong(f"Expected {expected.only_a} and {expected.only_b}, got {only_a} and {only_b}.")
    if abs(p - expected.p_value / 2) < 1e-6:
        raise Wrong("That p is one-sided: nobody said beforehand which network would be better.")
    if abs(p - expected.p_value) > 1e-6:
        raise Wrong(f"The counts are right; p should be {expected.p_value:.4f}, not {p:.4f}.")
    try:
        alone = only(list(_A), list(_A))[2]
    except (ZeroDivisionError, ValueError) as error:
        raise Wrong(
            "Right, but for a network compared with itself your code fails: without a "
            "disagreement there is nothing to test, and p is 1."
        ) from error
    if abs(alone - 1) > 1e-9:
        raise Wrong("A network compared with itself disagrees nowhere: p is 1.")
    return "That is McNemar's test; `tl.mcnemar` does the same."

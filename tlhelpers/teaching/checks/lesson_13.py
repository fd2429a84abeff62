"""Checks of lesson 13: springs that hold an old job, and sums of task vectors."""

from __future__ import annotations

import torch

from . import Wrong, attempted, exercise

# --- forgetting, and arithmetic on weights -------------------------------------------------------

_NOW = [torch.tensor([[1.0, 3.0]]), torch.tensor([2.0])]
_START = [torch.tensor([[0.0, 1.0]]), torch.tensor([5.0])]
_FISHER = [torch.tensor([[4.0, 0.5]]), torch.tensor([2.0])]  # F (w - w0)^2: 4, 2, 18


def _all(now, start, fisher, term):
    return sum(term(w, w0, f) for w, w0, f in zip(now, start, fisher, strict=True))


@exercise(
    "13-4",
    wrong={
        "all springs alike": lambda: (
            lambda now, start, fisher, weight: (
                weight / 2 * _all(now, start, fisher, lambda w, w0, f: (w - w0).square().sum())
            )
        ),
        "the half forgotten": lambda: (
            lambda now, start, fisher, weight: (
                weight * _all(now, start, fisher, lambda w, w0, f: (f * (w - w0).square()).sum())
            )
        ),
        "the weight forgotten": lambda: (
            lambda now, start, fisher, weight: (
                _all(now, start, fisher, lambda w, w0, f: (f * (w - w0).square()).sum()) / 2
            )
        ),
        "means instead of sums": lambda: (
            lambda now, start, fisher, weight: (
                weight / 2 * _all(now, start, fisher, lambda w, w0, f: (f * (w - w0) ** 2).mean())
            )
        ),
        "not squared": lambda: (
            lambda now, start, fisher, weight: (
                weight / 2 * _all(now, start, fisher, lambda w, w0, f: (f * (w - w0).abs()).sum())
            )
        ),
        "the stiffness squared too": lambda: (
            lambda now, start, fisher, weight: (
                weight
                / 2
                * _all(now, start, fisher, lambda w, w0, f: (f * (w - w0)).square().sum())
            )
        ),
        "the first tensor only": lambda: (
            lambda now, start, fisher, weight: (
                weight / 2 * (fisher[0] * (now[0] - start[0]).square()).sum()
            )
        ),
        "held near 0": lambda: (
            lambda now, start, fisher, weight: (
                weight / 2 * _all(now, start, fisher, lambda w, w0, f: (f * w.square()).sum())
            )
        ),
        "a number for each entry": lambda: (
            lambda now, start, fisher, weight: weight / 2 * fisher[0] * (now[0] - start[0]).square()
        ),
        "no gradient": lambda: (
            lambda now, start, fisher, weight: (
                weight
                / 2
                * _all(now, start, fisher, lambda w, w0, f: (f * (w - w0) ** 2).sum()).item()
            )
        ),
    },
)
def springs_of_ewc(springs):
    """4 * 1 + .5 * 4 + 2 * 9 = 24, times .3 / 2: 3.6."""
    now = [w.clone().requires_grad_() for w in _NOW]
    copies = [[t.clone() for t in values] for values in (_START, _FISHER)]
    found = attempted(springs(now, *copies, 0.3))
    if isinstance(found, torch.Tensor) and found.numel() > 1:
        raise Wrong(f"You return {found.numel()} numbers, and one is asked for: add them all up.")
    value = float(found.detach() if isinstance(found, torch.Tensor) else found)
    known = {
        2.1: "All your springs are alike: that is L2-SP. Multiply each squared distance by its "
        "stiffness F.",
        7.2: "Twice too much: the factor is the weight divided by 2.",
        12.0: "The weight is missing: with .3 the penalty is .3 times as large.",
        3.15: "You took means. The formula adds up all entries of all tensors.",
        1.65: "The distance must be squared: a spring pulls harder the further it is stretched.",
        0.15 * (16 + 1 + 36): "You squared F as well. Square the distance first, then "
        "multiply by F.",
        0.9: "That is the first tensor only. Add up over all tensors of the lists.",
        0.15
        * (4 + 4.5 + 8): "You hold the weights near 0, as weight decay does. Take the distance "
        "from the start, w - w0.",
    }
    if abs(value - 3.6) > 1e-4:
        for number, why in known.items():
            if abs(value - number) < 1e-4:
                raise Wrong(why)
        raise Wrong(f"With the check's numbers the penalty is .3 / 2 * 24 = 3.6, not {value:.4g}.")
    if not isinstance(found, torch.Tensor) or not found.requires_grad:
        raise Wrong(
            "The number is right, but it has no gradient, so it cannot pull. Return the tensor: no "
            "`.item()`, no `float`, no `detach()` of the weights now."
        )
    return "24 * .3 / 2 = 3.6. The third weight went furthest, so its spring pulls most."


def _add(start, tuned, scale):
    return [w0 + scale * sum(w - w0 for w in ws) for w0, *ws in zip(start, *tuned, strict=True)]


def _in_place(start, tuned, scale):
    for w0, *ws in zip(start, *tuned, strict=True):
        w0 += scale * sum(w - w0 for w in ws)
    return start


@exercise(
    "13-5",
    wrong={
        "the mean of the vectors": lambda: (
            lambda start, tuned, scale: _add(start, tuned, scale / len(tuned))
        ),
        "the start forgotten": lambda: (
            lambda start, tuned, scale: [
                new - w0 for new, w0 in zip(_add(start, tuned, scale), start, strict=True)
            ]
        ),
        "weights added, not what was learnt": lambda: (
            lambda start, tuned, scale: [
                w0 + scale * sum(ws) for w0, *ws in zip(start, *tuned, strict=True)
            ]
        ),
        "the start scaled too": lambda: (
            lambda start, tuned, scale: [scale * new for new in _add(start, tuned, 1.0)]
        ),
        "the scale forgotten": lambda: lambda start, tuned, scale: _add(start, tuned, 1.0),
        "subtracted": lambda: lambda start, tuned, scale: _add(start, tuned, -scale),
        "the first job only": lambda: lambda start, tuned, scale: _add(start, tuned[:1], scale),
        "a start for each job": lambda: (
            lambda start, tuned, scale: [
                sum(w0 + scale * (w - w0) for w in ws)
                for w0, *ws in zip(start, *tuned, strict=True)
            ]
        ),
        "the start is changed": lambda: _in_place,
        "a single tensor": lambda: lambda start, tuned, scale: _add(start, tuned, scale)[0],
    },
)
def sum_of_task_vectors(add_jobs):
    """Start (10, 20) and 1; two trainings moved them by (1, 0), (0, 4) and by 2, -4."""
    start = [torch.tensor([10.0, 20.0]), torch.tensor([1.0])]
    first = [torch.tensor([11.0, 20.0]), torch.tensor([3.0])]
    second = [torch.tensor([10.0, 24.0]), torch.tensor([-3.0])]
    given = [w.clone() for w in start]
    found = attempted(add_jobs(given, [first, second], 0.25))
    if not all(torch.equal(a, b) for a, b in zip(given, start, strict=True)):
        raise Wrong(
            "You changed the start itself. `w0 + ...` makes a new tensor; `w0 += ...` writes into "
            "the old one, and then the next sum begins from somewhere else."
        )
    if isinstance(found, torch.Tensor) or len(found) != 2:
        raise Wrong("Return a list with a tensor for each tensor of the start: here 2.")
    values = [round(float(v), 4) for w in found for v in w.flatten()]
    if values == [10.25, 21.0, 0.5]:
        kept = add_jobs(start, [first, second], 0.0)
        if all(torch.equal(a, b) for a, b in zip(kept, start, strict=True)):
            return (
                "(10.25, 21) and .5. In the third weight the two jobs pull in opposite directions: "
                "there the sum helps neither of them."
            )
        raise Wrong("With a scale of 0 the start must come back.")
    known = {
        (
            10.125,
            20.5,
            0.75,
        ): "You took the mean of the task vectors. They are added: each job shall "
        "get its whole vector, times the scale.",
        (0.25, 1.0, -0.5): "That is what is added. Add it to the start.",
        (15.25, 31.0, 1.0): "You added whole networks. Take the start away from each first: a task "
        "vector is what the training has *added*.",
        (2.75, 6.0, -0.25): "You scaled the start as well: only the sum of the vectors is scaled.",
        (11.0, 24.0, -1.0): "The scale is missing.",
        (9.75, 19.0, 1.5): "You subtracted the vectors: that is for unlearning.",
        (10.25, 20.0, 1.5): "That is the first job alone: add up over all of `tuned`.",
        (20.25, 41.0, 1.5): "The start is in it once for each job; it belongs there once.",
    }
    if tuple(values) in known:
        raise Wrong(known[tuple(values)])
    raise Wrong(
        "Start (10, 20) and 1, scale .25, one training moved it by (1, 0) and 2, the other by "
        f"(0, 4) and -4: (10.25, 21) and .5 is asked for; yours is {values}."
    )

"""Checks of lesson 13: LoRA's size, a safe merge, a safe optimizer, springs, task vectors."""

from __future__ import annotations

import torch
from torch import nn

from . import Wrong, attempted, exercise

# --- LoRA ----------------------------------------------------------------------------------------


@exercise(
    "13-1",
    wrong={
        "A alone": lambda: lambda inputs, outputs, rank: rank * inputs / (inputs * outputs),
        "B alone": lambda: lambda inputs, outputs, rank: rank * outputs / (inputs * outputs),
        "A and B multiplied": lambda: (
            lambda inputs, outputs, rank: rank * inputs * outputs * rank / (inputs * outputs)
        ),
        "the number, not the share": lambda: (
            lambda inputs, outputs, rank: rank * (inputs + outputs)
        ),
        "per cent": lambda: (
            lambda inputs, outputs, rank: 100 * rank * (inputs + outputs) / (inputs * outputs)
        ),
        "turned round": lambda: (
            lambda inputs, outputs, rank: inputs * outputs / (rank * (inputs + outputs))
        ),
        "of all numbers together": lambda: (
            lambda inputs, outputs, rank: (
                rank * (inputs + outputs) / (inputs * outputs + rank * (inputs + outputs))
            )
        ),
        "the bias counts": lambda: (
            lambda inputs, outputs, rank: rank * (inputs + outputs) / (inputs * outputs + outputs)
        ),
        "rank forgotten": lambda: (
            lambda inputs, outputs, rank: (inputs + outputs) / inputs / outputs
        ),
        "always 1": lambda: lambda inputs, outputs, rank: 1.0,
    },
)
def share_of_lora(lora_share):
    """Layers with other inputs than outputs, and a rank other than 1."""
    inputs, outputs, rank = 10, 40, 3
    numbers, whole = rank * (inputs + outputs), inputs * outputs
    found = float(attempted(lora_share(inputs, outputs, rank)))
    known = {
        rank * inputs / whole: "That is A alone. B has outputs x rank numbers more.",
        rank * outputs / whole: "That is B alone. A has rank x inputs numbers more.",
        float(rank**2): "The numbers of A and B are added: they are two matrices, not a product.",
        float(numbers): "That is how many numbers A and B have. Divide by those in W.",
        100 * numbers / whole: "That is in per cent: give a share, where 1 means as many as W.",
        whole / numbers: "That is turned round: divide what LoRA trains by what W has.",
        numbers / (whole + numbers): "Divide by the numbers in W alone, without A and B.",
        numbers / (whole + outputs): "W is meant without its bias: inputs x outputs numbers.",
        (inputs + outputs) / whole: "The rank is missing: A has `rank` rows, B has `rank` columns.",
    }
    for value, message in known.items():
        if abs(found - value) < 1e-6:
            raise Wrong(message)
    if abs(found - numbers / whole) > 1e-6:
        raise Wrong(
            f"For {inputs} inputs, {outputs} outputs and rank {rank} it gives {found:g}. A has "
            f"{rank * inputs} numbers there, B {rank * outputs}, W {whole}."
        )
    if abs(float(lora_share(96, 288, 72)) - 1) > 1e-6:
        raise Wrong("Right for one layer, and wrong for 96 inputs, 288 outputs and rank 72.")
    return "At rank 72 of at most 96, LoRA trains as many numbers as the whole `qkv` has."


def _layers() -> tuple[dict, dict]:
    """Three square layers, so that no wrong order fails by its shape; updates for two of them."""
    chance = torch.Generator().manual_seed(0)
    weights = {name: torch.randn(4, 4, generator=chance) for name in ("first", "second", "third")}
    update = {
        name: (torch.randn(2, 4, generator=chance), torch.randn(4, 2, generator=chance))
        for name in ("first", "third")
    }
    return weights, update


def _merge(change, only_updated: bool = False):
    """A merge that adds change(A, B, scale) into a new dictionary."""

    def merge(trunk, update, scale=1.0):
        merged = {} if only_updated else dict(trunk)
        for name, (A, B) in update.items():
            merged[name] = trunk[name] + change(A, B, scale)
        return merged

    return merge


def _in_place(trunk, update, scale=1.0):
    for name, (A, B) in update.items():
        trunk[name] += scale * B @ A
    return trunk


def _in_place_of_a_new_dictionary(trunk, update, scale=1.0):
    merged = dict(trunk)
    for name, (A, B) in update.items():
        merged[name] += scale * B @ A
    return merged


def _instead(trunk, update, scale=1.0):
    return dict(trunk) | {name: scale * B @ A for name, (A, B) in update.items()}


@exercise(
    "13-2",
    wrong={
        "changes the trunk": lambda: _in_place,
        "a new dictionary with the old tensors": lambda: _in_place_of_a_new_dictionary,
        "only what has an update": lambda: _merge(lambda A, B, s: s * B @ A, only_updated=True),
        "forgets the scale": lambda: _merge(lambda A, B, s: B @ A),
        "transposed": lambda: _merge(lambda A, B, s: s * (B @ A).T),
        "in place of the weights": lambda: _instead,
        "subtracts": lambda: _merge(lambda A, B, s: -s * B @ A),
        "the scale twice": lambda: _merge(lambda A, B, s: (s * B) @ (s * A)),
        "returns a list": lambda: lambda trunk, update, scale=1.0: list(trunk.values()),
    },
)
def merge_into_a_copy(merge):
    """Three layers, two of them with an update; the trunk must be as before."""
    trunk, update = _layers()
    given = {name: weight.clone() for name, weight in trunk.items()}
    kept = dict(trunk)
    found = attempted(merge(trunk, update, 0.5))
    if not isinstance(found, dict):
        raise Wrong(f"Return a dictionary of names and weights, not {type(found).__name__}.")
    if trunk.keys() != given.keys() or any(trunk[n] is not kept[n] for n in kept):
        raise Wrong("Your merge put other weights into the trunk's dictionary: begin with a copy.")
    if any(not torch.equal(trunk[name], given[name]) for name in given):
        if found is trunk:
            raise Wrong(
                "The trunk has changed, so running it again adds the update twice. Make a new "
                "dictionary, and new tensors: `trunk[name] + ...`."
            )
        raise Wrong(
            "The dictionary is new, but its tensors are the trunk's own, and `+=` changes a tensor "
            "where it is. Write `merged[name] = trunk[name] + ...`."
        )
    if missing := sorted(given.keys() - found.keys()):
        raise Wrong(f"{missing[0]} is missing: weights without an update belong to it as well.")
    product = {name: B @ A for name, (A, B) in update.items()}

    def gives(change) -> bool:
        return all(torch.allclose(found[n], change(given[n], d)) for n, d in product.items())

    if gives(lambda w, d: w + d):
        raise Wrong("`scale` is not used: with a scale of .5 half of B A is to be added.")
    if gives(lambda w, d: w + 0.25 * d):
        raise Wrong("The scale comes in twice: it belongs to the product, not to both factors.")
    if gives(lambda w, d: w + 0.5 * d.T):
        raise Wrong("The update is transposed: it is B @ A, outputs x inputs.")
    if gives(lambda w, d: 0.5 * d):
        raise Wrong("The weights of the trunk are gone: the update is added to them.")
    if gives(lambda w, d: w - 0.5 * d):
        raise Wrong("The sign is wrong: the update is added.")
    if not gives(lambda w, d: w + 0.5 * d):
        raise Wrong("The weights are not those of the trunk plus scale * (B @ A).")
    if not torch.equal(found["second"], given["second"]):
        raise Wrong("`second` has no update, and yet it changed.")
    if not torch.allclose(merge(trunk, update)["first"], given["first"] + product["first"]):
        raise Wrong("Without a scale it should add B A once: the default is 1.")
    return "Run it as often as you like: the trunk stays, and each merge is the first one."


# --- a frozen trunk ------------------------------------------------------------------------------


def _frozen_later() -> nn.Module:
    """Two layers; the first was trained before it was frozen, so it holds a gradient of zeros."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    model[0].requires_grad_(False)
    for parameter in model[0].parameters():
        parameter.grad = torch.zeros_like(parameter)
    return model


def _adamw(which, decay=lambda decay: decay, rate=lambda rate: rate, kind=torch.optim.AdamW):
    def make(model, rate_, decay_):
        chosen = [p for p in model.parameters() if which(p)]
        return kind(chosen, rate(rate_), weight_decay=decay(decay_))

    return make


def _names(model, rate, decay):
    return torch.optim.AdamW(
        [p for n, p in model.named_parameters() if "head" in n], rate, weight_decay=decay
    )


@exercise(
    "13-3",
    wrong={
        "all parameters": lambda: _adamw(lambda p: True),
        "no decay for anybody": lambda: _adamw(lambda p: True, decay=lambda d: 0.0),
        "no decay for what is trained": lambda: _adamw(
            lambda p: p.requires_grad, decay=lambda d: 0.0
        ),
        "the frozen ones": lambda: _adamw(lambda p: not p.requires_grad),
        "those that hold a gradient": lambda: _adamw(lambda p: p.grad is not None or p.ndim == 1),
        "Adam, not AdamW": lambda: _adamw(lambda p: p.requires_grad, kind=torch.optim.Adam),
        "the rate is left out": lambda: _adamw(lambda p: p.requires_grad, rate=lambda r: 1e-3),
        "only weight matrices": lambda: _adamw(lambda p: p.requires_grad and p.ndim > 1),
        "the list, no optimizer": lambda: (
            lambda model, rate, decay: [p for p in model.parameters() if p.requires_grad]
        ),
        "by a name that is not there": lambda: _names,
    },
)
def optimizer_of_what_is_trained(optimizer_for):
    """A layer frozen late, with gradients of zeros left over, and one in training."""
    model = _frozen_later()
    optimizer = attempted(optimizer_for(model, 0.02, 0.3))
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise Wrong(f"Return an optimizer of torch, not {type(optimizer).__name__}.")
    groups = optimizer.param_groups
    given = [id(p) for group in groups for p in group["params"]]
    frozen = {id(p) for p in model[0].parameters()}
    free = {id(p) for p in model[1].parameters()}
    decays = {group["weight_decay"] for group in groups}
    if not free & set(given):
        raise Wrong("Nothing that is in training is given to it. Which have `requires_grad`?")
    if frozen & set(given):
        if decays == {0.0}:
            raise Wrong(
                "Without decay the frozen weights stay, but those in training lose their decay, "
                "too. Leave the decay, and leave the frozen weights out."
            )
        if free <= set(given):
            raise Wrong(
                "It was given all parameters: its weight decay moves the frozen layer, which holds "
                "a gradient of zeros. Give it those with `requires_grad` only."
            )
        raise Wrong("Ask for `requires_grad`. Whether a gradient is there says nothing.")
    if free - set(given):
        raise Wrong("The bias of the layer in training is left out; it has `requires_grad` too.")
    if not isinstance(optimizer, torch.optim.AdamW):
        raise Wrong(f"AdamW is asked for, not {type(optimizer).__name__}.")
    if decays != {0.3}:
        raise Wrong(f"A weight decay of .3 was asked for; it has {sorted(decays)}.")
    if {group["lr"] for group in groups} != {0.02}:
        raise Wrong(f"A learning rate of .02 was asked for; it has {groups[0]['lr']:g}.")
    return "What it was never given it cannot move, whatever is left over in `.grad`."


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

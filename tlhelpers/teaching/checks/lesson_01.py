"""Self-checks of lesson 01: counting what is trainable, BatchNorm, train mode, L2-SP."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from . import Wrong, attempted, exercise

# 01-1: count the trainable parameters -----------------------------------------------------------


def _count(chosen, size=torch.Tensor.numel) -> int:
    """Add up ResNet-18's parameters (two classes; `layer4` and `fc` trainable) that are chosen."""
    from torchvision.models import resnet18

    with torch.device("meta"):  # only the shapes are wanted
        network = resnet18(num_classes=2)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(("layer4.", "fc.")))
    return sum(size(p) for name, p in network.named_parameters() if chosen(name, p))


# The name of a mistake: how it is made, and why it is one.
_COUNTS = {
    "counts tensors, not numbers": (
        lambda: _count(lambda name, p: p.requires_grad, size=lambda p: 1),
        "is the number of trainable tensors. How many numbers does each hold? Ask `numel()`.",
    ),
    "counts all parameters": (
        lambda: _count(lambda name, p: True),
        "is every parameter, frozen ones too. Count only where `requires_grad` is True.",
    ),
    "counts what is frozen": (
        lambda: _count(lambda name, p: not p.requires_grad),
        "is what is frozen: the condition is the wrong way round.",
    ),
    "forgets the head": (
        lambda: _count(lambda name, p: name.startswith("layer4.")),
        "is `layer4` alone. The head can be trained as well.",
    ),
    "forgets layer4": (
        lambda: _count(lambda name, p: name.startswith("fc.")),
        "is the head alone. `layer4` can be trained as well.",
    ),
}


@exercise("01-1", wrong={name: make for name, (make, _) in _COUNTS.items()})
def trainable_parameters(trainable):
    """How many numbers of ResNet-18 can be trained when all before layer4 is frozen?"""
    trainable = int(trainable)
    for make, reason in _COUNTS.values():
        if trainable == make():
            raise Wrong(f"{trainable:,} {reason}")
    right, total = _count(lambda name, p: p.requires_grad), _count(lambda name, p: True)
    if trainable != right:
        raise Wrong(
            f"{trainable:,} is not it. Sum `parameter.numel()` over `network.parameters()`, where "
            "`requires_grad` is True."
        )
    return (
        f"{right:,} of {total:,}. All but the last stage is frozen, and still {right / total:.0%} "
        "of the weights can be trained: most weights of a ResNet sit in its last stage."
    )


# 01-2: what BatchNorm stores --------------------------------------------------------------------


def _update(
    mean, var, x, momentum=0.1, *, new=lambda m: m, correction=1, power=1.0, axes=(0, 2, 3)
):
    """The right update, and by its options the wrong ones."""
    batch_mean, batch_var = x.mean(axes), x.var(axes, correction=correction) ** power
    if batch_mean.ndim > 1:
        batch_mean, batch_var = batch_mean[:, 0, 0], batch_var[:, 0, 0]
    new = new(momentum)
    return (1 - new) * mean + new * batch_mean, (1 - new) * var + new * batch_var


_UPDATES = {
    "weighs old and new the wrong way round": (
        partial(_update, new=lambda m: 1 - m),
        "the momentum is the wrong way round. In PyTorch it is the weight of the new batch: a "
        "momentum of .1 keeps nine tenths of the stored value.",
    ),
    "forgets the past": (
        partial(_update, new=lambda m: 1.0),
        "only the batch is in it. BatchNorm keeps (1 - momentum) of the stored value.",
    ),
    "ignores the momentum": (
        partial(_update, new=lambda m: 0.1),
        "the result does not depend on `momentum`: use the argument, not .1.",
    ),
    "takes the standard deviation": (
        partial(_update, power=0.5),
        "the batch's standard deviation is mixed in. `running_var` is a variance.",
    ),
    "divides the variance by n": (
        partial(_update, correction=0),
        "the mean is right, the variance a little small. BatchNorm stores the unbiased variance, "
        "divided by n - 1, which is what `x.var((0, 2, 3))` gives.",
    ),
    "averages over samples alone": (
        partial(_update, axes=0),
        "the statistics are over the samples alone. A channel has one mean, over samples, rows "
        "and columns: axes (0, 2, 3).",
    ),
}


@exercise(
    "01-2",
    wrong={name: lambda function=function: function for name, (function, _) in _UPDATES.items()}
    | {
        "keeps all dimensions": lambda: lambda mean, var, x, momentum: (x.mean(0), x.var(0)),
        "returns the mean alone": lambda: lambda *a, **k: _update(*a, **k)[0],
    },
)
def after_one_batch(function):
    """Running mean and variance (C,) after a batch, compared with PyTorch's own BatchNorm."""
    x = torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(1)) * 2 + 1
    mean, var = torch.tensor([0.5, -1.0, 2.0, 0.0]), torch.tensor([0.2, 1.0, 3.0, 0.7])
    norm = nn.BatchNorm2d(4, momentum=0.3).train()
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(var)
    norm(x)
    wanted = (norm.running_mean, norm.running_var)
    got = attempted(function(mean.clone(), var.clone(), x.clone(), momentum=0.3))
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise Wrong("Return two tensors, the new mean and the new variance: `return mean, var`.")
    got = [torch.as_tensor(value) for value in got]
    if any(value.shape != (4,) for value in got):
        raise Wrong(
            f"The shapes are {tuple(got[0].shape)} and {tuple(got[1].shape)}; BatchNorm stores "
            "one number for each of the 4 channels, (4,). Average over axes (0, 2, 3)."
        )
    if _close(got, wanted):
        return "That is how a 'frozen' BatchNorm changes: without a gradient, without an optimizer."
    for mistake, reason in _UPDATES.values():
        if _close(got, mistake(mean, var, x, momentum=0.3)):
            raise Wrong(f"Not yet: {reason}")
    which = int(torch.allclose(got[0], wanted[0], atol=1e-5))  # the first of the two that is wrong
    raise Wrong(
        f"With momentum .3 the new {('mean', 'variance')[which]} should be "
        f"{_numbers(wanted[which])} in the check's example; yours is {_numbers(got[which])}."
    )


def _close(got, wanted) -> bool:
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(got, wanted, strict=True))


def _numbers(tensor) -> str:
    return ", ".join(f"{value:.2f}" for value in tensor.tolist())


# 01-3: a train mode that respects what is frozen ------------------------------------------------


def _two_halves() -> nn.Module:
    """A frozen half and a trainable half, each with BatchNorm and Dropout, blocks inside blocks."""
    halves = {
        name: nn.Sequential(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)), nn.Dropout(0.5))
        for name in ("frozen", "free")
    }
    halves["frozen"].requires_grad_(False)
    return nn.ModuleDict(halves)


def _training(function, start_training: bool) -> dict[str, bool]:
    """Which layers are in train mode after the learner's function."""
    model = _two_halves().train(start_training)
    function(model)
    if any(p.requires_grad != (half == "free") for half in model for p in model[half].parameters()):
        raise Wrong("Your function changed what is trainable: it should read `requires_grad` only.")
    halves = model.items()
    norms = {f"{name} BatchNorm": half[0][1].training for name, half in halves}
    return norms | {f"{name} Dropout": half[1].training for name, half in halves}


def _puts_to_eval(choose, train_first=True):
    """A function that puts to eval what `choose(module, trainable flags)` says."""

    def function(model):
        if train_first:
            model.train()
        for module in model.modules():
            if choose(module, [p.requires_grad for p in module.parameters()]):
                module.eval()

    return function


def _is_norm(module) -> bool:
    return isinstance(module, nn.BatchNorm2d)


_MODES = {
    "trusts requires_grad": lambda m, flags: False,
    "puts everything in eval mode": lambda m, flags: True,
    "puts every BatchNorm in eval mode": lambda m, flags: _is_norm(m),
    "forgets Dropout": lambda m, flags: _is_norm(m) and not any(flags),
    "takes layers without parameters for frozen": lambda m, flags: not any(flags),
}


@exercise(
    "01-3",
    wrong={name: lambda choose=choose: _puts_to_eval(choose) for name, choose in _MODES.items()}
    | {
        "forgets to call train() first": lambda: _puts_to_eval(
            lambda m, flags: flags and not any(flags), train_first=False
        )
    },
)
def train_mode_by_hand(function):
    """Frozen blocks in eval mode with everything in them, the others in train mode."""
    after = _training(function, start_training=True)
    if not any(after.values()):
        raise Wrong(
            "Now everything is in eval mode, the trainable half too: its Dropout is off and its "
            "BatchNorm does not follow its changing weights."
        )
    if after["frozen BatchNorm"]:
        raise Wrong(
            "The frozen BatchNorm is still in train mode, so its running statistics move. "
            "`requires_grad` does not reach them: call `eval()` on the module."
        )
    if not after["free BatchNorm"]:
        raise Wrong(
            "A trainable BatchNorm ended up in eval mode. Only modules whose parameters are all "
            "frozen go there: look at `requires_grad`, not at the kind of the layer."
        )
    if not after["free Dropout"]:
        raise Wrong(
            "Dropout of the trainable half is off. A layer without parameters is not frozen, but "
            "`any` of nothing is False: ask also whether there are parameters at all."
        )
    if after["frozen Dropout"]:
        raise Wrong(
            "BatchNorm is right, but Dropout inside the frozen half still drops, so the features "
            "are different in every pass. `eval()` on the whole frozen block reaches it too."
        )
    if not _training(function, start_training=False)["free BatchNorm"]:
        raise Wrong(
            "A network that comes from an evaluation stays in eval mode, trainable layers and all. "
            "Begin with `model.train()`, then switch the frozen ones."
        )
    return (
        "Frozen blocks stay in eval mode with everything in them; the others train. Call it at the "
        "start of every epoch, and the leak is closed."
    )


# 01-4: soft sharing -----------------------------------------------------------------------------


def _l2_sp(model, start, strength, *, pull=torch.sub, size=lambda gap: gap.square().sum()):
    """The right penalty, and by its options the wrong ones."""
    weights = dict(model.named_parameters())
    return strength / 2 * sum(size(pull(weights[name], start[name])) for name in start)


def _with_head(model, start, strength):
    head = sum(p.square().sum() for name, p in model.named_parameters() if name not in start)
    return _l2_sp(model, start, strength) + strength / 2 * head


def _without_gradient(model, start, strength):
    return _l2_sp(model, start, strength).detach()


_PENALTIES = {
    "decays towards zero": (
        partial(_l2_sp, pull=lambda weight, start: weight),
        "this is plain weight decay, a pull towards 0. Soft sharing pulls towards `start[name]`.",
    ),
    "forgets the half": (
        partial(_l2_sp, size=lambda gap: 2 * gap.square().sum()),
        "it is twice the value wanted: strength / 2 times the squared distance.",
    ),
    "does not square": (
        partial(_l2_sp, size=lambda gap: gap.square().sum().sqrt()),
        "the distances are not squared.",
    ),
    "averages": (
        partial(_l2_sp, size=lambda gap: gap.square().mean()),
        "the squares are averaged. Sum them: a layer with more weights has more to keep.",
    ),
    "ties the head too": (
        _with_head,
        "the head is in it as well. It has no start to stay close to: leave out what is not in "
        "`start`.",
    ),
}
_FALLING = {0: 0.2, 0.1: 0.1, 1: 0.05, 10: 0.01}  # distances as a right penalty gives them


@exercise(
    "01-4",
    wrong={name: lambda wrong=wrong: (wrong, _FALLING) for name, (wrong, _) in _PENALTIES.items()}
    | {
        "cuts the gradient": lambda: (_without_gradient, _FALLING),
        "did not run the experiment again": lambda: (_l2_sp, dict.fromkeys(_FALLING, 0.2)),
    },
)
def soft_sharing(l2_sp, distances):
    """The penalty on a small network, and the distances measured with it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    start = {f"0.{name}": torch.randn_like(p) for name, p in model[0].named_parameters()}
    penalty = torch.as_tensor(attempted(l2_sp(model, start, 0.8)))
    if penalty.numel() != 1:
        raise Wrong(f"A penalty is one number; yours has the shape {tuple(penalty.shape)}: sum it.")
    for mistake, reason in _PENALTIES.values():
        if torch.isclose(penalty, mistake(model, start, 0.8), rtol=1e-4):
            raise Wrong(f"Not yet: {reason}")
    wanted = _l2_sp(model, start, 0.8)
    if not torch.isclose(penalty, wanted, rtol=1e-4):
        raise Wrong(
            f"On the check's network the penalty should be {wanted:.3f}, not {penalty:.3f}: the "
            "sum of strength / 2 x (weight - start)^2 over all names in `start`."
        )
    if not penalty.requires_grad:
        raise Wrong(
            "The value is right, but no gradient flows through it, so it cannot pull on anything. "
            "Leave out `detach()`, `.item()`, `.data` and `no_grad`."
        )
    by_strength = [float(distances[strength]) for strength in sorted(distances)]
    if max(by_strength) - min(by_strength) < 1e-3:
        raise Wrong(
            "The penalty is right, but the distances are the same for every strength: they were "
            "measured without it. Run the exercise's cell again."
        )
    if by_strength[-1] >= by_strength[0]:
        raise Wrong("The strongest pull moved the weights most: is `strength` used as a factor?")
    listed = ", ".join(f"{strength}: {distances[strength]:.3f}" for strength in sorted(distances))
    return (
        f"Distance by strength: {listed}. Strength 0 is full fine-tuning; the stronger the pull, "
        "the closer the weights stay to their start. Freezing is the limit of soft sharing."
    )

"""Several tasks on one backbone: how to weigh their losses, and what to do when they disagree.

A task's *gradient* is that of its loss by the shared parameters, as one flat vector (P,); those of
T tasks are the rows of a (T, P) matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from ..core.errors import InputError


def task_gradients(losses: Sequence[Tensor], parameters: Iterable[nn.Parameter]) -> Tensor:
    """The gradient of each of T losses by the shared parameters: (T, P).

    Zero where a loss does not reach a parameter. The graph is kept, so `backward` can follow.
    """
    parameters = list(parameters)
    rows = []
    for loss in losses:
        found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        pairs = zip(found, parameters, strict=True)
        rows.append(torch.cat([(p.new_zeros(p.shape) if g is None else g).flatten()
                               for g, p in pairs]))  # fmt: skip
    return torch.stack(rows)


def set_gradient(parameters: Iterable[nn.Parameter], gradient: Tensor) -> None:
    """Write a flat gradient (P,) back into `.grad` of the parameters, for an optimiser's step.

    Raises `InputError` where the sizes differ.
    """
    parameters = list(parameters)
    sizes = [p.numel() for p in parameters]
    if sum(sizes) != gradient.numel():
        raise InputError(f"a gradient of {gradient.numel()} numbers for {sum(sizes)} parameters.")
    for p, part in zip(parameters, gradient.split(sizes), strict=True):
        p.grad = part.view(p.shape).clone()


def gradient_cosines(gradients: Tensor) -> Tensor:
    """Cosine of the angle between every two rows of (T, P): (T, T), 1 on the diagonal.

    Above 0 a small step for one task also lowers the other's loss; below 0 it raises it. A row of
    zeros has the cosine 0 with every other.
    """
    unit = torch.nn.functional.normalize(_matrix(gradients), dim=1)
    cosines = (unit @ unit.T).clamp(-1, 1)
    return cosines.fill_diagonal_(1)


def pcgrad(gradients: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One gradient (P,) for T tasks (T, P) that is spared their conflicts (PCGrad).

    From each task's gradient the part is taken away that runs against another task's: the
    projection on it, where the two have a negative product. The others come in random order, and
    are the original ones. The results are added. Yu et al. 2020, *Gradient surgery for multi-task
    learning* (arXiv 2001.06782).
    """
    gradients = _matrix(gradients)
    lengths = gradients.square().sum(1)
    total = torch.zeros_like(gradients[0])
    for i, own in enumerate(gradients):
        own = own.clone()
        for j in torch.randperm(len(gradients), generator=generator).tolist():
            product = own @ gradients[j]
            if j != i and product < 0:  # so that row is not zero either
                own -= product / lengths[j] * gradients[j]
        total += own
    return total


class UncertaintyWeighting(nn.Module):
    """Learnt weights of T losses: sum of exp(-s) loss + s / 2, with a learnt s for each task.

    s is the logarithm of the noise's variance that the task is believed to have. A task whose loss
    stays high gets a small weight; s / 2 keeps all weights from going to 0. At rest a weight is
    1 / (2 loss). Kendall, Gal, Cipolla 2018 (arXiv 1705.07115), with the approximation they make
    for classification. `.log_variances` (T,) must be given to the optimiser, without weight decay.
    """

    def __init__(self, tasks: int):
        if tasks < 1:
            raise InputError(f"UncertaintyWeighting needs at least one task; got {tasks}.")
        super().__init__()
        self.log_variances = nn.Parameter(torch.zeros(tasks))

    @property
    def weights(self) -> Tensor:
        """What each loss is multiplied by now, (T,)."""
        return self.log_variances.detach().neg().exp()

    def forward(self, losses: Sequence[Tensor]) -> Tensor:
        losses = torch.stack(tuple(losses))
        if losses.shape != self.log_variances.shape:
            raise InputError(f"{len(losses)} losses for {len(self.log_variances)} tasks.")
        return (self.log_variances.neg().exp() * losses + self.log_variances / 2).sum()


def coupling(first: nn.Module, second: nn.Module) -> Tensor:
    """Half the squared distance between the parameters of two like networks: soft sharing.

    Added to the loss, times a strength, it pulls the two towards each other without making them
    one (Duong et al. 2015, for parsers of two languages). Buffers are left out.

    Raises:
        InputError: the networks have other shapes.
    """
    a, b = list(first.parameters()), list(second.parameters())
    if [p.shape for p in a] != [p.shape for p in b]:
        raise InputError("soft sharing couples two networks of the same shape.")
    return sum((p - q).square().sum() for p, q in zip(a, b, strict=True)) / 2


def _matrix(gradients: Tensor) -> Tensor:
    if gradients.ndim != 2 or len(gradients) < 1:
        raise InputError(
            f"gradients are a row a task, (tasks, parameters); got {tuple(gradients.shape)}."
        )
    return gradients

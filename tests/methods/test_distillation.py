"""The loss of distillation against its formula, and what temperature does to its gradient."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import tlhelpers as tl


@pytest.fixture
def logits():
    chance = torch.Generator().manual_seed(0)
    return [3 * torch.randn(7, 4, generator=chance) for _ in range(2)]


@pytest.mark.parametrize("t", [1.0, 2.0, 5.0])
def test_the_formula(logits, t):
    student, teacher = logits
    p, q = (teacher / t).softmax(1), (student / t).softmax(1)
    wanted = t**2 * (p * (p / q).log()).sum(1).mean()
    assert tl.distillation_loss(student, teacher, t).item() == pytest.approx(
        wanted.item(), rel=1e-4
    )


def test_it_is_0_for_equal_answers_and_never_negative(logits):
    student, teacher = logits
    assert tl.distillation_loss(teacher, teacher).item() == pytest.approx(0, abs=1e-6)
    assert tl.distillation_loss(teacher + 5, teacher).item() == pytest.approx(0, abs=1e-5)
    assert tl.distillation_loss(student, teacher).item() > 0


def test_with_a_sure_teacher_its_gradient_is_that_of_the_hard_label(logits):
    student = logits[0].requires_grad_()
    label = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    sure = 1000.0 * F.one_hot(label, 4)
    (soft,) = torch.autograd.grad(tl.distillation_loss(student, sure, 1.0), student)
    (hard,) = torch.autograd.grad(F.cross_entropy(student, label), student)
    torch.testing.assert_close(soft, hard)


def test_the_teacher_gets_no_gradient_and_the_gradient_keeps_its_size(logits):
    student, teacher = (z.requires_grad_() for z in logits)
    sizes = []
    for t in (20.0, 40.0):
        (gradient,) = torch.autograd.grad(tl.distillation_loss(student, teacher, t), student)
        sizes.append(gradient.norm().item())
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)
    tl.distillation_loss(student, teacher).backward()
    assert teacher.grad is None


@pytest.mark.parametrize(
    ("shape", "temperature", "message"),
    [((7, 5), 2.0, "same classes"), ((6, 4), 2.0, "same images"), ((7, 4), 0.0, "above 0")],
)
def test_what_does_not_fit_is_refused(logits, shape, temperature, message):
    with pytest.raises(tl.InputError, match=message):
        tl.distillation_loss(logits[0], torch.zeros(shape), temperature)

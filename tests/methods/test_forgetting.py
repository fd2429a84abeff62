"""Elastic weight consolidation against numbers by hand, and that it keeps an old job."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl


@pytest.fixture
def linear():
    """A trunk of one weight for each of two features, and a fixed head on top."""
    torch.manual_seed(0)
    trunk, head = nn.Linear(3, 4), nn.Linear(4, 2)
    return trunk, head


def test_fisher_is_the_mean_of_squared_gradients_over_the_networks_own_answers(linear):
    trunk, head = linear
    images = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    found = tl.fisher_information(trunk, head, images, seed=5)
    chance, total = torch.Generator().manual_seed(5), torch.zeros_like(trunk.weight)
    for image in images:
        log_p = F.log_softmax(head(trunk(image[None])), 1)
        label = torch.multinomial(log_p.detach().exp(), 1, generator=chance)
        total += torch.autograd.grad(log_p[0, label.item()], trunk.weight)[0].square()
    torch.testing.assert_close(
        found["weight"] / found["weight"].sum(), total / total.sum(), rtol=1e-4, atol=1e-6
    )
    entries = torch.cat([f.flatten() for f in found.values()])
    assert entries.min() >= 0 and entries.mean().item() == pytest.approx(1, rel=1e-5)


def test_fisher_leaves_the_network_as_it_was(linear):
    trunk, head = linear
    trunk.weight.requires_grad_(False)
    trunk.train()
    before = tl.fingerprint(trunk)
    tl.fisher_information(trunk, head, torch.randn(3, 3))
    assert not tl.changed(before, tl.fingerprint(trunk))
    assert trunk.training and not trunk.weight.requires_grad and trunk.bias.requires_grad
    assert trunk.weight.grad is None and trunk.bias.grad is None


def test_fisher_of_a_weight_that_no_answer_depends_on_is_0():
    trunk, head = nn.Linear(2, 2), nn.Linear(2, 2)
    with torch.no_grad():
        head.weight[:, 1] = 0  # the head does not read the second feature
    found = tl.fisher_information(trunk, head, torch.randn(4, 2))
    assert found["weight"][1].abs().max() == 0 and found["weight"][0].min() > 0


def test_ewc_by_hand_and_its_gradient():
    start = nn.Linear(2, 1)
    moved = copy.deepcopy(start)
    with torch.no_grad():
        moved.weight += torch.tensor([[1.0, 2.0]])
    fisher = {"weight": torch.tensor([[3.0, 0.5]]), "bias": torch.tensor([7.0])}
    penalty = tl.ewc(moved, start, fisher, 0.4)
    assert penalty.item() == pytest.approx(0.2 * (3 * 1 + 0.5 * 4))
    penalty.backward()
    torch.testing.assert_close(moved.weight.grad, torch.tensor([[1.2, 0.4]]))
    assert start.weight.grad is None
    assert tl.ewc(start, start, fisher, 9.0).item() == 0


def test_equal_stiffness_is_l2_sp():
    start = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    moved = copy.deepcopy(start)
    with torch.no_grad():
        for p in moved[0].parameters():
            p += 0.1
    ones = {name: torch.ones_like(p) for name, p in start.named_parameters()}
    torch.testing.assert_close(tl.ewc(moved, start, ones, 0.3), tl.l2_sp(moved, start, 0.3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t, h, f: tl.ewc(t, t, f, -1.0), "0 or more"),
        (lambda t, h, f: tl.ewc(t, t, {"weight": f["weight"]}, 1.0), "bias"),
        (lambda t, h, f: tl.ewc(t, nn.Sequential(nn.Linear(3, 4)), f, 1.0), "belong"),
        (lambda t, h, f: tl.fisher_information(t, h, torch.zeros(0, 3)), "a hundred"),
        (lambda t, h, f: tl.fisher_information(t, nn.Linear(4, 1), torch.ones(2, 3)), "0 every"),
    ],
)
def test_what_does_not_fit_is_refused(linear, call, message):
    trunk, head = linear
    fisher = {name: torch.ones_like(p) for name, p in trunk.named_parameters()}
    with pytest.raises(tl.InputError, match=message):
        call(trunk, head, fisher)

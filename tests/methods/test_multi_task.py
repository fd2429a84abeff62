"""Many tasks on one backbone, against what can be computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tlhelpers.core.errors import InputError
from tlhelpers.data.digit_tasks import LOOPS, TASKS, digit_tasks
from tlhelpers.data.digits import font_glyphs
from tlhelpers.methods.multi_task import (
    UncertaintyWeighting,
    coupling,
    gradient_cosines,
    pcgrad,
    set_gradient,
    task_gradients,
)


def test_gradients_of_two_squares():
    point, other = nn.Parameter(torch.tensor([1.0, 2.0])), nn.Parameter(torch.tensor(3.0))
    losses = [point.square().sum(), (other - point[0]).square()]
    rows = task_gradients(losses, [point, other])
    torch.testing.assert_close(rows, torch.tensor([[2.0, 4, 0], [-4, 0, 4]]))
    sum(losses).backward()  # the graph is still there
    torch.testing.assert_close(torch.cat([point.grad, other.grad[None]]), rows.sum(0))


def test_a_gradient_goes_back_where_it_came_from():
    layer = nn.Linear(3, 2)
    gradient = torch.arange(8.0)
    set_gradient(layer.parameters(), gradient)
    torch.testing.assert_close(layer.weight.grad, gradient[:6].view(2, 3))
    torch.testing.assert_close(layer.bias.grad, gradient[6:])
    with pytest.raises(InputError, match="8 parameters"):
        set_gradient(layer.parameters(), torch.zeros(7))


def test_cosines_know_the_angle():
    rows = torch.tensor([[2.0, 0], [3, 3], [-1, 0], [0, 0]])
    half = math.sqrt(0.5)
    expected = [[1, half, -1, 0], [half, 1, -half, 0], [-1, -half, 1, 0], [0, 0, 0, 1]]
    torch.testing.assert_close(gradient_cosines(rows), torch.tensor(expected))
    with pytest.raises(InputError, match="a row a task"):
        gradient_cosines(rows[0])


def test_tasks_that_agree_are_added():
    rows = torch.tensor([[1.0, 0.5], [0.5, 2], [0, 1]])
    torch.testing.assert_close(pcgrad(rows), rows.sum(0))


def test_two_tasks_in_conflict_by_hand():
    rows = torch.tensor([[3.0, 1], [0, -2]])
    # (3, 1) loses its second coordinate; (0, -2) loses -2/10 of (3, 1)
    expected = torch.tensor([3.0, 0]) + torch.tensor([0.6, -1.8])
    torch.testing.assert_close(pcgrad(rows), expected)
    assert (rows @ expected > 0).all()  # neither loss rises to first order


def test_opposite_tasks_cancel():
    rows = torch.tensor([[1.0, 2], [-2, -4]])
    torch.testing.assert_close(pcgrad(rows), torch.zeros(2))


def test_with_two_tasks_neither_is_worked_against():
    chance = torch.Generator().manual_seed(0)
    for _ in range(20):
        rows = torch.randn(2, 5, generator=chance)
        assert (rows @ pcgrad(rows) > -1e-5).all()


def test_the_order_is_the_generators():
    rows = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    first, again = (pcgrad(rows, torch.Generator().manual_seed(5)) for _ in range(2))
    torch.testing.assert_close(first, again)


def test_uncertainty_weights_come_to_rest_at_one_over_twice_the_loss():
    weighting = UncertaintyWeighting(3)
    losses = torch.tensor([0.1, 0.5, 4.0])
    assert weighting(list(losses)).item() == pytest.approx(4.6)  # all weights begin as 1
    optimiser = torch.optim.SGD(weighting.parameters(), lr=0.3)
    for _ in range(500):
        optimiser.zero_grad()
        weighting(list(losses)).backward()
        optimiser.step()
    torch.testing.assert_close(weighting.weights, 1 / (2 * losses), rtol=1e-3, atol=0)
    with pytest.raises(InputError, match="2 losses for 3 tasks"):
        weighting(list(losses[:2]))
    with pytest.raises(InputError, match="at least one"):
        UncertaintyWeighting(0)


def test_coupling_pulls_two_networks_to_their_middle():
    first, second = nn.Linear(2, 1), nn.Linear(2, 1)
    for value, network in ((1.0, first), (3.0, second)):
        for parameter in network.parameters():
            nn.init.constant_(parameter, value)
    loss = coupling(first, second)
    assert loss.item() == pytest.approx(3 * 2**2 / 2)
    loss.backward()
    assert (first.weight.grad == -2).all() and (second.weight.grad == 2).all()
    assert coupling(first, first).item() == 0
    with pytest.raises(InputError, match="same shape"):
        coupling(first, nn.Linear(3, 1))


def test_seven_questions_about_a_digit():
    digits = font_glyphs(400, seed=0)
    images, answers = digit_tasks(digits, seed=3)
    again, _ = digit_tasks(digits, seed=3)
    assert torch.equal(images, again) and images.shape == digits.images.shape
    assert images.min() >= 0 and images.max() <= 1 and not torch.equal(images, digits.images)
    assert list(answers) == list(TASKS)
    assert all(int(answers[name].max()) == size - 1 for name, size in TASKS.items())
    for digit in range(10):
        at = answers["digit"] == digit
        assert (answers["parity"][at] == digit % 2).all()
        assert (answers["five or more"][at] == (digit > 4)).all()
        assert (answers["loops"][at] == LOOPS[digit]).all()
        for name in ("tilt", "noise", "coin"):  # either way, whatever the digit
            assert 0 < answers[name][at].float().mean() < 1


def test_tilt_and_noise_can_be_seen():
    bar = font_glyphs(1, seed=0)
    bar.images.zero_()[:, :, 2:14, 7:9] = 1  # an upright bar
    many = bar[torch.zeros(200, dtype=torch.long)]
    images, answers = digit_tasks(many, seed=0)
    side = torch.arange(16.0) - 7.5
    lean = (images[:, 0, :5] * side).sum((1, 2)) - (images[:, 0, 11:] * side).sum((1, 2))
    tilted = [lean[answers["tilt"] == way].mean() for way in (0, 1)]
    assert tilted[0] < 0 < tilted[1]  # to the left, to the right
    corner = images[:, 0, :, :2].std((1, 2))  # paper: noise alone
    assert corner[answers["noise"] == 1].mean() > 1.5 * corner[answers["noise"] == 0].mean()


def test_digit_tasks_takes_digits_only():
    with pytest.raises(InputError, match="0 to 9"):
        digit_tasks(font_glyphs(60, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", seed=0))

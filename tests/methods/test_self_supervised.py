"""Pretext tasks against values by hand: quarter turns and the contrastive loss."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

import tlhelpers as tl


def test_each_picture_in_its_four_turns():
    image = torch.tensor([[1.0, 2], [3, 4]])[None, None]
    turned, labels = tl.rotation_batch(torch.cat([image, 10 * image]))
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    against_the_clock = [[1, 2, 3, 4], [2, 4, 1, 3], [4, 3, 2, 1], [3, 1, 4, 2]]
    assert turned[::2].flatten(1).tolist() == against_the_clock
    assert torch.equal(turned[1::2], 10 * turned[::2])


@pytest.mark.parametrize("shape", [(2, 1, 4, 5), (1, 4, 4)])
def test_only_squares_can_be_turned(shape):
    with pytest.raises(tl.InputError, match="square"):
        tl.rotation_batch(torch.zeros(shape))


@pytest.mark.parametrize("n", [2, 5])
def test_equal_views_leave_only_guessing(n):
    same = torch.ones(n, 3)
    assert tl.nt_xent(same, same).item() == pytest.approx(math.log(2 * n - 1), rel=1e-6)


def test_views_at_right_angles_by_hand():
    """The partner has cosine 1, the 2N - 2 others cosine 0."""
    corners, temperature = torch.eye(4), 0.5
    expected = math.log(1 + 6 * math.exp(-1 / temperature))
    assert tl.nt_xent(corners, 3 * corners, temperature).item() == pytest.approx(expected, rel=1e-6)


def test_against_a_loop_over_the_views():
    chance = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 3, 4, generator=chance)
    views = [*first, *second]
    losses = []
    for i, view in enumerate(views):
        scores = [math.exp(F.cosine_similarity(view, other, 0) / 0.2) for other in views]
        losses.append(-math.log(scores[(i + 3) % 6] / (sum(scores) - scores[i])))
    expected = sum(losses) / 6
    assert tl.nt_xent(first, second, 0.2).item() == pytest.approx(expected, rel=1e-4)


def test_the_gradient_pulls_partners_together():
    first = torch.randn(6, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    second = torch.randn(6, 4, generator=torch.Generator().manual_seed(2))
    before = F.cosine_similarity(first, second).mean().item()
    tl.nt_xent(first, second).backward()
    after = F.cosine_similarity(first.detach() - first.grad, second).mean().item()
    assert after > before


@pytest.mark.parametrize(
    ("first", "second", "temperature"),
    [
        (torch.ones(3, 2), torch.ones(4, 2), 0.5),
        (torch.ones(1, 2), torch.ones(1, 2), 0.5),
        (torch.ones(3, 2), torch.ones(3, 2), 0.0),
    ],
)
def test_what_cannot_be_compared(first, second, temperature):
    with pytest.raises(tl.InputError, match="nt_xent"):
        tl.nt_xent(first, second, temperature)

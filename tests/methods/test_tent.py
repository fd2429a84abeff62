"""Tent: whose statistics are used, what moves, and what does not."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import tlhelpers as tl


@pytest.fixture
def model():
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(),
        nn.Linear(36, 3),
    )  # fmt: skip
    return layers.eval()


@pytest.fixture
def batches():
    chance = torch.Generator().manual_seed(1)
    return [3 + 2 * torch.randn(8, 1, 5, 5, generator=chance) for _ in range(4)]


def test_entropy():
    even, sure = torch.zeros(2, 4), torch.tensor([[1000.0, 0, 0, 0]])
    assert tl.mean_entropy(even).item() == pytest.approx(math.log(4))
    assert tl.mean_entropy(sure).item() == pytest.approx(0)
    assert tl.mean_entropy(torch.cat([even, sure])).item() == pytest.approx(math.log(4) * 2 / 3)


def test_without_a_rate_each_batch_is_normalised_by_itself(model, batches):
    answers, _ = tl.tent(model, batches, lr=0)
    wanted = [tl.adapt_batchnorm(model, batch)(batch) for batch in batches]
    # A running variance divides by n - 1, a batch's own by n: with 72 numbers hardly a difference.
    torch.testing.assert_close(answers, torch.cat(wanted), rtol=0.02, atol=0.02)


def test_only_scales_and_offsets_move_and_the_model_given_stays(model, batches):
    before = tl.fingerprint(model)
    _, adapted = tl.tent(model, batches, lr=0.01)
    assert not tl.changed(before, tl.fingerprint(model))
    moved = [
        n
        for n, p in adapted.named_parameters()
        if not torch.equal(p, dict(model.named_parameters())[n])
    ]
    assert moved == ["1.weight", "1.bias"]
    assert all(p.requires_grad for p in model.parameters())


def test_it_lowers_the_entropy_of_the_same_pictures(model, batches):
    answers, _ = tl.tent(model, batches[:1] * 30, lr=0.01)
    first, *_, last = answers.split(8)
    assert tl.mean_entropy(last) < tl.mean_entropy(first) - 0.05


def test_answers_are_given_before_the_step_and_labels_are_not_read(model, batches):
    plain, learning = (tl.tent(model, batches, lr=lr)[0] for lr in (0, 0.1))
    torch.testing.assert_close(plain[:8], learning[:8])
    assert not torch.allclose(plain[8:], learning[8:])
    labelled = [(batch, None) for batch in batches]
    torch.testing.assert_close(tl.tent(model, labelled, lr=0.1)[0], learning)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": -1.0}, "negative|0 or more"),
        ({"batches": []}, "no batches"),
        ({"batches": [torch.ones(1, 1, 5, 5)]}, "one image"),
        ({"model": nn.Flatten()}, "no BatchNorm"),
        ({"model": nn.BatchNorm2d(1, affine=False)}, "no scale"),
    ],
)
def test_what_cannot_be_done(model, batches, change, message):
    with pytest.raises(tl.InputError, match=message):
        tl.tent(**{"model": model, "batches": batches, **change})

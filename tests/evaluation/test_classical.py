"""The classical baseline: what HOG is blind to, what it sees, and a penalty chosen honestly."""

from __future__ import annotations

import math

import pytest
import torch

import tlhelpers as tl
from tlhelpers.evaluation.baselines import hog, logistic_regression


def grating(degrees: float, side: int = 32, phase: float = 0.0) -> torch.Tensor:
    """A wave whose gradient points `degrees` away from the horizontal: (1, 1, side, side)."""
    rows, columns = torch.meshgrid(*[torch.arange(side).float()] * 2, indexing="ij")
    angle = math.radians(degrees)
    wave = torch.sin((columns * math.cos(angle) + rows * math.sin(angle)) * 0.6 + phase)
    return (wave[None, None] + 1) / 2


@pytest.mark.parametrize("degrees", [10, 50, 90, 130, 170])
def test_the_fullest_bin_is_the_direction_of_the_gradient(degrees):
    votes = hog(grating(degrees)).view(-1, 9).sum(0)  # directions run fastest
    ahead = (votes.argmax() - degrees / 20) % 9  # bins are 20 degrees wide and a circle
    assert min(ahead, 9 - ahead) <= 1


def test_size_of_the_description():
    assert hog(torch.rand(3, 3, 96, 64), cell=8).shape == (3, 11 * 7 * 4 * 9)
    assert hog(torch.rand(1, 1, 32, 32), cell=16, bins=6).shape == (1, 24)


def test_light_and_contrast_drop_out_and_direction_does_not():
    picture = grating(30)
    assert torch.allclose(hog(picture), hog(0.3 * picture + 0.4), atol=1e-4)
    assert torch.allclose(hog(picture), hog(1 - picture), atol=1e-4)  # an edge has no front
    assert (hog(picture) - hog(grating(75))).abs().max() > 0.1


def test_bytes_and_fractions_agree_and_a_flat_picture_says_nothing():
    picture = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    assert torch.allclose(hog(picture), hog(picture.float() / 255), atol=1e-5)
    assert not hog(torch.full((1, 3, 32, 32), 0.5)).any()


def test_the_channel_with_the_strongest_gradient_votes():
    colour = torch.zeros(1, 3, 32, 32)
    colour[:, 1] = grating(60)[:, 0]
    colour[:, 2] = 0.2 * grating(150)[:, 0]
    pure = torch.cat([torch.zeros_like(grating(60))] * 3, 1)
    pure[:, 1] = grating(60)[:, 0]
    likeness = torch.nn.functional.cosine_similarity(hog(colour), hog(pure))
    assert likeness > 0.95


@pytest.mark.trained
def test_the_penalty_is_strong_where_features_are_noise(seed, holds):
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(60) % 2
    noise = torch.randn(60, 40, generator=generator)
    signal = noise.clone()
    signal[:, 0] += 6 * y
    strict = logistic_regression(noise, y)
    assert set(strict.best_params_) == {"classify__C"}
    found = logistic_regression(signal, y).score(signal.numpy(), y)
    holds("accuracy with a signal", found, above=0.95)
    holds("accuracy on noise", strict.best_score_, below=0.75)


def test_refusals_say_what_to_do():
    with pytest.raises(tl.InputError, match="smaller cell"):
        hog(torch.rand(1, 3, 12, 12))
    with pytest.raises(tl.InputError, match=r"\(N, C, H, W\)"):
        hog(torch.rand(3, 32, 32))
    with pytest.raises(tl.InputError, match="more examples"):
        logistic_regression(torch.rand(6, 2), torch.tensor([0, 0, 0, 0, 1, 1]))

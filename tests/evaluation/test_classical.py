"""The classical baselines: what HOG ignores, what it keeps, and how the penalty is chosen."""

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


def test_light_and_contrast_are_ignored_and_direction_is_not():
    picture = grating(30)
    assert torch.allclose(hog(picture), hog(0.3 * picture + 0.4), atol=1e-4)
    assert torch.allclose(hog(picture), hog(1 - picture), atol=1e-4)  # an edge has no front
    assert (hog(picture) - hog(grating(75))).abs().max() > 0.1


def test_bytes_and_fractions_agree_and_a_flat_picture_has_no_edges():
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
    strict = logistic_regression(noise, y)["choose"]
    assert set(strict.best_params_) == {"C"}
    found = logistic_regression(signal, y).score(signal.numpy(), y)
    holds("accuracy with a signal", found, above=0.95)
    holds("accuracy on noise", strict.best_score_, below=0.75)


@pytest.mark.parametrize("width", [6, 200])
def test_the_rotation_changes_no_answer(width):
    """The classifier is the one that scikit-learn fits on all the numbers, for new data too."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    generator = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 3
    seen, new = (torch.randn(60, width, generator=generator) + y[:, None] for _ in range(2))
    scale = StandardScaler().fit(seen)
    plain = LogisticRegression(C=0.1, max_iter=1000, tol=1e-8).fit(scale.transform(seen), y)
    rotated = logistic_regression(seen, y, strengths=[0.1])
    wanted = plain.predict_proba(scale.transform(new))
    assert rotated.predict_proba(new.double().numpy()) == pytest.approx(wanted, abs=2e-3)


def test_refusals_say_what_to_do():
    with pytest.raises(tl.InputError, match="smaller cell"):
        hog(torch.rand(1, 3, 12, 12))
    with pytest.raises(tl.InputError, match=r"\(N, C, H, W\)"):
        hog(torch.rand(3, 32, 32))
    with pytest.raises(tl.InputError, match="more examples"):
        logistic_regression(torch.rand(6, 2), torch.tensor([0, 0, 0, 0, 1, 1]))

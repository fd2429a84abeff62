"""Gratings: the class is the direction of the wave, and nothing else tells the classes apart."""

from __future__ import annotations

import pytest
import torch

import tlhelpers as tl


def wave_direction(image: torch.Tensor) -> float:
    """Degrees (0..180) of the strongest wave in a picture (3, H, W), from its Fourier transform."""
    grey = image.float().mean(0)
    spectrum = torch.fft.fft2(grey - grey.mean()).abs()
    row, column = divmod(int(spectrum.argmax()), grey.shape[1])
    frequencies = torch.fft.fftfreq(grey.shape[0])
    return float(torch.rad2deg(torch.atan2(frequencies[row], frequencies[column]))) % 180


def test_the_class_is_the_direction_of_the_wave():
    data = tl.gratings(64, classes=4, noise=0.05, seed=3)
    assert data.classes == ["0 degrees", "45 degrees", "90 degrees", "135 degrees"]
    for image, label in zip(data.images, data.labels, strict=True):
        # a contrast may be weak in one channel: one of the three shows the wave clearly
        turned = [(wave_direction(channel[None]) - 45 * int(label)) % 180 for channel in image]
        off = min(min(angle, 180 - angle) for angle in turned)
        assert (
            off <= 45 / 4 + 4
        )  # a quarter of the way to the next class, and a bin of the spectrum


def test_classes_are_balanced_and_colours_tell_nothing():
    data = tl.gratings(400, seed=0, size=32)
    assert set(data.counts().values()) == {50}
    assert data.images.dtype == torch.uint8 and data.images.shape == (400, 3, 32, 32)
    colours = data.images.float().mean((2, 3))
    of_class = torch.stack([colours[data.labels == k].mean(0) for k in range(8)])
    spread = colours.std(0) / 50**0.5  # standard error of a class's mean
    assert ((of_class - colours.mean(0)).abs() < 4 * spread).all()


def test_the_same_seed_gives_the_same_pictures():
    one, two, other = (tl.gratings(16, size=24, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.images, two.images) and not torch.equal(one.images, other.images)


@pytest.mark.parametrize("how", [{"classes": 1}, {"n": 5}])
def test_too_few_are_refused(how):
    with pytest.raises(tl.InputError, match="gratings needs 2 classes or more"):
        tl.gratings(**{"n": 8, **how})


def test_glyphs_become_pictures_of_any_size():
    written = tl.handwriting()[:20]
    pictures = tl.glyph_images(written, size=48, interpolation="bicubic")
    assert pictures.images.shape == (20, 3, 48, 48) and torch.equal(pictures.labels, written.labels)
    corners = pictures.images[:, :, ::47, ::47].float()
    assert corners.min() > 240  # paper is white, ink is dark
    assert pictures.images.min() < 30

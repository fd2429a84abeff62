"""Shifts of pictures: each at the strength that changes nothing, and at one known by hand."""

from __future__ import annotations

import pytest
import torch

from tlhelpers.core.errors import InputError
from tlhelpers.data.shifts import KINDS, shift_images

NOTHING = {"dim": 1.0, "shrink": 1.0}


@pytest.fixture
def images():
    return torch.rand(5, 3, 12, 10, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_strength_that_changes_nothing_and_leaves_its_input_alone(kind, images):
    before = images.clone()
    torch.testing.assert_close(
        shift_images(images, kind, NOTHING.get(kind, 0.0)), before, atol=1e-4, rtol=0
    )
    shift_images(images, kind, 2.0 if kind == "blur" else 0.4)
    assert torch.equal(images, before)


def test_fog_is_white_is_as_dense_as_asked_for_and_differs_from_place_to_place():
    black = torch.zeros(60, 3, 32, 32)
    foggy = shift_images(black, "fog", 0.4, seed=3)
    assert foggy.mean().item() == pytest.approx(0.4, abs=0.03)
    assert foggy[:, 0].flatten(1).std(1).mean() > 0.05
    assert torch.equal(foggy[:, 0], foggy[:, 1]) and torch.equal(foggy[:, 0], foggy[:, 2])
    assert torch.equal(foggy, shift_images(black, "fog", 0.4, seed=3))
    assert not torch.equal(foggy, shift_images(black, "fog", 0.4, seed=4))
    white = torch.ones(1, 3, 32, 32)
    torch.testing.assert_close(shift_images(white, "fog", 0.4), white)


def test_a_half_turn_reverses_rows_and_columns(images):
    turned = shift_images(images, "turn", 180)
    torch.testing.assert_close(turned, images.flip(2, 3), atol=1e-4, rtol=0)


def test_a_turn_goes_counter_clockwise():
    dot = torch.zeros(1, 1, 9, 9)
    dot[0, 0, 0, 4] = 1  # in the middle of the upper edge
    turned = shift_images(dot, "turn", 90)
    assert turned[0, 0, 4, 0] == pytest.approx(1, abs=1e-4)


def test_half_the_size_leaves_an_empty_frame():
    shrunk = shift_images(torch.ones(1, 1, 16, 16), "shrink", 0.5)
    assert shrunk[0, 0, 4:12, 4:12].min() > 0.9
    assert shrunk[0, 0, 0].max() == 0
    border = shift_images(torch.ones(1, 1, 16, 16), "shrink", 0.5, padding="border")
    assert border.min() > 0.99


def test_noise_has_its_deviation_and_its_seed():
    grey = torch.full((20, 1, 40, 40), 0.5)
    noisy = shift_images(grey, "noise", 0.1, seed=3)
    assert noisy.std().item() == pytest.approx(0.1, rel=0.02)
    assert torch.equal(noisy, shift_images(grey, "noise", 0.1, seed=3))
    assert not torch.equal(noisy, shift_images(grey, "noise", 0.1, seed=4))


def test_blur_keeps_the_light_and_spreads_it():
    dot = torch.zeros(1, 1, 15, 15)
    dot[0, 0, 7, 7] = 1
    blurred = shift_images(dot, "blur", 1.0)
    assert blurred.sum().item() == pytest.approx(1, abs=1e-4)
    # a Gaussian of deviation 1, summed in two dimensions
    assert blurred[0, 0, 7, 8] / blurred[0, 0, 7, 7] == pytest.approx(0.6065, abs=0.001)


def test_stamp_and_dim(images):
    stamped = shift_images(images, "stamp", 4)
    assert (stamped[:, :, -1, -4:] == 1).all()
    stamped[:, :, -1, -4:] = images[:, :, -1, -4:]
    assert torch.equal(stamped, images)
    torch.testing.assert_close(shift_images(images, "dim", 0.3), images * 0.3)


def test_what_is_refused(images):
    with pytest.raises(InputError, match='"blurr".*blur'):
        shift_images(images, "blurr", 1)
    with pytest.raises(InputError, match="images / 255"):
        shift_images((images * 255).to(torch.uint8), "dim", 0.5)

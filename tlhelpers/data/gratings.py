"""Striped pictures: a task far from everything that has a shape. Nothing is downloaded."""

from __future__ import annotations

import math

import torch

from ..core.errors import InputError
from .image_tensors import ImageTensors


def gratings(
    n: int, *, classes: int = 8, size: int = 96, noise: float = 0.1, seed: int = 0
) -> ImageTensors:
    """Draw `n` sine gratings, pictures of stripes; the class is the direction of the wave.

    In class k of K the wave travels at 180 k / K degrees, give or take a quarter of the distance to
    the next class. Wavelength (5 to 16 pixels), phase, contrast and the two colours are random:
    they say nothing about the class. All classes have equally many pictures, to within one.

    Args:
        size: side in pixels. noise: standard deviation of the grain, in shares of full brightness.

    Returns uint8 images (n, 3, size, size) with class names such as "45 degrees". Raises
    `InputError` for fewer than 2 classes, or fewer images than classes.
    """
    if classes < 2 or n < classes:
        raise InputError(
            f"gratings needs 2 classes or more, and an image of each; got {classes} classes and "
            f"{n} images."
        )
    chance = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, channels: int = 1) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, channels, 1, 1, generator=chance)

    labels = torch.arange(n) % classes
    step = math.pi / classes
    angle = labels[:, None, None, None] * step + uniform(-step / 4, step / 4)
    wavelength = uniform(math.log(5), math.log(16)).exp()
    x = torch.arange(size, dtype=torch.float32)
    travelled = x * angle.cos() + x[:, None] * angle.sin()
    wave = torch.sin(2 * math.pi * (travelled / wavelength + uniform(0, 1)))
    contrast = uniform(0.1, 0.3, 3) * uniform(-1, 1, 3).sign()
    grain = noise * torch.randn(n, 3, size, size, generator=chance)
    pixels = (uniform(0.3, 0.7, 3) + contrast * wave + grain).clamp(0, 1)
    names = [f"{180 * k / classes:g} degrees" for k in range(classes)]
    return ImageTensors((255 * pixels).round().to(torch.uint8), labels, names)

"""Drawn shapes with three attributes each, and captions for them: nothing is stored or downloaded.

4 shapes x 4 colours x 3 textures make 48 classes. Class number = 12 shape + 3 colour + texture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from ..core.errors import InputError

ATTRIBUTES = {
    "shape": ("circle", "square", "triangle", "cross"),
    "colour": ("red", "green", "blue", "yellow"),
    "texture": ("plain", "striped", "dotted"),
}
SIZES = tuple(len(values) for values in ATTRIBUTES.values())
CLASSES = [" ".join(reversed(words)) for words in product(*ATTRIBUTES.values())]
SIDE = 32  # pixels
_RGB = torch.tensor([[0.85, 0.15, 0.15], [0.15, 0.65, 0.2], [0.15, 0.3, 0.9], [0.9, 0.8, 0.15]])


@dataclass(frozen=True)
class Shapes:
    """Pictures with their classes, and two facts that captions may mention.

    Attributes:
        images: float32 (N, 3, 32, 32) in [0, 1].
        labels: int64 (N,), class numbers.
        large, light: bool (N,): the shape is large, the ground is light.
    """

    images: Tensor
    labels: Tensor
    large: Tensor
    light: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index) -> Shapes:
        """The pictures at `index` (a mask, a slice or positions)."""
        return Shapes(*(value[index] for value in vars(self).values()))

    def to(self, device) -> Shapes:
        """The same pictures on another device."""
        return Shapes(*(value.to(device) for value in vars(self).values()))


def shape_attributes(labels: Tensor | None = None) -> Tensor:
    """Class numbers (N,) as attribute values (N, 3): shape, colour, texture; of all 48 by default.

    Raises `InputError` for a number that is no class.
    """
    labels = torch.arange(len(CLASSES)) if labels is None else torch.as_tensor(labels)
    if labels.numel() and not 0 <= labels.min() <= labels.max() < len(CLASSES):
        raise InputError(f"class numbers are 0 to {len(CLASSES) - 1}; got {labels.tolist()}.")
    return torch.stack([labels // 12, labels // 3 % 4, labels % 3], dim=-1)


def draw_shapes(labels: Tensor, seed: int = 0) -> Shapes:
    """Draw one picture of each class number in `labels` (N,).

    Place, size (radius 9 to 14 pixels), turn (up to 20 degrees), shade, pattern and ground are
    random, by `seed`. Raises `InputError` for a number that is no class.
    """
    chance = torch.Generator().manual_seed(seed)
    n = len(labels)
    shape, colour, texture = shape_attributes(labels).T

    def uniform(low: float, high: float, *size: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *(size or (1, 1)), generator=chance)

    rows, columns = torch.meshgrid(*[torch.arange(SIDE) - (SIDE - 1) / 2] * 2, indexing="ij")
    large, light = (torch.rand(n, generator=chance) < 0.5 for _ in range(2))
    radius = torch.where(large[:, None, None], uniform(12, 14), uniform(9, 11))
    play = SIDE / 2 - 0.9 * radius
    x, y = columns - play * uniform(-1, 1), rows - play * uniform(-1, 1)
    x, y = _turn(x, y, uniform(-math.pi / 9, math.pi / 9))
    distance = _outside(shape, x / radius, y / radius) * radius  # pixels; negative inside
    ink = (0.5 - distance).clamp(0, 1)[:, None]  # a soft edge, one pixel wide

    dark = _pattern(texture, *_turn(x, y, uniform(0, math.pi)), uniform(5, 7), uniform(0, 6.3))
    shade = (uniform(0.8, 1.1) * (1 - uniform(0.45, 0.7) * dark))[:, None]
    paint = (_RGB[colour] + uniform(-0.1, 0.1, 3))[:, :, None, None] * shade
    grey = torch.where(light[:, None, None, None], uniform(0.65, 0.9, 1, 1, 1), 0.3)
    slope = (uniform(-0.1, 0.1) * columns + uniform(-0.1, 0.1) * rows)[:, None] / SIDE
    ground = grey + uniform(-0.06, 0.06, 3)[:, :, None, None] + slope
    images = ground + ink * (paint - ground)
    images += 0.04 * torch.randn(images.shape, generator=chance)
    return Shapes(images.clamp(0, 1), torch.as_tensor(labels), large, light)


def _turn(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    return x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()


def _outside(shape: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Distance from the outline of a shape of radius 1, negative inside."""
    across, down = x.abs(), y.abs()
    circle = (x.square() + y.square()).sqrt() - 0.85
    square = torch.maximum(across, down) - 0.75
    triangle = torch.maximum(y, across * 0.866 - y * 0.5) - 0.52
    bars = (
        torch.maximum(down - 0.28, across - 0.95),
        torch.maximum(across - 0.28, down - 0.95),
    )
    every = torch.stack([circle, square, triangle, torch.minimum(*bars)], dim=1)
    return every[torch.arange(len(shape)), shape]


def _pattern(texture: Tensor, x: Tensor, y: Tensor, period: Tensor, phase: Tensor) -> Tensor:
    """Where the paint is dark, 0 to 1: nowhere, in stripes, in dots."""
    a, b = (torch.cos(2 * math.pi * v / period + phase) for v in (x, y))
    stripes, dots = (2 * a + 0.5).clamp(0, 1), (2 * (a + b) - 0.7).clamp(0, 1)
    every = torch.stack([torch.zeros_like(x), stripes, dots], dim=1)
    return every[torch.arange(len(texture)), texture]


@dataclass(frozen=True)
class ClassSplit:
    """Class numbers, three parts: `seen` is trained on, `validation` chooses, `unseen` reports."""

    seen: Tensor
    validation: Tensor
    unseen: Tensor


def implied(classes: Tensor) -> dict[str, float]:
    """For each attribute: share of `classes` in which the two others leave no choice for it.

    0: no attribute can be concluded from the others. 1, as in a Latin square: always.
    """
    values = shape_attributes(classes)
    shares = {}
    for position, name in enumerate(ATTRIBUTES):
        others = values[:, [i for i in range(3) if i != position]]
        twins = (others[:, None] == others[None]).all(-1).sum(1)
        shares[name] = float((twins == 1).float().mean())
    return shares


def split_classes(seed: int = 0) -> ClassSplit:
    """Split the 48 classes at random into 32 seen, 8 for validation and 8 unseen.

    The unseen classes are a block: all combinations of 2 shapes, 2 colours and 2 textures, so that
    no attribute is implied by the others. The validation classes are one of the other 2 shapes, the
    other 2 colours and 2 textures. Every pair of attribute values is in some seen class.
    """
    chance = torch.Generator().manual_seed(seed)
    shapes, colours = (torch.randperm(4, generator=chance) for _ in range(2))
    unseen, validation = (
        _block(shapes[part], colours[part], torch.randperm(3, generator=chance)[:2])
        for part in (slice(0, 2), slice(2, 4))
    )
    classes = torch.arange(len(CLASSES))
    taken = torch.isin(classes, torch.cat([unseen, validation]))
    return ClassSplit(classes[~taken], validation, unseen)


def _block(*values: Tensor) -> Tensor:
    """Class numbers of all combinations of some values of each attribute."""
    shape, colour, texture = torch.cartesian_prod(*values).T
    return (12 * shape + 3 * colour + texture).sort().values

"""Augmentation of whole batches, drawn for every sample by itself.

torchvision's transforms draw once for a batch tensor: all its images are rotated by one angle. Here
each sample has its own draw, and the batch is still one `grid_sample` or one matrix product.

A factory returns a function (x, generator) -> x for `BatchLoader(augment=...)`; x is float
(B, 3, H, W) in 0..1 and stays so. All numbers of a batch come from the generator, on its device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import InputError

Augment = Callable[[Tensor, "torch.Generator | None"], Tensor]

_LUMA = [0.299, 0.587, 0.114]  # ITU-R BT.601, what Pillow and torchvision call grey
_AROUND_GREY = [[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]


def random_affine(
    degrees: float = 0.0,
    translate: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    flip: bool | float = True,
    vertical_flip: bool | float = False,
) -> Augment:
    """Turn, shift, scale and mirror; what comes in from outside is the mirrored image.

    degrees: up to so far either way. translate: up to this share of the side, either way.
    scale: range of the magnification, from 0.5 on: the sampling is bilinear, two pixels wide, and
    would show aliasing below. flip, vertical_flip: mirror left-right, up-down, every second sample
    on average; a number is another probability.
    """
    low, high = scale
    if degrees < 0 or not 0 <= translate < 1 or not 0.5 <= low <= high:
        raise InputError(
            f"random_affine(degrees={degrees}, translate={translate}, scale={scale}): degrees must "
            "be 0 or more, translate within 0..1, scale a range (low, high) from 0.5 on."
        )
    flip, vertical_flip = _probability("flip", flip), _probability("vertical_flip", vertical_flip)

    def augment(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        draw = _Draw(x, generator)
        angle = draw.uniform(-degrees, degrees) * (math.pi / 180)
        # Output -> input: the inverse of what the eye sees, hence the reciprocal of the scale.
        zoom = draw.uniform(math.log(low), math.log(high)).neg().exp()
        cos, sin = angle.cos() * zoom, angle.sin() * zoom
        across, down = draw.sign(flip), draw.sign(vertical_flip)
        shift_x, shift_y = draw.uniform(-translate, translate), draw.uniform(-translate, translate)
        aspect = x.shape[3] / x.shape[2]  # coordinates run over -1..1 along either side
        return _warp(
            x,
            torch.stack([cos * across, -sin * down / aspect, 2 * shift_x], 1),
            torch.stack([sin * across * aspect, cos * down, 2 * shift_y], 1),
        )

    return augment


def random_resized_crop(
    scale: tuple[float, float] = (0.5, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    flip: bool | float = True,
) -> Augment:
    """Cut out a random part and enlarge it to the image's own size (Szegedy et al. 2014).

    scale: range of the part's area, as a share of the image. ratio: range of its width to height,
    in pixels. flip: mirror left-right, or the probability of it.

    As a part is never shrunk, bilinear sampling does not alias.
    """
    if not 0 < scale[0] <= scale[1] <= 1 or not 0 < ratio[0] <= ratio[1]:
        raise InputError(
            f"random_resized_crop(scale={scale}, ratio={ratio}): scale must be a range within "
            "0..1, ratio a range above 0, such as scale=(0.5, 1.0), ratio=(0.75, 1.33)."
        )
    flip = _probability("flip", flip)

    def augment(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        draw = _Draw(x, generator)
        area = draw.uniform(*scale)
        shape = draw.uniform(math.log(ratio[0]), math.log(ratio[1])).exp()
        shape = shape * (x.shape[2] / x.shape[3])
        width, height = (area * shape).sqrt().clamp(max=1), (area / shape).sqrt().clamp(max=1)
        across = draw.sign(flip)
        left, top = draw.uniform(-1, 1) * (1 - width), draw.uniform(-1, 1) * (1 - height)
        none = torch.zeros_like(width)
        return _warp(
            x,
            torch.stack([width * across, none, left], 1),
            torch.stack([none, height, top], 1),
        )

    return augment


def color_jitter(
    brightness: float = 0.2, contrast: float = 0.2, saturation: float = 0.2, hue: float = 0.0
) -> Augment:
    """Change the light: each factor is drawn from 1 - v .. 1 + v, the hue from -v .. v of a circle.

    All four are linear in the colours, so one 3 x 3 matrix and one offset a sample do them
    together: saturation mixes with grey, hue turns about the grey axis, contrast stretches about
    the sample's mean grey. Results are cut to 0..1.
    """
    amounts = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    if not all(0 <= v <= 1 for v in amounts.values()) or not 0 <= hue <= 0.5:
        raise InputError(
            f"color_jitter({amounts}, hue={hue}): the first three must be within 0..1, hue within "
            "0..0.5."
        )

    def augment(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        draw = _Draw(x, generator)
        bright, stretch, colour = (
            draw.uniform(1 - v, 1 + v)[:, None, None] for v in (brightness, contrast, saturation)
        )
        angle = draw.uniform(-hue, hue)[:, None, None] * (2 * math.pi)
        luma = _constant([_LUMA], x)
        same = torch.eye(3, device=x.device)
        grey = luma.expand(3, 3)
        axis = torch.full_like(same, 1 / 3)
        cross = _constant(_AROUND_GREY, x) / math.sqrt(3)
        turned = axis + (same - axis) * angle.cos() + cross * angle.sin()  # Rodrigues' formula
        matrix = bright * (colour * same + (1 - colour) * grey) @ turned
        mean = luma @ matrix @ x.mean((2, 3))[:, :, None]  # mean grey, (B, 1, 1)
        out = torch.baddbmm((1 - stretch) * mean, stretch * matrix, x.flatten(2))
        return out.clamp_(0, 1).view(x.shape)

    return augment


@dataclass(frozen=True)
class Shard:
    """A generator, for a process that holds only some samples of a batch.

    The numbers of all `total` samples are drawn and those of its `own` are used, so that a sample
    is augmented in the same way however many processes share the batch.
    """

    generator: torch.Generator | None
    total: int
    own: slice


class _Draw:
    """Random numbers, one for each sample of x, in a fixed order."""

    def __init__(self, x: Tensor, draws: torch.Generator | Shard | None):
        if not isinstance(draws, Shard):
            draws = Shard(draws, len(x), slice(None))
        self.device, self.draws = x.device, draws
        self.source = draws.generator.device if draws.generator is not None else "cpu"

    def uniform(self, low: float, high: float) -> Tensor:
        """Return (B,) values between low and high."""
        draws = self.draws
        draw = torch.rand(draws.total, generator=draws.generator, device=self.source)[draws.own]
        return (draw * (high - low) + low).to(self.device, non_blocking=True)

    def sign(self, probability: float) -> Tensor:
        """Return (B,) values: -1 with the given probability, else 1."""
        return 1 - 2 * (self.uniform(0, 1) < probability).float()


def _warp(x: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Sample x (B, 3, H, W) along an affine map; `across` and `down` are its two rows (B, 3).

    One broadcast sum makes the grid: `F.affine_grid` multiplies matrices for it and takes as long
    as the sampling itself on a CPU.
    """
    height, width = x.shape[2:]
    theta = torch.stack([across, down], 2)[:, :, None, None, :]  # (B, 3, 1, 1, 2)
    xs = (torch.arange(width, device=x.device) * 2 + 1) / width - 1
    ys = (torch.arange(height, device=x.device) * 2 + 1) / height - 1
    columns = theta[:, 0] * xs[:, None]  # (B, 1, W, 2)
    rows = theta[:, 1] * ys[:, None, None] + theta[:, 2]  # (B, H, 1, 2)
    return F.grid_sample(x, rows + columns, padding_mode="reflection", align_corners=False)


def _constant(values: list[list[float]], like: Tensor) -> Tensor:
    # Without non_blocking the host would wait for the device in every batch.
    return torch.tensor(values).to(like.device, non_blocking=True)


def _probability(name: str, value: bool | float) -> float:
    if not 0 <= value <= 1:
        raise InputError(f"{name}={value} must be True, False or a probability such as 0.5.")
    return 0.5 if value is True else float(value)

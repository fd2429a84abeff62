"""Pictures that leave home a little at a time: one kind of change, any strength."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import InputError, nearest

KINDS = ("noise", "blur", "fog", "dim", "hue", "turn", "shrink", "stamp")


def shift_images(
    images: Tensor, kind: str, strength: float, *, seed: int = 0, padding: str = "zeros"
) -> Tensor:
    """Change float images (N, C, H, W) in 0..1; the strength that changes nothing in brackets.

    "noise": standard deviation of Gaussian noise (0); "blur": of a Gaussian, in pixels (0); "fog":
    white clouds, the share of the light that they are on average (0); "dim": factor of all values
    (1); "hue": turn of the colour circle, -.5 to .5 (0); "turn": degrees,
    counter-clockwise (0); "shrink": size of the content, of the frame's (1); "stamp": pixels of a
    white line in the lower right corner (0).

    Args:
        seed: of the noise and the fog.
        padding: what "turn" and "shrink" show outside the image: "zeros" or "border".

    Raises:
        InputError: unknown kind, or images that are not float (N, C, H, W).
    """
    if kind not in KINDS:
        raise InputError(f'unknown kind of shift "{kind}".{nearest(kind, KINDS)}')
    if images.ndim != 4 or not images.is_floating_point():
        raise InputError(
            f"shift_images takes float images (N, C, H, W) in 0..1, got {images.dtype} "
            f"{tuple(images.shape)}; uint8 images: images / 255."
        )
    if kind == "noise":
        chance = torch.Generator().manual_seed(seed)
        noise = torch.randn(images.shape, generator=chance).to(images)
        return (images + strength * noise).clamp(0, 1)
    if kind == "blur":
        return _blur(images, strength)
    if kind == "fog":
        return _fog(images, strength, seed)
    if kind == "dim":
        return images * strength
    if kind == "hue":
        from torchvision.transforms.functional import adjust_hue

        return adjust_hue(images, strength)
    if kind == "stamp":
        stamped = images.clone()
        stamped[:, :, -1, images.shape[3] - round(strength) :] = 1
        return stamped
    turn, zoom = (strength, 1.0) if kind == "turn" else (0.0, strength)
    return _move(images, math.radians(turn), zoom, padding)


def _blur(images: Tensor, sigma: float) -> Tensor:
    if sigma <= 0:
        return images.clone()
    from torchvision.transforms.functional import gaussian_blur

    reach = min(math.ceil(3 * sigma), images.shape[2] - 1, images.shape[3] - 1)
    return gaussian_blur(images, 2 * reach + 1, sigma)


def _fog(images: Tensor, share: float, seed: int) -> Tensor:
    """White clouds of two sizes over each image, as dense as `share` on average."""
    chance = torch.Generator().manual_seed(seed)
    clouds = sum(
        F.interpolate(
            torch.rand(len(images), 1, cells, cells, generator=chance),
            images.shape[2:], mode="bicubic", align_corners=True,
        )
        for cells in (3, 6)
    )  # fmt: skip
    thick = (share * clouds).clamp(0, 1).to(images)  # the two add up to 1 on average
    return images + thick * (1 - images)


def _move(images: Tensor, angle: float, zoom: float, padding: str) -> Tensor:
    cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
    matrix = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]]).to(images)
    grid = F.affine_grid(matrix.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode=padding, align_corners=False)

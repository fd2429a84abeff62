"""Seven questions about one picture of a digit: three of them hang together with which digit it is.

The tilt and the noise are put on the pictures here, by chance; "coin" is no property at all.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import InputError
from .domains import Glyphs

LOOPS = (1, 0, 0, 0, 1, 0, 1, 0, 2, 1)  # closed loops in 0 to 9, as most people write them
TASKS = {"digit": 10, "parity": 2, "five or more": 2, "loops": 3, "tilt": 2, "noise": 2, "coin": 2}


def digit_tasks(digits: Glyphs, *, seed: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
    """Turn and roughen pictures of digits 0 to 9; give them with the answers to seven questions.

    Every picture is turned by 8 to 24 degrees to the left (0) or right (1), and gets weak (0) or
    strong (1) noise: each half the time, whatever the digit.

    Returns:
        Images, float32 (N, 1, 16, 16) in [0, 1], and for each name in `TASKS` int64 answers (N,):
        "digit"; "parity", "five or more" and "loops" (0, 1, 2), which follow from the digit;
        "tilt" and "noise", which do not; "coin", which cannot be seen.

    Raises:
        InputError: labels beyond 9.
    """
    if len(digits) and int(digits.labels.max()) > 9:
        raise InputError("digit_tasks takes pictures of the digits 0 to 9, labelled as such.")
    chance = torch.Generator().manual_seed(seed)
    n, digit = len(digits), digits.labels
    tilt, noise, coin = torch.randint(2, (3, n), generator=chance)
    angle = (2 * tilt - 1) * (8 + 16 * torch.rand(n, generator=chance)) * math.pi / 180
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(n)
    maps = torch.stack([cos, sin, zero, -sin, cos, zero], dim=1).view(n, 2, 3)
    grid = F.affine_grid(maps, list(digits.images.shape), align_corners=False)
    turned = F.grid_sample(digits.images, grid, align_corners=False)
    strength = torch.where(noise == 1, 0.25, 0.1)[:, None, None, None]
    grain = strength * torch.randn(turned.shape, generator=chance)
    answers = {
        "digit": digit,
        "parity": digit % 2,
        "five or more": (digit >= 5).long(),
        "loops": torch.tensor(LOOPS)[digit],
        "tilt": tilt,
        "noise": noise,
        "coin": coin,
    }
    return (turned + grain).clamp(0, 1), answers

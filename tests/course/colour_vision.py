"""How colours look to readers who do not see all of them, and how far apart two colours are.

The three dichromacies by the matrices of Machado, Oliveira and Fernandes (2009, severity 1.0), on
linear RGB; distances are CIEDE2000; contrast is that of WCAG 2.
"""

from __future__ import annotations

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

EYES = {
    "all three cones": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear(colour: str) -> np.ndarray:
    """`#rrggbb` as linear RGB in [0, 1]."""
    value = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def seen(colour: str, eyes: str) -> np.ndarray:
    """CIELAB of a colour as it looks to `eyes`, a key of `EYES`."""
    light = (EYES[eyes] @ linear(colour)).clip(0, 1)
    return rgb2lab(np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))


def distance(first: str, second: str, eyes: str = "all three cones") -> float:
    """CIEDE2000 between two colours: 1 can just be seen side by side, above 10 they are apart."""
    return float(deltaE_ciede2000(seen(first, eyes), seen(second, eyes)))


def contrast(first: str, second: str) -> float:
    """1 to 21; WCAG asks for 4.5 between text and its ground, 3 for lines and bars."""
    dark, light = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (first, second))
    return (light + 0.05) / (dark + 0.05)

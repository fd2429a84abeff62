"""Colours: triples of 0..255, and the palettes that subjects share."""

from __future__ import annotations

import colorsys

import numpy as np

Colour = tuple[int, int, int]

BLACK: Colour = (18, 15, 14)
EYE_WHITE: Colour = (244, 243, 238)

# Hue, saturation, value. Ants and bees draw from this one list, so colour cannot tell them apart.
INSECT_COATS = (
    (0.06, 0.50, 0.17),  # nearly black
    (0.05, 0.66, 0.34),  # dark brown
    (0.03, 0.74, 0.46),  # rust
    (0.09, 0.74, 0.62),  # amber
    (0.12, 0.72, 0.80),  # honey
    (0.15, 0.42, 0.36),  # olive
    (0.60, 0.18, 0.29),  # slate
)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Colour from hue (any real number, wraps at 1), saturation and value (clipped to 0..1)."""
    rgb = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return tuple(int(255 * c) for c in rgb)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Blend of two colours: `share` = 0 gives `a`, 1 gives `b`."""
    return tuple(int(x * (1 - share) + y * share) for x, y in zip(a, b, strict=True))


def lighter(colour: Colour, share: float) -> Colour:
    """Blend with white."""
    return mix(colour, (255, 255, 255), share)


def darker(colour: Colour, share: float) -> Colour:
    """Blend with black."""
    return mix(colour, (0, 0, 0), share)


def brightness(colour: Colour) -> float:
    """Perceived brightness, 0..255 (ITU-R BT.601 weights)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def coat(rng: np.random.Generator) -> Colour:
    """One insect body colour."""
    hue, saturation, value = INSECT_COATS[rng.integers(len(INSECT_COATS))]
    return hsv(
        hue + rng.normal(0, 0.012), saturation + rng.normal(0, 0.07), value + rng.normal(0, 0.05)
    )


def paint(rng: np.random.Generator) -> Colour:
    """Any clear colour, for things that people or flowers paint."""
    return hsv(rng.uniform(), rng.uniform(0.35, 0.85), rng.uniform(0.45, 0.95))


def foliage(rng: np.random.Generator) -> Colour:
    """A leaf colour: mostly green, at times autumnal."""
    hue = rng.normal(0.27, 0.045) if rng.random() < 0.8 else rng.normal(0.1, 0.02)
    return hsv(hue, rng.uniform(0.4, 0.75), rng.uniform(0.35, 0.75))


def membrane(rng: np.random.Generator) -> Colour:
    """A translucent insect wing."""
    return hsv(rng.uniform(0.08, 0.62), rng.uniform(0.04, 0.14), rng.uniform(0.72, 0.97))

"""Three visitors of a garden in one dress, yellow and black: told apart by anatomy, not by colour.

Wasp: thin waist, pointed abdomen, long antennae, four narrow wings folded back.
Hoverfly: no waist, flat abdomen, stubs for antennae, huge eyes, two wings held out.
Bumblebee: a round body all in fur, short wings, broad bands.
"""

from __future__ import annotations

import numpy as np

from .colours import Colour, darker, hsv, lighter, membrane
from .parts import antenna, bands, eye, legs_from_above, legs_from_side, wing
from .sketch import Sketch


def dress(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """The dark and the bright colour that all three wear: near black, and yellow to orange."""
    dark = hsv(rng.normal(0.07, 0.02), rng.uniform(0.2, 0.6), rng.uniform(0.12, 0.3))
    bright = hsv(rng.normal(0.125, 0.02), rng.uniform(0.6, 0.9), rng.uniform(0.7, 0.95))
    return dark, bright


def _worn(rng: np.random.Generator) -> tuple[Colour, Colour, Colour]:
    """Colours of the ground, of the bands and of the chest; one in three is bright below."""
    dark, bright = dress(rng)
    ground, band = (bright, dark) if rng.random() < 0.6 else (dark, bright)
    return ground, band, dark if rng.random() < 0.7 else darker(bright, 0.25)


def wasp(s: Sketch) -> None:
    """A wasp, seen from above or from the side, its head to the right."""
    rng = s.rng
    ground, band, chest = _worn(rng)
    limbs = darker(ground, 0.35) if rng.random() < 0.5 else darker(chest, 0.1)
    width, girth, sway = rng.uniform(0.034, 0.05), rng.uniform(0.85, 1.15), rng.normal(0, 0.07)
    above = rng.random() < 0.65
    if above:
        hips = ((0.4, 0.95, 1), (0.24, 1.6, 1), (0.1, 2.3, 1.2))
        legs_from_above(s, hips, 0.1, rng.uniform(0.5, 0.72), limbs, width)
    else:
        legs_from_side(s, 0.08, 0.42, 0.12, 3, rng.uniform(0.45, 0.65), limbs, width)
    s.line([(0.05, 0), (-0.14, 0)], rng.uniform(0.045, 0.07), darker(chest, 0.2))  # waist
    shape = s.blob(-0.52, sway, 0.43, 0.25 * girth, ground, turn=-sway, egg=0.25)
    bands(s, shape, rng.integers(3, 6), band, rng.choice([150, 210, 255]))
    tip = shape.at(-1, 0)
    s.line([tip, tip + 0.22 * (tip - (-0.52, sway))], (0.07, 0.006), darker(ground, 0.4))
    s.blob(0.24, 0, 0.24, 0.19 * girth, chest)
    for side in (-1, 1):
        bend, first = rng.uniform(0.1, 0.6), rng.uniform(0.2, 0.28)
        angle = rng.uniform(0.35, 0.9)
        antenna(s, 0.68, 0.05 * side, side if above else -1, angle, first, bend,
                rng.uniform(0.2, 0.3), limbs, width * 0.9)  # fmt: skip
    s.blob(0.6, 0, 0.13, 0.17, darker(chest, 0.1))
    for side in (-1, 1) if above else (-1,):
        eye(s, 0.64, 0.12 * side, 0.07, 0.05, 0.5 * side)
    colour, alpha, folded = membrane(rng), rng.integers(90, 160), rng.random() < 0.75
    for side in (-1, 1) if above else (-1,):
        angle = side * (rng.uniform(2.75, 3.05) if folded else rng.uniform(1.9, 2.3))
        wing(s, 0.2, 0.1 * side, angle + side * 0.12, 0.62, 0.15, colour, alpha)
        wing(s, 0.28, 0.11 * side, angle, rng.uniform(0.9, 1.05), 0.19, colour, alpha)


def hoverfly(s: Sketch) -> None:
    """A hoverfly, seen from above or from the side, its head to the right."""
    rng = s.rng
    ground, band, chest = _worn(rng)
    limbs, width = darker(ground, 0.4), rng.uniform(0.028, 0.042)
    girth, sway, above = rng.uniform(0.85, 1.15), rng.normal(0, 0.05), rng.random() < 0.65
    if above:
        hips = ((0.38, 0.9, 1), (0.22, 1.6, 1), (0.06, 2.3, 1.1))
        legs_from_above(s, hips, 0.14, rng.uniform(0.36, 0.52), limbs, width)
    else:
        legs_from_side(s, 0.05, 0.4, 0.16, 3, rng.uniform(0.34, 0.5), limbs, width)
    shape = s.blob(-0.4, sway, 0.47, 0.26 * girth, ground, turn=-sway, egg=0.1)
    bands(s, shape, rng.integers(3, 6), band, rng.choice([150, 210, 255]))
    s.blob(0.2, 0, 0.28, 0.235 * girth, chest)
    for side in (-1, 1):
        antenna(s, 0.7, 0.05 * side, side, rng.uniform(0.3, 0.7), 0.08, 0.2, 0.05, limbs, width)
    s.blob(0.55, 0, 0.14, 0.21, darker(chest, 0.1))
    red = hsv(rng.normal(0.02, 0.02), rng.uniform(0.4, 0.7), rng.uniform(0.25, 0.45))
    for side in (-1, 1) if above else (-1,):
        s.blob(0.58, 0.115 * side, 0.125, 0.115, red)
    colour, alpha = membrane(rng), rng.integers(90, 160)
    for side in (-1, 1) if above else (-1,):
        angle = side * (rng.uniform(1.9, 2.35) if rng.random() < 0.8 else rng.uniform(2.6, 2.9))
        wing(s, 0.24, 0.12 * side, angle, rng.uniform(0.88, 1.02), 0.3, colour, alpha)


def bumblebee(s: Sketch) -> None:
    """A bumblebee, seen from above or from the side, its head to the right."""
    rng = s.rng
    ground, band, chest = _worn(rng)
    limbs, width = darker(chest, 0.4), rng.uniform(0.045, 0.06)
    girth, above = rng.uniform(0.9, 1.1), rng.random() < 0.65
    if above:
        hips = ((0.42, 0.95, 1), (0.22, 1.6, 1), (0.04, 2.3, 1.1))
        legs_from_above(s, hips, 0.22, rng.uniform(0.36, 0.5), limbs, width)
    else:
        legs_from_side(s, 0.0, 0.42, 0.22, 3, rng.uniform(0.32, 0.44), limbs, width)
    shape = s.blob(-0.34, 0, 0.48, 0.38 * girth, ground, egg=0.08)
    bands(s, shape, rng.integers(2, 4), band, rng.choice([150, 210, 255]))
    if rng.random() < 0.6:  # a pale tail
        s.blob(-0.72, 0, 0.12, 0.2 * girth, lighter(ground, 0.6))
    s.fur(shape, lighter(ground, 0.2), 40, 0.1)
    bulge = s.blob(0.24, 0, 0.31, 0.31 * girth, chest)
    s.fur(bulge, lighter(chest, rng.uniform(0.1, 0.35)), 46, 0.09)
    for side in (-1, 1):
        antenna(s, 0.72, 0.06 * side, side, rng.uniform(0.3, 0.8), 0.15, rng.uniform(0, 0.8),
                rng.uniform(0.12, 0.18), limbs, width * 0.6)  # fmt: skip
    s.blob(0.6, 0, 0.14, 0.19, darker(chest, 0.2))
    for side in (-1, 1) if above else (-1,):
        eye(s, 0.64, 0.13 * side, 0.075, 0.05, 0.4 * side)
    colour, alpha = membrane(rng), rng.integers(90, 160)
    for side in (-1, 1) if above else (-1,):
        angle = side * (rng.uniform(2.5, 2.85) if rng.random() < 0.5 else rng.uniform(1.9, 2.3))
        wing(s, 0.12, 0.15 * side, angle + side * 0.3, 0.45, 0.2, colour, alpha)
        wing(s, 0.22, 0.16 * side, angle, rng.uniform(0.62, 0.78), 0.26, colour, alpha)

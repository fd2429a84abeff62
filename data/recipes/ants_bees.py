"""The target classes: ants and bees, told apart by anatomy and not by colour.

Ant: narrow petiole, elbowed antennae, long legs, bare, rarely (10 %) winged.
Bee: broad waist, short antennae, two pairs of wings (14 % without), stripes and fur, stout legs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .colours import Colour, coat, darker, foliage, hsv, lighter, membrane, paint
from .parts import antenna, bands, eye, foliage_leaf, legs_from_above, legs_from_side, wing
from .sketch import Sketch

WINGED_ANTS = 0.10
WINGLESS_BEES = 0.14


def tones(rng: np.random.Generator) -> tuple[Colour, Colour, Colour]:
    """Colours of head, thorax and abdomen; one or two different coats."""
    head = coat(rng)
    thorax = head if rng.random() < 0.55 else coat(rng)
    abdomen = (head, thorax)[rng.integers(2)] if rng.random() < 0.75 else coat(rng)
    return head, thorax, abdomen


def contrasting(colour: Colour, strength: float) -> Colour:
    """A band colour that shows on `colour`: dark on light bodies, light on dark ones."""
    return darker(colour, strength) if sum(colour) > 250 else lighter(colour, strength * 0.7)


def ant(s: Sketch) -> None:
    """An ant, seen from above or from the side, its head to the right."""
    rng = s.rng
    head, thorax, gaster = tones(rng)
    limbs, width = darker(thorax, 0.25), rng.uniform(0.032, 0.048)
    reach, girth = rng.uniform(0.62, 0.85), rng.uniform(0.88, 1.2)
    if rng.random() < 0.62:
        _ant_from_above(s, head, thorax, gaster, limbs, width, reach, girth)
    else:
        _ant_from_side(s, head, thorax, gaster, limbs, width, reach, girth)
    if rng.random() < 0.12:  # carries a piece of leaf
        colour = foliage(rng) if rng.random() < 0.7 else paint(rng)
        length = rng.uniform(0.35, 0.6)
        foliage_leaf(s, 0.93, 0, rng.uniform(-0.8, 0.8), length, 0.32, colour)


def _ant_wings(s: Sketch, sides, hinge_y) -> None:
    colour, alpha, rng = membrane(s.rng), s.rng.integers(80, 150), s.rng
    for side in sides:
        angle = side * rng.uniform(2.55, 2.95)
        wing(s, 0.18, hinge_y * side, angle + side * 0.15, 0.7, 0.2, colour, alpha)
        wing(s, 0.26, hinge_y * side, angle, 1.0, 0.26, colour, alpha)


def _gaster(s: Sketch, x, y, girth, turn, colour) -> None:
    shape = s.blob(x, y, 0.38 * girth, 0.255 * girth, colour, turn=turn, egg=-0.14)
    if s.rng.random() < 0.35:
        tone = contrasting(colour, s.rng.uniform(0.25, 0.45))
        bands(s, shape, s.rng.integers(3, 5), tone, s.rng.integers(80, 190))


def _petiole(s: Sketch, start, end, colour) -> None:
    s.line([start, end], s.rng.uniform(0.04, 0.065), darker(colour, 0.25))
    for share in (0.5,) if s.rng.random() < 0.6 else (0.3, 0.75):
        x, y = np.add(start, np.subtract(end, start) * share)
        s.blob(x, y, 0.05, s.rng.uniform(0.06, 0.085), colour)


def _ant_from_above(s, head, thorax, gaster, limbs, width, reach, girth) -> None:
    rng = s.rng
    bend = rng.normal(0, 0.09)  # body curved to one side
    legs_from_above(
        s, ((0.38, 0.95, 1), (0.23, 1.55, 1), (0.1, 2.2, 1.15)), 0.03, reach, limbs, width
    )
    for side in (-1, 1):
        antenna(
            s, 0.86, 0.07 * side, side, rng.uniform(0.65, 1.1), rng.uniform(0.22, 0.3),
            rng.uniform(0.7, 1.2), rng.uniform(0.26, 0.38), limbs, width * 0.85,
        )  # fmt: skip
        jaw = [(0.88, 0.07 * side), (1.0, 0.1 * side), (1.06, 0.02 * side)]
        s.line(jaw, (width * 1.3, width * 0.7), limbs, curved=True)
    _petiole(s, (0.06, 0.0), (-0.22, -0.4 * bend), thorax)
    _gaster(s, -0.54, -bend, girth, bend, gaster)
    s.blob(0.14, 0, 0.17, 0.095, thorax)
    s.blob(0.34, 0, 0.18, 0.125 * rng.uniform(0.9, 1.15), thorax)
    if rng.random() < WINGED_ANTS:
        _ant_wings(s, (-1, 1), 0.05)
    tilt = bend * 1.5
    skull = s.blob(0.73, tilt * 0.3, 0.2, 0.185 * rng.uniform(0.92, 1.15), head, tilt, egg=-0.15)
    for side in (-1, 1):
        eye(s, *skull.at(0.25, 0.72 * side), 0.04, 0.03, tilt)


def _ant_from_side(s, head, thorax, gaster, limbs, width, reach, girth) -> None:
    rng = s.rng
    legs_from_side(s, 0.12, 0.42, 0.05, 3, reach * 0.8, darker(limbs, 0.2), width * 0.9)
    lift = rng.normal(-0.03, 0.09)  # gaster raised or lowered
    _petiole(s, (0.03, 0.03), (-0.2, 0.04 + lift * 0.4), thorax)
    _gaster(s, -0.52, 0.03 + lift, girth, rng.normal(0, 0.2), gaster)
    s.blob(0.12, 0.02, 0.18, 0.115, thorax, turn=0.15)
    s.blob(0.32, -0.03, 0.2, 0.145, thorax, turn=-0.2)
    legs_from_side(s, 0.1, 0.38, 0.08, 3, reach * 0.85, limbs, width)
    if rng.random() < WINGED_ANTS:
        _ant_wings(s, (-1,), 0.08)
    for shift in (0.0, 0.14):
        antenna(
            s, 0.78, -0.12, -1, rng.uniform(0.5, 0.95) + shift, rng.uniform(0.22, 0.28),
            -rng.uniform(0.9, 1.5), rng.uniform(0.26, 0.36), limbs, width * 0.85,
        )  # fmt: skip
    s.line(
        [(0.8, 0.07), (0.91, 0.13), (0.87, 0.19)], (width * 1.3, width * 0.7), limbs, curved=True
    )
    s.blob(0.67, -0.02, 0.2, 0.165, head, turn=0.35)
    eye(s, 0.72, -0.06, 0.042, 0.036)


@dataclass(frozen=True)
class BeeLook:
    """Colours and build of one bee; no `fur` or `pollen` colour means none is there."""

    head: Colour
    thorax: Colour
    abdomen: Colour
    limbs: Colour
    width: float
    girth: float
    fur: Colour | None
    stripe: Colour
    stripe_alpha: int
    folded: bool
    winged: bool
    pollen: Colour | None


def bee(s: Sketch) -> None:
    """A bee, seen from above or from the side, its head to the right."""
    rng = s.rng
    head, thorax, abdomen = tones(rng)
    look = BeeLook(
        head=darker(head, 0.15),
        thorax=thorax,
        abdomen=abdomen,
        limbs=darker(head, 0.35),
        width=rng.uniform(0.036, 0.055),
        girth=rng.uniform(0.86, 1.08),
        fur=lighter(thorax, rng.uniform(0.1, 0.4)) if rng.random() < 0.75 else None,
        stripe=contrasting(abdomen, rng.uniform(0.35, 0.7)),
        stripe_alpha=rng.choice([60, 130, 210, 255]),
        folded=rng.random() < 0.4,
        winged=rng.random() >= WINGLESS_BEES,
        pollen=hsv(rng.normal(0.13, 0.02), 0.8, 0.9) if rng.random() < 0.25 else None,
    )
    view = _bee_from_above if rng.random() < 0.62 else _bee_from_side
    view(s, look)


def _bee_abdomen(s: Sketch, look: BeeLook, x: float, y: float, turn: float) -> None:
    shape = s.blob(x, y, 0.5, 0.3 * look.girth, look.abdomen, turn=turn, egg=0.12)
    bands(s, shape, s.rng.integers(3, 6), look.stripe, look.stripe_alpha)
    tip = shape.at(-1, 0)
    s.line([tip, tip + 0.12 * (tip - (x, y))], (0.04, 0.006), darker(look.abdomen, 0.5))  # sting
    if look.fur:
        s.fur(shape, look.fur, 22, 0.07)


def _bee_wings(s: Sketch, sides, folded: bool, hinge) -> None:
    rng, colour = s.rng, membrane(s.rng)
    alpha, spread, length = rng.integers(90, 165), rng.uniform(0.25, 0.4), rng.uniform(0.78, 0.95)
    for side in sides:
        angle = side * (rng.uniform(2.6, 2.95) if folded else rng.uniform(1.75, 2.35))
        hind = angle + side * spread * (0.3 if folded else 1)
        wing(s, hinge[0] - 0.1, hinge[1] * side, hind, length * 0.72, 0.27, colour, alpha)
        wing(s, hinge[0], hinge[1] * side, angle, length, 0.31, colour, alpha)


def _bee_from_above(s: Sketch, look: BeeLook) -> None:
    rng = s.rng
    sway = rng.normal(0, 0.06)
    hips = ((0.42, 0.95, 1), (0.24, 1.6, 1), (0.07, 2.3, 1.15))
    legs_from_above(s, hips, 0.14, rng.uniform(0.4, 0.6), look.limbs, look.width)
    if look.pollen:
        for side in (-1, 1):
            s.blob(-0.12, 0.36 * side, 0.085, 0.06, look.pollen, turn=2.3 * side)
    for side in (-1, 1):
        antenna(
            s, 0.84, 0.06 * side, side, rng.uniform(0.3, 0.7), rng.uniform(0.11, 0.18),
            rng.uniform(-0.1, 0.9), rng.uniform(0.12, 0.2), look.limbs, look.width * 0.7,
        )  # fmt: skip
    _bee_abdomen(s, look, -0.38, sway, -sway * 0.6)
    chest = s.blob(0.25, 0, 0.29, 0.275 * look.girth, look.thorax)
    if look.fur:
        s.fur(chest, look.fur, 46)
    s.blob(0.66, 0, 0.155, 0.205, look.head)
    for side in (-1, 1):
        eye(s, 0.68, 0.15 * side, 0.1, 0.068, 0.4 * side, darker(look.head, 0.75))
    if look.winged:
        _bee_wings(s, (-1, 1), look.folded, (0.28, 0.13))


def _bee_from_side(s: Sketch, look: BeeLook) -> None:
    rng = s.rng
    legs_from_side(s, 0.04, 0.42, 0.17, 3, rng.uniform(0.38, 0.55), look.limbs, look.width)
    if look.pollen:
        s.blob(-0.04, 0.38, 0.08, 0.065, look.pollen)
    if look.winged and not look.folded:  # the far pair
        colour = darker(membrane(rng), 0.1)
        wing(s, 0.2, -0.2, -rng.uniform(1.6, 2.3), rng.uniform(0.7, 0.9), 0.32, colour, 110)
    droop = rng.uniform(0, 0.35)
    _bee_abdomen(s, look, -0.36, 0.06, -droop * 0.6)
    chest = s.blob(0.22, -0.03, 0.3, 0.275 * look.girth, look.thorax)
    if look.fur:
        s.fur(chest, look.fur, 46)
    for shift in (0.0, 0.22):
        antenna(
            s, 0.73, -0.1, -1, rng.uniform(0.2, 0.6) + shift, 0.15,
            -rng.uniform(0, 0.9), 0.17, look.limbs, look.width * 0.7,
        )  # fmt: skip
    s.blob(0.6, 0.06, 0.17, 0.2, look.head, turn=0.3)
    eye(s, 0.655, 0.02, 0.08, 0.115, 0.2, darker(look.head, 0.75))
    if look.winged:
        _bee_wings(s, (-1,), look.folded, (0.24, 0.17))

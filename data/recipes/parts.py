"""Parts that several animals and plants share: legs, antennae, wings, bands, leaves."""

from __future__ import annotations

import math

import numpy as np

from .colours import BLACK, Colour, darker, lighter
from .sketch import TAU, Blob, Sketch


def polar(x: float, y: float, angle: float, length: float) -> tuple[float, float]:
    """The point at `length` from (x, y) in direction `angle` (radians)."""
    return x + math.cos(angle) * length, y + math.sin(angle) * length


def leg(s: Sketch, x, y, side, angle, length, colour: Colour, width, knee=0.5) -> None:
    """A leg seen from above: thigh outwards, shin bent back at the knee, a thin foot."""
    rng = s.rng
    out = side * (angle + rng.normal(0, 0.12))
    bend = (-1 if math.cos(angle) >= 0 else 1) * side * knee * rng.uniform(0.5, 1.3)
    p = polar(x, y, out, length * 0.5)
    q = polar(*p, out + bend, length * 0.45)
    foot = polar(*q, out + bend + rng.normal(0, 0.3), length * 0.2)
    s.line([(x, y), p], (width * 1.5, width * 1.1), colour)
    s.line([p, q], (width * 1.1, width * 0.75), colour)
    s.line([q, foot], (width * 0.75, width * 0.5), colour)


def legs_from_above(s: Sketch, hips, hip_y, length, colour: Colour, width, knee=0.5) -> None:
    """A pair of legs at every (x, angle, relative length) of `hips`."""
    for side in (-1, 1):
        for x, angle, relative in hips:
            leg(s, x, hip_y * side, side, angle, length * relative, colour, width, knee)


def legs_from_side(s: Sketch, x0, x1, y, n, length, colour: Colour, width) -> None:
    """`n` legs that stand on the ground below, hips from (x0, y) to (x1, y)."""
    rng = s.rng
    for x in np.linspace(x0, x1, n):
        lean = rng.normal(0, 0.12) + (x - (x0 + x1) / 2) * 2.2
        knee = (x + math.sin(lean) * length * 0.5, y + length * rng.uniform(0.1, 0.3))
        foot = (
            knee[0] + math.sin(lean) * length * 0.3 + rng.normal(0, 0.04) * length,
            y + length * rng.uniform(0.84, 1.0),
        )
        s.line([(x, y), knee], (width * 1.5, width), colour)
        s.line(
            [knee, foot, (foot[0] + 0.1 * length, foot[1] + 0.02)], (width, width * 0.55), colour
        )


def antenna(s: Sketch, x, y, side, angle, first, bend, second, colour, width, club=0.0) -> None:
    """A feeler of two straight pieces; a large `bend` (radians) makes the elbow of an ant."""
    rng = s.rng
    out = side * (angle + rng.normal(0, 0.1))
    elbow = polar(x, y, out, first)
    tip = polar(*elbow, out - side * bend * rng.uniform(0.8, 1.2), second)
    s.line([(x, y), elbow], width, colour)
    s.line([elbow, tip], (width * 0.9, width * 1.05), colour)
    if club:
        s.disc(*tip, club, colour)


def wing(s: Sketch, x, y, angle, length, width, colour: Colour, alpha=255, veins=True) -> None:
    """A drop-shaped wing or petal hinged at (x, y)."""
    t = np.linspace(0, TAU, 28)
    u = (1 - np.cos(t)) / 2
    c, q = math.cos(angle), math.sin(angle)

    def place(along, across):
        along, across = np.asarray(along), np.asarray(across)
        return np.stack([x + c * along - q * across, y + q * along + c * across], axis=-1)

    outline = place(u * length, np.sin(t) * width * 0.5 * (0.35 + 0.9 * u))
    edge, faint = darker(colour, 0.5), min(255, alpha + 60)
    s.polygon(outline, colour, alpha)
    if veins:
        for share in (-0.55, -0.1, 0.4):
            bow = np.array([0, 0.3, 0.62, 0.9])
            s.line(
                place(bow * length, share * width * 0.62 * bow**0.8),
                0.012,
                edge,
                faint,
                curved=True,
            )
    s.line(outline, 0.016, edge, faint)


def bands(s: Sketch, shape: Blob, n: int, colour: Colour, alpha=255, bow=0.14) -> None:
    """`n` cross bands that follow the outline and the bulge of `shape`."""
    across = np.linspace(-0.95, 0.95, 9)
    half = 0.34 / n
    for middle in np.linspace(-0.74, 0.6, n) + s.rng.normal(0, 0.02, n):
        bulge = middle - bow * (across**2 - 0.4)
        back = shape.at(np.clip(bulge - half, -0.98, 0.98), across)
        front = shape.at(np.clip(bulge + half, -0.98, 0.98), across)
        s.polygon(np.vstack([back, front[::-1]]), colour, alpha)


def eye(s: Sketch, x, y, rx, ry, turn=0.0, colour: Colour = BLACK) -> None:
    """A dark eye with a small glint towards the light."""
    s.polygon(Blob(x, y, rx, ry, turn).outline(20), colour)
    glint = np.array([x, y]) + s.light * 0.4 * min(rx, ry)
    s.disc(*glint, 0.25 * min(rx, ry), lighter(colour, 0.75))


def foliage_leaf(s: Sketch, x, y, angle, length, width, colour: Colour, teeth=0.0) -> None:
    """A leaf from its stalk at (x, y) to its tip, with veins; `teeth` serrates the margin."""
    rng = s.rng
    t = np.linspace(0, 1, 26)
    half = width * np.sin(np.pi * t ** rng.uniform(0.7, 1.1)) * (1 + teeth * np.sin(t * 60))
    c, q = math.cos(angle), math.sin(angle)
    turn = np.array([[c, q], [-q, c]]) * length
    place = lambda along, across: np.stack([along, across], -1) @ turn + (x, y)  # noqa: E731
    s.polygon(np.vstack([place(t, half), place(t, -half)[::-1]]), darker(colour, 0.3))
    s.polygon(np.vstack([place(t, half * 0.88), place(t, -half * 0.88)[::-1]]), colour)
    s.polygon(np.vstack([place(t, half * 0.88), place(t, t * 0)[::-1]]), lighter(colour, 0.12))
    vein = darker(colour, 0.35) if rng.random() < 0.5 else lighter(colour, 0.35)
    for root in np.linspace(0.15, 0.72, 5):
        reach = 0.75 * np.interp(root + 0.13, t, half)
        for side in (-1, 1):
            ends = place(np.array([root, root + 0.14]), np.array([0, side * reach]))
            s.line(ends, length * 0.011, vein)
    s.line(place(np.array([-0.18, 0.0, 0.97]), np.zeros(3)), (length * 0.03, length * 0.01), vein)

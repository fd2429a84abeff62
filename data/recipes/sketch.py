"""A sketch is a list of filled polygons in free local units (x to the right, y down)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .colours import Colour, darker, lighter

TAU = 2 * math.pi


class Patch(NamedTuple):
    """One filled polygon: outline (n, 2), colour and opacity 0..255."""

    outline: np.ndarray
    colour: Colour
    alpha: int


class Blob(NamedTuple):
    """An egg-shaped outline; `at` turns body coordinates into sketch coordinates."""

    x: float
    y: float
    rx: float
    ry: float
    turn: float = 0.0
    egg: float = 0.0

    def at(self, along, across) -> np.ndarray:
        """Point(s) of the blob: both coordinates in -1..1, `across` = +-1 is the outline."""
        along = np.asarray(along, float)
        half_width = self.ry * np.sqrt(np.clip(1 - along**2, 0, 1)) * (1 + self.egg * along)
        u, v = along * self.rx, np.asarray(across, float) * half_width
        c, s = math.cos(self.turn), math.sin(self.turn)
        return np.stack([self.x + c * u - s * v, self.y + s * u + c * v], axis=-1)

    def outline(self, n: int = 36) -> np.ndarray:
        """The closed outline as (n, 2) points."""
        angle = np.linspace(0, TAU, n, endpoint=False)
        return self.at(np.cos(angle), np.sign(np.sin(angle)))


def smooth(points, steps: int = 6) -> np.ndarray:
    """Catmull-Rom curve through `points` (n, 2), `steps` samples a span."""
    p = np.asarray(points, float)
    q = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    spans = [
        0.5
        * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - a - 3 * c + d) * t**3
        )
        for a, b, c, d in zip(q, q[1:], q[2:], q[3:], strict=False)
    ]
    return np.vstack([*spans, p[-1:]])


def ribbon(points: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Outline of a line of varying width with round ends: (m, 2)."""
    step = np.diff(points, axis=0)
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
    forward = np.vstack([step[:1], step[:-1] + step[1:], step[-1:]])
    length = np.linalg.norm(forward, axis=1, keepdims=True)
    forward /= np.maximum(length, 1e-9)
    mitre = np.ones(len(points))
    mitre[1:-1] = 1 / np.clip(length[1:-1, 0] / 2, 0.6, 1)  # keeps the width around a bend
    normal = np.stack([-forward[:, 1], forward[:, 0]], axis=1) * (mitre * width / 2)[:, None]
    turn = np.linspace(0, math.pi, 6)[1:-1]

    def cap(i: int, start: float) -> np.ndarray:
        across, ahead = normal[i], forward[i] * width[i] / 2 * start
        return points[i] + np.cos(turn)[:, None] * across * start + np.sin(turn)[:, None] * ahead

    return np.vstack([points + normal, cap(-1, 1), (points - normal)[::-1], cap(0, -1)])


class Sketch:
    """Collects patches; `light` is the unit vector towards the light in sketch coordinates."""

    def __init__(self, rng: np.random.Generator, light=(-0.6, -0.8)):
        self.rng = rng
        self.light = np.asarray(light, float)
        self.patches: list[Patch] = []

    def polygon(self, points, colour: Colour, alpha: int = 255) -> None:
        """A flat filled polygon."""
        self.patches.append(Patch(np.asarray(points, float), colour, int(alpha)))

    def line(self, points, width, colour: Colour, alpha: int = 255, curved: bool = False) -> None:
        """A stroke; `width` is one number or a pair (start, end) for a tapered one."""
        p = smooth(points) if curved and len(points) > 2 else np.asarray(points, float)
        ends = (width, width) if np.isscalar(width) else width
        self.polygon(ribbon(p, np.linspace(ends[0], ends[1], len(p))), colour, alpha)

    def plate(self, points, colour: Colour, rim: float = 0.035, curved: bool = False) -> None:
        """A flat shape with a darker rim of width `rim`."""
        closed = np.vstack([points, points[:1]])
        closed = smooth(closed) if curved else closed
        self.polygon(closed, colour)
        self.line(closed, rim, darker(colour, 0.45))

    def disc(self, x: float, y: float, radius: float, colour: Colour, alpha: int = 255) -> None:
        """A flat round spot."""
        self.polygon(Blob(x, y, radius, radius).outline(18), colour, alpha)

    def blob(self, x, y, rx, ry, colour: Colour, turn=0.0, egg=0.0, gloss=0.45) -> Blob:
        """A rounded solid: dark rim, body colour, and a highlight that faces the light."""
        shape = Blob(x, y, rx, ry, turn, egg)
        self.solid(shape.outline(), (x, y), colour, 0.45 * min(rx, ry), gloss)
        return shape

    def solid(self, outline: np.ndarray, centre, colour: Colour, depth: float, gloss=0.45) -> None:
        """A rounded shape of any outline; its highlight moves up to `depth` towards the light."""
        centre = np.asarray(centre, float)
        self.polygon(outline, darker(colour, 0.5))
        for scale in (0.93, 0.8, 0.65, 0.5, 0.34, 0.18):
            share = (0.93 - scale) / 0.75  # 0 at the rim, 1 in the highlight
            tone = (
                lighter(colour, gloss * share**2) if share > 0.2 else darker(colour, 0.15 - share)
            )
            shift = self.light * (1 - scale) * depth
            self.polygon((outline - centre) * scale + centre + shift, tone)

    def fur(self, shape: Blob, colour: Colour, hairs: int, length: float = 0.09) -> None:
        """Short hairs pointing away from the middle of `shape`, some beyond its outline."""
        rng = self.rng
        for angle in rng.uniform(0, TAU, hairs):
            along, depth = math.cos(angle), rng.uniform(0.55, 1.0)
            root = shape.at(along * depth, math.copysign(depth, math.sin(angle)))
            out = angle + shape.turn + rng.normal(0, 0.35)
            tip = root + length * rng.uniform(0.5, 1) * np.array([math.cos(out), math.sin(out)])
            tone = (
                lighter(colour, 0.3 * rng.random()) if rng.random() < 0.6 else darker(colour, 0.2)
            )
            self.line([root, tip], (0.022, 0.008), tone)

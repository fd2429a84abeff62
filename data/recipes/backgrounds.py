"""What lies behind and before a subject: ground, leaves, petals, light spots, blades of grass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from .colours import Colour, darker, foliage, hsv, lighter, mix
from .sketch import TAU, Patch, Sketch, ribbon


def clouds(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Smooth random field (size, size) in -.5...5 with about `cells` humps a side."""
    coarse = Image.fromarray(rng.uniform(0, 255, (cells, cells)).astype(np.uint8))
    return np.asarray(coarse.resize((size, size), Image.BICUBIC), np.float32) / 255 - 0.5


def fill(base: Colour, other: Colour, share: np.ndarray) -> np.ndarray:
    """Blend two colours by a field (n, n): float image (n, n, 3)."""
    share = np.clip(share, 0, 1)[..., None]
    return np.array(base, np.float32) * (1 - share) + np.array(other, np.float32) * share


def soil(rng, size):
    """Sandy or dark ground with grit."""
    base = hsv(rng.normal(0.085, 0.02), rng.uniform(0.25, 0.45), rng.uniform(0.4, 0.8))
    field = clouds(rng, size, 4) + 0.5 + 0.5 * clouds(rng, size, int(rng.integers(30, 60)))
    grit = []
    for _ in range(rng.integers(10, 40)):
        x, y = rng.uniform(0, 1, 2)
        tone = darker(base, rng.uniform(0.1, 0.4)) if rng.random() < 0.6 else lighter(base, 0.3)
        radius, angle = rng.uniform(0.004, 0.022), np.linspace(0, TAU, 9)[:-1]
        outline = np.stack([x + radius * np.cos(angle), y + 0.8 * radius * np.sin(angle)], 1)
        grit.append(Patch(outline, tone, 255))
    return base, fill(base, darker(base, 0.25), field), grit


def veined(rng, size, base):
    """A leaf or petal seen so close that it fills the frame."""
    image = fill(base, lighter(base, 0.25), clouds(rng, size, 3) * 1.4 + 0.5)
    vein = darker(base, 0.22) if rng.random() < 0.4 else lighter(base, 0.28)
    angle, centre = rng.uniform(0, TAU), rng.uniform(0.2, 0.8, 2)
    along = np.array([math.cos(angle), math.sin(angle)])
    patches = [
        _stroke(centre - 2 * along, centre + 2 * along, rng.uniform(0.012, 0.026), vein, 210)
    ]
    for offset in np.arange(-1.5, 1.5, rng.uniform(0.15, 0.28)):
        for side in (-1, 1):
            turn = angle + side * rng.uniform(0.7, 0.85)
            start = centre + along * offset
            end = start + np.array([math.cos(turn), math.sin(turn)])
            patches.append(_stroke(start, end, 0.007, vein, 130))
    return base, image, patches


def leaf_face(rng, size):
    """Close-up of a green leaf."""
    return veined(
        rng, size, hsv(rng.normal(0.27, 0.04), rng.uniform(0.35, 0.6), rng.uniform(0.45, 0.8))
    )


def petal(rng, size):
    """Close-up of a petal of any colour."""
    return veined(rng, size, hsv(rng.uniform(), rng.uniform(0.12, 0.45), rng.uniform(0.72, 0.95)))


def bark(rng, size):
    """Wavy wood grain."""
    base = hsv(rng.normal(0.075, 0.015), rng.uniform(0.25, 0.45), rng.uniform(0.4, 0.72))
    y, x = np.mgrid[:size, :size] / size
    angle = rng.uniform(0, math.pi)
    u = x * math.cos(angle) + y * math.sin(angle) + 0.15 * clouds(rng, size, 4)
    grain = 0.5 + 0.28 * np.sin(u * rng.uniform(30, 80)) + 0.5 * clouds(rng, size, 5)
    return base, fill(lighter(base, 0.06), darker(base, 0.2), grain), []


def meadow(rng, size):
    """Far greenery out of focus, with discs of light."""
    base = hsv(rng.normal(0.26, 0.06), rng.uniform(0.25, 0.5), rng.uniform(0.5, 0.85))
    other = hsv(rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.4), rng.uniform(0.6, 0.95))
    spots = []
    for _ in range(rng.integers(4, 11)):
        radius, angle = rng.uniform(0.03, 0.13), np.linspace(0, TAU, 25)[:-1]
        outline = rng.uniform(0, 1, 2) + radius * np.stack([np.cos(angle), np.sin(angle)], 1)
        spots.append(Patch(outline, lighter(other, rng.uniform(0, 0.5)), int(rng.integers(30, 80))))
    return base, fill(base, other, clouds(rng, size, int(rng.integers(3, 6))) * 1.4 + 0.5), spots


def plain(rng, size):
    """A wall, cloth or sky: one colour that drifts into another."""
    base = hsv(rng.uniform(), rng.uniform(0.05, 0.35), rng.uniform(0.6, 0.95))
    other = mix(base, hsv(rng.uniform(), 0.3, rng.uniform(0.5, 0.95)), 0.4)
    return base, fill(base, other, clouds(rng, size, 2) * 1.6 + 0.5), []


KINDS = (soil, leaf_face, petal, bark, meadow, plain)


def _stroke(start, end, width, colour, alpha) -> Patch:
    points = np.array([start, end], float)
    return Patch(ribbon(points, np.full(2, width)), colour, alpha)


def background(
    rng: np.random.Generator, canvas: int, kinds: Sequence[Callable] = KINDS
) -> tuple[Image.Image, Colour]:
    """An RGB image of `canvas` pixels a side, of one of `kinds`, and its main colour."""
    base, image, patches = kinds[rng.integers(len(kinds))](rng, canvas // 3)
    picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    picture = picture.resize((canvas, canvas), Image.BICUBIC)
    brush = ImageDraw.Draw(picture, "RGBA")
    for patch in patches:
        points = [tuple(p) for p in (patch.outline * canvas).tolist()]
        brush.polygon(points, fill=(*patch.colour, patch.alpha))
    return picture, base


def blade(s: Sketch, colour: Colour, alpha: int = 255) -> None:
    """A blade of grass that enters the unit square from outside."""
    rng = s.rng
    side = rng.uniform(0, TAU)
    start = np.array([0.5 + 0.78 * math.cos(side), 0.5 + 0.78 * math.sin(side)])
    start += rng.normal(0, 0.15, 2)
    heading, bend = side + math.pi + rng.normal(0, 0.5), rng.normal(0, 0.5)
    t = np.linspace(0, 1, 10)
    length = rng.uniform(0.5, 1.2)
    along = np.stack([np.cos(heading + bend * t), np.sin(heading + bend * t)], 1)
    points = start + along * (length * t)[:, None]
    width = rng.uniform(0.02, 0.045) * (1 - t) ** 0.7 + 0.002
    s.polygon(ribbon(points, width), colour, alpha)
    s.polygon(ribbon(points, width * 0.2), darker(colour, 0.25), alpha)


def grass_tone(rng: np.random.Generator, base: Colour) -> Colour:
    """Fresh, dry, or a shade of the background."""
    pick = rng.integers(3)
    if pick == 0:
        return foliage(rng)
    return (
        hsv(0.12, 0.4, rng.uniform(0.5, 0.8)) if pick == 1 else darker(base, rng.uniform(0.1, 0.4))
    )

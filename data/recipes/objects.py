"""Source classes that do not crawl: plants, larger animals, things people make, textures."""

from __future__ import annotations

import math

import numpy as np

from .colours import coat, darker, foliage, hsv, lighter, mix, paint
from .parts import bands, eye, foliage_leaf, polar, wing
from .sketch import TAU, Sketch

WOOD = (108, 74, 44)
STEEL = (168, 174, 182)


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """The corners of an upright rectangle: (4, 2)."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)


def arc(x, y, rx, ry, start, end, n=20) -> np.ndarray:
    """Points on an ellipse from angle `start` to `end` (radians, y down): (n, 2)."""
    angle = np.linspace(start, end, n)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], 1)


# ---------------------------------------------------------------- plants and larger animals
def leaf(s: Sketch) -> None:
    """One leaf with its veins."""
    rng = s.rng
    colour = hsv(rng.uniform(0.04, 0.4), rng.uniform(0.4, 0.8), rng.uniform(0.4, 0.8))
    teeth = 0.12 if rng.random() < 0.4 else 0.0
    foliage_leaf(s, 0, 0, 0, 2.0, rng.uniform(0.15, 0.28), colour, teeth)


def flower(s: Sketch) -> None:
    """A ring of petals around a round middle, at times on a stem."""
    rng = s.rng
    petal, n = paint(rng), int(rng.integers(5, 11))
    length, width = rng.uniform(0.75, 1.0), rng.uniform(0.35, 0.6) * 8 / n
    if rng.random() < 0.5:
        stem = [(0, 0), (0.1, 0.9), (rng.normal(0, 0.2), 1.7)]
        s.line(stem, 0.08, hsv(0.3, 0.5, 0.45), curved=True)
    veins = rng.random() < 0.6
    for i in range(n):
        tone = petal if i % 2 else darker(petal, 0.08)
        wing(s, 0, 0, i * TAU / n + rng.normal(0, 0.05), length, width, tone, veins=veins)
    s.blob(0, 0, 0.26, 0.26, hsv(rng.normal(0.12, 0.03), 0.8, 0.8))


def mushroom(s: Sketch) -> None:
    """A domed, often spotted cap on a pale stem."""
    rng = s.rng
    cap, stem = (coat(rng) if rng.random() < 0.5 else paint(rng)), hsv(0.1, 0.12, 0.88)
    height, dome = rng.uniform(0.55, 0.9), rng.uniform(0.6, 0.9)
    s.plate([(-0.17, -0.1), (0.17, -0.1), (0.24, height), (-0.24, height)], darker(stem, 0.1))
    s.polygon([(-0.13, -0.1), (0.02, -0.1), (0.05, height), (-0.2, height)], stem)
    s.plate(arc(0, 0, 0.8, dome, math.pi, TAU), cap)
    s.polygon(arc(-0.12, -0.06, 0.55, dome * 0.75, math.pi, TAU), lighter(cap, 0.14))
    s.blob(0, 0, 0.8, 0.12, darker(stem, 0.25), gloss=0.1)
    for _ in range(rng.integers(0, 7)):
        x, y = polar(0, 0, rng.uniform(3.6, 5.8), 1.0)
        s.disc(0.5 * x, 0.68 * dome * y, rng.uniform(0.05, 0.1), lighter(cap, 0.65))


def tree(s: Sketch) -> None:
    """A fir of stacked triangles or a round crown, on a trunk."""
    rng = s.rng
    bark, green = hsv(0.07, 0.5, rng.uniform(0.3, 0.5)), foliage(rng)
    s.plate([(-0.12, 0), (0.12, 0), (0.17, 1), (-0.17, 1)], bark)
    if rng.random() < 0.5:
        for i in range(3):
            half, base = 0.75 - 0.15 * i, 0.25 - 0.4 * i
            s.plate([(-half, base), (half, base), (0, base - 0.8)], darker(green, 0.25 - 0.1 * i))
            s.polygon([(-half * 0.8, base - 0.05), (0, base - 0.05), (0, base - 0.7)], green)
    else:
        for _ in range(10):
            x, y = rng.normal(0, 0.32), -0.5 + rng.normal(0, 0.26)
            s.blob(x, y, 0.36, 0.33, darker(green, rng.uniform(0, 0.25)), gloss=0.2)


def fish(s: Sketch) -> None:
    """A scaled body with tail and fins."""
    rng = s.rng
    body, height = (paint(rng) if rng.random() < 0.65 else coat(rng)), rng.uniform(0.28, 0.48)
    fin = darker(body, 0.22)
    s.plate([(-0.6, 0), (-1.1, -0.4), (-0.98, 0), (-1.1, 0.4)], fin)
    s.plate([(-0.35, -height * 0.7), (0.0, -height - 0.24), (0.35, -height * 0.6)], fin)
    trunk = s.blob(0, 0, 0.75, height, body, egg=0.15)
    bands(s, trunk, rng.integers(2, 5), lighter(body, 0.4), rng.integers(0, 220))
    s.disc(0.5, -0.08, 0.085, (245, 245, 240))
    eye(s, 0.52, -0.08, 0.05, 0.05)
    wing(s, 0.15, 0.1, 2.5, 0.35, 0.24, fin)
    s.line([(0.73, 0.08), (0.6, 0.12)], 0.025, darker(body, 0.5))


def bird(s: Sketch) -> None:
    """A perched bird with beak, wing and tail."""
    rng = s.rng
    plumage = paint(rng) if rng.random() < 0.6 else coat(rng)
    s.plate([(-0.5, -0.05), (-1.2, -0.2), (-1.15, 0.08), (-0.5, 0.2)], darker(plumage, 0.3))
    for x in (-0.05, 0.15):
        s.line([(x, 0.33), (x + 0.03, 0.75), (x + 0.16, 0.78)], 0.04, hsv(0.09, 0.7, 0.5))
    s.plate([(0.7, -0.37), (1.05, -0.26), (0.7, -0.19)], hsv(0.1, 0.8, 0.8))
    s.blob(-0.05, 0.05, 0.6, 0.38, plumage, turn=-0.25)
    s.blob(0.5, -0.3, 0.27, 0.25, plumage)
    s.blob(0.22, 0.14, 0.24, 0.2, lighter(plumage, 0.35), turn=-0.4, gloss=0.2)
    eye(s, 0.58, -0.36, 0.05, 0.05)
    angle = math.pi - rng.uniform(-0.4, 0.3) if rng.random() < 0.6 else -2.0
    wing(s, 0.25, -0.05, angle, 0.85, 0.45, darker(plumage, 0.3))


def acorn(s: Sketch) -> None:
    """A nut in its cup."""
    rng = s.rng
    nut, cup = coat(rng), coat(rng)
    s.line([(0, 0.8), (0, 1.05)], (0.12, 0.02), darker(nut, 0.3))
    s.blob(0, 0.2, 0.48, 0.68, nut)
    s.line([(0, -0.5), (0.06, -0.88)], 0.1, darker(cup, 0.3))
    s.plate(arc(0, 0.02, 0.6, 0.6, math.pi, TAU), darker(cup, 0.1))
    for row in range(4):
        for x in np.linspace(-1, 1, 7 - row) * (0.5 - 0.09 * row):
            s.disc(x, -0.07 - 0.13 * row, 0.05, lighter(cup, 0.18))


# ---------------------------------------------------------------- things people make
def key(s: Sketch) -> None:
    """A ring, a shaft and a few teeth."""
    rng = s.rng
    metal = mix(STEEL, coat(rng) if rng.random() < 0.6 else paint(rng), rng.uniform(0.3, 1))
    width, radius, squash = rng.uniform(0.11, 0.15), rng.uniform(0.3, 0.42), rng.uniform(0.8, 1)
    ring = arc(-0.65, 0, radius, radius * squash, 0, TAU, 30)
    teeth = [(x, rng.uniform(0.22, 0.4)) for x in np.linspace(0.55, 0.95, rng.integers(2, 4))]
    for grow, tone in ((1.3, darker(metal, 0.4)), (0.75, metal)):
        for x, depth in teeth:
            s.line([(x, 0), (x, depth)], width * grow, tone)
        s.line(ring, width * grow, tone)
        s.line([(-0.65 + radius, 0), (1, 0)], width * grow, tone)


def cup(s: Sketch) -> None:
    """A cup with a handle, at times with a band."""
    rng = s.rng
    glaze, base = paint(rng), rng.uniform(0.35, 0.55)
    s.line(arc(0.48, 0.05, 0.36, 0.34, -1.3, 1.3), 0.15, darker(glaze, 0.45))
    s.line(arc(0.48, 0.05, 0.36, 0.34, -1.3, 1.3), 0.1, darker(glaze, 0.15))
    s.plate([(-0.58, -0.5), (0.58, -0.5), (base, 0.65), (-base, 0.65)], glaze)
    s.polygon(
        [(-0.5, -0.5), (-0.2, -0.5), (-0.16, 0.62), (-base + 0.05, 0.62)], lighter(glaze, 0.22)
    )
    if rng.random() < 0.5:
        s.line([(-0.5, 0.1), (0.5, 0.1)], 0.13, paint(rng))
    s.blob(0, -0.5, 0.58, 0.14, darker(glaze, 0.25), gloss=0.1)
    s.polygon(arc(0, -0.48, 0.48, 0.09, 0, TAU), hsv(0.07, 0.6, 0.3))


def car(s: Sketch) -> None:
    """A small car from the side."""
    rng = s.rng
    body, glass = paint(rng), (196, 220, 230)
    roof = rng.uniform(-0.58, -0.46)
    s.plate([(-0.6, -0.1), (-0.38, roof), (0.25, roof), (0.58, -0.1)], darker(body, 0.1))
    s.polygon([(-0.45, -0.12), (-0.3, roof + 0.1), (-0.05, roof + 0.1), (-0.05, -0.12)], glass)
    s.polygon([(0.05, -0.12), (0.05, roof + 0.1), (0.2, roof + 0.1), (0.42, -0.12)], glass)
    hull = [(-1, 0.28), (-1.02, 0), (-0.55, -0.12), (0.55, -0.12), (0.97, 0.0), (1, 0.28)]
    s.plate(hull, body)
    s.line([(-0.95, 0.04), (0.93, 0.04)], 0.03, lighter(body, 0.35))
    s.disc(0.93, 0.1, 0.06, (255, 240, 190))
    for x in (-0.55, 0.55):
        s.blob(x, 0.3, 0.22, 0.22, (38, 38, 40), gloss=0.1)
        s.disc(x, 0.3, 0.09, (178, 178, 184))


def house(s: Sketch) -> None:
    """Walls, a roof, a door and two windows."""
    rng = s.rng
    wall = hsv(rng.uniform(), rng.uniform(0.1, 0.45), rng.uniform(0.65, 0.92))
    floor, roof = rng.uniform(0.7, 1.0), coat(rng) if rng.random() < 0.5 else paint(rng)
    if rng.random() < 0.6:
        s.plate(box(0.35, -0.75, 0.55, -0.3), darker(wall, 0.3))
    s.plate(box(-0.7, -0.1, 0.7, floor), wall)
    s.plate([(-0.92, -0.08), (0.92, -0.08), (0, rng.uniform(-0.95, -0.7))], roof)
    s.plate(box(-0.13, floor - 0.47, 0.15, floor), coat(rng))
    for x in (-0.53, 0.28):
        s.plate(box(x, 0.08, x + 0.26, 0.36), (232, 236, 206))
        s.line([(x + 0.13, 0.08), (x + 0.13, 0.36)], 0.03, (90, 80, 70))


def umbrella(s: Sketch) -> None:
    """An open umbrella with panels of two colours."""
    rng = s.rng
    first, second = paint(rng), paint(rng)
    s.line([(0, -0.85), (0, 0.8)], 0.06, darker(WOOD, 0.3))
    s.line(arc(0.12, 0.8, 0.12, 0.14, math.pi, 0, 12) * (1, -1) + (0, 1.6), 0.07, WOOD)
    edges = np.linspace(-0.95, 0.95, 6)
    for i, (left, right) in enumerate(zip(edges, edges[1:], strict=False)):
        top = [(x, -0.78 * math.sqrt(max(0, 1 - (x / 0.96) ** 2))) for x in (left, right)]
        scallop = arc((left + right) / 2, 0.02, (right - left) / 2, 0.1, 0, -math.pi, 8)
        panel = np.vstack([[top[0]], [(0, -0.8)], [top[1]], scallop])
        s.plate(panel, first if i % 2 else second, rim=0.025)


def boat(s: Sketch) -> None:
    """A hull, a mast and two sails."""
    rng = s.rng
    sail, hull = paint(rng), coat(rng) if rng.random() < 0.6 else paint(rng)
    s.line([(-0.05, 0.4), (-0.05, -0.98)], 0.06, darker(WOOD, 0.2))
    s.plate([(0.02, -0.9), (0.02, 0.25), (0.8, 0.25)], sail)
    s.plate([(-0.12, -0.7), (-0.12, 0.25), (-0.65, 0.25)], lighter(sail, 0.35))
    s.plate([(-0.9, 0.35), (0.95, 0.35), (0.6, 0.75), (-0.65, 0.75)], hull)
    s.line([(-0.8, 0.47), (0.84, 0.47)], 0.05, lighter(hull, 0.4))


def hammer(s: Sketch) -> None:
    """A steel head across a wooden handle."""
    rng = s.rng
    handle = coat(rng) if rng.random() < 0.6 else paint(rng)
    steel = mix(STEEL, (60, 64, 72), rng.uniform(0, 0.8))
    s.line([(-1.1, 0), (0.7, 0)], (0.24, 0.16), darker(handle, 0.4))
    s.line([(-1.1, 0), (0.7, 0)], (0.17, 0.1), handle)
    head = np.array([(0.5, -0.36), (0.86, -0.36), (0.82, 0.3), (0.74, 0.62), (0.56, 0.3)])
    s.plate(head, steel, rim=0.05)
    s.plate(box(0.42, -0.5, 0.94, -0.36), darker(steel, 0.2))
    s.line([(0.6, -0.3), (0.66, 0.3)], 0.06, lighter(steel, 0.4))


def scissors(s: Sketch) -> None:
    """Two crossed blades with ring handles."""
    rng = s.rng
    grip, steel = paint(rng), mix(STEEL, (90, 96, 105), rng.uniform(0, 0.8))
    opening = rng.uniform(0.12, 0.4)
    for side in (-1, 1):
        tip, heel = polar(0, 0, side * opening, 1.1), polar(0, 0, math.pi + side * opening, 0.4)
        s.line([heel, (0, 0), tip], (0.16, 0.02), darker(steel, 0.35))
        s.line([heel, (0, 0), tip], (0.09, 0.01), lighter(steel, 0.1))
        x, y = polar(0, 0, math.pi + side * opening * 1.15, 0.68)
        ring = arc(x, y, 0.3, 0.2, 0, TAU, 24)
        s.line(ring, 0.13, darker(grip, 0.4))
        s.line(ring, 0.08, grip)
    s.disc(0, 0, 0.06, darker(steel, 0.5))


# ---------------------------------------------------------------- textures, larger than the frame
def honeycomb(s: Sketch) -> None:
    """Hexagonal cells, some of them filled."""
    rng = s.rng
    wax, fill = (
        hsv(rng.normal(0.11, 0.03), rng.uniform(0.4, 0.8), rng.uniform(0.55, 0.85)),
        coat(rng),
    )
    cell = 1 / rng.uniform(3.5, 6)
    s.polygon(box(-1.5, -1.5, 1.5, 1.5), wax)
    corner = np.arange(6) * TAU / 6 + TAU / 12
    hexagon = np.stack([np.cos(corner), np.sin(corner)], 1) * cell * 0.56
    for row, y in enumerate(np.arange(-1.4, 1.4, cell * 0.87)):
        for x in np.arange(-1.4, 1.4, cell) + (row % 2) * cell / 2:
            tone = mix(wax, fill, 0.8) if rng.random() < 0.4 else darker(wax, rng.uniform(0.3, 0.5))
            s.polygon(hexagon + (x, y), darker(tone, 0.35))
            s.polygon(hexagon * 0.8 + (x, y) - s.light * cell * 0.05, tone)


def bricks(s: Sketch) -> None:
    """Courses of bricks in mortar."""
    rng = s.rng
    clay, mortar = hsv(rng.normal(0.04, 0.04), rng.uniform(0.3, 0.7), rng.uniform(0.45, 0.8)), STEEL
    height = 1 / rng.uniform(3, 5.5)
    width = height * rng.uniform(1.8, 2.6)
    s.polygon(box(-1.5, -1.5, 1.5, 1.5), mix(mortar, clay, rng.uniform(0, 0.5)))
    for row, y in enumerate(np.arange(-1.4, 1.4, height)):
        for x in np.arange(-1.4 - width, 1.4, width) + (row % 2) * width / 2:
            tone = darker(clay, rng.uniform(0, 0.3)) if rng.random() < 0.7 else lighter(clay, 0.15)
            s.polygon(box(x, y, x + width * 0.92, y + height * 0.86), darker(tone, 0.25))
            s.polygon(box(x, y, x + width * 0.89, y + height * 0.8), tone)

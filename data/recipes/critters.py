"""Source classes that crawl and fly: related to the target classes, but neither ant nor bee."""

from __future__ import annotations

import math

import numpy as np

from .colours import BLACK, EYE_WHITE, coat, darker, hsv, lighter, membrane, paint
from .parts import antenna, bands, eye, legs_from_above, polar, wing
from .sketch import TAU, Sketch


def spider(s: Sketch) -> None:
    """Two body parts, eight long legs."""
    rng = s.rng
    body, width = coat(rng), rng.uniform(0.03, 0.05)
    hips = ((0.42, 0.55, 1), (0.33, 1.1, 1), (0.24, 1.9, 1), (0.16, 2.5, 1))
    legs_from_above(s, hips, 0.05, rng.uniform(0.85, 1.15), darker(body, 0.2), width, knee=0.7)
    rear = body if rng.random() < 0.5 else coat(rng)
    shape = s.blob(-0.25, 0, rng.uniform(0.35, 0.48), rng.uniform(0.3, 0.42), rear)
    if rng.random() < 0.5:
        mark = lighter(rear, 0.45)
        s.line([(-0.52, 0), (-0.02, 0)], 0.05, mark)
        s.line([(-0.28, -0.14), (-0.28, 0.14)], 0.05, mark)
    elif rng.random() < 0.5:
        bands(s, shape, 3, darker(rear, 0.4), 160)
    s.blob(0.3, 0, 0.22, 0.2, body)
    for side in (-1, 1):
        s.line([(0.48, 0.06 * side), (0.62, 0.09 * side)], (width * 1.6, width), body)
        eye(s, 0.44, 0.06 * side, 0.03, 0.03)


def beetle(s: Sketch) -> None:
    """Hard wing cases with a seam, a collar, short legs."""
    rng = s.rng
    body = coat(rng) if rng.random() < 0.6 else hsv(rng.uniform(0.25, 0.7), 0.6, 0.42)
    dark, width = darker(body, 0.4), rng.uniform(0.04, 0.06)
    legs_from_above(s, ((0.4, 0.8, 1), (0.1, 1.6, 1), (-0.1, 2.3, 1)), 0.2, 0.6, dark, width)
    club = 0.04 if rng.random() < 0.4 else 0.0
    for side in (-1, 1):
        antenna(s, 0.75, 0.08 * side, side, 0.7, 0.2, rng.uniform(-0.5, 0.5), 0.2, dark, 0.03, club)
    if rng.random() < 0.3:  # rhinoceros horn
        s.line([(0.78, 0), (1.05, -0.04), (1.16, 0.1)], (0.1, 0.03), darker(body, 0.3), curved=True)
    s.blob(0.7, 0, 0.16, 0.16, darker(body, 0.3))
    s.blob(0.45, 0, 0.2, 0.3, darker(body, 0.1))
    case = s.blob(-0.2, 0, 0.62, 0.42 * rng.uniform(0.82, 1.1), body)
    grooves = (-0.55, -0.28, 0.28, 0.55) if rng.random() < 0.45 else ()
    for across in (0.0, *grooves):
        seam = case.at(np.linspace(-0.94, 0.86, 9), across)
        s.line(seam, 0.028 if across == 0 else 0.014, darker(body, 0.5))


def ladybird(s: Sketch) -> None:
    """A round, spotted dome with a dark head."""
    rng = s.rng
    shell = coat(rng) if rng.random() < 0.35 else hsv(rng.normal(0.03, 0.04), 0.85, 0.82)
    spot = BLACK if sum(shell) > 220 else (225, 200, 150)
    legs_from_above(s, ((0.35, 0.9, 1), (0, 1.6, 1), (-0.3, 2.2, 1)), 0.4, 0.36, BLACK, 0.05)
    for side in (-1, 1):
        antenna(s, 0.75, 0.1 * side, side, 0.6, 0.12, 0.2, 0.1, BLACK, 0.03, club=0.035)
    s.blob(0.6, 0, 0.22, 0.28, (28, 25, 25))
    dome = s.blob(-0.1, 0, 0.65, 0.58 * rng.uniform(0.9, 1.08), shell)
    s.line(dome.at(np.linspace(-0.97, 0.95, 9), 0), 0.03, darker(shell, 0.6))
    places = ((0.5, 0.55), (0.0, 0.72), (-0.15, 0.28), (-0.6, 0.6), (0.45, 0.18))
    for side in (-1, 1):
        s.disc(0.69, 0.16 * side, 0.055, (230, 225, 210))
        for along, across in places[: rng.integers(2, 6)]:
            s.disc(*dome.at(along, across * side), rng.uniform(0.07, 0.1), spot)


def butterfly(s: Sketch) -> None:
    """Four broad, coloured wings around a thin body."""
    rng = s.rng
    upper, mark, body = (paint(rng) if rng.random() < 0.75 else coat(rng)), paint(rng), coat(rng)
    breadth = rng.uniform(0.65, 1.05)
    fore, hind = rng.uniform(1.0, 1.35), rng.uniform(1.95, 2.3)
    for side in (-1, 1):
        wing(s, 0, 0.03 * side, side * hind, 0.85, 0.75 * breadth, darker(upper, 0.15))
        wing(s, 0.15, 0.03 * side, side * fore, 1.05, 0.8 * breadth, upper)
        s.disc(*polar(0.15, 0, side * fore, 0.72), 0.13 * breadth, darker(mark, 0.4))
        s.disc(*polar(0.15, 0, side * fore, 0.72), 0.09 * breadth, mark)
        s.disc(*polar(0, 0, side * hind, 0.58), 0.1 * breadth, mark)
        antenna(s, 0.5, 0.02 * side, side, 0.4, 0.25, 0.1, 0.2, body, 0.024, club=0.03)
    s.blob(-0.1, 0, 0.5, 0.07, body)
    s.blob(0.45, 0, 0.09, 0.08, body)


def fly(s: Sketch) -> None:
    """Big reddish eyes, one pair of wings, bristly legs."""
    rng = s.rng
    body, veil = coat(rng), membrane(rng)
    rear = body if rng.random() < 0.5 else hsv(rng.normal(0.38, 0.05), 0.6, 0.42)
    hips = ((0.38, 0.8, 1), (0.2, 1.6, 1), (0.05, 2.3, 1))
    legs_from_above(s, hips, 0.1, 0.6, darker(body, 0.3), rng.uniform(0.03, 0.045))
    s.blob(-0.28, 0, 0.34, 0.27, rear)
    chest = s.blob(0.2, 0, 0.3, 0.25, body)
    for across in (-0.35, 0.35):
        s.line(chest.at(np.linspace(-0.6, 0.6, 5), across), 0.03, darker(body, 0.4))
    s.blob(0.58, 0, 0.14, 0.2, darker(body, 0.2))
    alpha, angle = rng.integers(90, 165), rng.uniform(2.35, 2.8)
    for side in (-1, 1):
        s.blob(0.62, 0.15 * side, 0.13, 0.115, hsv(rng.normal(0, 0.02), 0.7, 0.5))
        wing(s, 0.2, 0.12 * side, side * angle, rng.uniform(0.88, 1.02), 0.42, veil, alpha)


def dragonfly(s: Sketch) -> None:
    """A long thin abdomen and four narrow wings held out."""
    rng = s.rng
    body, veil = (coat(rng) if rng.random() < 0.5 else paint(rng)), membrane(rng)
    alpha = rng.integers(90, 155)
    for side in (-1, 1):
        wing(s, 0.3, 0.05 * side, side * rng.uniform(1.75, 2.0), 0.95, 0.22, veil, alpha)
        wing(s, 0.45, 0.05 * side, side * rng.uniform(1.3, 1.55), 1.0, 0.22, veil, alpha)
    tail = [(0.3, 0), (-0.4, rng.normal(0, 0.05)), (-1.15, rng.normal(0, 0.1))]
    s.line(tail, 0.13, darker(body, 0.5), curved=True)
    s.line(tail, 0.09, body, curved=True)
    for share in np.linspace(0.1, 0.95, 7):
        x = 0.3 - 1.45 * share
        y = float(np.interp(x, [-1.15, -0.4, 0.3], [tail[2][1], tail[1][1], 0]))
        s.line([(x, y - 0.05), (x, y + 0.05)], 0.025, darker(body, 0.45))
    s.blob(0.4, 0, 0.22, 0.14, body)
    s.blob(0.68, 0, 0.12, 0.14, darker(body, 0.2))
    for side in (-1, 1):
        s.blob(0.72, 0.1 * side, 0.1, 0.09, hsv(rng.uniform(), 0.5, 0.6))


def caterpillar(s: Sketch) -> None:
    """A chain of round segments on stubby legs."""
    rng = s.rng
    body = coat(rng) if rng.random() < 0.4 else hsv(rng.uniform(0.15, 0.4), 0.6, 0.65)
    other = darker(body, 0.28) if rng.random() < 0.5 else lighter(body, 0.25)
    height, phase, hairy = rng.uniform(0.03, 0.25), rng.uniform(0, TAU), rng.random() < 0.5
    wave = lambda x: height * math.sin(phase + 4 * x)  # noqa: E731
    for i, x in enumerate(np.linspace(-0.95, 0.72, rng.integers(7, 10))):
        for shift in (-0.05, 0.05):
            s.line(
                [(x + shift, wave(x) + 0.1), (x + shift, wave(x) + 0.26)], 0.045, darker(body, 0.4)
            )
        segment = s.blob(x, wave(x), 0.155, 0.18, body if i % 2 else other)
        if hairy:
            s.fur(segment, darker(body, 0.3), 7, 0.13)
    y = wave(0.88)
    s.blob(0.88, y, 0.17, 0.18, darker(body, 0.3))
    eye(s, 0.95, y - 0.04, 0.04, 0.045)
    for shift in (0, 0.12):
        s.line([(0.9 + shift, y - 0.13), (0.98 + shift, y - 0.34)], (0.03, 0.02), darker(body, 0.5))


def snail(s: Sketch) -> None:
    """A spiral shell on a soft foot, two stalked eyes."""
    rng = s.rng
    shell, flesh = coat(rng) if rng.random() < 0.7 else paint(rng), lighter(coat(rng), 0.35)
    for shift in (0, 0.13):
        s.line(
            [(0.82 + shift * 0.6, 0.05), (0.9 + shift, -0.25)], (0.045, 0.025), darker(flesh, 0.15)
        )
        s.disc(0.9 + shift, -0.26, 0.035, darker(flesh, 0.6))
    foot = [(-0.95, 0.5), (-0.3, 0.3), (0.4, 0.3), (0.7, 0.0), (0.95, 0.02), (1.0, 0.3), (0.8, 0.5)]
    s.plate(foot, flesh, curved=True)
    s.blob(-0.15, 0, 0.53, 0.49, shell)
    turns = np.linspace(0, rng.uniform(2.2, 3) * TAU, 50)
    radius = 0.45 * (1 - turns / turns[-1] * 0.93)
    spiral = np.stack([-0.15 + radius * np.cos(turns), 0.92 * radius * np.sin(turns)], 1)
    s.line(spiral, (0.06, 0.03), darker(shell, 0.5))


def grasshopper(s: Sketch) -> None:
    """Seen from the side: a long body, one huge folded hind leg, long feelers."""
    rng = s.rng
    body = coat(rng) if rng.random() < 0.45 else hsv(rng.uniform(0.15, 0.35), 0.6, 0.55)
    dark = darker(body, 0.35)
    for hip, foot in ((0.45, 0.6), (0.25, 0.4)):
        s.line([(hip, 0.1), (hip + 0.05, 0.35), (foot + 0.05, 0.6)], (0.05, 0.03), dark)
    s.plate([(0.5, -0.14), (-0.3, -0.14), (-1, 0), (-0.3, 0.17), (0.5, 0.16)], body, curved=True)
    wing(s, 0.3, -0.1, math.pi - rng.uniform(-0.05, 0.12), 1.4, 0.24, darker(body, 0.15), 235)
    s.blob(0.4, 0, 0.2, 0.2, lighter(body, 0.05))
    s.blob(0.68, -0.04, 0.16, 0.2, body, turn=0.3)
    eye(s, 0.74, -0.1, 0.05, 0.06)
    knee = (rng.uniform(-0.6, -0.35), rng.uniform(-0.6, -0.4))
    s.line([(0.0, 0.1), knee], (0.17, 0.07), darker(body, 0.5))
    s.line([(0.0, 0.1), knee], (0.13, 0.04), darker(body, 0.1))
    s.line([knee, (knee[0] - 0.15, 0.58), (knee[0], 0.6)], (0.05, 0.03), dark)
    for lift in (0, 0.1):
        s.line([(0.78, -0.2), (1.0, -0.5 - lift), (1.3, -0.6 - 2 * lift)], 0.022, dark, curved=True)


def mosquito(s: Sketch) -> None:
    """A thin body on very long legs, a needle in front."""
    rng = s.rng
    body, veil = coat(rng), membrane(rng)
    hips = ((0.3, 0.7, 1), (0.2, 1.5, 1.05), (0.1, 2.4, 1.1))
    legs_from_above(s, hips, 0.03, rng.uniform(0.9, 1.15), body, 0.028, knee=0.9)
    tail = [(0.2, 0), (-0.3, rng.normal(0, 0.03)), (-0.78, rng.normal(0, 0.06))]
    s.line(tail, (0.12, 0.07), body, curved=True)
    for side in (-1, 1):
        wing(s, 0.2, 0.05 * side, side * rng.uniform(2.3, 2.8), 0.8, 0.18, veil, 130)
        s.line([(0.45, 0.03 * side), (0.66, 0.15 * side)], 0.025, body)
    s.blob(0.22, 0, 0.15, 0.13, body)
    s.blob(0.42, 0, 0.09, 0.09, darker(body, 0.2))
    s.line([(0.48, 0), (0.98, 0)], (0.03, 0.012), body)


def scorpion(s: Sketch) -> None:
    """Claws in front and a jointed tail that curls over the back."""
    rng = s.rng
    body = coat(rng)
    dark = darker(body, 0.25)
    hips = ((0.25, 0.9, 1), (0.12, 1.4, 1), (0.0, 1.9, 1), (-0.12, 2.3, 1))
    legs_from_above(s, hips, 0.12, 0.5, dark, 0.04)
    curl, x, y, heading = rng.choice([-1, 1]) * rng.uniform(0.3, 0.5), -0.45, 0.0, math.pi
    for i in range(6):
        s.blob(x, y, 0.13, 0.1 - 0.007 * i, body, turn=heading)
        x, y = polar(x, y, heading, 0.19)
        heading += curl
    s.line([(x, y), polar(x, y, heading, 0.22)], (0.09, 0.01), darker(body, 0.5))
    for side in (-1, 1):
        elbow, wrist = (0.62, 0.42 * side), (0.85, 0.36 * side)
        s.line([(0.35, 0.15 * side), elbow, wrist], (0.08, 0.06), dark)
        s.blob(0.98, 0.32 * side, 0.17, 0.1, body, turn=-0.3 * side)
        s.line([(1.05, 0.24 * side), (1.25, 0.2 * side)], (0.07, 0.02), dark)
        s.line([(1.05, 0.36 * side), (1.28, 0.29 * side)], (0.06, 0.02), dark)
    trunk = s.blob(-0.08, 0, 0.46, 0.23, body)
    bands(s, trunk, 5, darker(body, 0.4), 150)
    s.blob(0.32, 0, 0.2, 0.19, dark)
    for side in (-1, 1):
        s.disc(0.38, 0.05 * side, 0.025, EYE_WHITE)

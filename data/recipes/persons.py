"""A drawn character's head: what makes the person, and what changes from picture to picture.

`Person` holds what stays: the shape of the face, eyes, brows, nose, mouth, ears, hair, beard,
freckles. `Moment` holds what does not: how the head is turned, the expression, glasses, hat, scarf.
Every trait is drawn independently of all others, so none of them follows from the skin's tone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .colours import BLACK, EYE_WHITE, Colour, darker, hsv, lighter, mix, paint
from .sketch import TAU, Blob, Sketch

# Hue, saturation, value, from light to dark; persons share them, so a tone is not an identity.
SKIN_TONES = (
    (0.065, 0.22, 0.97), (0.070, 0.32, 0.92), (0.075, 0.40, 0.84),
    (0.065, 0.45, 0.70), (0.060, 0.50, 0.54), (0.055, 0.50, 0.40),
)  # fmt: skip
HAIR_COLOURS = (
    (0.06, 0.35, 0.13), (0.06, 0.55, 0.28), (0.07, 0.62, 0.45),
    (0.11, 0.55, 0.80), (0.04, 0.66, 0.56), (0.10, 0.06, 0.66),
)  # fmt: skip
IRIS_COLOURS = ((0.07, 0.60, 0.30), (0.09, 0.55, 0.48), (0.30, 0.40, 0.45), (0.57, 0.50, 0.62))
HAIR_STYLES = ("short", "parted", "fringe", "long", "bob", "curls", "bun", "bald")
BEARDS = ("none", "none", "none", "none", "moustache", "goatee", "full")


@dataclass(frozen=True)
class Person:
    """What stays; lengths in half heights of the face."""

    tone: int
    skin: Colour
    hair: Colour
    style: str
    beard: str
    width: float
    jaw: float  # below 0 a pointed chin, above 0 a broad one
    corners: float  # 2 an ellipse, more is squarer
    eye_apart: float
    eye_height: float
    eye_size: float
    eye_open: float
    eye_tilt: float
    iris: Colour
    brow_height: float
    brow_width: float
    brow_tilt: float
    nose_length: float
    nose_width: float
    mouth_height: float
    mouth_width: float
    lip: float
    ear: float
    freckles: bool
    mole: tuple[float, float] | None


@dataclass(frozen=True)
class Moment:
    """What changes: angles in radians, the rest in half heights of the face."""

    yaw: float
    pitch: float
    smile: float
    mouth_open: float
    brow_lift: float
    eyelid: float
    gaze: float
    glasses: str
    hat: str
    scarf: bool
    accessory: Colour
    frame: Colour
    clothes: Colour


def new_person(rng: np.random.Generator) -> Person:
    """Draw a person's traits, each independent of the others."""

    def tinted(table: tuple, index: int) -> Colour:
        hue, saturation, value = table[index]
        return hsv(hue + rng.normal(0, 0.006), saturation * rng.uniform(0.92, 1.08), value)

    def pick(table: tuple) -> int:
        return int(rng.integers(len(table)))

    tone = pick(SKIN_TONES)
    mole = None
    if rng.random() < 0.25:
        mole = (float(rng.choice([-1, 1]) * rng.uniform(0.25, 0.5)), float(rng.uniform(0.15, 0.6)))
    return Person(
        tone=tone,
        skin=tinted(SKIN_TONES, tone),
        hair=tinted(HAIR_COLOURS, pick(HAIR_COLOURS)),
        style=HAIR_STYLES[pick(HAIR_STYLES)],
        beard=BEARDS[pick(BEARDS)],
        width=rng.uniform(0.68, 0.88),
        jaw=rng.uniform(-0.2, 0.08),
        corners=rng.uniform(2.0, 2.8),
        eye_apart=rng.uniform(0.28, 0.42),
        eye_height=rng.uniform(-0.16, 0.04),
        eye_size=rng.uniform(0.12, 0.19),
        eye_open=rng.uniform(0.55, 0.95),
        eye_tilt=rng.uniform(-0.25, 0.25),
        iris=tinted(IRIS_COLOURS, pick(IRIS_COLOURS)),
        brow_height=rng.uniform(0.2, 0.33),
        brow_width=rng.uniform(0.05, 0.12),
        brow_tilt=rng.uniform(-0.35, 0.3),
        nose_length=rng.uniform(0.2, 0.42),
        nose_width=rng.uniform(0.08, 0.2),
        mouth_height=rng.uniform(0.5, 0.64),
        mouth_width=rng.uniform(0.18, 0.36),
        lip=rng.uniform(0.04, 0.1),
        ear=rng.uniform(0.1, 0.2),
        freckles=bool(rng.random() < 0.2),
        mole=mole,
    )


def new_moment(rng: np.random.Generator) -> Moment:
    """Draw what changes from picture to picture; none of it depends on the person."""
    return Moment(
        yaw=rng.uniform(-0.42, 0.42),
        pitch=rng.uniform(-0.18, 0.18),
        smile=rng.uniform(-0.5, 1.0),
        mouth_open=max(0.0, rng.uniform(-0.2, 0.14)),
        brow_lift=rng.uniform(-0.04, 0.06),
        eyelid=rng.uniform(0.75, 1.05),
        gaze=rng.uniform(-0.4, 0.4),
        glasses=str(rng.choice(["none", "none", "none", "round", "square", "dark"])),
        hat=str(rng.choice(["none", "none", "none", "none", "cap", "beanie"])),
        scarf=bool(rng.random() < 0.2),
        accessory=paint(rng),
        frame=darker(paint(rng), rng.uniform(0.2, 0.9)),
        clothes=paint(rng),
    )


class Portrait:
    """Draws one person at one moment on a sketch; the face is 2 high, its middle at (0, 0)."""

    def __init__(self, s: Sketch, person: Person, moment: Moment):
        self.s, self.p, self.m = s, person, moment

    def draw(self) -> None:
        """All parts, from the back to the front."""
        self.hair_behind()
        self.shoulders()
        self.head()
        self.skin_marks()
        self.beard()
        self.mouth()
        self.eyes()
        self.nose()
        if self.m.hat == "none":
            self.hair_in_front()
        else:
            self.hat()
        self.glasses()

    def at(self, x, y, lift: float = 0.0) -> np.ndarray:
        """Where the point (x, y) of the face appears when the head is turned.

        The face is a rounded shell: its middle is nearest to the viewer, and moves most. `lift` is
        the height above the shell, as of a nose.
        """
        x, y = np.asarray(x, float), np.asarray(y, float)
        depth = 0.75 * np.sqrt(np.clip(1 - (x / (1.1 * self.p.width)) ** 2 - (y / 1.15) ** 2, 0, 1))
        depth = depth + lift
        yaw, pitch = self.m.yaw, self.m.pitch
        return np.stack(
            [
                x * math.cos(yaw) + depth * math.sin(yaw),
                y * math.cos(pitch) + depth * math.sin(pitch),
            ],
            axis=-1,
        )

    def spot(self, x, y, rx, ry, colour, alpha=255, turn=0.0, lift=0.0) -> None:
        """An ellipse on the face, foreshortened as the face is."""
        outline = Blob(x, y, rx, ry, turn).outline(20)
        self.s.polygon(self.at(outline[:, 0], outline[:, 1], lift), colour, alpha)

    def stroke(self, points, width, colour, lift=0.0, alpha=255) -> None:
        """A curved line on the face."""
        points = np.asarray(points, float)
        line = self.at(points[:, 0], points[:, 1], lift)
        self.s.line(line, width, colour, alpha, curved=True)

    def face_outline(self, scale: float = 1.0) -> np.ndarray:
        """The head's outline (n, 2): an ellipse with corners and a jaw of its own."""
        p, angle = self.p, np.linspace(0, TAU, 48, endpoint=False)
        c, q = np.cos(angle), np.sin(angle)
        power = 2 / p.corners
        x = np.sign(c) * np.abs(c) ** power * p.width
        y = np.sign(q) * np.abs(q) ** power
        return np.stack([x * (1 + p.jaw * y) * scale, y * scale], 1)

    def hair_behind(self) -> None:
        p, hair = self.p, darker(self.p.hair, 0.2)
        shift = -0.25 * math.sin(self.m.yaw)
        w = p.width
        if p.style == "long":
            shape = [(-w - 0.2, -0.4), (-w - 0.28, 0.6), (-w - 0.2, 1.35), (w + 0.2, 1.35),
                     (w + 0.28, 0.6), (w + 0.2, -0.4), (0.5, -1.1), (-0.5, -1.1)]  # fmt: skip
            self.s.plate(np.array(shape) + (shift, 0), hair, curved=True)
        elif p.style == "bob":
            shape = [(-w - 0.18, -0.4), (-w - 0.3, 0.35), (-w - 0.12, 0.75), (w + 0.12, 0.75),
                     (w + 0.3, 0.35), (w + 0.18, -0.4), (0.5, -1.1), (-0.5, -1.1)]  # fmt: skip
            self.s.plate(np.array(shape) + (shift, 0), hair, curved=True)
        elif p.style == "curls":
            for angle in np.linspace(math.pi * 0.85, math.pi * 2.15, 19):
                x, y = (w + 0.08) * math.cos(angle), -0.15 + 0.93 * math.sin(angle)
                self.s.blob(x + shift * 0.6, y, 0.22, 0.22, hair, gloss=0.12)
        elif p.style == "bun" and self.m.hat == "none":
            self.s.blob(-1.2 * shift, -1.12, 0.34, 0.3, hair, gloss=0.25)

    def shoulders(self) -> None:
        p, m, s = self.p, self.m, self.s
        neck = darker(p.skin, 0.22)
        s.polygon([(-0.34, 0.6), (0.34, 0.6), (0.42, 1.5), (-0.42, 1.5)], neck)
        body = [(-1.5, 2.2), (-1.3, 1.5), (-0.5, 1.22), (0.5, 1.22), (1.3, 1.5), (1.5, 2.2)]
        s.plate(body, m.clothes, 0.06)
        s.polygon([(-0.36, 1.2), (0.36, 1.2), (0.0, 1.5)], neck)
        if m.scarf:
            s.plate([(-0.6, 1.0), (0.6, 1.0), (0.72, 1.42), (-0.72, 1.42)], m.accessory, 0.05)
            s.line([(-0.6, 1.2), (0.62, 1.22)], 0.05, darker(m.accessory, 0.3))

    def head(self) -> None:
        p, s = self.p, self.s
        for side in (-1, 1):
            x = side * (p.width - 0.02) - 0.22 * math.sin(self.m.yaw)
            s.blob(x, p.eye_height + 0.16, p.ear * 0.75, p.ear * 1.3, darker(p.skin, 0.06))
        s.solid(self.face_outline(), (0, 0), p.skin, 0.3, gloss=0.16)

    def skin_marks(self) -> None:
        p = self.p
        rosy = mix(p.skin, (205, 80, 70), 0.35)
        for side in (-1, 1):
            self.spot(side * 0.42, p.eye_height + 0.4, 0.17, 0.12, rosy, 110)
            if p.freckles:
                for dx, dy in ((0.26, 0.26), (0.38, 0.34), (0.5, 0.27), (0.32, 0.42), (0.47, 0.42)):
                    self.spot(side * dx, p.eye_height + dy, 0.032, 0.032, darker(p.skin, 0.4), 210)
        if p.mole:
            self.spot(*p.mole, 0.055, 0.055, darker(p.skin, 0.65))

    def beard(self) -> None:
        p, top = self.p, self.p.mouth_height
        colour = darker(p.hair, 0.1)
        if p.beard == "full":
            angle = np.linspace(0.0, math.pi, 20)
            outer = self.face_outline(1.0)[:25] * (1.0, 1.04)
            inner = np.stack([0.62 * p.width * np.cos(angle[::-1]),
                              0.28 + 0.35 * np.sin(angle[::-1])], 1)  # fmt: skip
            self.s.polygon(np.vstack([outer, self.at(inner[:, 0], inner[:, 1])]), colour, 235)
        elif p.beard == "goatee":
            self.spot(0, top + 0.22, 0.2, 0.2, colour, 240)
        if p.beard in ("moustache", "full"):
            w = p.mouth_width * 1.05
            points = [(-w, top - 0.03), (-w / 2, top - 0.15), (0, top - 0.13),
                      (w / 2, top - 0.15), (w, top - 0.03)]  # fmt: skip
            self.stroke(points, 0.13, colour)

    def mouth(self) -> None:
        p, m = self.p, self.m
        y, w = p.mouth_height, p.mouth_width * (1 + 0.15 * m.smile)
        bend = 0.1 * m.smile
        x = np.linspace(-w, w, 7)
        line = y + bend * (0.5 - 1.5 * (x / w) ** 2)
        lips = mix(p.skin, (165, 45, 60), 0.55)
        if m.mouth_open > 0.03:
            lower = line + m.mouth_open * 2 * np.sqrt(np.clip(1 - (x / w) ** 2, 0, 1))
            hole = np.vstack([np.stack([x, line], 1), np.stack([x, lower], 1)[::-1]])
            self.s.polygon(self.at(hole[:, 0], hole[:, 1]), (70, 20, 28))
            self.stroke(np.stack([x, line + 0.03], 1)[1:-1], 0.05, EYE_WHITE)
            self.stroke(np.stack([x, lower], 1), (p.lip, p.lip), lips)
        else:
            self.stroke(np.stack([x, line + p.lip * 0.5], 1), p.lip * 1.5, lips)
        self.stroke(np.stack([x, line], 1), 0.035, darker(lips, 0.6))

    def eyes(self) -> None:
        p, m = self.p, self.m
        height = p.eye_size * p.eye_open * m.eyelid
        for side in (-1, 1):
            x, y, turn = side * p.eye_apart, p.eye_height, -side * p.eye_tilt
            self.spot(x, y, p.eye_size * 1.12, height + 0.03, darker(p.skin, 0.45), turn=turn)
            self.spot(x, y, p.eye_size, height, EYE_WHITE, turn=turn)
            look = x + m.gaze * 0.35 * p.eye_size
            self.spot(look, y, 0.62 * height + 0.02, min(height, 0.62 * height + 0.02), p.iris)
            self.spot(look, y, 0.34 * height + 0.012, 0.34 * height + 0.012, BLACK)
            self.spot(look - 0.03, y - 0.04, 0.022, 0.022, (255, 255, 255))
            lid = [(x - p.eye_size, y), (x, y - height), (x + p.eye_size, y)]
            self.stroke(lid, 0.035, darker(p.skin, 0.7))
            brow = y - p.brow_height - m.brow_lift
            inner, outer = x - side * p.eye_size * 1.1, x + side * p.eye_size * 1.35
            slope = p.brow_tilt * p.eye_size
            points = [(inner, brow - slope), (x, brow - 0.03), (outer, brow + slope + 0.03)]
            self.stroke(points, (p.brow_width, p.brow_width * 0.6), darker(p.hair, 0.25))

    def nose(self) -> None:
        p = self.p
        top, tip = p.eye_height + 0.08, p.eye_height + 0.08 + p.nose_length
        shade = darker(p.skin, 0.3)
        side = -1 if self.m.yaw > 0 else 1
        self.stroke([(side * 0.04, top), (side * 0.06, tip - 0.08)], 0.03, shade, 0.08, 150)
        self.spot(0, tip, p.nose_width, 0.075, darker(p.skin, 0.14), lift=0.16)
        for end in (-1, 1):
            self.spot(end * p.nose_width * 0.6, tip + 0.035, 0.035, 0.025, shade, lift=0.14)
        self.spot(-0.02, tip - 0.05, p.nose_width * 0.45, 0.04, lighter(p.skin, 0.3), lift=0.18)

    def hair_in_front(self) -> None:
        p, s = self.p, self.s
        if p.style == "bald":
            return
        shift = 0.3 * math.sin(self.m.yaw)
        crown = self.face_outline(1.06)
        crown = crown[crown[:, 1] < -0.15]
        crown = crown[np.argsort(crown[:, 0])]
        w = p.width
        lines = {
            "short": [(w * 0.9, -0.5), (0.45, -0.66), (0, -0.7), (-0.45, -0.66), (-w * 0.9, -0.5)],
            "parted": [(w, -0.2), (0.55, -0.55), (0.25, -0.78), (-0.2, -0.6), (-w, -0.15)],
            "fringe": [(w, -0.15), (0.6, -0.42), (0.1, -0.36), (-0.45, -0.42), (-w, -0.15)],
            "long": [(w, 0.1), (0.6, -0.45), (0.05, -0.78), (-0.6, -0.45), (-w, 0.1)],
            "bob": [(w, 0.2), (0.62, -0.4), (0, -0.48), (-0.62, -0.4), (-w, 0.2)],
            "curls": [(w, -0.3), (0.4, -0.62), (0, -0.55), (-0.4, -0.62), (-w, -0.3)],
            "bun": [(w * 0.95, -0.35), (0.5, -0.72), (0, -0.8), (-0.5, -0.72), (-w * 0.95, -0.35)],
        }
        front = np.array(lines[p.style]) + (shift, 0.1 * math.sin(self.m.pitch))
        cap = np.vstack([crown, front])
        s.polygon(cap, p.hair)
        s.line(np.vstack([front]), 0.04, darker(p.hair, 0.35), curved=True)
        for x in np.linspace(-0.6, 0.6, 5):
            start = (x * w + shift * 0.6, -0.82)
            s.line([start, (x * w * 1.1 + shift * 0.3, -0.98)], 0.03, lighter(p.hair, 0.25), 150)
        if p.style == "curls":
            for x in np.linspace(-0.85, 0.85, 9):
                s.blob(x * w + shift, -0.78 + 0.28 * x * x, 0.17, 0.17, p.hair, gloss=0.15)

    def hat(self) -> None:
        m, s, w = self.m, self.s, self.p.width
        shift = 0.28 * math.sin(m.yaw)
        crown = self.face_outline(1.1)
        crown = crown[crown[:, 1] < -0.4]
        crown = crown[np.argsort(crown[:, 0])] * (1.02, 1.0)
        edge = [(w * 0.95, -0.42), (shift, -0.38), (-w * 0.95, -0.42)]
        s.polygon(np.vstack([crown, edge]), m.accessory)
        s.line(np.vstack([crown]), 0.05, darker(m.accessory, 0.45))
        if m.hat == "beanie":
            band = [(-w * 1.02, -0.42), (shift, -0.46), (w * 1.02, -0.42)]
            s.line(band, 0.22, darker(m.accessory, 0.25), curved=True)
            s.blob(-shift * 0.5, -1.2, 0.2, 0.2, lighter(m.accessory, 0.4))
        else:
            brim = [(-w * 0.9 + shift, -0.5), (shift * 1.6, -0.3), (w * 0.9 + shift, -0.5)]
            s.line(brim, 0.2, darker(m.accessory, 0.35), curved=True)

    def glasses(self) -> None:
        p, m = self.p, self.m
        if m.glasses == "none":
            return
        reach = p.eye_size + 0.08
        for side in (-1, 1):
            corners = 2.0 if m.glasses == "round" else 5.0
            angle = np.linspace(0, TAU, 25)
            x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / corners) * reach
            y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / corners) * reach * 0.85
            rim = self.at(side * p.eye_apart + x, p.eye_height + 0.02 + y, 0.12)
            self.s.polygon(rim, darker(m.frame, 0.5) if m.glasses == "dark" else (235, 245, 250),
                           215 if m.glasses == "dark" else 40)  # fmt: skip
            self.s.line(rim, 0.055, m.frame)
            temple = [rim[0] if side > 0 else rim[12], (side * p.width * 0.98, p.eye_height)]
            self.s.line(temple, 0.045, m.frame)
        gap = p.eye_apart - reach
        self.s.line(self.at(np.array([-gap, gap]), np.full(2, p.eye_height), 0.14), 0.05, m.frame)

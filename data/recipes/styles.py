"""Pictures for style transfer: six drawn styles, two drawn contents, two CC0 photographs.

python -m data.recipes.styles        # about 20 s; writes data/styles/

Styles are drawn here and contents by the hand of the source set. The photographs are crops of the
cat (Stefan van der Walt) and the cup (Rachel Michetti) that scikit-image carries in its package,
both released under CC0 by their photographers; without scikit-image their files stay as they are.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from .catalogue import draw
from .sketch import TAU, ribbon

FOLDER = Path(__file__).resolve().parents[1] / "styles"
SIZE, OVERSAMPLING, SEED = 256, 3, 41
PHOTOGRAPHS = {"cat": ("chelsea", (86, 0, 386, 300)), "cup": ("coffee", (90, 0, 490, 400))}
DRAWN = {"butterfly": ("butterfly", 31), "boat": ("boat", 21)}


class Canvas:
    """A square picture of side 1, drawn three times as large as it is kept."""

    def __init__(self, ground: str):
        self.side = SIZE * OVERSAMPLING
        self.image = Image.new("RGB", (self.side, self.side), ground)
        self.pen = ImageDraw.Draw(self.image)

    def polygon(self, outline: np.ndarray, colour) -> None:
        self.pen.polygon([tuple(p) for p in np.asarray(outline) * self.side], fill=colour)

    def disc(self, x: float, y: float, radius: float, colour) -> None:
        box = [(x - radius) * self.side, (y - radius) * self.side]
        self.pen.ellipse([*box, *(v + 2 * radius * self.side for v in box)], fill=colour)

    def stroke(self, points: np.ndarray, width: float, colour) -> None:
        self.polygon(ribbon(points, np.full(len(points), width)), colour)

    def finished(self) -> np.ndarray:
        return np.asarray(self.image.reduce(OVERSAMPLING))


def palette(*codes: str) -> np.ndarray:
    """Hexadecimal colours as floats (n, 3)."""
    return np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in codes], float)


def shade(rng: np.random.Generator, colour: np.ndarray, spread: float) -> tuple[int, int, int]:
    """The colour, lighter or darker by chance and a little off in hue."""
    moved = colour + rng.normal(0, spread) + rng.normal(0, spread / 2, 3)
    return tuple(int(v) for v in moved.clip(0, 255))


def swirls(rng: np.random.Generator, count: int):
    """A smooth field of directions: (x, y) -> angle, with `count` eddies."""
    centres, turns = rng.uniform(0, 1, (count, 2)), rng.choice([-1, 1], count)
    reach = rng.uniform(0.12, 0.3, count)

    def angle(x: float, y: float) -> float:
        flow = np.array([0.5, 0.12 * math.sin(5 * x)])
        for (cx, cy), turn, r in zip(centres, turns, reach, strict=True):
            dx, dy = x - cx, y - cy
            pull = turn * 2.5 * math.exp(-(dx * dx + dy * dy) / r**2)
            flow = flow + pull * np.array([-dy, dx]) / r
        return math.atan2(flow[1], flow[0])

    return angle


def field(rng: np.random.Generator, waves: int = 5):
    """A smooth random height: (x, y) -> 0..1, to choose colours in patches."""
    k, phase = rng.normal(0, 5, (waves, 2)), rng.uniform(0, TAU, waves)
    return lambda x, y: (
        0.5
        + 0.5
        * math.tanh(
            sum(math.sin(a * x + b * y + p) for (a, b), p in zip(k, phase, strict=True)) / 1.6
        )
    )


def dashes(rng: np.random.Generator) -> np.ndarray:
    """Thick short strokes that follow eddies, blue to yellow: a night sky's brushwork."""
    canvas, angle, height = Canvas("#16264f"), swirls(rng, 7), field(rng)
    colours = palette("12235c", "1d4a94", "3f7fc1", "8fc0d8", "f2d469", "f6a623", "fdf3c0")
    for _ in range(5200):
        x, y = rng.uniform(-0.05, 1.05, 2)
        points = [(x, y)]
        for _ in range(5):
            a = angle(x, y)
            x, y = x + 0.012 * math.cos(a), y + 0.012 * math.sin(a)
            points.append((x, y))
        index = int((height(x, y) * 6.2 + rng.normal(0, 0.8)).__round__())
        canvas.stroke(
            np.array(points), rng.uniform(0.009, 0.014), shade(rng, colours[index % 7], 12)
        )
    return canvas.finished()


def dots(rng: np.random.Generator) -> np.ndarray:
    """Round touches of unmixed colour side by side, as pointillists set them."""
    canvas, height, other = Canvas("#f3ead2"), field(rng), field(rng)
    colours = palette("2f5d8a", "4b9b6e", "e8b83a", "e4703a", "c43d5a", "7a4b94", "f7e6b0")
    for _ in range(9000):
        x, y = rng.uniform(0, 1, 2)
        warm = other(x, y) * 1.4 + height(x, y) * 5
        index = int(np.clip(round(warm + rng.normal(0, 1.0)), 0, 6))
        canvas.disc(x, y, rng.uniform(0.006, 0.0105), shade(rng, colours[index], 10))
    return canvas.finished()


def mosaic(rng: np.random.Generator) -> np.ndarray:
    """Small stones with dark joints, laid in rows that bend."""
    canvas, height, angle = Canvas("#2a211c"), field(rng), field(rng, 3)
    colours = palette("0f5e73", "1f8a8a", "e7d9b8", "d99a2b", "b5402a", "6d1f2c", "f4efe0")
    step = 1 / 26
    for row in range(-3, 30):
        for column in range(-3, 30):
            x = (column + 0.5 * (row % 2)) * step + 0.02 * math.sin(9 * row * step)
            y = row * step + 0.035 * math.sin(6 * x + 2)
            turn = 0.35 * (angle(x, y) - 0.5) + rng.normal(0, 0.06)
            half = step * rng.uniform(0.38, 0.44, 2)
            corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
            corners += rng.normal(0, step * 0.035, (4, 2))
            c, s = math.cos(turn), math.sin(turn)
            index = int(np.clip(round(height(x, y) * 6 + rng.normal(0, 0.45)), 0, 6))
            canvas.polygon(corners @ [[c, s], [-s, c]] + (x, y), shade(rng, colours[index], 14))
    return canvas.finished()


def waves(rng: np.random.Generator) -> np.ndarray:
    """Overlapping fans of rings in rows, as printed on old cloth."""
    canvas = Canvas("#f5efe0")
    colours = palette("173a5e", "2c6e91", "c9553d", "e9b44c", "3f8f7f")
    radius = 1 / 9
    for row in range(-2, 22):
        for column in range(-1, 7):
            x = (2 * column + row % 2) * radius + rng.normal(0, 0.002)
            y = row * radius / 2
            colour = colours[rng.choice(5, p=[0.4, 0.25, 0.14, 0.1, 0.11])]
            tone = shade(rng, colour, 9)
            for share in (1.0, 0.9, 0.76, 0.64, 0.5, 0.38, 0.24, 0.12):
                ink = tone if share in (1.0, 0.76, 0.5, 0.24) else (245, 239, 224)
                canvas.disc(x, y, radius * share, ink)
    return canvas.finished()


def woodcut(rng: np.random.Generator) -> np.ndarray:
    """Black lines that swell and taper on warm paper, cut along the form."""
    canvas, angle, height = Canvas("#efe3c8"), swirls(rng, 6), field(rng, 4)
    for _ in range(1500):
        x, y = rng.uniform(-0.05, 1.05, 2)
        dark, points = height(x, y), [(x, y)]
        for _ in range(14):
            a = angle(x, y) + 0.5 * math.pi * (dark > 0.5)
            x, y = x + 0.008 * math.cos(a), y + 0.008 * math.sin(a)
            points.append((x, y))
        width = 0.0105 * (0.25 + dark) * np.sin(np.linspace(0.15, math.pi - 0.1, len(points)))
        ink = (28, 22, 20) if rng.random() < 0.72 else (239, 227, 200)
        canvas.polygon(ribbon(np.array(points), width), ink)
    return canvas.finished()


def glass(rng: np.random.Generator) -> np.ndarray:
    """Panes of strong colour between lead bars."""
    points = rng.uniform(-0.1, 1.1, (170, 2))
    colours = palette("b3122b", "d9531e", "f2b705", "1b7f4b", "0f4c9c", "5a2a86", "7fc4e8")
    tones = np.array([shade(rng, colours[rng.integers(7)], 16) for _ in points], float)
    side = SIZE * OVERSAMPLING
    place = (np.arange(side) + 0.5) / side
    picture = np.empty((side, side, 3), np.uint8)
    for i, y in enumerate(place):
        square = (place[:, None] - points[:, 0]) ** 2 + (y - points[:, 1]) ** 2
        first, second = np.argpartition(square, 1, axis=1)[:, :2].T
        rows = np.arange(side)
        near, far = np.sqrt(square[rows, first]), np.sqrt(square[rows, second])
        light = tones[first] * (1.12 - 2.2 * near[:, None])
        lead = (np.abs(far - near) < 0.011)[:, None]
        picture[i] = np.where(lead, (22, 20, 24), light).clip(0, 255)
    return np.asarray(Image.fromarray(picture).reduce(OVERSAMPLING))


STYLES = {f.__name__: f for f in (dashes, dots, mosaic, waves, woodcut, glass)}


def style(name: str) -> np.ndarray:
    """One style picture: uint8 (256, 256, 3), the same whatever else is drawn."""
    return STYLES[name](np.random.default_rng([SEED, list(STYLES).index(name)]))


def photograph(name: str) -> Image.Image:
    """The crop of a photograph that scikit-image carries; ImportError without scikit-image."""
    from skimage import data

    source, box = PHOTOGRAPHS[name]
    picture = Image.fromarray(getattr(data, source)())
    return picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS, box=box)


def main() -> None:
    pictures = {f"style_{name}": Image.fromarray(style(name)) for name in STYLES}
    for name, (kind, index) in DRAWN.items():
        pictures[f"content_{name}"] = Image.fromarray(draw(kind, index, SEED, SIZE))
    try:
        pictures |= {f"content_{name}": photograph(name) for name in PHOTOGRAPHS}
    except ImportError:
        print("scikit-image is not installed: content_cat.jpg and content_cup.jpg stay as they are")
    FOLDER.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        picture.save(FOLDER / f"{name}.jpg", quality=88, optimize=True)
        print(f"{name}.jpg: {(FOLDER / f'{name}.jpg').stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()

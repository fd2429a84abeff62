"""Puts a sketch into a photographic scene: pose, light, shadow, clutter, focus and grain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .backgrounds import KINDS, background, blade, grass_tone
from .colours import brightness, foliage
from .parts import foliage_leaf
from .sketch import TAU, Patch, Sketch

OVERSAMPLING = 3  # every polygon is drawn at 3x and averaged: that is the anti-aliasing


@dataclass(frozen=True)
class Subject:
    """What to draw, and how it may stand in the frame."""

    name: str
    draw: Callable[[Sketch], None]
    upright: bool = False  # gravity matters: slight tilts only, mirrored left-right
    size: tuple[float, float] = (0.55, 0.96)  # longest side as a share of the frame
    leaf_in_front: float = 0.08  # chance that a leaf hides part of it
    grass_in_front: float = 0.3


def render(
    subject: Subject,
    rng: np.random.Generator,
    size: int = 128,
    kinds: Sequence[Callable] = KINDS,
) -> np.ndarray:
    """Draw one image: uint8 (size, size, 3). All chance comes from `rng`.

    kinds: the backgrounds to choose from.
    """
    canvas = size * OVERSAMPLING
    pose = _pose(subject, rng)
    angle = rng.uniform(0, TAU) if not subject.upright else rng.uniform(-2.6, -0.5)
    light = np.array([math.cos(angle), math.sin(angle)])
    local_light = np.linalg.solve(pose, light)
    sketch = Sketch(rng, local_light / np.linalg.norm(local_light))
    subject.draw(sketch)
    patches = _fit(sketch.patches, pose, subject, rng)

    picture, base = _contrasting_background(rng, canvas, patches, kinds)
    behind, before = Sketch(rng), Sketch(rng)
    for _ in range(rng.integers(0, 5)):
        blade(behind, grass_tone(rng, base), rng.integers(130, 256))
    paint_patches(picture, behind.patches)
    if rng.random() < 0.6:
        picture = picture.filter(ImageFilter.BoxBlur(rng.uniform(0.003, 0.014) * canvas))
    _shadow(picture, patches, light, rng)
    paint_patches(picture, patches)
    if rng.random() < subject.grass_in_front:
        for _ in range(rng.integers(1, 3)):
            blade(before, grass_tone(rng, base))
    if rng.random() < subject.leaf_in_front:
        around = rng.uniform(0, TAU)
        x, y = 0.5 + 0.4 * math.cos(around), 0.5 + 0.4 * math.sin(around)
        towards = around + math.pi + rng.normal(0, 0.9)
        foliage_leaf(before, x, y, towards, rng.uniform(0.22, 0.42), 0.22, foliage(rng))
    paint_patches(picture, before.patches)
    return develop(np.asarray(picture.reduce(OVERSAMPLING), np.float32), light, rng)


def _pose(subject: Subject, rng: np.random.Generator) -> np.ndarray:
    """Matrix (2, 2): mirror, foreshortening, shear, rotation."""
    turn = rng.normal(0, 0.16) if subject.upright else rng.uniform(0, TAU)
    mirror = -1 if rng.random() < 0.5 else 1
    c, s = math.cos(turn), math.sin(turn)
    squeeze = np.array([[1, rng.normal(0, 0.07)], [0, rng.uniform(0.8, 1.0)]])
    return np.array([[c, -s], [s, c]]) @ squeeze @ np.diag([mirror, 1])


def _fit(patches, pose, subject, rng) -> list[Patch]:
    """Place a sketch in the unit square; up to a twentieth of it may stick out."""
    posed = [p._replace(outline=p.outline @ pose.T) for p in patches]
    points = np.vstack([p.outline for p in posed])
    low, high = points.min(0), points.max(0)
    share = rng.uniform(*subject.size)
    scale = share / (high - low).max()
    room = (1 - (high - low) * scale).clip(0) / 2 + 0.03
    shift = 0.5 - (low + high) / 2 * scale + rng.uniform(-room, room)
    return [p._replace(outline=p.outline * scale + shift) for p in posed]


def _contrasting_background(rng, canvas, patches, kinds):
    """The first of up to four backgrounds that differs enough from the subject's brightness."""
    subject = np.mean([brightness(p.colour) for p in patches if p.alpha == 255])
    for _ in range(4):
        picture, base = background(rng, canvas, kinds)
        if abs(brightness(base) - subject) > 45:
            break
    return picture, base


def paint_patches(picture: Image.Image, patches: list[Patch]) -> None:
    """Draw patches in coordinates 0..1 on a picture."""
    brush, scale = ImageDraw.Draw(picture, "RGBA"), picture.width
    for patch in patches:
        points = [tuple(p) for p in (patch.outline * scale).tolist()]
        brush.polygon(points, fill=(*patch.colour, patch.alpha))


def silhouette(patches: list[Patch], size: int) -> Image.Image:
    """Mask image ("L"): 255 where any patch covers."""
    mask = Image.new("L", (size, size), 0)
    brush = ImageDraw.Draw(mask)
    for patch in patches:
        brush.polygon([tuple(p) for p in (patch.outline * size).tolist()], fill=255)
    return mask


def _shadow(picture: Image.Image, patches, light, rng) -> None:
    """Darken what lies on the far side of the light."""
    small = picture.width // OVERSAMPLING
    dx, dy = -light * rng.uniform(0.015, 0.055) * small
    mask = silhouette(patches, small)
    mask = mask.transform(mask.size, Image.AFFINE, (1, 0, -dx, 0, 1, -dy))
    mask = mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.008, 0.025) * small))
    strength = rng.uniform(0.25, 0.55)
    mask = mask.point(lambda v: int(v * strength)).resize(picture.size, Image.BILINEAR)
    picture.paste((18, 14, 24), (0, 0), mask)


def develop(image: np.ndarray, light, rng) -> np.ndarray:
    """Uneven light, exposure, colour cast, contrast, focus, grain."""
    size = image.shape[0]
    y, x = np.mgrid[:size, :size] / size - 0.5
    slope = 1 + rng.uniform(0.05, 0.45) * (x * light[0] + y * light[1])
    image = image * slope[..., None] * np.clip(rng.normal(0.98, 0.11), 0.68, 1.16)
    image = image * (1 + rng.normal(0, 0.035, 3))
    image = (image - 128) * rng.uniform(0.8, 1.08) + 128
    blur = rng.uniform(0, 0.009) * size
    if rng.random() < 0.5 and blur > 0.25:
        sharp = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
        image = np.asarray(sharp.filter(ImageFilter.GaussianBlur(blur)), np.float32)
    image = image + rng.normal(0, rng.uniform(0.5, 4.5), (size, size, 1))
    return np.clip(image + rng.normal(0, 1.2, image.shape), 0, 255).astype(np.uint8)

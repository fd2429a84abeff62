"""Digits and letters: rendered from fonts, and written by hand. Nothing is downloaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ..core.errors import InputError, nearest
from .domains import Domains, Glyphs
from .image_tensors import ImageTensors

# Text fonts that come with matplotlib, by name: a release that adds fonts changes nothing here.
FONTS = [
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmr10", "cmb10", "cmti10", "cmss10", "cmtt10"),
]
SHIFTS = ("labels", "inverted")
_CANVAS, _SIDE, _LONG = 64, 16, 12  # pixels: drawing area, image side, longer side of the glyph


def font_glyphs(n: int, characters: str = "0123456789", *, seed: int = 0) -> Glyphs:
    """Draw `n` characters in matplotlib's 21 fonts, sheared up to .2 and turned up to 10 degrees.

    Characters and fonts are drawn at random, all equally likely; labels are positions in
    `characters`.

    Raises:
        InputError: no characters, or fewer than one glyph.
    """
    if n < 1 or not characters:
        raise InputError(f"font_glyphs draws n >= 1 of some characters; got {n} of {characters!r}.")
    from PIL import Image

    rng = np.random.default_rng(seed)
    masters = [[_print(character, font) for character in characters] for font in _load_fonts()]
    labels, fonts = rng.integers(len(characters), size=n), rng.integers(len(masters), size=n)
    shears, angles = rng.uniform(-0.2, 0.2, n), np.deg2rad(rng.uniform(-10, 10, n))
    images = np.empty((n, _SIDE, _SIDE), np.float32)
    for i, (label, font, shear, angle) in enumerate(
        zip(labels, fonts, shears, angles, strict=True)
    ):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        matrix = np.array([[1, shear], [0, 1]]) @ turn
        shift = _CANVAS / 2 * (1 - matrix.sum(1))  # keeps the middle of the canvas in place
        moved = masters[font][label].transform(
            (_CANVAS, _CANVAS),
            Image.Transform.AFFINE,
            (*matrix[0], shift[0], *matrix[1], shift[1]),
            Image.Resampling.BILINEAR,
        )
        images[i] = _centred(np.asarray(moved))
    return Glyphs(torch.from_numpy(images)[:, None], torch.from_numpy(labels))


def handwriting() -> Glyphs:
    """The 1797 handwritten digits that come with scikit-learn, brought to the fonts' frame.

    8x8 block counts of scanned forms (Alpaydin & Kaynak, 1998, UCI "Optical Recognition of
    Handwritten Digits"), enlarged by bicubic interpolation, then cropped and centred just as
    `font_glyphs` does it: what remains of the gap is how people write, not where they write.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = torch.from_numpy(digits.images).float()[:, None] / 16
    large = F.interpolate(small, size=32, mode="bicubic").clamp(0, 1)[:, 0].numpy()
    images = np.stack([_centred(image) for image in (large * 255).astype(np.uint8)])
    return Glyphs(torch.from_numpy(images)[:, None], torch.from_numpy(digits.target).long())


def digit_domains(seed: int = 0, *, n_source: int = 4000, shift: str | None = None) -> Domains:
    """Font-rendered digits as the source, handwriting as the target, newly split by `seed`.

    Args:
        seed: for the renders and for the split of the handwriting: 1200 images to adapt to, 597
            to test on (the same people write in both).
        n_source: labelled renders; 1000 more are the source's test set.
        shift: None, or one more difference between the domains, under which alignment goes wrong.
            "labels": about one in ten of the digits 5 to 9 is kept in the target.
            "inverted": the target is white on black.

    Raises:
        InputError: unknown `shift`.
    """
    if shift not in (None, *SHIFTS):
        raise InputError(f'unknown shift "{shift}".{nearest(shift, SHIFTS)}')
    written = handwriting()
    chance = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(written), generator=chance)
    parts = written[order[:1200]], written[order[1200:]]
    if shift == "labels":
        parts = [
            part[(part.labels < 5) | (torch.rand(len(part), generator=chance) < 0.1)]
            for part in parts
        ]
    if shift == "inverted":
        parts = [replace(part, images=1 - part.images) for part in parts]
    rendered = font_glyphs(n_source + 1000, seed=seed)
    return Domains(rendered[:n_source], rendered[n_source:], *parts)


def glyph_images(
    glyphs: Glyphs,
    classes: str = "0123456789",
    *,
    size: int = 64,
    coloured: bool = False,
    interpolation: str = "bilinear",
    seed: int = 0,
) -> ImageTensors:
    """Enlarge glyphs to colour images, as a pre-trained network takes them.

    Dark ink on white paper; `coloured`: ink and paper have random colours, one of them bright and
    one dark, with a little grain. `classes` are the characters that the labels stand for,
    `interpolation` is a mode of `torch.nn.functional.interpolate`.

    Returns uint8 (N, 3, size, size).
    """
    large = F.interpolate(glyphs.images, (size, size), mode=interpolation).clamp(0, 1)
    pixels = (1 - large).expand(-1, 3, -1, -1)
    if coloured:
        chance = torch.Generator().manual_seed(seed)
        ink, paper = torch.rand(2, len(glyphs), 3, 1, 1, generator=chance)
        brighter = (paper - ink).mean(1, keepdim=True) > 0
        paper = torch.where(brighter, 0.5 + 0.5 * paper, 0.5 * paper)  # at least some contrast
        grain = 0.05 * torch.randn(large.shape, generator=chance)
        pixels = (paper + (ink - paper) * large + grain).clamp(0, 1)
    images = (pixels * 255).round().to(torch.uint8).contiguous()
    return ImageTensors(images, glyphs.labels, list(classes))


def _load_fonts() -> list:
    import matplotlib
    from PIL import ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paths = (folder / f"{name}.ttf" for name in FONTS)
    # matplotlib 3.10, the last one for Python 3.10, comes without cmti10: one font less there.
    return [ImageFont.truetype(str(path), 40) for path in paths if path.is_file()]


def _print(character: str, font):
    """The character in white in the middle of a black canvas."""
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (_CANVAS, _CANVAS))
    middle = (_CANVAS / 2, _CANVAS / 2)
    ImageDraw.Draw(canvas).text(middle, character, 255, font=font, anchor="mm")
    return canvas


def _centred(image: np.ndarray) -> np.ndarray:
    """Crop to the ink, scale the longer side to 12 pixels, put it in the middle of 16 x 16."""
    from PIL import Image

    frame = np.zeros((_SIDE, _SIDE), np.float32)
    ink = image > 51  # a fifth of full ink
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if len(rows) == 0:  # a blank character
        return frame
    cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _LONG / max(cut.shape)
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    small = Image.fromarray(cut).resize((width, height), Image.Resampling.BILINEAR)
    top, left = (_SIDE - height) // 2, (_SIDE - width) // 2
    frame[top : top + height, left : left + width] = np.asarray(small, np.float32) / 255
    return frame

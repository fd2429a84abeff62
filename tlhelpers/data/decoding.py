"""One image file, of whatever kind, to upright 8-bit RGB of the wanted size."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from ..core.errors import InputError, nearest
from .file_kinds import IMAGE_SUFFIXES as IMAGE_SUFFIXES

RESIZE_MODES = ("crop", "squash")


def to_rgb(image: Image.Image) -> Image.Image:
    """Turn any Pillow image into upright 8-bit RGB.

    The EXIF rotation is applied; transparent parts are laid on white; palette, grey and CMYK
    images are converted; 16-bit and float images are scaled to 0..255, where `Image.convert`
    would clip everything above 255 to white. Of an animation the first frame is taken.
    """
    try:
        image = ImageOps.exif_transpose(image) if _has_rotation(image) else image
    except Exception:  # a damaged EXIF block says nothing about the pixels
        pass
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _scaled_to_8_bit(image).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def load_image(
    source: str | Path | BinaryIO, size: int = 256, resize: str = "crop"
) -> torch.Tensor:
    """Decode one file into a uint8 tensor (3, size, size); the same steps as a whole folder.

    `source` is a path, or an open binary file such as `io.BytesIO(uploaded_bytes)`. Raises
    `InputError` when the file is missing or cannot be read as an image.
    """
    check_resize(size, resize)
    is_path = isinstance(source, (str, Path))
    if is_path and not Path(source).is_file():
        raise InputError(
            f"There is no file {source}. Check the path; it is looked for from {Path.cwd()}."
        )
    try:
        return torch.from_numpy(decode(source, size, resize)).permute(2, 0, 1)
    except Exception as error:
        raise InputError(
            f"{source if is_path else 'The uploaded file'} cannot be read: {why(error)}. Open it "
            "in an image viewer and save it again as JPEG or PNG, or take another picture."
        ) from error


def decode(source: str | Path | BinaryIO, size: int, resize: str) -> np.ndarray:
    """Decode one file into a uint8 array (size, size, 3); Pillow's own errors pass through.

    JPEG files are decoded in draft mode: the decoder itself leaves out frequencies that the
    wanted size cannot show, by a factor of 2, 4 or 8, and never below `size`.
    """
    with Image.open(source) as image:
        image.draft(None, (size, size))
        image.load()
        image = to_rgb(image)
        width, height = image.size
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        # Shorter side to `size`, then the centre: in one resampling, of the pixels that stay.
        box = (left, top, left + side, top + side) if resize == "crop" else None
        image = image.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)
        return np.array(image)


def check_resize(size: int, resize: str) -> None:
    """Raise `InputError` unless `size` is a positive whole number and `resize` a known mode."""
    if not isinstance(size, int) or size < 1:
        raise InputError(f"size={size!r} must be a whole number of pixels, for example size=224.")
    if resize not in RESIZE_MODES:
        raise InputError(f'Unknown resize="{resize}".{nearest(resize, RESIZE_MODES)}')


def why(error: Exception) -> str:
    """Say in a few words, without the path, why Pillow could not read a file."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image, or of a kind that cannot be read here (such as HEIC)"
    if "truncated" in str(error) or isinstance(error, EOFError):
        return "cut short (truncated), as after a broken download or copy"
    return str(error) or type(error).__name__


def _has_rotation(image: Image.Image) -> bool:
    return image.getexif().get(0x0112, 1) != 1


def _scaled_to_8_bit(image: Image.Image) -> Image.Image:
    """Scale by the range of the kind: 16-bit files by 65535, others by the range they fill."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    if image.mode.startswith("I;16"):
        white = 65535.0
    else:
        ranges = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        peak = float(values.max())
        white = next((top for top in ranges if peak <= top), peak)
    return Image.fromarray((values.clip(0, white) * (255 / white)).round().astype(np.uint8))

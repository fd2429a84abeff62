"""One image file, of whatever kind, to upright 8-bit RGB of the wanted size."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from ..core.errors import InputError, nearest
from .deep_files import is_deep, read_deep, read_tiff
from .deep_pixels import DeepImage, Ranges, describe_ranges, merge_ranges
from .file_kinds import IMAGE_SUFFIXES as IMAGE_SUFFIXES
from .opening import open_image, quiet, reduced, room_for

RESIZE_MODES = ("crop", "squash")


def to_rgb(image: Image.Image) -> Image.Image:
    """Turn any Pillow image into upright 8-bit RGB.

    The EXIF rotation is applied; transparent parts are laid on white; palette, grey and CMYK
    images are converted; values of more than 8 bits are scaled by the range this image needs (see
    `deep_pixels`). Of an animation the first frame is taken.
    """
    try:
        image = ImageOps.exif_transpose(image) if _has_rotation(image) else image
    except Exception:  # a damaged EXIF block says nothing about the pixels
        pass
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = read_deep(image).to_8_bit()
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def load_image(
    source: str | Path | BinaryIO,
    size: int = 256,
    resize: str = "crop",
    ranges: Ranges | None = None,
) -> torch.Tensor:
    """Decode one file into a uint8 tensor (3, size, size); the same steps as a whole folder.

    `source` is a path, or an open binary file such as `io.BytesIO(uploaded_bytes)`. ranges: black
    and white of files with more than 8 bits, those of the training set (`train.ranges`). Raises
    `InputError` when the file is missing or cannot be read as an image.
    """
    check_resize(size, resize)
    is_path = isinstance(source, (str, Path))
    if is_path and not Path(source).is_file():
        raise InputError(
            f"There is no file {source}. Check the path; it is looked for from {Path.cwd()}."
        )
    seen: list[tuple[str, float, float]] = []
    try:
        with quiet():
            pixels = decode(source, size, resize, ranges, seen)
    except Exception as error:
        raise InputError(
            f"{source if is_path else 'The uploaded file'} cannot be read: {why(error)}. Open it "
            "in an image viewer and save it again as JPEG or PNG, or take another picture."
        ) from error
    own = merge_ranges(found for found in seen if found[0] not in (ranges or {}))
    if said := describe_ranges(own):
        warnings.warn(
            f"{source if is_path else 'The uploaded file'} has more than 8 bits: {said}, by this "
            "file alone. Give ranges= to have the same for all pictures.",
            stacklevel=2,
        )
    return torch.from_numpy(pixels).permute(2, 0, 1)


def decode(
    source: str | Path | BinaryIO,
    size: int,
    resize: str,
    ranges: Ranges | None = None,
    seen: list[tuple[str, float, float]] | None = None,
) -> np.ndarray:
    """Decode one file into a uint8 array (size, size, 3); Pillow's own errors pass through.

    JPEG files are decoded in draft mode: the decoder itself leaves out frequencies that the
    wanted size cannot show, by a factor of 2, 4 or 8, and never below `size`.

    seen: a list that gets kind, lowest and highest value of a file with more than 8 bits.
    """
    try:
        opened = open_image(source)
    except UnidentifiedImageError:
        deep = _tiff_of_other_kinds(source)
        return _resized(_from_deep(deep, ranges, seen), size, resize)
    with opened as image:
        stored = image.size
        image.draft(None, (size, size))
        with room_for(image, stored):
            if is_deep(image):
                image = _from_deep(read_deep(image, source), ranges, seen)
            else:
                image.load()
                image = reduced(image, size)
            return _resized(image, size, resize)


def _resized(image: Image.Image, size: int, resize: str) -> np.ndarray:
    image = to_rgb(image)
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    # Shorter side to `size`, then the centre: in one resampling, of the pixels that stay.
    box = (left, top, left + side, top + side) if resize == "crop" else None
    image = image.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)
    return np.array(image)


def _from_deep(deep: DeepImage, ranges: Ranges | None, seen: list | None) -> Image.Image:
    if seen is not None:
        seen.append((deep.kind, deep.low, deep.high))
    return deep.to_8_bit(ranges)


def _tiff_of_other_kinds(source: str | Path | BinaryIO) -> DeepImage:
    """A TIFF of half or double precision or of several bands; Pillow's error for other files."""
    import tifffile

    try:
        return read_tiff(source)
    except tifffile.TiffFileError:
        raise UnidentifiedImageError("not an image") from None
    except NotImplementedError as error:
        raise InputError(f"a kind of TIFF that cannot be read here ({error})") from error


def check_resize(size: int, resize: str) -> None:
    """Raise `InputError` unless `size` is a positive whole number and `resize` a known mode."""
    if not isinstance(size, int) or size < 1:
        raise InputError(f"size={size!r} must be a whole number of pixels, for example size=224.")
    if resize not in RESIZE_MODES:
        raise InputError(f'Unknown resize="{resize}".{nearest(resize, RESIZE_MODES)}')


def why(error: Exception) -> str:
    """Say in a few words, without the path, why a file could not be read."""
    text = str(error) or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        return "not an image, or of a kind that cannot be read here"
    if isinstance(error, InputError):
        return text.removesuffix(".")
    if "runcated" in text or isinstance(error, EOFError):
        return "cut short (truncated), as after a broken download or copy"
    if isinstance(error, OSError) and error.strerror:  # the system's: no permission, a bad disk
        return error.strerror
    if isinstance(error, MemoryError):
        return "larger than the memory that is left"
    # Damaged files fail anywhere in Pillow: "index 0 out of range" says nothing without its kind.
    return f"damaged ({text if isinstance(error, OSError) else f'{type(error).__name__}: {text}'})"


def _has_rotation(image: Image.Image) -> bool:
    return image.getexif().get(0x0112, 1) != 1

"""Read files of more than 8 bits: every value that is stored, and what the file says of them."""

from __future__ import annotations

import logging
import math
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from ..core.errors import InputError
from ..core.memory import check_memory
from .deep_pixels import DeepImage
from .opening import open_image

# Tags of TIFF
_BITS, _PHOTOMETRIC, _MIN, _MAX, _FORMAT, _SMIN, _SMAX = 258, 262, 280, 281, 339, 340, 341
_ORIENTATION, _NODATA = 274, 42113


def is_deep(image: Image.Image) -> bool:
    """Whether Pillow gives more than 8 bits of an opened file, or would drop some."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16") or ";16" in _raw_mode(image):
        return True
    return image.mode == "L" and 2 in _tag(image, _FORMAT)  # signed: Pillow takes them for unsigned


def read_deep(image: Image.Image, source: str | Path | BinaryIO | None = None) -> DeepImage:
    """The values of an image; its file is read again where Pillow drops bits."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image.load()
        values = np.asarray(image)
        kind = "float" if image.mode == "F" else "signed" if 2 in _tag(image, _FORMAT) else ""
        found = _deep(values, kind or "unsigned", _nodata(image))
        said = [*_tag(image, _MAX), *_tag(image, _SMAX)]
        bits = _tag(image, _BITS)
        if bits and bits[0] < 16:
            said.append(2 ** bits[0] - 1)
        if image.format == "PPM":  # Pillow has scaled the values by the file's own largest one
            said.append(65535 if image.mode == "I" else 1)
        found.high = max([found.high, *map(float, said)])
        found.low = min([found.low, *map(float, [*_tag(image, _MIN), *_tag(image, _SMIN)])])
        found.negative = _tag(image, _PHOTOMETRIC) == (0,)
        return found
    if ";16" not in _raw_mode(image):
        return read_tiff(source)
    return _sixteen_bit_colours(image, source)


def read_tiff(source: str | Path | BinaryIO) -> DeepImage:
    """A TIFF that Pillow cannot read, or not wholly; `InputError` for more bands than colours."""
    import tifffile

    # To its log goes what is wrong with a damaged file, without its name; the error tells as much.
    tifffile.logger().setLevel(logging.CRITICAL)
    if not isinstance(source, (str, Path)):
        source.seek(0)
    with tifffile.TiffFile(source) as file:
        page = file.pages[0]
        samples = page.samplesperpixel
        alpha = samples in (2, 4) and [int(extra) in (1, 2) for extra in page.extrasamples] == [
            True
        ]
        if samples - alpha not in (1, 3):
            raise InputError(
                f"it has {samples} bands: choose three of them and save them as an RGB image"
            )
        if page.dtype is None:
            raise InputError("its header is damaged: it does not say what kind of numbers it holds")
        check_memory(
            page.size * (page.dtype.itemsize + 8),  # with a copy in float32, and one of 8 bits
            f"A picture of {page.size / 1e6:.0f} million values {page.shape}",
            "Save a smaller copy of it: 4,000 pixels a side are plenty",
            share=0.5,
        )
        values = page.asarray()
        if samples > 1 and values.shape[0] == samples != values.shape[-1]:
            values = np.moveaxis(values, 0, -1)
        tag = page.tags.get(_ORIENTATION)
        nodata = page.tags.get(_NODATA)
        kind = {"u": "unsigned", "i": "signed"}.get(values.dtype.kind, "float")
        kind = "bytes" if values.dtype == np.uint8 else kind
        found = _channels(values, kind, alpha, _number(nodata.value if nodata else None))
        found.negative = int(page.photometric) == 0
        found.orientation = int(tag.value) if tag else 1
        return found


def _sixteen_bit_colours(image: Image.Image, source: str | Path | BinaryIO) -> DeepImage:
    """The full values of 16-bit RGB(A), of which Pillow keeps the high bytes only.

    Read a second time with the bytes of each sample taken in the other order, they are the low
    ones.
    """
    raw = _raw_mode(image).replace("16N", "16L" if sys.byteorder == "little" else "16B")
    if raw == "LA;16B":  # as if each of its four bytes were a colour
        other = "RGBA"
    else:
        other = raw.replace("16L", "16?").replace("16B", "16L").replace("16?", "16B")
    image.load()
    if not isinstance(source, (str, Path)):
        source.seek(0)
    with open_image(source) as again:
        again.tile = [_with_mode(tile, other) for tile in again.tile]
        second = np.asarray(again).astype(np.uint16)
    if raw == "LA;16B":
        values = second[..., 0::2] * 256 + second[..., 1::2]
    else:
        values = np.asarray(image).astype(np.uint16) * 256 + second
    found = _channels(values, "unsigned", values.shape[2] in (2, 4), None)
    if image.format != "TIFF":  # Pillow has turned a TIFF already
        found.orientation = image.getexif().get(_ORIENTATION, 1)
    return found


def _with_mode(tile, mode: str):
    """A tile of Pillow's decoder with another raw mode, the first of its arguments."""
    args = (mode, *tile[3][1:]) if isinstance(tile[3], tuple) else mode
    return tile._replace(args=args) if hasattr(tile, "_replace") else (*tile[:3], args)


def _channels(values: np.ndarray, kind: str, alpha: bool, nodata: float | None) -> DeepImage:
    opaque = None
    if alpha:
        white = np.iinfo(values.dtype).max if values.dtype.kind in "ui" else 1.0
        opaque, values = values[..., -1].astype(np.float32) / white, values[..., :-1]
    values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    found = _deep(values, kind, nodata)
    found.alpha = opaque
    return found


def _deep(values: np.ndarray, kind: str, nodata: float | None) -> DeepImage:
    values = values.astype(np.float32)
    if nodata is not None:
        values = np.where(values == np.float32(nodata), np.nan, values)
    there = values[np.isfinite(values)]
    low, high = (float(there.min()), float(there.max())) if there.size else (0.0, 1.0)
    return DeepImage(np.where(np.isfinite(values), values, np.float32(low)), kind, low, high)


def _raw_mode(image: Image.Image) -> str:
    tile = image.tile[0] if getattr(image, "tile", None) else None
    arguments = tile[3] if tile and len(tile) > 3 else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _tag(image: Image.Image, number: int) -> tuple:
    value = getattr(image, "tag_v2", {}).get(number)
    return () if value is None else value if isinstance(value, tuple) else (value,)


def _nodata(image: Image.Image) -> float | None:
    return _number(next(iter(_tag(image, _NODATA)), None))


def _number(text) -> float | None:
    """The number GDAL writes as text for "no measurement here"."""
    try:
        value = float(str(text).strip("\0 "))
    except ValueError:
        return None
    return value if math.isfinite(value) else None

"""Open an image file of any size and kind, without risking the memory of the machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from ..core.errors import InputError
from ..core.memory import check_memory

LARGE = 30_000_000  # pixels: larger pictures are read one at a time
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
# Bytes of a pixel in Pillow by mode, of those that `reduced` takes before anything copies them; of
# others with the copies that are made.
_REDUCIBLE = {"L": 1, "LA": 4, "RGB": 4, "RGBA": 4, "CMYK": 4}
_OTHERS = {"1": 5, "P": 9}

_large_turn = threading.Lock()
_limit_turn = threading.Lock()
_openings: list[int | None] = []  # Pillow's limit, once for each file that is just being opened


def open_image(source: str | Path | BinaryIO, formats: Sequence[str] | None = None) -> Image.Image:
    """Open a file as Pillow does, with HEIC where pillow-heif is installed.

    Pillow refuses pictures of more than 179 megapixels, which may be small files that unpack to
    fill the memory. Here `room_for` decides, by the memory there is.
    """
    with _no_limit():
        try:
            return Image.open(source, formats=formats)
        except UnidentifiedImageError:
            if not is_heif(source):
                raise
        _register_heif()
        return Image.open(source)


@contextlib.contextmanager
def room_for(image: Image.Image, stored: tuple[int, int] | None = None) -> Iterator[None]:
    """Hold the turn of a large picture while it is read; `InputError` if memory is too small.

    stored: the size in the file, where the decoder gives a smaller one. A progressive JPEG needs
    the memory for all of it nevertheless.
    """
    width, height = image.size
    needed = _REDUCIBLE.get(image.mode) or _OTHERS.get(image.mode, 16)
    if stored and image.info.get("progressive"):
        (width, height), needed = stored, 6
    if width * height < LARGE:
        yield
        return
    with _large_turn:
        check_memory(
            width * height * needed,
            f"A picture of {width * height / 1e6:.0f} megapixels ({width:,} x {height:,})",
            "Save a smaller copy of it: 4,000 pixels a side are plenty",
            share=0.5,
        )
        yield


def reduced(image: Image.Image, size: int) -> Image.Image:
    """A large picture averaged down to about three times `size`, before anything copies it."""
    factor = min(image.size) // (3 * size)
    if image.width * image.height < LARGE or factor < 2 or image.mode not in _REDUCIBLE:
        return image
    if "transparency" in image.info:
        return image
    return image.reduce(factor)


def is_heif(source: str | Path | BinaryIO) -> bool:
    """Whether a file begins as HEIC and HEIF do."""
    if isinstance(source, (str, Path)):
        with open(source, "rb") as file:
            begin = file.read(12)
    else:
        source.seek(0)
        begin = source.read(12)
        source.seek(0)
    return begin[4:8] == b"ftyp" and begin[8:12] in _HEIF_BRANDS


def _register_heif() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise InputError(
            'HEIC, as iPhones write it, needs one more package (the extra "heic"): '
            "pip install pillow-heif"
        ) from error
    register_heif_opener()


@contextlib.contextmanager
def _no_limit() -> Iterator[None]:
    """Lift Pillow's limit, a variable of its module, until the last open file is known."""
    with _limit_turn:
        _openings.append(_openings[0] if _openings else Image.MAX_IMAGE_PIXELS)
        Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _limit_turn:
            limit = _openings.pop()
            if not _openings:
                Image.MAX_IMAGE_PIXELS = limit

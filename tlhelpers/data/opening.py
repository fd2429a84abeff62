"""Open an image file of any size and kind, without risking the memory of the machine."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from ..core.errors import InputError
from ..core.memory import check_memory

# What is opened as an image. Pillow knows more kinds, and for one of them, EPS, it starts another
# program, Ghostscript, which runs what the file says.
FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
LARGE = 30_000_000  # pixels: larger pictures are read one at a time
# Pixels for each byte of a large file: a page without a dot on it may have 8,000 (deflate, 1 bit).
_EMPTY = 10_000
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
# Bytes of a pixel in Pillow by mode, of those that `reduced` takes before anything copies them; of
# others with the copies that are made.
_REDUCIBLE = {"L": 1, "LA": 4, "RGB": 4, "RGBA": 4, "CMYK": 4}
_OTHERS = {"1": 5, "P": 9}

_large_turn = threading.Lock()
_limit_turn = threading.Lock()
_openings: list[int | None] = []  # Pillow's limit, once for each file that is just being opened


def open_image(source: str | Path | BinaryIO) -> Image.Image:
    """Open a file of the kinds in `FORMATS` as Pillow does, HEIC where pillow-heif is installed.

    Pillow refuses pictures of more than 179 megapixels, which may be small files that unpack to
    fill the memory. Here `room_for` decides, by the memory there is.
    """
    with _no_limit():
        try:
            return Image.open(source, formats=_known())
        except UnidentifiedImageError:
            if not is_heif(source):
                raise
        _register_heif()
        return Image.open(source, formats=_known())


@contextlib.contextmanager
def room_for(image: Image.Image, stored: tuple[int, int] | None = None) -> Iterator[None]:
    """Hold the turn of a large picture while it is read; `InputError` if memory is too small.

    A file that is far too short for the size in its header is refused, too: a few bytes may cost
    minutes.

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
    if width * height > _EMPTY * (_bytes(image) or width * height):
        raise InputError(
            f"it says that it has {width:,} x {height:,} pixels, and its {_bytes(image):,} bytes "
            "cannot hold a picture of that size: it is damaged, or made to fill the memory"
        )
    with _large_turn:
        check_memory(
            width * height * needed,
            f"A picture of {width * height / 1e6:.0f} megapixels ({width:,} x {height:,})",
            "Save a smaller copy of it: 4,000 pixels a side are plenty",
            share=0.5,
        )
        yield


def _bytes(image: Image.Image) -> int:
    """The length of the file, 0 where it is not known."""
    try:
        place = image.fp.tell()
        length = image.fp.seek(0, os.SEEK_END)
        image.fp.seek(place)
        return length
    except (AttributeError, OSError, ValueError):
        return 0


def reduced(image: Image.Image, size: int) -> Image.Image:
    """A large picture averaged down to about three times `size`, before anything copies it."""
    factor = min(image.size) // (3 * size)
    if image.width * image.height < LARGE or factor < 2 or image.mode not in _REDUCIBLE:
        return image
    if "transparency" in image.info:
        return image
    return image.reduce(factor)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside, Pillow does not warn of a damaged tag: it says neither of which file, nor when to
    stop, and what cannot be read is reported by name. For the thread that starts the others.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        yield


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


def _known() -> list[str]:
    """Those of `FORMATS` that are there: Pillow is built without some of them on some systems."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


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

"""Image files of every kind that the course reads, and damaged copies of them, the same each time.

The originals are small pictures of the embedded drawings. A damaged copy is named by its number
alone, so that a failure can be looked at: `mutated(1234)`.
"""

from __future__ import annotations

import functools
import io
import struct

import numpy as np
from PIL import Image, features

import tlhelpers as tl

SUFFIXES = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "BMP": "bmp", "TIFF": "tif", "WEBP": "webp"}
# Telephones call MPO files .jpg. JPEG 2000 counts as an image by its content only.
SUFFIXES |= {"PPM": "ppm", "JPEG2000": "jp2", "AVIF": "avif", "MPO": "jpg"}
# What headers hold where something is counted: nothing, one, the largest of each width, one more.
_NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@functools.cache
def originals() -> list[tuple[str, bytes]]:
    """(suffix, content) of each kind: compressions, modes, depths, animations, rotation tags."""
    folder = tl.data_dir() / "ants_bees" / "train"
    first, second = (
        Image.open(sorted((folder / name).iterdir())[0]).convert("RGB").resize((48, 36))
        for name in ("ants", "bees")
    )
    grey = np.asarray(first.convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a drawing"
    kinds: list[tuple[str, Image.Image, dict]] = [
        ("JPEG", first, {"quality": 80}),
        ("JPEG", first, {"progressive": True, "exif": exif, "dpi": (300, 300)}),
        ("JPEG", first.convert("CMYK"), {}),
        ("JPEG", first.convert("L"), {"comment": b"a drawing"}),
        ("PNG", first, {}),
        ("PNG", first.quantize(16), {"transparency": 3}),
        ("PNG", second.convert("RGBA"), {"exif": exif, "dpi": (72, 72)}),
        ("PNG", first.convert("1"), {}),
        ("PNG", deep, {}),
        ("GIF", first.quantize(32), {"save_all": True, "append_images": [second.quantize(32)]}),
        ("GIF", second.convert("L"), {"interlace": 1}),
        ("BMP", first, {}),
        ("BMP", first.quantize(16), {}),
        ("TIFF", first, {}),
        ("TIFF", first, {"compression": "tiff_lzw", "exif": exif}),
        ("TIFF", first, {"compression": "jpeg"}),
        ("TIFF", first.convert("1"), {"compression": "group4"}),
        ("TIFF", deep, {"compression": "tiff_adobe_deflate"}),
        ("TIFF", Image.fromarray(grey.astype(np.float32)), {}),
        ("WEBP", first, {"quality": 70, "exif": exif}),
        ("WEBP", second, {"lossless": True}),
        ("WEBP", first, {"save_all": True, "append_images": [second]}),
        ("PPM", first, {}),
        ("MPO", first, {"save_all": True, "append_images": [second]}),
    ]
    kinds += [("JPEG2000", first, {})] if features.check("jpg_2000") else []
    kinds += [("AVIF", first, {})] if features.check("avif") else []
    return [(SUFFIXES[name], _saved(image, name, options)) for name, image, options in kinds]


def _saved(image: Image.Image, name: str, options: dict) -> bytes:
    content = io.BytesIO()
    image.save(content, name, **options)
    return content.getvalue()


def mutated(number: int) -> tuple[str, bytes]:
    """Suffix and content of the damaged file of this number."""
    rng = np.random.default_rng(number)
    suffix, content = originals()[number % len(originals())]
    data = bytearray(content)
    change = _CHANGES[int(rng.integers(len(_CHANGES)))]
    change(data, rng)
    return suffix, bytes(data)


def _cut(data: bytearray, rng) -> None:
    del data[int(rng.integers(len(data))) :]


def _flip(data: bytearray, rng, within: int | None = None) -> None:
    for place in rng.integers(min(within or len(data), len(data)), size=rng.integers(1, 24)):
        data[place] ^= 1 << int(rng.integers(8))


def _flip_header(data: bytearray, rng) -> None:
    _flip(data, rng, 96)


def _replace_number(data: bytearray, rng) -> None:
    """A number of a header or, for TIFF and others, of a table at the end."""
    for _ in range(int(rng.integers(1, 4))):
        width, order = "BHI"[int(rng.integers(3))], "<>"[int(rng.integers(2))]
        size = struct.calcsize(width)
        value = _NUMBERS[int(rng.integers(len(_NUMBERS)))] & (256**size - 1)
        ends = [int(rng.integers(96)), len(data) - 1 - int(rng.integers(300))]
        place = min(max(0, ends[int(rng.integers(2))]), len(data) - size)
        data[place : place + size] = struct.pack(order + width, value)


def _remove(data: bytearray, rng) -> None:
    start = int(rng.integers(len(data)))
    del data[start : start + int(rng.integers(1, 64))]


def _repeat(data: bytearray, rng) -> None:
    start, length = int(rng.integers(len(data))), int(rng.integers(1, 200))
    data[start:start] = data[start : start + length] * int(rng.integers(1, 4))


def _noise(data: bytearray, rng) -> None:
    start, length = int(rng.integers(len(data))), int(rng.integers(1, 200))
    data[start : start + length] = rng.bytes(length)


def _zeros(data: bytearray, rng) -> None:
    start, length = int(rng.integers(len(data))), int(rng.integers(1, 400))
    data[start : start + length] = bytes(min(length, len(data) - start))


def _graft(data: bytearray, rng) -> None:
    """The end of another kind of file after the beginning of this one."""
    _, other = originals()[int(rng.integers(len(originals())))]
    share = rng.random()
    data[int(share * len(data)) :] = other[int(share * len(other)) :]


_CHANGES = [_cut, _flip, _flip_header, _replace_number, _remove, _repeat, _noise, _zeros, _graft]

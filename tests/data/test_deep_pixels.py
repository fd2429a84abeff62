"""Files of more than 8 bits keep their grey levels, by one range for the whole set."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from safetensors import safe_open

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.data.deep_pixels import fit_range

# 48 x 64 values that rise from 0 to 4095, as a 12-bit camera gives them in a 16-bit file.
RAMP = np.linspace(0, 4095, 48 * 64).reshape(48, 64).round().astype(np.uint16)
COLOURS = np.stack([RAMP, RAMP // 2, RAMP // 4], 2)
OPAQUE = np.full_like(RAMP, 65535)


def png(path: Path, values: np.ndarray, colour_type: int) -> None:
    """A 16-bit PNG of any kind; Pillow writes grey ones only."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def packed_12_bits(path: Path) -> None:
    """A TIFF with two values in three bytes."""
    first, second = RAMP.reshape(-1, 2).T
    triples = [first >> 4, (first & 15) << 4 | second >> 8, second & 255]
    data = np.stack(triples, 1).astype(np.uint8).tobytes()
    tags = [(256, 64), (257, 48), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 48)]
    tags.append((279, len(data)))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + directory)


def tiff(values: np.ndarray, **options):
    return lambda path: tifffile.imwrite(path, values, **options)


GREY, RGB = [(0, 0, 0), (255, 255, 255)], [(0, 0, 0), (255, 127, 64)]
# File name, how it is written, the colours of its first and last pixels, and how many grey levels
# there are at least: 256, unless the values themselves are fewer.
KINDS = {
    "12 bits in 16, TIFF": ("a.tif", tiff(RAMP), GREY, 256),
    "12 bits in 16, PNG": ("a.png", lambda path: Image.fromarray(RAMP).save(path), GREY, 256),
    "10 bits in 16": ("a.tif", tiff(RAMP // 4), GREY, 256),
    "8 bits in 16": ("a.tif", tiff(RAMP // 16), GREY, 256),
    "12 bits, packed": ("a.tif", packed_12_bits, GREY, 256),
    "full 16 bits": ("a.tif", tiff(RAMP * 16), [(0, 0, 0), (255, 255, 255)], 256),
    "half of 16 bits": ("a.tif", tiff(RAMP * 8), [(0, 0, 0), (127, 127, 127)], 128),
    "a narrow band": ("a.tif", tiff(RAMP + 30_000), GREY, 256),
    "largest value in a tag": (
        "a.tif",
        tiff(RAMP // 2, extratags=[(281, 3, 1, 4095, True)]),
        [(0, 0, 0), (127, 127, 127)],
        128,
    ),
    "white is zero": ("a.tif", tiff(RAMP, photometric="miniswhite"), GREY[::-1], 256),
    "signed 16 bits": ("a.tif", tiff(RAMP.astype(np.int16) - 1000), GREY, 256),
    "signed 8 bits": (
        "a.tif",
        tiff((RAMP // 16).astype(np.int16).__sub__(128).astype(np.int8)),
        GREY,
        256,
    ),
    "32 bits": ("a.tif", tiff(RAMP.astype(np.int32)), GREY, 256),
    "fractions": ("a.tif", tiff(RAMP.astype(np.float32) / 4095), GREY, 256),
    "reflectance above 1": ("a.tif", tiff(RAMP.astype(np.float32) / 3000), GREY, 256),
    "signed fractions": ("a.tif", tiff(RAMP.astype(np.float32) / 2000 - 1), GREY, 256),
    "half precision": ("a.tif", tiff((RAMP / 3000).astype(np.float16)), GREY, 256),
    "double precision": ("a.tif", tiff(RAMP / 3000), GREY, 256),
    "RGB of 12 bits in 16, TIFF": ("a.tif", tiff(COLOURS, photometric="rgb"), RGB, 256),
    "RGB of 12 bits, compressed": (
        "a.tif",
        tiff(COLOURS, photometric="rgb", compression="zlib"),
        RGB,
        256,
    ),
    "RGB of 12 bits in 16, PNG": ("a.png", lambda path: png(path, COLOURS, 2), RGB, 256),
    "RGB of 16 bits, PNG": ("a.png", lambda path: png(path, COLOURS * 16, 2), RGB, 256),
    "RGB, floating point": (
        "a.tif",
        tiff(COLOURS.astype(np.float32) / 4095, photometric="rgb"),
        RGB,
        256,
    ),
    "grey with alpha, PNG": (
        "a.png",
        lambda path: png(path, np.stack([RAMP, OPAQUE], 2), 4),
        GREY,
        256,
    ),
    "RGB with alpha, PNG": (
        "a.png",
        lambda path: png(path, np.concatenate([COLOURS, OPAQUE[..., None]], 2), 6),
        RGB,
        256,
    ),
    "clear, PNG": (
        "a.png",
        lambda path: png(path, np.stack([RAMP, OPAQUE * 0], 2), 4),
        [(255, 255, 255)] * 2,
        1,
    ),
    "PGM of 12 bits": (
        "a.pgm",
        lambda path: path.write_bytes(b"P5 64 48 4095\n" + RAMP.astype(">u2").tobytes()),
        GREY,
        256,
    ),
}


@pytest.mark.filterwarnings("ignore:.*more than 8 bits")
@pytest.mark.parametrize("kind", KINDS)
def test_grey_levels_are_kept(kind, tmp_path):
    name, write, colours, levels = KINDS[kind]
    write(tmp_path / name)
    out = tl.load_image(tmp_path / name, 64, resize="squash")
    for row, colour in ((0, colours[0]), (-1, colours[1])):
        seen = out[:, row, row].tolist()
        assert np.abs(np.subtract(seen, colour)).max() <= 3, f"{kind}: {seen}, not {colour}"
    assert len(out[0].unique()) >= 0.95 * levels, f"{len(out[0].unique())} grey levels"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.stack([RAMP] * 4, 2), ["has 4 bands", "choose three"]),
        (np.stack([RAMP] * 13, 2), ["has 13 bands", "choose three"]),
    ],
)
def test_more_bands_than_colours_are_refused(values, words, tmp_path):
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    with pytest.raises(InputError) as raised:
        tl.load_image(tmp_path / "a.tif", 16)
    assert all(word in str(raised.value) for word in words), raised.value


@pytest.mark.parametrize(
    ("low", "high", "kind", "expected"),
    [
        (0, 4000, "unsigned", (0, 4095)),
        (3, 900, "unsigned", (0, 1023)),
        (0, 65535, "unsigned", (0, 65535)),
        (0, 60, "unsigned", (0, 60)),  # less than a quarter of 255
        (30000, 34095, "unsigned", (30000, 34095)),
        (0, 1e6, "unsigned", (0, 1e6)),
        (-1000, 3000, "signed", (-1000, 3000)),
        (0, 0.9, "float", (0, 1)),
        (0, 0.1, "float", (0, 0.1)),
        (0, 1.3, "float", (0, 1.3)),
        (0, 200, "float", (0, 255)),
        (7, 7, "unsigned", (0, 255)),  # one value only
    ],
)
def test_the_range_that_is_shown(low, high, kind, expected):
    assert fit_range(low, high, kind) == expected


def folder(root: Path, *maxima: int) -> Path:
    """Pictures of one value in their right half, half of them of each class."""
    for number, value in enumerate(maxima):
        path = root / "ab"[number % 2] / f"{number}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.zeros((16, 16), np.uint16)
        values[:, 8:] = value
        tifffile.imwrite(path, values)
    return root


def right(images: torch.Tensor) -> list[int]:
    return images[:, 0, 8, 14].tolist()


@pytest.mark.parametrize("in_file", [False, True])
def test_a_set_has_one_range_and_says_it(tmp_path, in_file):
    """Two pictures that differ in brightness four times still do so; another split follows."""
    folder(tmp_path / "train", 1000, 1000, 4000, 4000)
    folder(tmp_path / "test", 500, 500)
    file = tmp_path / "pixels.npy" if in_file else None
    with pytest.warns(UserWarning, match="4 images .*unsigned values from 0 .*to 4095") as caught:
        train = tl.load_image_folder(tmp_path / "train", 16, file=file)
    assert len(caught) == 1 and train.ranges == {"unsigned": (0.0, 4095.0)}
    assert right(train.images) == [62, 249, 62, 249]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if in_file:  # kept with the pixels
            assert tl.load_image_folder(tmp_path / "train", 16, file=file).ranges == train.ranges
        test = tl.load_image_folder(tmp_path / "test", 16, ranges=train.ranges)
        one = tl.load_image(tmp_path / "test" / "a" / "0.tif", 16, ranges=train[:2].ranges)
    assert right(test.images) == [31, 31] == right(one[None]) * 2
    with pytest.warns(UserWarning, match="by this file alone.*ranges="):
        tl.load_image(tmp_path / "test" / "a" / "0.tif", 16)


def test_ordinary_files_have_no_range(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.new("RGB", (9, 9), "red").save(tmp_path / name / "1.png")
    folder(tmp_path, 65535, 65535)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = tl.load_image_folder(tmp_path, 8)
    assert data.ranges == {"unsigned": (0.0, 65535.0)}
    assert data.images[0, :, 4, 6].tolist() == [255] * 3
    assert data.images[1, :, 4, 4].tolist() == [255, 0, 0]


def test_what_was_not_measured_is_black(tmp_path):
    values = RAMP.astype(np.float32) / 4095
    values[0, :4] = [np.nan, np.inf, -9999, -9999]
    tifffile.imwrite(tmp_path / "a.tif", values, extratags=[(42113, 2, 6, "-9999", True)])
    out = tl.load_image(tmp_path / "a.tif", 64, resize="squash")
    assert out[0, 0, :3].max() <= 3 and out[0, -1, -1] >= 252


def test_the_range_of_a_job_goes_into_its_model(tmp_path):
    from tlhelpers.jobs.finetune import finetune
    from tlhelpers.jobs.settings import Settings

    rng = np.random.default_rng(0)
    for number in range(20):
        path = tmp_path / "data" / "ab"[number % 2] / f"{number}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, rng.integers(0, 1500 + 2500 * (number % 2), (32, 32), np.uint16))
    settings = Settings("resnet18", method="probe", size=32)
    with pytest.warns(UserWarning, match="more than 8 bits"):
        metrics = finetune(tmp_path / "data", tmp_path / "out", settings, device="cpu")
    assert metrics["ranges"] == {"unsigned": (0.0, 4095.0)}
    with safe_open(tmp_path / "out" / "model.safetensors", "pt") as file:
        facts = " ".join(file.metadata().values())
    assert '"unsigned": [0.0, 4095.0]' in facts

"""Real digits for a larger lesson 06: MNIST and USPS, two domains of handwriting."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ..core.assets import find_shared
from ..core.errors import InputError
from .domains import Domains, Glyphs

SIDE = 16


def mnist_usps(*, n_source: int | None = None) -> Domains:
    """MNIST as the source and USPS as the target, for `adapt` in place of `digit_domains`.

    MNIST (LeCun et al. 1998): American forms, 60,000 digits to train on and 10,000 to test on, 28 x
    28 pixels, brought to USPS's 16 x 16. USPS (Hull 1994): American envelopes, 7,291 and 2,007.
    Both come as ink on paper, as `digit_domains` has them.

    Args:
        n_source: only the first so many digits of MNIST to train on.

    Raises `AssetError`, which names the command that fetches them, where they are not on this
    machine, and `InputError` for a file that is damaged.
    """
    if n_source is not None and n_source < 1:
        raise InputError(f"n_source is {n_source}: at least one digit is needed.")
    mnist = find_shared("mnist", what="MNIST", name="mnist")
    usps = find_shared("usps", what="USPS", name="usps")
    source = _mnist(mnist, "train")
    return Domains(source[:n_source], _mnist(mnist, "t10k"), _usps(usps, ""), _usps(usps, ".t"))


def _mnist(folder: Path, part: str) -> Glyphs:
    """Two files of big-endian headers (8 and 16 bytes), then a byte for each value."""
    images = _read(folder / f"{part}-images-idx3-ubyte.gz", gzip.open)[16:]
    labels = _read(folder / f"{part}-labels-idx1-ubyte.gz", gzip.open)[8:]
    if not labels or len(images) != len(labels) * 28 * 28:
        raise _damaged(folder, "images and labels are not equally many", "mnist")
    pixels = np.frombuffer(images, np.uint8).reshape(-1, 1, 28, 28)
    # Ink reaches the edge in USPS, while MNIST has a margin of four pixels on each side.
    inner = torch.from_numpy(pixels[:, :, 4:24, 4:24].astype(np.float32) / 255)
    small = F.interpolate(inner, (SIDE, SIDE), mode="bilinear", antialias=True)
    return Glyphs(small.clamp(0, 1), torch.tensor(list(labels)))


def _usps(folder: Path, part: str) -> Glyphs:
    """A line for each digit, in LIBSVM's form: label + 1, then `position:value` from -1 to 1."""
    path = folder / f"usps{part}.bz2"
    lines = [line.split() for line in _read(path, bz2.open).decode("ascii").splitlines()]
    try:
        labels = torch.tensor([int(float(words[0])) - 1 for words in lines])
        ink = np.array([[word.split(":")[1] for word in words[1:]] for words in lines], np.float32)
        images = torch.from_numpy((ink.reshape(-1, 1, SIDE, SIDE) + 1) / 2)
    except (ValueError, IndexError) as error:
        raise _damaged(path, str(error), "usps") from error
    return Glyphs(images.clamp(0, 1), labels)


def _read(path: Path, opened) -> bytes:
    try:
        with opened(path, "rb") as file:
            return file.read()
    except (OSError, EOFError, ValueError) as error:
        raise _damaged(path, str(error), path.parent.name) from error


def _damaged(path: Path, reason: str, name: str) -> InputError:
    return InputError(
        f"{path} is damaged or incomplete ({reason}). Verify it, and get it again where it is not "
        f"right: python -m tlhelpers fetch {name}"
    )

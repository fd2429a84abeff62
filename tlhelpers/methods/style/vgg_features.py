"""Features of any layers of a VGG in one forward pass, through a frozen and cut copy."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ...core.errors import InputError, nearest
from ...models.backbone import Backbone


def layer_names(features: nn.Sequential) -> dict[str, int]:
    """VGG's names of its layers, after ReLU: {"conv1_1": 1, "conv1_2": 3, "conv2_1": 6, ...}.

    `features` is the convolutional part: `backbone.model.features`.
    """
    if not isinstance(features, nn.Sequential):
        raise InputError(
            "layer_names takes the convolutional part of a VGG, `backbone.model.features`; got "
            f"{type(features).__name__}."
        )
    names, block, number = {}, 1, 0
    for index, module in enumerate(features):
        if isinstance(module, nn.Conv2d):
            number += 1
        elif isinstance(module, nn.ReLU):
            names[f"conv{block}_{number}"] = index
        elif isinstance(module, nn.MaxPool2d):
            block, number = block + 1, 0
    return names


class VGGFeatures(nn.Module):
    """A frozen copy of a VGG, cut after the last layer asked for.

    Takes images (B, 3, H, W) in [0, 1] and returns {layer: features (B, C, h, w)}, channels_last.
    The copy's ReLUs are not in place, which would overwrite the features that are returned. Pooling
    is by average, or "max" as the network was trained. Raises `InputError` for a network that is no
    VGG, for a layer it does not have, and for another kind of pooling.
    """

    def __init__(self, backbone: Backbone, layers: Iterable[str], pooling: str = "average"):
        super().__init__()
        features = _convolutions(backbone)
        names = layer_names(features)
        for layer in (layers := list(layers)):
            if layer not in names:
                raise InputError(f'there is no layer "{layer}".{nearest(layer, names)}')
        if pooling not in ("average", "max"):
            raise InputError(f'unknown pooling "{pooling}".{nearest(pooling, ("average", "max"))}')
        self.at = {names[layer]: layer for layer in layers}
        self.steps = copy.deepcopy(features[: max(self.at) + 1]).requires_grad_(False).eval()
        for index, module in enumerate(self.steps):
            if isinstance(module, nn.ReLU):
                module.inplace = False
            elif isinstance(module, nn.MaxPool2d) and pooling == "average":
                self.steps[index] = nn.AvgPool2d(2)
        for name in ("mean", "std"):
            value = torch.tensor(getattr(backbone, name)).view(1, 3, 1, 1)
            self.register_buffer(name, value)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        x, found = (images - self.mean) / self.std, {}
        x = x.contiguous(memory_format=torch.channels_last)
        for index, module in enumerate(self.steps):
            x = module(x)
            if index in self.at:
                found[self.at[index]] = x
        return found


def _convolutions(backbone: Backbone) -> nn.Sequential:
    """The convolutional part of a VGG backbone; `InputError` for anything else."""
    if not isinstance(backbone, Backbone):
        raise InputError(
            "style transfer takes a Backbone, that is a network together with its normalisation; "
            f'got {type(backbone).__name__}. Pass what tl.load_backbone("vgg16") returned, not its '
            ".model. For a VGG of your own: tl.Backbone(name, model, mean, std, image_size, "
            "categories, source)."
        )
    features = getattr(backbone.model, "features", None)
    if not isinstance(features, nn.Sequential) or "conv1_2" not in layer_names(features):
        raise InputError(
            f'style transfer reads a VGG, and "{backbone.name}" is none. '
            'Take tl.load_backbone("vgg16").'
        )
    return features

"""Networks for domain adaptation: `.features` turns images into (N, D), `.head` makes logits."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.errors import InputError
from ...models.backbone import Backbone
from ...models.heads import get_head, replace_head


def digit_network(classes: int = 10, *, feature_norm: bool = True) -> nn.Sequential:
    """Two convolutions and a 64-wide layer for 16 x 16 grey images: `.features` and `.head`.

    `feature_norm` puts a BatchNorm behind the 64-wide layer. Alignment needs it, and a network that
    sees the source only is better without it: a fair comparison is made with both.
    """
    norm = nn.BatchNorm1d(64) if feature_norm else nn.Identity()
    features = nn.Sequential(
        # ReLU behind the pooling: the same values as before it, from a quarter of the work
        *(nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(48 * 4 * 4, 64), norm, nn.ReLU()),
    )
    network = nn.Sequential(OrderedDict(features=features, head=nn.Linear(64, classes)))
    return network.to(memory_format=torch.channels_last)  # twice as fast on a CPU


def domain_network(backbone: Backbone, classes: int, *, feature_norm: bool = True) -> nn.Sequential:
    """A copy of a pre-trained backbone as `.features`, with a new `.head`, for images of any size.

    `.features` prepares the images itself, as `BatchLoader(data, **backbone.preprocessing)` does:
    it takes uint8 images, or floats in [0, 1]. `feature_norm` puts a BatchNorm behind the features.
    """
    if not isinstance(backbone, Backbone):
        raise InputError(
            "domain_network takes a Backbone, that is a network together with its normalisation; "
            f"got {type(backbone).__name__}. Pass what tl.load_backbone(...) returned, not its "
            ".model."
        )
    model = copy.deepcopy(backbone.model)
    width = getattr(get_head(model)[1], "in_features", None)
    if width is None:
        raise InputError(
            f'the head of "{backbone.name}" is no linear layer: take another backbone.'
        )
    replace_head(model, nn.Identity())
    norm = [nn.BatchNorm1d(width)] if feature_norm else []
    prepare = Prepare(backbone.mean, backbone.std, backbone.image_size)
    features = nn.Sequential(prepare, model, nn.Flatten(), *norm)
    return nn.Sequential(OrderedDict(features=features, head=nn.Linear(width, classes)))


class Prepare(nn.Module):
    """What a backbone needs of images (N, 3, H, W), uint8 or in [0, 1]: its size, normalised."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], size: int):
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        x = to_float(images)
        if x.shape[2:] != (self.size, self.size):
            x = F.interpolate(x, (self.size, self.size), mode="bilinear", antialias=True)
        return ((x - self.mean) / self.std).contiguous(memory_format=torch.channels_last)


def to_float(images: Tensor) -> Tensor:
    """uint8 images as floats in [0, 1]; floats as they are."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def domain_discriminator(features: int = 64, width: int = 64) -> nn.Sequential:
    """Small classifier of features (N, `features`): (N, 2) logits, source and target.

    Without BatchNorm: its batches mix the domains it is to tell apart.
    """
    return nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, 2))


def jitter(images: Tensor, amount: float = 0.1, padding: str = "zeros") -> Tensor:
    """Shift, scale and shear each image a little: by an affine map near the identity.

    `amount` is the largest change of a coefficient. `padding`: "zeros", or "border", which repeats
    the outermost pixels.
    """
    offset = (torch.rand(len(images), 2, 3) * 2 - 1) * amount
    maps = (torch.eye(2, 3) + offset).to(images)
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode=padding, align_corners=False)

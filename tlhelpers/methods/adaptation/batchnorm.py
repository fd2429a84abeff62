"""AdaBN: the BatchNorm statistics of another domain, without training and without labels."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...data.domains import Glyphs
from ...data.image_tensors import ImageTensors
from ...models.backbone import Backbone
from .networks import Prepare


def adapt_batchnorm(
    model: nn.Module | Backbone,
    images: Tensor | Glyphs | ImageTensors | Iterable,
    batch_size: int = 200,
) -> nn.Module | Backbone:
    """A copy of the model whose BatchNorm statistics are those of `images`.

    No weight changes and no label is needed: a baseline that costs nothing (AdaBN, Li et al. 2016,
    arXiv 1603.04779). Returned in eval mode; a `Backbone` is returned as a `Backbone`.

    Args:
        images: floats (N, C, H, W), prepared as the model needs them; or a loader of such batches
            or of (images, labels): `BatchLoader(data, **backbone.preprocessing)`. `ImageTensors`
            go with a model that knows how to prepare them: a `Backbone`, or a `domain_network`.
        batch_size: images at a time, where `images` is no loader.

    Raises:
        InputError: the model has no BatchNorm that keeps statistics; or images it cannot prepare.
    """
    if isinstance(model, Backbone):
        prepare = Prepare(model.mean, model.std, model.image_size)
        network = nn.Sequential(prepare, model.model)
        adapted = adapt_batchnorm(network, images, batch_size)[1]
        return dataclasses.replace(model, model=adapted)
    model = copy.deepcopy(model).eval()
    layers = [
        module
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
    ]
    if not layers:
        raise InputError("adapt_batchnorm: this model has no BatchNorm layer to adapt.")
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain average over the batches
        layer.train()  # BatchNorm alone: Dropout stays off
    device = next(model.parameters(), torch.empty(0)).device
    with torch.no_grad():
        for batch in _batches(model, images, batch_size):
            model(batch.to(device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    return model.eval()


def _batches(model: nn.Module, images, batch_size: int) -> Iterator[Tensor]:
    if isinstance(images, (Glyphs, ImageTensors)):
        images = images.images
    if isinstance(images, Tensor):
        prepares = any(isinstance(module, Prepare) for module in model.modules())
        if images.dtype == torch.uint8 and not prepares:
            raise InputError(
                "adapt_batchnorm got uint8 images, and this model does not say how to prepare "
                "them. Pass BatchLoader(data, **backbone.preprocessing) as the images, or the "
                "Backbone itself as the model."
            )
        if len(images) < 2:
            raise InputError("adapt_batchnorm needs two or more images for a mean and a variance.")
        yield from images.tensor_split(math.ceil(len(images) / batch_size))
        return
    for batch in images:
        yield batch[0] if isinstance(batch, (tuple, list)) else batch

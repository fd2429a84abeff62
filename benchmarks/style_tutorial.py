"""Style transfer as tutorials have it, in its most copied form.

L-BFGS with the default history of 100, colours clamped inside the closure, the network cut after
the last layer used, fp32, and gradients computed for VGG's own weights as well, which nothing uses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import tlhelpers as tl
from tlhelpers.methods.style import transfer

STYLE_WEIGHT = 100.0
LAYERS = [transfer.CONTENT_LAYER, *transfer.STYLE_LAYERS]


class Objective:
    """Content and style losses relative to the targets' own size, in fp32; no other terms."""

    def __init__(self, backbone: tl.Backbone, content: Tensor, style: Tensor):
        self.network = plain_network(backbone)
        with torch.no_grad():
            self.target = self.read(content)[transfer.CONTENT_LAYER]
            read = self.read(style)
            self.grams = {k: self.gram(read[k]) for k in transfer.STYLE_LAYERS}

    def read(self, image: Tensor) -> dict[str, Tensor]:
        x, read = (image - self.network.mean) / self.network.std, {}
        for index, module in enumerate(self.network.steps):
            x = module(x)
            if index in self.network.at:
                read[self.network.at[index]] = x
        return read

    @staticmethod
    def gram(features: Tensor) -> Tensor:
        flat = features.flatten(2)
        return flat @ flat.mT / (flat.shape[1] * flat.shape[2])

    def __call__(self, image: Tensor) -> Tensor:
        read = self.read(image)
        off = {k: transfer._relative(self.gram(read[k]), g) for k, g in self.grams.items()}
        content = transfer._relative(read[transfer.CONTENT_LAYER], self.target)
        return content + STYLE_WEIGHT * sum(off.values()) / len(off)

    @torch.no_grad()
    def of_picture(self, image: Tensor) -> float:
        return float(self(image.reshape(1, *image.shape[-3:]).clamp(0, 1)))


def plain_network(backbone: tl.Backbone) -> nn.Module:
    """As the tutorial has it: contiguous, gradients for the weights too."""
    network = tl.VGGFeatures(backbone, LAYERS, "max").requires_grad_(True)
    return network.to(memory_format=torch.contiguous_format)


def tutorial(objective: Objective, content: Tensor, evaluations: int) -> Tensor:
    """The usual loop."""
    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image])
    run = [0]
    while run[0] < evaluations:

        def closure():
            with torch.no_grad():
                image.clamp_(0, 1)
            optimizer.zero_grad()
            loss = objective(image)
            loss.backward()
            run[0] += 1
            return loss

        optimizer.step(closure)
        if optimizer.param_groups[0]["max_iter"] > evaluations - run[0] > 0:
            optimizer.param_groups[0]["max_iter"] = evaluations - run[0]
    return image.detach().clamp(0, 1)

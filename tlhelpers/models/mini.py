"""Mini AlexNet, VGG-16 and ResNet-18: torchvision's own networks, a fraction as wide.

Each network is torchvision's class with torchvision's forward pass, the same blocks, the same
module names (``features``, ``avgpool``, ``classifier``; ``conv1`` ... ``layer4``, ``fc``) and the
same ``state_dict`` keys; only the tensors are thinner. What is learned about them, which layer to
freeze, where the head sits, holds word for word for the full-size ones.

Sources: AlexNet (Krizhevsky, Sutskever, Hinton, 2012), in the one-column form of Krizhevsky 2014
(arXiv:1404.5997); VGG-16 (Simonyan, Zisserman, 2014, arXiv:1409.1556); ResNet-18 (He et al., 2015,
arXiv:1512.03385); initialisation for ReLU networks (He et al., 2015, arXiv:1502.01852).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torchvision.models import VGG, AlexNet, ResNet


def mini_alexnet(num_classes: int = 24, *, width: float = 1 / 4, dropout: float = 0.5) -> AlexNet:
    """AlexNet with ``width`` times its channels; images float (B, 3, H, W), H, W >= 35.

    The stem keeps its 11x11 kernel but steps by 2 pixels instead of 4, so that a 96-pixel image
    arrives at the classifier as a 4x4 map (the original turns 224 pixels into 6x6).
    ``classifier`` reads a 3x3 map and is 512 wide: most weights sit there, as in the original.
    Returns logits (B, num_classes). Krizhevsky 2014, arXiv:1404.5997.
    """
    from torchvision.models import AlexNet

    with torch.device("meta"):  # the full-size weights are never allocated
        model = AlexNet(num_classes, dropout)
    _thin(model, width)
    stem = model.features[0]
    stem.stride = (2, 2)
    model.avgpool = nn.AdaptiveAvgPool2d(3)
    channels = model.features[10].out_channels
    _set_linear(model.classifier, {1: (channels * 9, 512), 4: (512, 512), 6: (512, num_classes)})
    return _initialise(model)


def mini_vgg16(
    num_classes: int = 24,
    *,
    batch_norm: bool = False,
    width: float = 1 / 4,
    dropout: float = 0.5,
) -> VGG:
    """VGG-16 with ``width`` times its channels; images float (B, 3, H, W), H, W >= 32.

    All thirteen convolutions are there; ``classifier`` reads a 2x2 map and is 256 wide.
    ``batch_norm=True`` is torchvision's ``vgg16_bn``: a plain VGG-16 of this size hardly starts to
    learn, so it is trained with BatchNorm, which is then folded into the convolutions.
    Returns logits (B, num_classes). Simonyan and Zisserman 2014, arXiv:1409.1556.
    """
    from torchvision.models import VGG
    from torchvision.models.vgg import cfgs, make_layers

    with torch.device("meta"):
        model = VGG(make_layers(cfgs["D"], batch_norm), num_classes, dropout=dropout)
    _thin(model, width)
    model.avgpool = nn.AdaptiveAvgPool2d(2)
    channels = round(512 * width)
    _set_linear(model.classifier, {0: (channels * 4, 256), 3: (256, 256), 6: (256, num_classes)})
    return _initialise(model)


def mini_resnet18(num_classes: int = 24, *, width: float = 1 / 4) -> ResNet:
    """ResNet-18 with ``width`` times its channels; images float (B, 3, H, W), any H, W >= 1.

    Two basic blocks a stage at 16, 32, 64 and 128 channels. Returns logits (B, num_classes).
    He et al. 2015, arXiv:1512.03385.
    """
    from torchvision.models import ResNet
    from torchvision.models.resnet import BasicBlock

    with torch.device("meta"):
        model = ResNet(BasicBlock, [2, 2, 2, 2], num_classes)
    _thin(model, width)
    model.fc = nn.Linear(round(512 * width), num_classes)
    return _initialise(model)


def _thin(model: nn.Module, width: float) -> None:
    """Put a narrower twin in the place of every convolution and BatchNorm."""
    for path, module in list(model.named_modules()):
        if isinstance(module, nn.Conv2d):
            colours = module.in_channels == 3
            twin = nn.Conv2d(
                3 if colours else round(module.in_channels * width),
                round(module.out_channels * width),
                module.kernel_size,
                module.stride,
                module.padding,
                bias=module.bias is not None,
            )
        elif isinstance(module, nn.BatchNorm2d):
            twin = nn.BatchNorm2d(round(module.num_features * width))
        else:
            continue
        model.set_submodule(path, twin)


def _set_linear(classifier: nn.Sequential, sizes: dict[int, tuple[int, int]]) -> None:
    for index, (inputs, outputs) in sizes.items():
        classifier[index] = nn.Linear(inputs, outputs)


def _initialise(model: nn.Module) -> nn.Module:
    """He initialisation everywhere but the last layer, which starts near zero: even first guesses.

    torchvision draws AlexNet's and VGG's linear layers at a fixed scale made for 4096 units;
    at 256 or 512 the signal would die on its way.
    """
    weighted = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    for module in weighted:
        mode = "fan_out" if isinstance(module, nn.Conv2d) else "fan_in"
        nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    nn.init.normal_(weighted[-1].weight, 0, 0.01)
    return model


MINI = {"alexnet": mini_alexnet, "vgg16": mini_vgg16, "resnet18": mini_resnet18}

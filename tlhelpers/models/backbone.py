"""A network together with the facts that belong to its weights."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

RANDOM = "random weights"


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

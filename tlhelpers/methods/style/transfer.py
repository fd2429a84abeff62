"""Style transfer: an image is optimised until a frozen network hears one picture's content in it
and another one's style.

Gatys, Ecker and Bethge 2016 ("Image style transfer using convolutional neural networks",
arXiv:1508.06576), who used VGG-19. Where this departs from the paper: VGG-16; losses are relative
to the targets' own size, so that one `style_weight` means the same for every network; the search
starts from the content picture; average pooling as they recommend.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...core.errors import InputError, nearest
from ...core.progress import Progress
from ...core.runtime import autocast, get_device
from ...models.backbone import Backbone
from .canvas import to_canvas
from .pixel_search import Search
from .vgg_features import Reader

CONTENT_LAYER = "conv4_2"
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")


def gram_matrix(features: Tensor) -> Tensor:
    """Which channels are active together, wherever in the image: (B, C, H, W) to (B, C, C).

    Products of all pairs of channels, summed over positions and divided by C * H * W, in fp32.
    """
    flat = features.float().permute(0, 2, 3, 1).flatten(1, 2)  # a view in channels_last, no copy
    return _Square.apply(flat) / (flat.shape[1] * flat.shape[2])


class _Square(torch.autograd.Function):
    """x^T x. Autograd sees two factors and multiplies twice for its gradient; once is enough."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.mT @ x

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> Tensor:
        return ctx.saved_tensors[0] @ (grad + grad.mT)


@dataclass
class Stylized:
    """What `stylize` returns.

    Attributes:
        image: float (3, H, W) in [0, 1], the best image met.
        rows: one dict a step: step, loss, content, style.
        kept: step -> image, for the steps asked for.
        gram_fall: share by which the squared Gram distance to the style fell, against the content
            picture's own; mean over the style layers. 1 is a perfect match.
        content_correlation: between the image's and the content picture's features at the content
            layer; 1 is unchanged.
        stopped: why it ended early, or None.
    """

    image: Tensor = field(repr=False)
    rows: list[dict] = field(repr=False)
    kept: dict[int, Tensor] = field(repr=False)
    gram_fall: float
    content_correlation: float
    seconds: float
    stopped: str | None = None


def stylize(
    backbone: Backbone,
    content,
    style,
    *,
    size: int = 192,
    steps: int = 80,
    style_weight: float = 100.0,
    smoothness: float = 1.0,
    content_layer: str = CONTENT_LAYER,
    style_layers: Iterable[str] = STYLE_LAYERS,
    pooling: str = "average",
    start: str = "content",
    keep: Iterable[int] = (),
    seed: int = 0,
    progress: bool = True,
) -> Stylized:
    """Paint the content picture in the style of the other one.

    Args:
        backbone: a VGG; its own weights and modes are left as they are.
        content, style: a path, an open file, a Pillow image, or a tensor (C, H, W); of any kind and
            size, also different ones.
        size: the longer side of both, in pixels.
        steps: evaluations of loss and gradient, one L-BFGS step each.
        style_weight: what the style loss counts for; content has weight 1.
        smoothness: weight of the squared difference of neighbouring pixels.
        pooling: "average", or "max", as VGG was trained.
        start: "content" or "noise".
        keep: steps after which to keep a copy of the image, for a strip.

    A step that explodes, or turns the image to NaN or to one colour, is taken back and the search
    goes on more carefully. Interrupting returns the best image so far. Raises `InputError` for
    pictures, layers or numbers that cannot be used.
    """
    if start not in ("content", "noise"):
        raise InputError(f'unknown start "{start}".{nearest(start, ("content", "noise"))}')
    numbers_fit = math.isfinite(style_weight) and style_weight >= 0 <= smoothness < math.inf
    if steps < 1 or not numbers_fit or not (style_layers := list(style_layers)):
        raise InputError(
            f"steps={steps}, style_weight={style_weight}, smoothness={smoothness}, style_layers="
            f"{style_layers}: one step and one layer at least, weights finite and not negative."
        )
    device, keep, began = get_device(), set(keep), time.perf_counter()
    reader = Reader(backbone, [content_layer, *style_layers], pooling).to(device)
    content = to_canvas(content, size, "content").to(device)
    style = to_canvas(style, size, "style").to(device)
    with torch.no_grad():
        of_content, of_style = reader(content), reader(style)
        target = of_content[content_layer]
        grams = {layer: gram_matrix(of_style[layer]) for layer in style_layers}
        own = {layer: gram_matrix(of_content[layer]) for layer in style_layers}

    def losses(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with autocast(device):  # the convolutions only: losses and targets are fp32
            read = reader(image)
        content_loss = _relative(read[content_layer].float(), target)
        style_loss = sum(_relative(gram_matrix(read[k]), g) for k, g in grams.items()) / len(grams)
        rough = image.diff(dim=2).square().mean() + image.diff(dim=3).square().mean()
        # Colours no screen has cost something. Clamping here instead would cut their gradient off.
        outside = (image - image.clamp(0, 1)).square().mean()
        loss = content_loss + style_weight * style_loss + smoothness * rough + 1000 * outside
        return loss, content_loss, style_loss

    noise = torch.rand(content.shape, generator=torch.Generator().manual_seed(seed)).to(device)
    search = Search(content if start == "content" else noise, losses)
    kept = {0: search.best[0].clone()} if 0 in keep else {}
    stopped = None
    try:
        with Progress(steps, "painting") if progress else contextlib.nullcontext() as line:
            for step in range(1, steps + 1):
                if not search.step():
                    stopped = f"step {step}: the loss exploded again and again"
                    break
                if line:
                    line.update(step, f"loss {search.rows[-1]['loss']:.3f}")
                if step in keep:
                    kept[step] = search.best[0].clone()
    except KeyboardInterrupt:
        stopped = f"interrupted after step {len(search.rows)}"
    with torch.no_grad():
        read = reader(search.best)
        left = [
            (gram_matrix(read[k]) - g).square().sum() / (own[k] - g).square().sum().clamp_min(1e-12)
            for k, g in grams.items()
        ]
        pair = torch.stack([read[content_layer].flatten(), target.flatten()])
        similar = float(torch.corrcoef(pair)[0, 1])
    return Stylized(
        search.best[0].cpu(),
        search.rows,
        {step: image.cpu() for step, image in kept.items()},
        1 - float(sum(left)) / len(left),
        similar,
        time.perf_counter() - began,
        stopped,
    )


def _relative(value: Tensor, target: Tensor) -> Tensor:
    """Squared distance as a share of the target's own square: no unit, for any layer or network."""
    return (value - target).square().sum() / target.square().sum().clamp_min(1e-12)

"""Style transfer: optimise the pixels of an image.

The image is changed until a frozen network gives it the content features of one picture and the
style features (Gram matrices) of another one.

Gatys, Ecker and Bethge 2016 ("Image style transfer using convolutional neural networks",
arXiv:1508.06576), who used VGG-19. Where this differs from the paper: VGG-16; losses are relative
to the size of their targets, so that one `style_weight` means the same for every network; the
optimisation starts from the content picture; average pooling, as they recommend.
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
from ...core.memory import explain_memory
from ...core.progress import Progress
from ...core.runtime import autocast, get_device
from ...models.backbone import Backbone
from .optimizer import ImageOptimizer
from .preprocess import prepare_picture
from .vgg_features import VGGFeatures

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
        image: float (3, H, W) in [0, 1], the best image found.
        rows: one dict a step: step, loss, content, style.
        kept: step -> image, for the steps asked for.
        gram_fall: share by which the squared Gram distance to the style fell, compared with that of
            the content picture; mean over the style layers. 1 is a perfect match.
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
        content, style: each a path, an open file, a Pillow image, a NumPy array (H, W, 3) or a
            tensor (3, H, W); the two may differ in kind and size.
        size: the longer side of both, in pixels.
        steps: evaluations of loss and gradient, one L-BFGS step each.
        style_weight: weight of the style loss; the content loss has weight 1.
        smoothness: weight of the squared difference of neighbouring pixels.
        pooling: "average", or "max", as VGG was trained.
        start: "content" or "noise".
        keep: steps after which to keep a copy of the image, for a strip.

    A step that explodes, or turns the image to NaN or to one colour, is undone, and the next steps
    are smaller. Interrupting returns the best image so far. Raises `InputError` for pictures,
    networks, layers or numbers that cannot be used.
    """
    if start not in ("content", "noise"):
        raise InputError(f'unknown start "{start}".{nearest(start, ("content", "noise"))}')
    numbers_fit = math.isfinite(style_weight) and style_weight >= 0 <= smoothness < math.inf
    if steps < 1 or not numbers_fit or not (style_layers := list(style_layers)):
        raise InputError(
            f"steps={steps}, style_weight={style_weight}, smoothness={smoothness}, style_layers="
            f"{style_layers}: one step and one layer at least, weights finite and not negative."
        )
    advice = f"Take a smaller picture: size={max(1, size // 2)}."
    with explain_memory(f"painting with size={size}", advice):
        device, keep, began = get_device(), set(keep), time.perf_counter()
        network = VGGFeatures(backbone, [content_layer, *style_layers], pooling).to(device)
        content = prepare_picture(content, size, "content").to(device)
        style = prepare_picture(style, size, "style").to(device)
        with torch.no_grad():
            of_content, of_style = network(content), network(style)
            target = of_content[content_layer]
            grams = {layer: gram_matrix(of_style[layer]) for layer in style_layers}

        def losses(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            with autocast(device):  # the convolutions only: losses and targets are fp32
                found = network(image)
            content_loss = _relative(found[content_layer].float(), target)
            style_loss = sum(_relative(gram_matrix(found[k]), g) for k, g in grams.items()) / len(
                grams
            )
            rough = image.diff(dim=2).square().mean() + image.diff(dim=3).square().mean()
            # Colours no screen has cost something. Clamping here would cut their gradient off.
            outside = (image - image.clamp(0, 1)).square().mean()
            loss = content_loss + style_weight * style_loss + smoothness * rough + 1000 * outside
            return loss, content_loss, style_loss

        noise = torch.rand(content.shape, generator=torch.Generator().manual_seed(seed)).to(device)
        optimizer = ImageOptimizer(content if start == "content" else noise, losses)
        kept = {0: optimizer.best[0].cpu()} if 0 in keep else {}
        stopped = None
        try:
            with Progress(steps, "painting") if progress else contextlib.nullcontext() as line:
                for step in range(1, steps + 1):
                    if not optimizer.step():
                        stopped = f"step {step}: the loss exploded again and again"
                        break
                    if line:
                        line.update(step, f"loss {optimizer.rows[-1]['loss']:.3f}")
                    if step in keep:
                        kept[step] = optimizer.best[0].cpu()
        except KeyboardInterrupt:
            stopped = f"interrupted after step {len(optimizer.rows)}"
        with torch.no_grad():
            found = network(optimizer.best)
        pair = torch.stack([found[content_layer].flatten(), target.flatten()])
        return Stylized(
            optimizer.best[0].cpu(),
            optimizer.rows,
            kept,
            _gram_fall(found, of_content, grams),
            float(torch.corrcoef(pair)[0, 1]),
            time.perf_counter() - began,
            stopped,
        )


def _gram_fall(found: dict, of_content: dict, grams: dict) -> float:
    """Mean share by which the squared Gram distance is smaller than the content picture's."""
    left = []
    for layer, target in grams.items():
        before = (gram_matrix(of_content[layer]) - target).square().sum()
        after = (gram_matrix(found[layer]) - target).square().sum()
        left.append(float(after / before.clamp_min(1e-12)))
    return 1 - sum(left) / len(left)


def _relative(value: Tensor, target: Tensor) -> Tensor:
    """Squared distance as a share of the target's own square: no unit, for any layer or network."""
    return (value - target).square().sum() / target.square().sum().clamp_min(1e-12)

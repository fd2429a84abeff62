"""What one layer of a network puts out, as one row of numbers for each image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..core.errors import InputError, nearest
from ..models.heads import get_head


class _Reached(Exception):
    """The wanted layer has run: the rest of the forward pass need not."""


@contextlib.contextmanager
def read_layer(model: nn.Module, layer: str | None) -> Iterator[Callable[[Tensor], Tensor]]:
    """A function from a batch to the (B, D) features of a layer; None: what enters the head."""
    found = []

    def keep(output) -> None:
        found.append(output)
        raise _Reached

    if layer is None:
        name, module = get_head(model)
        hook = module.register_forward_pre_hook(lambda module, inputs: keep(inputs[0]))
    else:
        modules = dict(model.named_modules())
        if layer not in modules or not layer:
            raise InputError(f'no layer "{layer}".{nearest(layer, [n for n in modules if n])}')
        name, module = layer, modules[layer]
        hook = module.register_forward_hook(lambda module, inputs, output: keep(output))

    def read(x: Tensor) -> Tensor:
        with contextlib.suppress(_Reached):
            model(x)
        if not found:
            raise InputError(f'the network never runs "{name}" in its forward pass.')
        output = first_tensor(found.pop())
        if output is None or not 2 <= output.ndim <= 4 or len(output) != len(x):
            shape = None if output is None else tuple(output.shape)
            raise InputError(
                f'the layer "{name}" returns {shape or "no tensor"} for {len(x)} images. Choose a '
                "layer whose output is (N, C), (N, T, C), (N, C, H, W) or (N, H, W, C)."
            )
        return output if output.ndim == 2 else output.mean(_positions(output, module, name))

    try:
        yield read
    finally:
        hook.remove()


def first_tensor(output) -> Tensor | None:
    """The features in a layer's output.

    Of a tuple the first tensor (attention layers return their weights second), of a dict or object
    its "last_hidden_state" or "logits"; None where there is none of these.
    """
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    for key in ("last_hidden_state", "logits"):
        value = output.get(key) if isinstance(output, dict) else getattr(output, key, None)
        output = value if torch.is_tensor(value) else output
    return output if torch.is_tensor(output) else None


def _positions(output: Tensor, module: nn.Module, name: str) -> tuple[int, ...]:
    """The axes to average: positions of tokens (N, T, C), of maps (N, C, H, W) or (N, H, W, C).

    Nothing in a tensor says where its channels are, but the last layer with weights knows how many
    they are, and whether it works on the second axis (convolutions) or the last (Linear,
    LayerNorm), as in Swin transformers. Without weights the sides of a square map tell.
    """
    if output.ndim == 3:
        return (1,)
    second, last = output.shape[1], output.shape[3]
    for layer in reversed(list(module.modules())):
        if isinstance(layer, (nn.Conv2d, nn.modules.batchnorm._BatchNorm)):
            width, on_last = getattr(layer, "out_channels", None) or layer.num_features, False
        elif isinstance(layer, (nn.Linear, nn.LayerNorm)):
            width = getattr(layer, "out_features", None) or layer.normalized_shape[-1]
            on_last = True
        else:
            continue
        if width in (second, last):
            channels_last = on_last if second == last else width == last
            return (1, 2) if channels_last else (2, 3)
        break
    height_width = output.shape[2]
    if (second == height_width) != (last == height_width):
        return (1, 2) if second == height_width else (2, 3)
    raise InputError(
        f'nothing says where the channels of "{name}" are in {tuple(output.shape)}. Take square '
        "images, or a layer that ends in a convolution, a norm or a Linear layer."
    )

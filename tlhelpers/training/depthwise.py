"""Depthwise convolutions whose backward pass in bfloat16 would cost more than it saves.

On CPUs oneDNN has bf16 kernels for their forward pass, but not for the gradients of those with
stride 2 or with 5 x 5 kernels: there it falls back to plain loops, up to ten times slower than its
own fp32 kernels. A step of EfficientNet-Lite0 took nearly twice as long with them, longer than all
of it in fp32 (`python -m benchmarks.depthwise`; torch 2.15, a CPU with AVX512-BF16).
"""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode


class _Depthwise(torch.autograd.Function):
    """Forward in bf16, backward in fp32."""

    @staticmethod
    def forward(ctx, x, weight, bias, stride, padding, dilation, groups):
        x, small = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(x, weight)
        ctx.settings = stride, padding, dilation, False, [0] * len(stride), groups
        ctx.bias_size = None if bias is None else list(bias.shape)
        bias = None if bias is None else bias.bfloat16()
        return torch.conv2d(x, small, bias, stride, padding, dilation, groups)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        x, weight = ctx.saved_tensors
        grads = torch.ops.aten.convolution_backward(
            grad.float(),
            x.float(),
            weight,
            ctx.bias_size,
            *ctx.settings,
            [*ctx.needs_input_grad[:2], ctx.bias_size is not None and ctx.needs_input_grad[2]],
        )
        return (*grads, None, None, None, None)


class _Route(TorchFunctionMode):
    """Sends depthwise convolutions that need a gradient under CPU autocast to `_Depthwise`."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.conv2d and len(args) == 7 and not kwargs and _slow(*args):
            return _Depthwise.apply(*args)
        return func(*args, **(kwargs or {}))


def _slow(x, weight, bias, stride, padding, dilation, groups) -> bool:
    depthwise = groups > 1 and weight.shape[1] == 1
    if not depthwise or isinstance(padding, str) or weight.dtype != torch.float32:
        return False
    learns = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    return learns and x.device.type == "cpu" and torch.is_autocast_enabled("cpu")


def quick_depthwise(device: torch.device) -> contextlib.AbstractContextManager:
    """Within it, depthwise convolutions under bf16 autocast on a CPU have their gradients in fp32.

    Nothing else changes: not the other layers, not the forward pass, not other devices. Wrap the
    forward pass; the backward pass follows it.
    """
    return _Route() if device.type == "cpu" else contextlib.nullcontext()

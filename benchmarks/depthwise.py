"""What the fp32 gradients of depthwise convolutions save in a step of EfficientNet-Lite0.

    python -m benchmarks.depthwise        on a CPU with bf16, a minute

Three ways in turns: fp32, bf16 autocast as it comes, and autocast with the gradients of depthwise
convolutions in fp32. Each figure is the median of five.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tlhelpers as tl
from benchmarks.measuring import spread, write_result
from tlhelpers.training.depthwise import quick_depthwise

CPU = torch.device("cpu")
AUTOCAST = functools.partial(torch.autocast, "cpu", dtype=torch.bfloat16)
WAYS = {
    "fp32": (contextlib.nullcontext, contextlib.nullcontext),
    "autocast": (AUTOCAST, contextlib.nullcontext),
    "quick": (AUTOCAST, functools.partial(quick_depthwise, CPU)),
}


def step_seconds(model: nn.Module, x: Tensor, repeats: int) -> dict[str, dict]:
    """Seconds of forward and backward pass by each way."""
    seconds = {way: [] for way in WAYS}
    for repeat in range(repeats + 1):
        for way, (precision, route) in WAYS.items():
            start = time.perf_counter()
            with precision(), route():
                out = model(x)
            F.mse_loss(out.float(), torch.zeros(out.shape)).backward()
            if repeat:  # the first round warms up
                seconds[way].append(time.perf_counter() - start)
    return {way: spread(values) for way, values in seconds.items()}


def layers_of(model: nn.Module, x: Tensor) -> dict[str, tuple[nn.Conv2d, tuple]]:
    """Each kind of depthwise convolution in the model, and the shape of its input."""
    found = {}

    def note(layer, inputs):
        if layer.groups > 1:
            name = f"{layer.kernel_size[0]} x {layer.kernel_size[0]}, stride {layer.stride[0]}, "
            shape = inputs[0].shape
            found[name + f"{shape[1]} channels of {shape[2]} px"] = (layer, tuple(shape))

    hooks = [m.register_forward_pre_hook(note) for m in model.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return found


def measure(batch: int = 16, size: int = 224, repeats: int = 5) -> dict:
    torch.manual_seed(0)
    model = tl.load_backbone("efficientnet_lite0", pretrained=False).model.train()
    model.to(memory_format=torch.channels_last)
    x = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
    result = {"batch": batch, "size": size, "step": step_seconds(model, x, repeats), "layers": {}}
    for name, (layer, shape) in layers_of(model, x).items():
        own = torch.randn(shape).to(memory_format=torch.channels_last).requires_grad_()
        result["layers"][name] = step_seconds(layer, own, repeats)
    return result


def report(result: dict) -> str:
    lines = ["| forward and backward pass, ms | fp32 | autocast | quick |", "|---|---:|---:|---:|"]
    rows = {f"whole network, batch {result['batch']}": result["step"], **result["layers"]}
    for name, ways in rows.items():
        cells = (f"{1000 * ways[way]['median']:.1f}" for way in WAYS)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    found = measure()
    write_result("depthwise", found)
    print(report(found))

"""What the parts of the GPU benchmark share: how much of everything, data, network, bare step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl

TARGETS = {"share of the bare step": 0.90, "training seconds": 3.0, "style seconds": 2.0}


@dataclass(frozen=True)
class Scale:
    """How much of everything; `TOY` runs all the code in about a minute on two CPU cores."""

    matmul: int
    copy: int
    size: int
    images: int
    batches: tuple[int, ...]
    epochs: int
    repeats: int
    jpegs: int
    recipe_batches: tuple[int, ...]
    job: tuple[str, ...]
    style: tuple[int, int]
    backoff: tuple[int, int]


WHOLE = Scale(
    8192, 2**30, 224, 4096, (64, 128, 256), 2, 7, 1024, (4, 64), (), (512, 300), (256, 64)
)
TOY = Scale(
    256,
    2**22,
    32,
    32,
    (8,),
    1,
    2,
    16,
    (4,),
    ("--epochs=2", "--images=8", "--size=32"),
    (64, 8),
    (8, 2),
)


def random_images(n: int, size: int):
    """n random images as the decoder leaves them: uint8, channels innermost in memory."""
    generator = torch.Generator().manual_seed(0)
    shape = (n, size, size, 3)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return tl.ImageTensors(pixels.permute(0, 3, 1, 2), torch.arange(n) % 2, ["ants", "bees"])


def smooth_image(size: int, seed: int) -> torch.Tensor:
    """A picture (3, size, size) in [0, 1] with shapes of all sizes, as photographs have."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.zeros(1, 3, size, size)
    for cells in (4, 8, 16, 32, 64):
        grid = torch.rand(1, 3, cells, cells, generator=generator)
        image += F.interpolate(grid, (size, size), mode="bicubic") * 4 / cells
    return ((image - image.min()) / (image.max() - image.min()))[0]


def write_jpegs(folder: Path, n: int) -> None:
    """train/ with n and val/ with 8 JPEGs of 500 x 375 pixels, the size of the photographs."""
    from PIL import Image

    pixels = (smooth_image(500, 0)[:, :375] * 255).byte().permute(1, 2, 0)
    for split, count in (("train", n), ("val", 8)):
        for index in range(count):
            name = folder / split / ("ants", "bees")[index % 2] / f"{index:05}.jpg"
            name.parent.mkdir(parents=True, exist_ok=True)
            # Each its own pixels, though decoding takes as long for all.
            Image.fromarray(pixels.roll(index * 7, 1).numpy()).save(name, quality=90)


def network(device, format=torch.channels_last) -> nn.Module:
    """ResNet-18 with random weights and two outputs."""
    torch.manual_seed(0)
    model = tl.load_backbone("resnet18", pretrained=False).model
    model.fc = nn.Linear(model.fc.in_features, 2)
    return model.to(device=device, memory_format=format)


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)


def loader_of(data, batch: int, device) -> tl.BatchLoader:
    """The course's way: uint8 on the device, augmented and normalised there."""
    facts = tl.load_backbone("resnet18", pretrained=False).preprocessing | {"size": None}
    augment = tl.random_resized_crop()
    return tl.BatchLoader(data, batch, train=True, augment=augment, device=device, **facts)


def bare_step(model, batch, size, device, format=torch.channels_last, bf16=True):
    """A function: forward, loss, backward, step on one resident batch, as `tl.fit` does them."""
    x = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=format)
    y = torch.arange(batch, device=device) % 2
    optimizer = sgd(model)

    def step() -> None:
        with tl.autocast(device) if bf16 else torch.autocast(device.type, enabled=False):
            logits = model(x)
        loss = F.cross_entropy(logits.float(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def rates_of(found: dict) -> tuple[dict[torch.dtype, float], float]:
    """FLOP/s by dtype and bytes a second, as `peaks` measured them."""
    median = {name: value["median"] for name, value in found["peaks"].items()}
    flops = {torch.bfloat16: median["bf16_tflops"], torch.float32: median["tf32_tflops"]}
    return {dtype: rate * 1e12 for dtype, rate in flops.items()}, median["copy_gb_s"] * 1e9


def reset_peak(device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device) -> dict | None:
    """Bytes since `reset_peak`: held by tensors, and taken from the card for them."""
    if device.type != "cuda":
        return None
    return {
        "allocated": torch.cuda.max_memory_allocated(device),
        "reserved": torch.cuda.max_memory_reserved(device),
    }

"""Figures of the deck on AlexNet's head; numbers come from the network and a stored table."""

from __future__ import annotations

import functools
import json

from curves import Frame
from shapes import BLUE, GREEN, HATCH, RUST, box, layers, legend, picture

import tlhelpers as tl
from tlhelpers.teaching.diagrams import MUTED, svg, text

HEADS = ("one linear layer", "three layers")
COUNTS = (10, 20, 100)


@functools.cache
def table() -> dict:
    """The stored comparison of heads (data/recipes/head_swap_table.py)."""
    path = tl.data_dir() / "results" / "head_swap.json"
    return json.loads(path.read_text(encoding="utf-8"))


def weights() -> str:
    """A bar for each of the full AlexNet's eight layers, as long as it has parameters."""
    import torch
    from torch import nn
    from torchvision.models import alexnet

    with torch.device("meta"):  # shapes are enough for counting
        model = alexnet(num_classes=2)
    counts = [
        (f"conv {i + 1}" if isinstance(layer, nn.Conv2d) else f"full {i - 4}", layer)
        for i, layer in enumerate(
            m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))
        )
    ]
    total = tl.count_parameters(model)["total"]
    parts = []
    for row, (name, layer) in enumerate(counts):
        y, count = 10 + 50 * row, tl.count_parameters(layer)["total"]
        kept = isinstance(layer, nn.Conv2d)
        style = {"fill": "url(#frozen)", "stroke": BLUE} if kept else {"fill": RUST}
        parts.append(text(10, y + 27, 24, name, font_weight=600))
        parts.append(box(120, y, max(2, 900 * count / 4e7), 38, **style))
        words = f"{count / 1e6:.2f} M, {count / total:.1%}"
        parts.append(text(132 + 900 * count / 4e7, y + 27, 21, words, fill=MUTED))
    return svg(1160, 414, HATCH + "".join(parts), "Parameters of AlexNet's eight layers")


def cut() -> str:
    """The network before the cut, and with each of the two new heads."""
    rows = (
        ("fffff----", "cut: eight layers become five"),
        ("fffffn", "one linear layer"),
        ("fffffnnn", "three fully connected layers"),
    )
    parts = []
    for row, (states, words) in enumerate(rows):
        y = 10 + 128 * row
        parts.append(layers(10, y, states[:8], unit=58, height=90))
        parts.append(text(580, y + 56, 28, words, font_weight=700))
    return svg(
        1160, 430, HATCH + "".join(parts) + legend(24, 404, "fn-"), "The cut and two new heads"
    )


def kernels() -> str:
    """The mini AlexNet's first-layer kernels, trained and not, each stretched to full contrast."""
    import torch
    from PIL import Image

    torch.manual_seed(0)
    parts = []
    for row, pretrained in enumerate((True, False)):
        y = 8 + 190 * row
        parts.append(text(6, y + 80, 26, ("trained", "random")[row], font_weight=700))
        model = tl.load_backbone("alexnet", pretrained=pretrained).model
        for i, kernel in enumerate(model.features[0].weight.detach()[:16:2]):
            kernel = (kernel - kernel.min()) / (kernel.max() - kernel.min())
            image = Image.fromarray((255 * kernel).byte().permute(1, 2, 0).numpy())
            parts.append(picture(140 + 126 * i, y, 116, image))
    return svg(1160, 330, "".join(parts), "Kernels of the first layer, trained and random")


def _lines(key: str, top: float, low: float, ticks: dict) -> str:
    frame = Frame(110, 60, 640, 300, (0, 2), (low, top))
    rows = table()["heads"]
    parts = [
        frame.axes(
            {i: str(n) for i, n in enumerate(COUNTS)},
            ticks,
            "training pictures of each class",
            f"{key} on fresh pictures",
        )
    ]
    for index, name in enumerate(HEADS):
        found = [row[key] for row in rows if row["head"] == name]
        parts.append(frame.line([(i, f["mean"]) for i, f in enumerate(found)], index))
        colour = (BLUE, RUST)[index]
        for i, f in enumerate(found):
            (x, high), (_, bottom) = frame.at(i, f["high"]), frame.at(i, f["low"])
            x += 8 * index - 4
            parts.append(
                f'<path d="M{x:.1f} {high:.1f}V{bottom:.1f}" stroke="{colour}" stroke-width="4"/>'
            )
        y = 120 + 130 * index
        parts.append(text(800, y, 26, name, font_weight=700, fill=colour))
        means = ", ".join(f"{f['mean']:.2f}".removeprefix("0") for f in found)
        parts.append(text(800, y + 36, 24, means))
    return svg(1160, 440, "".join(parts), f"{key} of the two heads")


def accuracy() -> str:
    """Accuracy on fresh pictures, both heads, three sizes."""
    return _lines("accuracy", 0.9, 0.6, {0.6: ".6", 0.7: ".7", 0.8: ".8", 0.9: ".9"})


def loss() -> str:
    """Loss on fresh pictures, both heads, three sizes."""
    return _lines("loss", 0.75, 0.2, {0.2: ".2", 0.4: ".4", 0.6: ".6"})


def against_classical() -> str:
    """Accuracy at 100 pictures a class: designed features and transferred ones."""
    stored = table()
    rows = [(r["features"], r["accuracy"], RUST) for r in stored["classical"] if r["images"] == 100]
    rows += [(r["head"], r["accuracy"], GREEN) for r in stored["heads"] if r["images"] == 100]

    def at(value: float) -> float:
        return 330 + (value - 0.5) / 0.4 * 560

    parts = []
    for tick in (0.5, 0.6, 0.7, 0.8, 0.9):
        parts.append(f'<path d="M{at(tick):g} 10V350" stroke="#cfc9bd" stroke-width="2"/>')
        words = f"{tick:.1f}".removeprefix("0")
        parts.append(text(at(tick), 382, 22, words, text_anchor="middle", fill=MUTED))
    for row, (name, found, colour) in enumerate(rows):
        y = 46 + 68 * row
        parts.append(text(306, y + 8, 25, name, text_anchor="end", font_weight=600))
        parts.append(
            f'<path d="M{at(found["low"]):.1f} {y}H{at(found["high"]):.1f}" stroke="{colour}" '
            'stroke-width="10" stroke-linecap="round"/>'
        )
        parts.append(f'<circle cx="{at(found["mean"]):.1f}" cy="{y}" r="13" fill="{colour}"/>')
        words = f"{found['mean']:.3f}".removeprefix("0")
        parts.append(text(930, y + 8, 25, words, font_weight=600))
    return svg(1160, 400, "".join(parts), "Classical features against frozen convolutions")


FIGURES = {
    "alexnet_weights.svg": weights,
    "alexnet_cut.svg": cut,
    "alexnet_kernels.svg": kernels,
    "alexnet_accuracy.svg": accuracy,
    "alexnet_loss.svg": loss,
    "alexnet_classical.svg": against_classical,
}

"""Figures of the deck on AlexNet's head. Numbers come from the network and a stored table."""

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
    total = tl.count_parameters(model)["total"]
    weighted = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    parts = []
    for row, layer in enumerate(weighted):
        y, count = 10 + 50 * row, tl.count_parameters(layer)["total"]
        kept, length = isinstance(layer, nn.Conv2d), 900 * count / 4e7
        name = f"conv {row + 1}" if kept else f"full {row - 4}"
        style = {"fill": "url(#frozen)", "stroke": BLUE} if kept else {"fill": RUST}
        words = f"{count / 1e6:.2f} M, {count / total:.1%}"
        parts.append(text(10, y + 27, 24, name, font_weight=600))
        parts.append(box(120, y, max(2, length), 38, **style))
        parts.append(text(132 + length, y + 27, 21, words, fill=MUTED))
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


def _short(value: float, digits: int = 2) -> str:
    """`.86`: as shares are printed in this course."""
    return f"{value:.{digits}f}".removeprefix("0")


def _lines(key: str, top: float, low: float, ticks: tuple) -> str:
    """One quantity of both heads, by the number of training pictures."""
    frame = Frame(110, 60, 640, 300, (0, 2), (low, top))
    counts = {i: str(count) for i, count in enumerate(COUNTS)}
    marks = {tick: _short(tick, 1) for tick in ticks}
    labels = ("training pictures of each class", f"{key} on fresh pictures")
    parts, ends = [frame.axes(counts, marks, *labels)], {}
    for index, name in enumerate(HEADS):
        found = [row[key] for row in table()["heads"] if row["head"] == name]
        parts.append(frame.line([(i, f["mean"]) for i, f in enumerate(found)], index))
        beside = 0.025 * index - 0.0125  # so that the two whiskers do not hide each other
        parts += [
            frame.whisker(i + beside, f["low"], f["high"], index) for i, f in enumerate(found)
        ]
        ends[f"{name}|{', '.join(_short(f['mean']) for f in found)}"] = found[-1]["mean"]
    parts.append(frame.names(ends, gap=90))
    return svg(1160, 440, "".join(parts), f"{key} of the two heads")


def accuracy() -> str:
    """Accuracy on fresh pictures, both heads, three sizes."""
    return _lines("accuracy", 0.9, 0.6, (0.6, 0.7, 0.8, 0.9))


def loss() -> str:
    """Loss on fresh pictures, both heads, three sizes."""
    return _lines("loss", 0.75, 0.2, (0.2, 0.4, 0.6))


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
        parts.append(text(at(tick), 382, 22, _short(tick, 1), text_anchor="middle", fill=MUTED))
    for row, (name, found, colour) in enumerate(rows):
        y = 46 + 68 * row
        parts.append(text(306, y + 8, 25, name, text_anchor="end", font_weight=600))
        parts.append(
            f'<path d="M{at(found["low"]):.1f} {y}H{at(found["high"]):.1f}" stroke="{colour}" '
            'stroke-width="10" stroke-linecap="round"/>'
        )
        parts.append(f'<circle cx="{at(found["mean"]):.1f}" cy="{y}" r="13" fill="{colour}"/>')
        parts.append(text(930, y + 8, 25, _short(found["mean"], 3), font_weight=600))
    return svg(1160, 400, "".join(parts), "Classical features against frozen convolutions")


FIGURES = {
    "alexnet_weights.svg": weights,
    "alexnet_cut.svg": cut,
    "alexnet_kernels.svg": kernels,
    "alexnet_accuracy.svg": accuracy,
    "alexnet_loss.svg": loss,
    "alexnet_classical.svg": against_classical,
}

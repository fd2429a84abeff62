"""Figures of the deck on a job of one's own: the embedded garden, and what measure_14.py kept."""

from __future__ import annotations

import functools

from draw_09 import pixels, sheet
from lesson_run import kept
from measure_14 import MEASURED
from plotted import enlarged

import tlhelpers as tl

GARDEN = tl.data_dir() / "garden" / "pictures"
CLASSES = ("bumblebees", "hoverflies", "wasps")


def load(names: list[str]):
    """Pictures of the garden, float (N, 3, 112, 112)."""
    import numpy as np
    import torch
    from PIL import Image

    arrays = [np.asarray(Image.open(GARDEN / name).convert("RGB")) for name in names]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)


def visitors():
    """Nine pictures of each class, a row each."""
    names = [f"{c}/{p.name}" for c in CLASSES for p in sorted((GARDEN / c).iterdir())[:9]]
    return sheet(load(names), 9, 116)


def copies():
    """Six pictures above, a copy of each below."""
    pairs = kept(MEASURED)["copies"][:6]
    return sheet(load([pair[row] for row in (0, 1) for pair in pairs]), 6, 176)


def suspects():
    """The twelve least probable labels, with class and probability."""
    names, shares = zip(*kept(MEASURED)["suspects"], strict=True)
    titles = [f"{n.split('/')[0]}? {p:.2f}" for n, p in zip(names, shares, strict=True)]
    return tl.show_images(load(list(names)), titles, columns=6, size=1.6).flat[0]


def bars(kind: str, axis: str):
    """Accuracies with intervals, as the lesson showed them."""
    found = {name: tl.Interval(*value) for name, value in kept(MEASURED)[kind].items()}
    return tl.plot_intervals(found, axis, chance=None)


def intervals(kind: str, axis: str, tallest: int = 400) -> str:
    def draw():
        return bars(kind, axis)

    draw.__name__ = kind  # salts the ids of the SVG
    return enlarged(draw, tallest)


FIGURES = {
    "garden.jpg": visitors,
    "garden_copies.jpg": copies,
    "garden_suspects.png": functools.partial(pixels, suspects),
    "garden_baselines.svg": functools.partial(intervals, "baselines", "validation accuracy"),
    "garden_layers.svg": functools.partial(intervals, "layers", "validation accuracy"),
    "garden_result.svg": functools.partial(intervals, "result", "test accuracy"),
    "garden_optimism.svg": functools.partial(
        intervals, "told", "reported accuracy, mean of ten splits", 330
    ),
}

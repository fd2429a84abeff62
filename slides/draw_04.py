"""Figures of the deck on style transfer; numbers and rows of pictures come from measure_04.py."""

from __future__ import annotations

import json

from measure_04 import MEASURED
from shapes import BLUE, HATCH, RUST, box, layers, picture

import tlhelpers as tl
from tlhelpers.teaching.diagrams import MUTED, PAPER, svg, text

GALLERY = ("cat_dashes", "cat_mosaic", "cat_woodcut", "cup_waves", "butterfly_glass", "boat_dashes")


def photograph(path):
    from PIL import Image

    return Image.open(path).convert("RGB")


def gallery(columns: int, side: int):
    """What VGG-16's real convolutions painted (data/recipes/style_gallery.py)."""
    from PIL import Image

    gap, rows = 12, -(-len(GALLERY) // columns)
    sheet = Image.new("RGB", (columns * (side + gap) - gap, rows * (side + gap) - gap), PAPER)
    for index, name in enumerate(GALLERY):
        image = photograph(tl.data_dir() / "gallery" / f"style_{name}.jpg")
        place = (index % columns * (side + gap), index // columns * (side + gap))
        sheet.paste(image.resize((side, side), Image.Resampling.LANCZOS), place)
    return sheet


def what_changes() -> str:
    """Training changes the weights, style transfer the pixels."""
    cat = photograph(tl.fetch("styles") / "content_cat.jpg")
    painted = photograph(tl.data_dir() / "gallery" / "style_cat_dashes.jpg")
    parts = []
    for row, (name, image, states, words, colour) in enumerate(
        (
            ("Training", cat, "tttttt", "picture fixed, weights change", RUST),
            ("Style transfer", painted, "ffff--", "weights fixed, picture changes", BLUE),
        )
    ):
        y = 20 + 240 * row
        parts.append(text(6, y + 96, 30, name, font_weight=700, fill=colour))
        parts.append(text(6, y + 132, 21, words, fill=MUTED))
        parts.append(picture(350, y, 190, image))
        if row:
            parts.append(box(346, y - 4, 198, 198, fill="none", stroke=RUST, stroke_width=6))
        parts.append(layers(600, y + 30, states, unit=62, height=130))
    parts.append(text(1040, 120, 24, "loss: labels"))
    parts.append(text(1040, 350, 24, "loss: two"))
    parts.append(text(1040, 382, 24, "pictures"))
    label = "Training changes the weights, style transfer changes the picture"
    return svg(1180, 470, HATCH + "".join(parts), label)


def grams() -> str:
    """Gram matrices of conv2_1 for a content and three styles."""
    import torch
    from matplotlib import colormaps
    from PIL import Image

    from tlhelpers.methods.style.preprocess import prepare_picture

    network, parts = tl.VGGFeatures(tl.load_backbone("vgg16"), ["conv2_1"]), []
    names = ("content_cat", "style_dashes", "style_mosaic", "style_woodcut")
    for column, name in enumerate(names):
        path, x = tl.fetch("styles") / f"{name}.jpg", 10 + 290 * column
        with torch.no_grad():
            matrix = tl.gram_matrix(network(prepare_picture(path, 160, "style"))["conv2_1"])[0]
        colours = colormaps["viridis"]((matrix / matrix.max()).numpy(), bytes=True)[..., :3]
        parts.append(picture(x + 22, 6, 90, photograph(path)))
        parts.append(picture(x + 22, 112, 216, Image.fromarray(colours.copy())))
        parts.append(text(x + 124, 60, 24, name.split("_")[1], font_weight=600))
    return svg(1160, 336, "".join(parts), "Gram matrices of four pictures")


def measured() -> dict:
    return json.loads(MEASURED.read_text(encoding="utf-8"))


def bars(values: dict[str, float], unit: str, label: str) -> str:
    """Horizontal bars with their numbers, large enough for the back row."""
    parts, most = [], max(values.values())
    for index, (name, value) in enumerate(values.items()):
        y, width = 16 + 76 * index, 560 * value / most
        parts.append(text(430, y + 36, 26, name, text_anchor="end"))
        parts.append(box(450, y, width, 52, fill=(BLUE, RUST)[index % 2]))
        parts.append(text(466 + width, y + 36, 26, f"{value:.2f}{unit}"))
    return svg(1160, 16 + 76 * len(values), "".join(parts), label)


def cost() -> str:
    return bars(measured()["step_time"], " x", "Time of a step")


def judge() -> str:
    found = measured()["judge"]
    values = {f"{d}, {name}": found[name][d] for d in ("shallow", "deep") for name in found}
    return bars(values, "", "Gram fall measured by an independent network")


# Pictures that measure_04.py keeps while it runs the lesson.
KEPT = (
    "style_clamp.jpg",
    "style_layers.jpg",
    "style_random.jpg",
    "style_strip.jpg",
    "style_weights.jpg",
)
FIGURES = {
    "style_gallery_row.jpg": lambda: gallery(6, 180),
    "style_gallery.jpg": lambda: gallery(3, 205),
    "style_what_changes.svg": what_changes,
    "style_grams.svg": grams,
    "style_cost.svg": cost,
    "style_judge.svg": judge,
}

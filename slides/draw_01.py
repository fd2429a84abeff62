"""Figures of the deck on weight freezing; every number is read from a stored measurement."""

from __future__ import annotations

import functools
import json
import math
from statistics import median

from curves import GRID
from measure_01 import MEASURED
from shapes import BLUE, GREEN, HATCH, RUST, box, layers, lines

import tlhelpers as tl
from tlhelpers.teaching.diagrams import INK, MUTED, svg, text

LARGE = "full-size ResNet-18, 224 px"


@functools.cache
def measured() -> dict:
    """What one run of the lesson gave (measure_01.py)."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))


def dot(value: float, digits: int = 2) -> str:
    """`.33`: as shares are printed in this course."""
    return f"{value:.{digits}f}".replace("0.", ".", 1)


def bar(x: float, y: float, width: float, height: float, colour: str, words: str, size=22) -> str:
    """A bar with its number beside it; hatched where `colour` is "frozen"."""
    style = {"fill": "url(#frozen)", "stroke": BLUE} if colour == "frozen" else {"fill": colour}
    return box(x, y, max(width, 2), height, **style) + text(
        x + max(width, 2) + 12, y + height / 2 + size / 3, size, words
    )


def arrow(x: float, y: float, to: float, colour: str) -> str:
    """A horizontal arrow from `x` to `to`."""
    tip = -18 if to > x else 18
    path = f"M{x:g} {y:g}H{to:g}m{tip:g} -11l{-tip:g} 11l{tip:g} 11"
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="5"/>'


def lead() -> str:
    """The network of this deck: a frozen trunk, and a new head."""
    row = layers(10, 10, "fffffn", unit=130, height=130)
    return svg(1160, 150, HATCH + row, "A frozen trunk and a new head")


def promise() -> str:
    """A frozen trunk and a new head: the picture goes all the way, the gradient does not."""
    parts = [layers(130, 120, "fffffn", unit=110, height=150)]
    parts.append(arrow(20, 70, 860, INK) + text(20, 48, 26, "forward: through every layer"))
    parts.append(arrow(860, 298, 735, RUST))
    parts.append(text(130, 340, 26, "backward: stops where nobody wants a gradient", fill=RUST))
    parts.append(text(20, 204, 24, "image"))
    parts.append(text(430, 385, 24, "trunk: frozen", text_anchor="middle", fill=BLUE))
    parts.append(text(790, 385, 24, "head: trained", text_anchor="middle", fill=RUST))
    for row, (name, words) in enumerate(
        (
            ("Fewer weights", "to learn few pictures by heart"),
            ("Less work", "no gradients for the trunk"),
            ("One trunk", "can serve several jobs"),
        )
    ):
        y = 90 + 118 * row
        parts.append(text(900, y, 27, name, font_weight=700, fill=BLUE))
        parts.append(lines(900, y + 34, 22, words, 250))
    return svg(1160, 400, HATCH + "".join(parts), "What a frozen trunk promises")


def entries() -> str:
    """One square for each entry of the state_dict: what moved, and what did not."""
    counts, side, columns = measured()["moved"], 34, 16
    total = measured()["entries"]
    still = total - sum(counts.values())
    groups = (
        (20, "parameters", [("frozen", still), (GREEN, counts["parameters"])]),
        (610, "buffers", [(RUST, counts["buffers"])]),
    )
    parts = []
    for left, name, kinds in groups:
        squares = [kind for kind, count in kinds for _ in range(count)]
        parts.append(text(left, 34, 28, f"{len(squares)} {name}", font_weight=700))
        for i, kind in enumerate(squares):
            x, y = left + side * (i % columns), 60 + side * (i // columns)
            style = {"fill": "url(#frozen)"} if kind == "frozen" else {"fill": kind}
            parts.append(box(x, y, side - 6, side - 6, **style))
    parts.append(lines(20, 240, 26, f"{still} did not move by a bit", 560, fill=BLUE))
    words = f"{counts['parameters']} moved: the head, as wanted"
    parts.append(lines(20, 280, 26, words, 560, fill=GREEN, font_weight=700))
    words = f"{counts['buffers']} moved, and nobody asked for it"
    parts.append(lines(610, 240, 26, words, 540, fill=RUST, font_weight=700))
    words = "running_mean, running_var, num_batches_tracked of every BatchNorm"
    parts.append(lines(610, 280, 23, words, 540, fill=MUTED))
    return svg(1160, 330, HATCH + "".join(parts), "What one epoch changed")


def drift() -> str:
    """How much the remembered standard deviation changed, layer by layer, in one epoch."""
    values = measured()["drift"]["deviation"]
    left, bottom, tall, top = 70, 330, 280, 0.2
    parts = []
    for tick in (0, 0.05, 0.1, 0.15):
        y = bottom - tall * tick / top
        parts.append(f'<path d="M{left} {y:g}H1150" stroke="{GRID}" stroke-width="2"/>')
        parts.append(text(left - 10, y + 7, 20, f"{tick:.0%}", text_anchor="end", fill=MUTED))
    stages: dict[str, list[float]] = {}
    for i, (name, value) in enumerate(values.items()):
        x, height = left + 14 + 53 * i, tall * value / top
        parts.append(box(x, bottom - height, 38, height, fill=RUST))
        parts.append(text(x + 19, bottom - height - 8, 18, f"{value:.0%}", text_anchor="middle"))
        stages.setdefault(name.split(".")[0], []).append(x)
    for name, places in stages.items():
        middle = (places[0] + places[-1] + 38) / 2
        line = f"M{places[0]:g} {bottom + 10}H{places[-1] + 38:g}"
        parts.append(f'<path d="{line}" stroke="{INK}" stroke-width="3"/>')
        parts.append(text(middle, bottom + 38, 22, name, text_anchor="middle", font_weight=600))
    words = f"BatchNorm layers from first to last; median {median(values.values()):.0%}"
    parts.append(text(610, bottom + 74, 22, words, text_anchor="middle", fill=MUTED))
    parts.append(text(left, 24, 22, "change of the remembered standard deviation", fill=MUTED))
    return svg(1160, 416, "".join(parts), "How far BatchNorm's memory moved in one epoch")


def cost() -> str:
    """Four measurements of what the leak spoils."""
    found, old = measured(), measured()["old_job"]
    gain, worse = tl.mean_interval(found["gain"]), sum(value > 0 for value in found["gain"])
    cards = (
        (f"{found['features_moved']:.0%}", "the features moved by half of their length"),
        (f"{found['old_answers_differ']:.0%}", "of the pictures get another answer, same head"),
        (f"{dot(old['before'])} → {dot(old['after'])}", "the old job, after three leaky epochs"),
        (dot(gain.mean, 3), f"lost on the new job, mean of {len(found['gain'])} runs"),
    )
    parts = []
    for column, (number, words) in enumerate(cards):
        x = 6 + 290 * column
        parts.append(box(x, 6, 276, 250, fill="#fff", stroke=(BLUE, RUST)[column > 1]))
        parts.append(text(x + 138, 96, 46, number, text_anchor="middle", font_weight=700))
        parts.append(lines(x + 24, 150, 24, words, 240))
    words = (
        f"The last number is the only one a learner would see, and it does not shout: "
        f"{worse} of {len(found['gain'])} runs lost, 95 % interval {dot(gain.low, 3)} to "
        f"{dot(gain.high, 3)}."
    )
    parts.append(lines(10, 306, 25, words, 1130))
    return svg(1160, 356, "".join(parts), "What the leak spoils")


def where() -> str:
    """Parameters of full-size ResNet-18 by stage, frozen before layer4."""
    import torch
    from torchvision.models import resnet18

    with torch.device("meta"):  # shapes are enough for counting
        model = resnet18(num_classes=2)
    tl.freeze_to(model, "layer4")
    counts = {name: tl.count_parameters(m) for name, m in model.named_children()}
    counts = {name: found for name, found in counts.items() if found["total"]}
    total, parts = tl.count_parameters(model), []
    for row, (name, found) in enumerate(counts.items()):
        y = 10 + 52 * row
        parts.append(text(110, y + 29, 24, name, text_anchor="end", font_weight=600))
        width = 780 * found["total"] / max(c["total"] for c in counts.values())
        share = found["total"] / total["total"]
        words = f"{found['total']:,}  ({share:.1%})"
        parts.append(bar(130, y, width, 40, "frozen" if found["frozen"] else RUST, words))
    share = total["trainable"] / total["total"]
    words = f"frozen up to layer4, and {share:.0%} of the weights can still move"
    parts.append(text(130, 408, 27, words, font_weight=700, fill=RUST))
    return svg(1160, 426, HATCH + "".join(parts), "Parameters of ResNet-18 by stage")


def moves() -> str:
    """How far each stage moved, with two optimizers."""
    sides = (("SGD, momentum .9", "all layers", BLUE), ("AdamW", "all layers, AdamW", RUST))
    longest = max(max(measured()["change"][key].values()) for _, key, _ in sides)
    parts = []
    for side, (name, key, colour) in enumerate(sides):
        left = 100 + 580 * side
        parts.append(text(left, 34, 28, name, font_weight=700, fill=colour))
        for row, (stage, value) in enumerate(measured()["change"][key].items()):
            y = 58 + 50 * row
            parts.append(text(left - 12, y + 27, 22, stage, text_anchor="end"))
            parts.append(bar(left, y, 370 * value / longest, 38, colour, dot(value, 3)))
    words = "relative change of each stage's weights in three epochs"
    parts.append(text(580, 392, 22, words, text_anchor="middle", fill=MUTED))
    return svg(1160, 408, "".join(parts), "Which stage moved most")


def soft() -> str:
    """Distance of the trunk from its start, by the strength of the pull."""
    found, parts = measured()["soft_sharing"], []
    for row, (strength, distance) in enumerate(found.items()):
        y, words = 6 + 44 * row, "free" if strength == "0" else f"strength {strength}"
        parts.append(text(190, y + 26, 23, words, text_anchor="end"))
        width = 760 * distance / max(found.values())
        parts.append(bar(206, y, width, 34, GREEN, dot(distance)))
    y = 6 + 44 * len(found)
    parts.append(text(190, y + 26, 23, "frozen", text_anchor="end"))
    parts.append(bar(206, y, 0, 34, "frozen", "0"))
    return svg(1160, y + 46, HATCH + "".join(parts), "Soft sharing, from free to frozen")


def walks() -> str:
    """How far a layer walks after it was frozen, by optimizer and kind of gradient."""
    places = ((20, "start"), (700, "end"), (1080, "end"))
    heads = ("a layer frozen after one step moved by", "gradient None", "gradient zero")
    rows = [heads] + [
        (name, *("0" if value == 0 else f"{value:.3f}" for value in pair))
        for name, pair in measured()["walked_on"].items()
    ]
    parts = []
    for row, cells in enumerate(rows):
        y = 34 + 54 * row
        for column, ((x, anchor), cell) in enumerate(zip(places, cells, strict=True)):
            style = {"fill": MUTED} if row == 0 else {}
            if row and column == 2 and cell != "0":
                style = {"fill": RUST, "font_weight": 700}
            parts.append(text(x, y, 22 if row == 0 else 27, cell, text_anchor=anchor, **style))
        parts.append(f'<path d="M10 {y + 16}H1150" stroke="{GRID}" stroke-width="2"/>')
    return svg(1160, 34 + 54 * len(rows) - 26, "".join(parts), "Zero is not None")


def race() -> str:
    """Step times of full-size ResNet-18, and what they make of an epoch and of 25."""
    times, ratios = measured()["milliseconds"][LARGE], measured()["ratios"][LARGE]
    rows = (("full", RUST, "full step"), ("frozen", "frozen", "frozen step"),
            ("cached", GREEN, "cached step"))  # fmt: skip
    parts = []
    for row, (key, colour, name) in enumerate(rows):
        y, value = 10 + 62 * row, times[key]
        parts.append(text(190, y + 33, 25, name, text_anchor="end", font_weight=600))
        words = f"{value:.0f} ms" if value >= 1 else f"{value:.1f} ms"
        parts.append(bar(206, y, 780 * value / times["full"], 48, colour, words, size=25))
    counted = {"a step": 1 / 3, "an epoch with validation": 397 / 885, "25 epochs, cached": None}
    parts.append(text(206, 232, 22, "share of full training", fill=MUTED))
    parts.append(text(760, 232, 22, "counted", text_anchor="end", fill=MUTED))
    parts.append(text(960, 232, 22, "measured", text_anchor="end", fill=MUTED))
    for row, ((name, predicted), ratio) in enumerate(
        zip(counted.items(), ratios.values(), strict=True)
    ):
        y = 276 + 46 * row
        parts.append(text(206, y, 26, name))
        if predicted:
            parts.append(text(760, y, 26, dot(predicted), text_anchor="end", fill=MUTED))
        digits = max(2, 1 - math.floor(math.log10(ratio)))
        value = dot(ratio, digits)
        parts.append(text(960, y, 28, value, text_anchor="end", font_weight=700))
        if 0.4 <= ratio <= 0.6:
            parts.append(text(990, y, 24, "about half", fill=GREEN, font_weight=700))
    return svg(1160, 392, HATCH + "".join(parts), "Full, frozen, cached")


FIGURES = {
    "freeze_lead.svg": lead,
    "freeze_promise.svg": promise,
    "freeze_entries.svg": entries,
    "freeze_drift.svg": drift,
    "freeze_cost.svg": cost,
    "freeze_where.svg": where,
    "freeze_moves.svg": moves,
    "freeze_soft.svg": soft,
    "freeze_walks.svg": walks,
    "freeze_race.svg": race,
}

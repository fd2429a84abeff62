"""Figures of the deck on weight freezing; every number is read from a stored measurement."""

from __future__ import annotations

import math
from statistics import fmean, median

from curves import GRID
from lesson_run import kept
from measure_01 import MEASURED
from shapes import BLUE, GREEN, HATCH, RUST, arrow, bars, box, dot, layers, lines

import tlhelpers as tl
from tlhelpers.teaching.diagrams import INK, MUTED, svg, text

LARGE = "full-size ResNet-18, 224 px"


def measured() -> dict:
    """What one run of the lesson gave (measure_01.py)."""
    return kept(MEASURED)


def lead() -> str:
    """The network of this deck: a frozen backbone, and a new head."""
    row = layers(10, 10, "fffffn", unit=130, height=130)
    return svg(1160, 150, HATCH + row, "A frozen backbone and a new head")


def promise() -> str:
    """A frozen backbone and a new head: the picture goes all the way, the gradient does not."""
    parts = [layers(130, 120, "fffffn", unit=110, height=150)]
    parts.append(arrow(20, 70, 860, INK) + text(20, 48, 26, "forward: through every layer"))
    parts.append(arrow(860, 298, 735, RUST))
    parts.append(text(130, 340, 26, "backward: stops at the first frozen layer", fill=RUST))
    parts.append(text(20, 204, 24, "image"))
    parts.append(text(430, 385, 24, "backbone: frozen", text_anchor="middle", fill=BLUE))
    parts.append(text(790, 385, 24, "head: trained", text_anchor="middle", fill=RUST))
    reasons = {
        "Fewer weights": "that can overfit few pictures",
        "Less work": "no gradients for the backbone",
        "One backbone": "can serve several tasks",
    }
    for row, (name, words) in enumerate(reasons.items()):
        y = 90 + 118 * row
        parts.append(text(900, y, 27, name, font_weight=700, fill=BLUE))
        parts.append(lines(900, y + 34, 22, words, 250))
    return svg(1160, 400, HATCH + "".join(parts), "What a frozen backbone promises")


def entries() -> str:
    """One square for each entry of the state_dict: what changed, and what did not."""
    counts, side, columns = measured()["moved"], 34, 16
    still = measured()["entries"] - sum(counts.values())
    groups = (
        (20, "parameters", ["url(#frozen)"] * still + [GREEN] * counts["parameters"]),
        (610, "buffers", [RUST] * counts["buffers"]),
    )
    parts = []
    for left, name, squares in groups:
        parts.append(text(left, 34, 28, f"{len(squares)} {name}", font_weight=700))
        for i, fill in enumerate(squares):
            x, y = left + side * (i % columns), 60 + side * (i // columns)
            parts.append(box(x, y, side - 6, side - 6, fill=fill))
    parts.append(lines(20, 240, 26, f"{still} did not change by a bit", 560, fill=BLUE))
    words = f"{counts['parameters']} changed: the head, as intended"
    parts.append(lines(20, 280, 26, words, 560, fill=GREEN, font_weight=700))
    words = f"{counts['buffers']} changed, and should not have"
    parts.append(lines(610, 240, 26, words, 540, fill=RUST, font_weight=700))
    words = "running_mean, running_var, num_batches_tracked of every BatchNorm"
    parts.append(lines(610, 280, 23, words, 540, fill=MUTED))
    return svg(1160, 330, HATCH + "".join(parts), "What one epoch changed")


def drift() -> str:
    """How much the stored standard deviation changed, layer by layer, in one epoch."""
    values, left, bottom, tall, top = measured()["drift"], 70, 330, 280, 0.2
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
        line = f"M{places[0]:g} {bottom + 10}H{places[-1] + 38:g}"
        parts.append(f'<path d="{line}" stroke="{INK}" stroke-width="3"/>')
        middle = (places[0] + places[-1] + 38) / 2
        parts.append(text(middle, bottom + 38, 22, name, text_anchor="middle", font_weight=600))
    words = f"BatchNorm layers from first to last; median {median(values.values()):.0%}"
    parts.append(text(610, bottom + 74, 22, words, text_anchor="middle", fill=MUTED))
    parts.append(text(left, 24, 22, "change of the stored standard deviation", fill=MUTED))
    return svg(1160, 416, "".join(parts), "How far BatchNorm's stored values moved in one epoch")


def cost() -> str:
    """Four measurements of what the leak changes."""
    found, old = measured(), measured()["old_task"]
    gain, worse = tl.mean_interval(found["gain"]), sum(value > 0 for value in found["gain"])
    runs = len(found["gain"])
    cards = {
        f"{found['features_moved']:.0%}": "of their length: so far the features moved",
        f"{found['old_answers_differ']:.0%}": "of the pictures get another answer, same head",
        f"{dot(old['before'])} → {dot(fmean(old['after']))}": "the old task, "
        f"{old['epochs']} leaky epochs, runs: {len(old['after'])}",
        dot(gain.mean, 3): f"lost on the new task, mean of {runs} runs",
    }
    parts = []
    for column, (number, words) in enumerate(cards.items()):
        x = 6 + 290 * column
        parts.append(box(x, 6, 276, 250, fill="#fff", stroke=(BLUE, RUST)[column > 1]))
        parts.append(text(x + 138, 96, 46, number, text_anchor="middle", font_weight=700))
        parts.append(lines(x + 24, 150, 24, words, 240))
    words = (
        f"A learner would see the last number only: {worse} of {runs} runs lost, "
        f"95 % interval {dot(gain.low, 3)} to {dot(gain.high, 3)}."
    )
    parts.append(lines(10, 306, 25, words, 1130))
    return svg(1160, 356, "".join(parts), "What the leak changes")


def where() -> str:
    """Parameters of full-size ResNet-18 by stage, frozen before layer4."""
    import torch
    from torchvision.models import resnet18

    with torch.device("meta"):  # shapes are enough for counting
        model = resnet18(num_classes=2)
    tl.freeze_to(model, "layer4")
    total = tl.count_parameters(model)
    everything = total["total"]
    counts = {name: tl.count_parameters(module) for name, module in model.named_children()}
    most = max(found["total"] for found in counts.values())
    rows = [
        (
            name,
            n / most,
            "frozen" if found["frozen"] else RUST,
            f"{n:,}  ({n / total['total']:.1%})",
        )
        for name, found in counts.items()
        if (n := found["total"])
    ]
    share = total["trainable"] / everything
    words = f"frozen up to layer4, and {share:.0%} of the weights can still be trained"
    conclusion = text(130, 408, 27, words, font_weight=700, fill=RUST)
    body = bars(rows, left=130, top=10, width=780, pitch=52) + conclusion
    return svg(1160, 426, HATCH + body, "Parameters of ResNet-18 by stage")


def moves() -> str:
    """How far each stage moved, with two optimizers."""
    sides = (("SGD, momentum .9", "all layers", BLUE), ("AdamW", "all layers, AdamW", RUST))
    longest = max(max(measured()["change"][key].values()) for _, key, _ in sides)
    parts = []
    for side, (name, key, colour) in enumerate(sides):
        left = 100 + 580 * side
        parts.append(text(left, 34, 28, name, font_weight=700, fill=colour))
        stages = measured()["change"][key].items()
        rows = [(stage, value / longest, colour, dot(value, 3)) for stage, value in stages]
        parts.append(bars(rows, left=left, top=58, width=370, size=22))
    words = f"relative change of each stage's weights in {measured()['change_epochs']} epochs"
    parts.append(text(580, 392, 22, words, text_anchor="middle", fill=MUTED))
    return svg(1160, 408, "".join(parts), "Which stage moved most")


def soft() -> str:
    """Distance of the weights from their start, by the strength of the pull."""
    found = measured()["soft_sharing"]
    rows = [
        ("free" if strength == "0" else f"strength {strength}", distance, GREEN, dot(distance))
        for strength, distance in found.items()
    ]
    longest = max(found.values())
    rows = [(name, value / longest, *rest) for name, value, *rest in rows]
    rows.append(("frozen", 0, "frozen", "0"))
    return svg(1160, 50 * len(rows) + 6, HATCH + bars(rows), "Soft sharing, from free to frozen")


def walks() -> str:
    """How far a layer moves after it was frozen, by optimizer and kind of gradient."""
    places = ((20, "start"), (700, "end"), (1080, "end"))
    heads = ("a layer frozen after one step moved by", "gradient None", "gradient zero")
    rows = [heads] + [
        (name, *("0" if value == 0 else f"{value:.3f}" for value in pair))
        for name, pair in measured()["moved_when_frozen"].items()
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
    colours = {"full step": RUST, "frozen step": "frozen", "cached step": GREEN}
    rows = [
        (
            name,
            ms / times["full step"],
            colours[name],
            f"{ms:.0f} ms" if ms >= 1 else f"{ms:.1f} ms",
        )
        for name, ms in times.items()
    ]
    parts = [bars(rows, top=10, pitch=62, size=25)]
    parts.append(text(206, 232, 22, "share of full training", fill=MUTED))
    parts.append(text(760, 232, 22, "counted", text_anchor="end", fill=MUTED))
    parts.append(text(960, 232, 22, "measured", text_anchor="end", fill=MUTED))
    counted = ((1 / 3, "a step"), (397 / 885, "an epoch with validation"), (0, "25 epochs, cached"))
    for row, ((predicted, name), ratio) in enumerate(zip(counted, ratios.values(), strict=True)):
        y = 276 + 46 * row
        parts.append(text(206, y, 26, name))
        if predicted:
            parts.append(text(760, y, 26, dot(predicted), text_anchor="end", fill=MUTED))
        value = dot(ratio, max(2, 1 - math.floor(math.log10(ratio))))
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

"""Figures of the deck on ants and bees: drawings, and the plots of plots_05.py."""

from __future__ import annotations

import functools

from insects import INSECTS, insect
from plots_05 import PLOTS, measured, stored
from plotted import enlarged
from shapes import BLUE, GREEN, HATCH, PLUM, RUST, box, layers, legend, lines, picture

import tlhelpers as tl
from tlhelpers.teaching.diagrams import MUTED, svg, text

WAYS = {  # way: what happens to the layers (see shapes.layers), in words, and its colour
    "zero-shot": ("ffffff", "nothing: compare the outputs “ant” and “bee”", MUTED),
    "fixed": ("fffffn", "a linear head, on features computed once", GREEN),
    "fine-tuned": ("tttttn", "everything, with a new head", BLUE),
    "LP-FT": ("tttttt", "the fixed one's head first, then everything", PLUM),
    "scratch": ("nnnnnn", "everything, from random numbers", RUST),
}
PUBLISHED = (146, 142)  # of 153: the tutorial's log has .954 fixed and .928 fine-tuned


def the_job() -> str:
    """Two rows of ants and bees, and what a glance at the colours is worth."""
    parts = []
    for row, kind in enumerate(("ants", "bees")):
        y = 8 + 176 * row
        parts.append(text(4, y + 88, 30, kind, font_weight=700, fill=(BLUE, RUST)[row]))
        for column, number in enumerate((*INSECTS[row::2], 33, 48)):
            parts.append(picture(104 + 178 * column, y, 164, insect(kind, number)))
    colours = f"{stored('shortcuts')['colour histogram']:.3f}".removeprefix("0")
    words = f"Guessing by colour alone: {colours}. What tells them apart is their build."
    return svg(1160, 416, "".join(parts) + text(104, 400, 26, words), "Ants above, bees below")


def splits() -> str:
    """Training, validation and test set as stacks of pictures, by size."""
    words = {
        "train": ("teaches", "the weights", BLUE),
        "val": ("decides", "which epoch, which learning rate", GREEN),
        "test": ("is used once", "for the number you report", RUST),
    }
    parts, x = [], 20.0
    for name, (verb, rest, colour) in words.items():
        count = measured()["splits"][name]
        for i in range(count):
            at = (x + 20 * (i // 15), 340 - 20 * (i % 15))
            parts.append(box(*at, 16, 16, fill=colour, opacity=0.85))
        parts.append(text(x, 28, 30, f"{name}: {count}", font_weight=700, fill=colour))
        parts.append(text(x, 398, 26, verb, font_weight=700))
        parts.append(lines(x, 432, 22, rest, 300, fill=MUTED))
        x += max(20 * -(-count // 15), 250) + 120
    return svg(1160, 470, "".join(parts), "Three splits")


def five_ways() -> str:
    """What each way trains, and from what it starts."""
    parts = []
    for row, (name, (states, words, colour)) in enumerate(WAYS.items()):
        y = 4 + 84 * row
        parts.append(layers(10, y + 6, states, unit=40, height=58))
        parts.append(text(350, y + 43, 28, name, font_weight=700, fill=colour))
        parts.append(text(600, y + 43, 23, words))
    return svg(1160, 470, HATCH + "".join(parts) + legend(24, 444, "ftn"), "Five ways to train")


def coins() -> str:
    """Pictures on which two networks disagree, as coins: three splits with their p-values."""
    a, b, _ = measured()["mcnemar"]["fine-tuned / fixed"]
    least = next(n for n in range(1, 20) if p_of(n, 0) < 0.05)
    at_best = f"{PUBLISHED[0]} against {PUBLISHED[1]}, at best"
    rows = (
        (PUBLISHED[0] - PUBLISHED[1], 0, at_best),
        (least, 0, "the fewest that count, all on one side"),
        (a, b, "fine-tuned against fixed, our run"),
    )
    parts = []
    for row, (x, y, words) in enumerate(rows):
        top, p = 20 + 132 * row, p_of(x, y)
        for i in range(x + y):
            colour, fill = (BLUE, BLUE) if i < x else (RUST, "#fff")
            place = f'cx="{34 + min(33, 740 // (x + y)) * i}" cy="{top + 62}" r="13"'
            parts.append(f'<circle {place} stroke="{colour}" fill="{fill}" stroke-width="4"/>')
        parts.append(text(18, top + 26, 25, words, font_weight=600))
        parts.append(text(800, top + 72, 34, f"{x} : {y}", font_weight=700))
        shown = f"p = {p:.3f}" if p >= 0.001 else "p < .001"
        style = {"fill": GREEN if p < 0.05 else RUST, "font_weight": 700}
        parts.append(text(925, top + 72, 30, shown.replace("0.", "."), **style))
    return svg(1160, 410, "".join(parts), "Disagreements as coins")


def p_of(only_a: int, only_b: int) -> float:
    """McNemar's p-value when so many pictures are right in one of two networks alone."""
    a = [True] * only_a + [False] * only_b
    return tl.mcnemar(a, [not right for right in a]).p_value


def mistakes() -> str:
    """The mistakes of which the best network was surest."""
    from PIL import Image

    test, parts = tl.load_images("ants_bees", "val", size=96), []
    for i, (number, said, sure) in enumerate(measured()["mistakes"][:8]):
        x, y = 20 + 290 * (i % 4), 6 + 226 * (i // 4)
        image = Image.fromarray(test.images[number].permute(1, 2, 0).numpy())
        parts.append(picture(x, y, 180, image))
        parts.append(text(x, y + 208, 22, f"“{said}” {sure:.0%}", fill=RUST, font_weight=600))
    return svg(1160, 448, "".join(parts), "Mistakes")


DRAWINGS = {
    "ants_bees_job.svg": the_job,
    "ants_bees_splits.svg": splits,
    "ants_bees_ways.svg": five_ways,
    "ants_bees_coins.svg": coins,
    "ants_bees_mistakes.svg": mistakes,
}
FIGURES = {name: functools.partial(enlarged, plot) for name, plot in PLOTS.items()} | DRAWINGS

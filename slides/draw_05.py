"""Figures of the deck on ants and bees; every number is read from a stored measurement."""

from __future__ import annotations

import functools
import json

from curves import Frame
from insects import INSECTS, insect
from measure_05 import MEASURED
from shapes import BLUE, GREEN, HATCH, PLUM, RUST, box, layers, legend, lines, picture

import tlhelpers as tl
from tlhelpers.teaching.diagrams import COLOURS, INK, MUTED, svg, text

WAYS = {  # way: what happens to the layers (see shapes.layers), and in words
    "zero training": ("ffffff", "nothing: compare the outputs “ant” and “bee”"),
    "fixed": ("fffffn", "a linear head, on features computed once"),
    "fine-tuned": ("tttttn", "everything, with a new head"),
    "LP-FT": ("tttttt", "the fixed one's head first, then everything"),
    "scratch": ("nnnnnn", "everything, from random numbers"),
}
COLOUR = dict(zip(WAYS, (MUTED, GREEN, BLUE, PLUM, RUST), strict=True))
PUBLISHED = (146, 142, 153)  # the tutorial's log: .954 fixed and .928 fine-tuned, of 153
STARTS = {
    "pretrained": "pre-trained",
    "unrelated": "insect-free source",
    "scratch": "from scratch",
}


@functools.cache
def measured() -> dict:
    """What one run of the lesson gave (measure_05.py)."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))


@functools.cache
def transfer() -> dict:
    """The stored comparison over seeds (data/recipes/transfer_table.py)."""
    path = tl.data_dir() / "results" / "transfer_resnet18.json"
    return json.loads(path.read_text(encoding="utf-8"))


@functools.cache
def test_set() -> tl.ImageTensors:
    """The lesson's 153 test pictures."""
    return tl.load_images("ants_bees", "val", size=96)


def p_of(only_a: int, only_b: int) -> float:
    """McNemar's p-value when so many pictures are right in one of two networks alone."""
    a = [True] * only_a + [False] * only_b
    return tl.mcnemar(a, [not right for right in a]).p_value


def dot(value: float, digits: int = 3) -> str:
    """`.974`: as shares are printed in this course."""
    return f"{value:.{digits}f}".removeprefix("0")


def the_job() -> str:
    """Two rows of ants and bees, and what a glance at the colours is worth."""
    path = tl.data_dir() / "results" / "shortcuts.json"
    colours = json.loads(path.read_text(encoding="utf-8"))["colour histogram"]
    parts = []
    for row, kind in enumerate(("ants", "bees")):
        y = 8 + 176 * row
        parts.append(text(4, y + 88, 30, kind, font_weight=700, fill=(BLUE, RUST)[row]))
        for column, number in enumerate((*INSECTS[row::2], 33, 48)):
            parts.append(picture(104 + 178 * column, y, 164, insect(kind, number)))
    words = f"Guessing by colour alone: {dot(colours)}. What tells them apart is their build."
    parts.append(text(104, 400, 26, words))
    return svg(1160, 416, "".join(parts), "Ants above, bees below")


def lost_lines() -> str:
    """The article's nine steps, and what its printed code lost on the way."""
    steps = (
        ("1", "import", "no seed", "no two runs agree"),
        ("2", "load", "all transforms but one", "no augmentation"),
        ("3", "look", "imshow", "nothing to see"),
        ("4", "train", "zero_grad, backward, step", "nothing is learned"),
        ("", "", "else: before eval()", "trains in evaluation mode"),
        ("", "", "loading the best weights back", "not the model reported"),
        ("6-7", "fine-tune", ".to(device)", "crashes on a GPU"),
        ("8-9", "freeze", "BatchNorm's statistics", "the frozen moves"),
    )
    parts = [
        text(x, 26, 21, name, fill=MUTED)
        for x, name in ((30, "step"), (300, "lost or wrong"), (760, "what it does"))
    ]
    for row, (number, name, lost, effect) in enumerate(steps):
        y = 74 + 52 * row
        if name:
            parts.append(
                f'<path d="M20 {y - 35}H1140" stroke="#cfc9bd" stroke-width="2"/>'
                + text(30, y, 25, number, font_weight=700, fill=BLUE)
                + text(96, y, 25, name, font_weight=700)
            )
        loud = effect.startswith("crash") or effect.startswith("nothing to see")
        parts.append(text(300, y, 25, lost))
        style = {"fill": MUTED} if loud else {"fill": RUST, "font_weight": 600}
        parts.append(text(760, y, 25, effect, **style))
    return svg(1160, 462, "".join(parts), "Nine steps and what they lost")


def three_piles() -> str:
    """Training, validation and test set as stacks of pictures, by size."""
    what = {
        "train": ("teaches", "the weights"),
        "val": ("decides", "which epoch, which learning rate"),
        "test": ("is looked at once", "for the number you report"),
    }
    parts, x = [], 20.0
    for (name, (verb, rest)), colour in zip(what.items(), (BLUE, GREEN, RUST), strict=True):
        count = measured()["piles"][name]
        columns = -(-count // 15)
        for i in range(count):
            parts.append(
                box(x + 20 * (i // 15), 340 - 20 * (i % 15), 16, 16, fill=colour, opacity=0.85)
            )
        width = max(20 * columns, 250)
        parts.append(text(x, 28, 30, f"{name}: {count}", font_weight=700, fill=colour))
        parts.append(text(x, 398, 26, verb, font_weight=700))
        parts.append(lines(x, 432, 22, rest, 300, fill=MUTED))
        x += width + 120
    return svg(1160, 470, "".join(parts), "Three piles of pictures")


def five_ways() -> str:
    """What each way trains, and from what it starts."""
    parts = []
    for row, (name, (states, words)) in enumerate(WAYS.items()):
        y = 4 + 84 * row
        parts.append(layers(10, y + 6, states, unit=40, height=58))
        parts.append(text(350, y + 43, 28, name, font_weight=700, fill=COLOUR[name]))
        parts.append(text(600, y + 43, 23, words))
    return svg(1160, 470, HATCH + "".join(parts) + legend(24, 444, "ftn"), "Five ways to train")


def results() -> str:
    """The five ways on the test pictures, with Wilson intervals."""
    n, low, left, right = measured()["piles"]["test"], 0.4, 250, 850

    def at(value: float) -> float:
        return left + (value - low) / (1 - low) * (right - left)

    parts = []
    for tick in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        style = 'stroke-dasharray="8 7"' if tick == 0.5 else ""
        colour = MUTED if tick == 0.5 else "#cfc9bd"
        parts.append(f'<path d="M{at(tick):g} 8V410" stroke="{colour}" stroke-width="2" {style}/>')
        name = "chance" if tick == 0.5 else dot(tick, 1).replace("1.0", "1")
        parts.append(text(at(tick), 440, 21, name, text_anchor="middle", fill=MUTED))
    for row, (name, correct) in enumerate(measured()["right"].items()):
        y, found, colour = 46 + 80 * row, tl.wilson_interval(correct, n), COLOUR[name]
        parts.append(text(left - 24, y + 9, 27, name, text_anchor="end", font_weight=600))
        parts.append(
            f'<path d="M{at(found.low):.1f} {y}H{at(found.high):.1f}" stroke="{colour}" '
            'stroke-width="10" stroke-linecap="round"/>'
            f'<circle cx="{at(found.mean):.1f}" cy="{y}" r="15" fill="{colour}"/>'
        )
        parts.append(text(right + 36, y - 2, 25, f"{correct} of {n}", font_weight=700))
        parts.append(text(right + 36, y + 27, 21, str(found), fill=MUTED))
    return svg(1160, 452, "".join(parts), "Five ways, 153 test pictures")


def one_picture() -> str:
    """How wide the interval of an accuracy of .95 is, by number of test pictures."""
    parts = [text(16, 26, 22, "test pictures", fill=MUTED)]
    parts.append(text(240, 26, 22, "you measure .95; it may well be ...", fill=MUTED))
    low, left, width = 0.86, 240, 620

    def at(value: float) -> float:
        return left + (value - low) / (1 - low) * width

    for tick in (0.88, 0.92, 0.96, 1.0):
        parts.append(f'<path d="M{at(tick):.1f} 50V340" stroke="#cfc9bd" stroke-width="2"/>')
        name = dot(tick, 2).replace("1.00", "1")
        parts.append(text(at(tick), 366, 20, name, text_anchor="middle", fill=MUTED))
    for row, n in enumerate((153, 1000, 10_000)):
        y, found = 96 + 96 * row, tl.wilson_interval(round(0.95 * n), n)
        colour = (RUST, BLUE, GREEN)[row]
        parts.append(
            f'<path d="M{at(found.low):.1f} {y}H{at(found.high):.1f}" stroke="{colour}" '
            'stroke-width="26" stroke-linecap="butt" opacity=".35"/>'
            f'<circle cx="{at(found.mean):.1f}" cy="{y}" r="13" fill="{colour}"/>'
        )
        parts.append(text(16, y + 11, 32, f"{n:,}", font_weight=700, fill=colour))
        parts.append(text(900, y - 2, 25, f"{dot(found.low)} to {dot(found.high)}"))
        parts.append(
            text(900, y + 28, 21, f"{100 * (found.high - found.low):.1f} points", fill=MUTED)
        )
    return svg(1160, 380, "".join(parts), "Interval width by number of test pictures")


def coins() -> str:
    """Pictures on which two networks disagree, as coins: three splits with their p-values."""
    a, b, _ = measured()["mcnemar"]["fine-tuned / fixed"]
    least = next(n for n in range(1, 20) if p_of(n, 0) < 0.05)
    rows = (
        (PUBLISHED[0] - PUBLISHED[1], 0, f"{PUBLISHED[0]} against {PUBLISHED[1]}, at best"),
        (least, 0, "the first clean sweep that counts"),
        (a, b, "fine-tuned against fixed, our run"),
    )
    parts = []
    for row, (x, y, words) in enumerate(rows):
        top = 20 + 132 * row
        for i in range(x + y):
            colour = BLUE if i < x else RUST
            parts.append(
                f'<circle cx="{34 + 33 * i}" cy="{top + 62}" r="14" stroke="{colour}" '
                f'fill="{colour if i < x else "#fff"}" stroke-width="4"/>'
            )
        parts.append(text(18, top + 26, 25, words, font_weight=600))
        p = p_of(x, y)
        shown = dot(p) if p >= 0.001 else f"{p:.0e}".replace("e-0", " · 10⁻")
        for digit, small in zip("123456789", "¹²³⁴⁵⁶⁷⁸⁹", strict=True):
            shown = shown.replace(f"⁻{digit}", f"⁻{small}")
        parts.append(text(800, top + 72, 34, f"{x} : {y}", font_weight=700))
        colour = GREEN if p < 0.05 else RUST
        parts.append(text(925, top + 72, 30, f"p = {shown}", fill=colour, font_weight=700))
    return svg(1160, 410, "".join(parts), "Disagreements as coins")


def transfer_rows(start: str) -> list[dict]:
    """The rows of one start at equal steps, smallest training set first."""
    rows: dict[str, dict] = {}
    for row in transfer()["rows"]:
        if row["start"] == start:
            rows.setdefault(str(row["images"]), row)  # the longer run comes after the equal one
    return list(rows.values())


def longer_scratch() -> dict:
    """The row that was trained from scratch for longer, on all images."""
    rows = [row for row in transfer()["rows"] if row["start"] == "scratch"]
    return max(rows, key=lambda row: row["steps"])


def times_longer() -> int:
    """How many times the steps that row took."""
    return longer_scratch()["steps"] // transfer_rows("scratch")[-1]["steps"]


def transfer_curves() -> str:
    """Accuracy by training images a class for each start, mean over seeds with interval."""
    starts = [start for start in STARTS if transfer_rows(start)]
    counts = [str(row["images"]) for row in transfer_rows(starts[0])]
    frame = Frame(90, 46, 720, 310, (-0.15, len(counts) - 0.85), (0.45, 1.0))
    yticks = {0.5: ".5", 0.6: ".6", 0.7: ".7", 0.8: ".8", 0.9: ".9", 1.0: "1"}
    xlabel, ylabel = "training pictures a class", "accuracy on fresh pictures"
    parts = [frame.axes(dict(enumerate(counts)), yticks, xlabel, ylabel)]
    ends, longer = {}, longer_scratch()
    for index, start in enumerate(starts):
        rows = transfer_rows(start)
        parts.append(frame.line([(i, row["mean"]) for i, row in enumerate(rows)], index))
        parts += [frame.whisker(i, r["low"], r["high"], index) for i, r in enumerate(rows)]
        few, all_ = rows[0]["mean"], rows[-1]["mean"]
        more = f"|ring, {times_longer()} x the steps: {dot(longer['mean'], 2)}"
        more = more if start == "scratch" else ""
        ends[f"{STARTS[start]}|{dot(few, 2)} with 5, {dot(all_, 2)} with all{more}"] = all_
    x, y = frame.at(len(counts) - 1, longer["mean"])
    colour = COLOURS[starts.index("scratch")]
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="#fff" stroke="{colour}" '
                 'stroke-width="5"/>')  # fmt: skip
    return svg(1160, 430, "".join(parts) + frame.names(ends), "Transfer by training pictures")


def lottery() -> str:
    """Test accuracy after every epoch, and three numbers one could report from it."""
    values, told = measured()["test_by_epoch"], measured()["reported"]
    epochs = range(1, len(values) + 1)
    low = min(0.9, min(values)) // 0.05 * 0.05
    frame = Frame(90, 46, 640, 320, (0.6, len(values) + 0.4), (low, 1.0))
    ticks = {round(low + 0.05 * i, 2): dot(low + 0.05 * i, 2) for i in range(30)}
    ticks = {v: "1" if v == 1 else n for v, n in ticks.items() if v <= 1}
    if len(ticks) > 7:
        ticks = {v: n for i, (v, n) in enumerate(ticks.items()) if i % 2 == 0}
    parts = [frame.axes({e: str(e) for e in (1, 5, 10, 15, len(values))}, ticks, "epoch",
                        "test accuracy")]  # fmt: skip
    parts.append(frame.line(list(zip(epochs, values, strict=True)), 0))
    best = max(values)
    for epoch, value in zip(epochs, values, strict=True):
        if value == best:
            x, y = frame.at(epoch, value)
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="17" fill="none" stroke="{RUST}" '
                'stroke-width="5"/>'
            )
    for row, (name, value) in enumerate(told.items()):
        y = 92 + 112 * row
        colour = (MUTED, BLUE, RUST)[row]
        parts.append(text(800, y, 50, dot(value), font_weight=700, fill=colour))
        parts.append(lines(950, y - 24, 22, name, 210))
    return svg(1160, 440, "".join(parts), "One run, three numbers")


def mistakes() -> str:
    """The best network's confusion matrix, and the mistakes it was surest of."""
    from PIL import Image

    (ant_ant, ant_bee), (bee_ant, bee_bee) = measured()["confusion"]
    parts = [
        text(200, 28, 21, "network says", fill=MUTED, text_anchor="middle"),
        text(128, 64, 24, "ants", text_anchor="middle", font_weight=600),
        text(272, 64, 24, "bees", text_anchor="middle", font_weight=600),
    ]
    for i, (count, right) in enumerate(
        ((ant_ant, True), (ant_bee, False), (bee_ant, False), (bee_bee, True))
    ):
        x, y = 60 + 144 * (i % 2), 80 + 144 * (i // 2)
        fill, ink = (BLUE, "#fff") if right else ("#fff", RUST)
        parts.append(box(x, y, 136, 136, fill=fill, stroke=BLUE, stroke_width=3))
        parts.append(text(x + 68, y + 84, 46, str(count), fill=ink, text_anchor="middle",
                          font_weight=700))  # fmt: skip
    bold = {"fill": INK, "font_weight": 600}
    for x, y, size, name, style in (
        (12, 220, 21, "truth", {"fill": MUTED}),
        (44, 148, 24, "ants", bold),
        (44, 292, 24, "bees", bold),
    ):
        parts.append(
            f'<g transform="translate({x + 4} {y}) rotate(-90)">'
            + text(0, 0, size, name, text_anchor="middle", **style)
            + "</g>"
        )
    for i, (number, said, sure) in enumerate(measured()["mistakes"][:6]):
        x, y = 480 + 230 * (i % 3), 6 + 226 * (i // 3)
        image = Image.fromarray(test_set().images[number].permute(1, 2, 0).numpy())
        parts.append(picture(x, y, 180, image))
        parts.append(text(x, y + 208, 22, f"“{said}” {sure:.0%}", fill=RUST, font_weight=600))
    return svg(1160, 448, "".join(parts), "Confusion matrix and mistakes")


def zero_training() -> str:
    """Zero training on the clean drawings and on the public photographs."""
    found, n = measured(), measured()["piles"]["test"]
    bars = [("drawings", "zero training", found["right"]["zero training"], BLUE)]
    photographs = found["photographs"]
    bars.append(("photographs", "zero training", photographs["zero training"], RUST))
    bars.append(("photographs", "fixed", photographs["fixed"], GREEN))
    parts = []
    for row, (where, way, correct, colour) in enumerate(bars):
        y, share = 20 + 116 * row, correct / n
        parts.append(text(16, y + 34, 27, where, font_weight=700))
        parts.append(text(16, y + 66, 22, way, fill=MUTED))
        parts.append(box(240, y, 660, 80, fill="#fff", stroke="#cfc9bd", stroke_width=2))
        parts.append(box(240, y, 660 * share, 80, fill=colour))
        parts.append(text(930, y + 38, 32, dot(share), font_weight=700, fill=colour))
        parts.append(text(930, y + 68, 22, f"{correct} of {n}", fill=MUTED))
    x = 240 + 330
    parts.append(f'<path d="M{x} 8V344" stroke="{INK}" stroke-width="3" stroke-dasharray="8 7"/>')
    parts.append(text(x, 368, 20, "chance", text_anchor="middle", fill=MUTED))
    return svg(1160, 376, "".join(parts), "Zero training on drawings and photographs")


def costs() -> str:
    """Claim C1: a training step, whole network against a fixed one, and with cached features."""
    found = measured()["milliseconds"]
    full = found["full"]
    names = {
        "full": ("fine-tuned", "forward and backward through all layers"),
        "fixed, not cached": ("fixed", "backward through the head only"),
        "fixed, cached features": ("fixed, cached", "the head alone"),
    }
    parts = []
    for row, (key, (name, words)) in enumerate(names.items()):
        y, share, colour = 8 + 96 * row, found[key] / full, (RUST, BLUE, GREEN)[row]
        parts.append(text(16, y + 32, 27, name, font_weight=700))
        parts.append(text(16, y + 62, 20, words, fill=MUTED))
        parts.append(box(500, y, max(480 * share, 4), 66, fill=colour))
        shown = f"{share:.2f}" if share > 0.05 else f"1 / {1 / share:.0f}"
        shown = "1" if share == 1 else shown.removeprefix("0")
        parts.append(
            text(520 + max(480 * share, 4), y + 44, 32, shown, font_weight=700, fill=colour)
        )
    return svg(1160, 290, "".join(parts), "Time of a step, in full steps")


def learning_curves() -> str:
    """Claim C18: validation accuracy by optimiser step."""
    curves, steps = measured()["curves"], measured()["steps"]
    frame = Frame(90, 46, 780, 310, (0, steps), (0.4, 1.0))
    yticks = {0.4: ".4", 0.6: ".6", 0.8: ".8", 1.0: "1"}
    xticks = {round(steps * i / 4): str(round(steps * i / 4)) for i in range(5)}
    parts = [frame.axes(xticks, yticks, "optimiser step", "validation accuracy")]
    target = measured()["c18"]["target"]
    (x, y), (end, _) = frame.at(0, target), frame.at(steps, target)
    parts.append(
        f'<path d="M{x:g} {y:.1f}H{end:g}" stroke="{INK}" stroke-width="2" '
        'stroke-dasharray="8 7"/>'
        + text(end - 6, y + 26, 20, f"target {dot(target, 2)}", text_anchor="end", fill=INK)
    )
    ends = {}
    for index, (name, points) in enumerate(curves.items()):
        parts.append(frame.line(points, index))
        ends[f"{name}|ends at {dot(points[-1][1], 2)}"] = points[-1][1]
    return svg(1160, 420, "".join(parts) + frame.names(ends), "Learning curves")


def broken_loops() -> str:
    """Break it on purpose: training loss of three loops that differ in one line."""
    runs = measured()["broken"]
    values = [v for run in runs.values() for v in run["loss"]]
    low, high = min(values) * 0.8, max(values) * 1.2
    steps = len(next(iter(runs.values()))["loss"]) + 4
    frame = Frame(90, 46, 720, 310, (5, steps), (low, high), log=True)
    yticks = {v: f"{v:g}" for v in (0.1, 0.3, 1, 3, 10, 30, 100, 300) if low <= v <= high}
    xticks = {5: "5", 20: "20", 40: "40", 60: "60"}
    parts = [frame.axes(xticks, yticks, "step", "training loss (logarithmic)")]
    ends = {}
    for index, (name, run) in enumerate(runs.items()):
        parts.append(frame.line(list(enumerate(run["loss"], 5)), index, dots=False))
        ends[f"{name}|validation {dot(run['val'], 2)}"] = run["loss"][-1]
    return svg(1160, 430, "".join(parts) + frame.names(ends), "Three training loops")


FIGURES = {
    "ants_bees_job.svg": the_job,
    "ants_bees_lost_lines.svg": lost_lines,
    "ants_bees_piles.svg": three_piles,
    "ants_bees_ways.svg": five_ways,
    "ants_bees_results.svg": results,
    "ants_bees_one_picture.svg": one_picture,
    "ants_bees_coins.svg": coins,
    "ants_bees_transfer.svg": transfer_curves,
    "ants_bees_lottery.svg": lottery,
    "ants_bees_mistakes.svg": mistakes,
    "ants_bees_zero.svg": zero_training,
    "ants_bees_costs.svg": costs,
    "ants_bees_curves.svg": learning_curves,
    "ants_bees_broken.svg": broken_loops,
}

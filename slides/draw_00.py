"""Figures of the opening deck."""

from __future__ import annotations

import functools

from insects import INSECTS, drawn_insects, insect, what_layers_see
from shapes import BLUE, HATCH, RUST, box, layers, legend, lines, picture

import tlhelpers as tl
from tlhelpers.teaching.diagrams import COLOURS, INK, MUTED, draw_taxonomy, svg, text
from tlhelpers.teaching.taxonomy import LESSONS


def network_cut() -> str:
    """ResNet-18, cut where this course cuts it; the counts are those of torchvision's model."""
    import torch
    from torchvision.models import resnet18

    with torch.device("meta"):  # shapes are enough for counting
        model = resnet18()
        tl.replace_head(model, 2)
    _, head = tl.get_head(model)
    count = {name: tl.count_parameters(module)["total"] for name, module in model.named_children()}
    stages = {"stem": ("conv1", "bn1")} | {f"layer{i}": (f"layer{i}",) for i in range(1, 5)}
    total = sum(count.values()) - tl.count_parameters(head)["total"]
    parts, x, middle = [], 150.0, 225
    parts.append(picture(6, middle - 60, 120, insect("bees", INSECTS[1])))
    parts.append(text(66, middle + 90, 18, "224 x 224", text_anchor="middle", fill=MUTED))
    sizes = ((46, 250), (62, 210), (84, 165), (116, 120), (168, 82))
    for (name, members), (width, height) in zip(stages.items(), sizes, strict=True):
        size = sum(count[member] for member in members)
        middle_x = x + width / 2
        frozen = {"fill": "url(#frozen)", "stroke": BLUE, "stroke_width": 2}
        parts.append(box(x, middle - height / 2, width, height, **frozen))
        parts.append(text(middle_x, 378, 20, name, text_anchor="middle", font_weight=600))
        parts.append(text(middle_x, 404, 19, _short(size), text_anchor="middle", fill=MUTED))
        x += width + 38
    cut = x + 6
    parts.append(
        f'<path d="M{cut:g} 60V420" stroke="{RUST}" stroke-width="4" stroke-dasharray="12 9"/>'
    )
    parts.append(box(cut + 52, middle - 34, 96, 68, fill="#fff", stroke=RUST, stroke_width=6))
    parts.append(text(cut + 100, 378, 20, "fc", text_anchor="middle", font_weight=600))
    parts.append(text(cut + 100, 404, 19, _short(count["fc"]), text_anchor="middle", fill=MUTED))
    parts.append(text(cut + 174, middle - 10, 22, "ants"))
    parts.append(text(cut + 174, middle + 24, 22, "bees"))
    words = f"backbone: {total / 1e6:.1f} million parameters, reused"
    parts.append(text(150, 40, 27, words, fill=BLUE, font_weight=700))
    parts.append(text(cut + 26, 40, 27, "head: new", fill=RUST, font_weight=700))
    label = "ResNet-18 cut between its last stage and its head"
    return svg(1160, 430, HATCH + "".join(parts), label)


def _short(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count:,}"


def three_ways() -> str:
    """As it is, as a feature extractor, fine-tuned: the same network, three treatments."""
    ways = (
        ("ffffff", "As it is", "The new task is among the old classes: predict, train nothing."),
        ("fffffn", "As a feature extractor", "Freeze the backbone, train a new head on it."),
        ("tttttn", "Fine-tuned", "Start from its weights; train all layers in small steps."),
    )
    parts = []
    for row, (states, name, words) in enumerate(ways):
        y = 6 + 138 * row
        parts.append(layers(10, y + 14, states, unit=58, height=90))
        parts.append(text(470, y + 48, 30, name, font_weight=700))
        parts.append(lines(470, y + 86, 24, words, 690))
    return svg(
        1160, 480, HATCH + "".join(parts) + legend(10, 450, "ftn"), "Three ways to use a network"
    )


def scenarios() -> str:
    """Size of the target set against its similarity to the source: where to start, four times."""
    cells = (
        ("Few data, similar", "fffffn", "New head on frozen features"),
        ("Few data, different", "fff--n", "Cut late layers, head on early features"),
        ("Many data, similar", "tttttn", "Fine-tune all layers"),
        ("Many data, different", "tttttn", "Train all layers; old weights are the start"),
    )
    parts = []
    for i, (name, states, advice) in enumerate(cells):
        x, y = 10 + 580 * (i % 2), 4 + 202 * (i // 2)
        parts.append(box(x, y, 560, 188, fill="#fff", stroke=COLOURS[i], stroke_width=3))
        parts.append(text(x + 24, y + 42, 27, name, font_weight=700, fill=COLOURS[i]))
        parts.append(layers(x + 24, y + 58, states, unit=54, height=68))
        parts.append(text(x + 24, y + 164, 24, advice))
    return svg(1160, 460, HATCH + "".join(parts) + legend(24, 432), "Four starting points")


def intervals() -> str:
    """The public ants/bees results, 142 and 146 of 153 images, with their Wilson intervals."""
    rows = (("fine-tuned", 142, RUST), ("fixed extractor", 146, BLUE))
    low, high, left, right = 0.84, 1.0, 270, 900

    def at(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    parts = []
    for tick in (0.85, 0.9, 0.95, 1.0):
        parts.append(f'<path d="M{at(tick):g} 20V230" stroke="#cfc9bd" stroke-width="2"/>')
        parts.append(text(at(tick), 262, 22, f"{tick:.0%}", text_anchor="middle", fill=MUTED))
    for row, (name, correct, colour) in enumerate(rows):
        y, interval = 75 + 100 * row, tl.wilson_interval(correct, 153)
        parts.append(text(left - 24, y + 9, 27, name, text_anchor="end", font_weight=600))
        parts.append(
            f'<path d="M{at(interval.low):g} {y}H{at(interval.high):g}" stroke="{colour}" '
            f'stroke-width="10" stroke-linecap="round"/>'
        )
        parts.append(f'<circle cx="{at(interval.mean):g}" cy="{y}" r="15" fill="{colour}"/>')
        words = f"{interval.mean:.1%} ({interval.low:.0%} to {interval.high:.0%})"
        parts.append(text(right + 30, y - 2, 24, f"{correct} of 153", font_weight=600))
        parts.append(text(right + 30, y + 27, 20, words, fill=MUTED))
    words = "validation accuracy, 95 % Wilson interval"
    parts.append(text((left + right) / 2, 296, 20, words, text_anchor="middle", fill=MUTED))
    return svg(1160, 306, "".join(parts), "Two results whose intervals overlap")


def lesson_map() -> str:
    """All lessons by what they are about; discs mark the order of a one-day workshop."""
    rows = (
        ("Reuse a network", (1, 2, 3, 4, 5)),
        ("Other labels, other domains", (6, 9, 10)),
        ("Small updates, other spaces", (13, 11, 12)),
        ("Decide by measuring", (7, 8, 14)),
    )
    one_day = (1, 3, 5, 7, 6, 8)
    parts = []
    for row, (theme, numbers) in enumerate(rows):
        y, colour = 4 + 112 * row, COLOURS[row]
        width = (920 - 12 * (max(len(numbers), 3) - 1)) / max(len(numbers), 3)
        parts.append(lines(10, y + 44, 25, theme, 220, fill=colour, font_weight=700))
        for column, number in enumerate(numbers):
            x = 234 + (width + 12) * column
            parts.append(box(x, y, width, 98, fill="#fff", stroke=colour, stroke_width=2))
            parts.append(text(x + 12, y + 28, 22, f"{number:02d}", fill=colour, font_weight=700))
            parts.append(lines(x + 12, y + 55, 18, LESSONS[number], width - 16))
            if number in one_day:
                parts.append(_disc(x + width - 20, y + 21, str(one_day.index(number) + 1)))
    parts.append(
        _disc(250, 469, "1") + text(274, 476, 19, "order for a one-day workshop", fill=MUTED)
    )
    return svg(1160, 490, "".join(parts), "The lessons of the course")


def _disc(x: float, y: float, number: str) -> str:
    label = text(x, y + 6, 17, number, fill="#fff", text_anchor="middle", font_weight=700)
    return f'<circle cx="{x:g}" cy="{y:g}" r="13" fill="{INK}"/>{label}'


def _question(*questions: int) -> str:
    return draw_taxonomy(questions, links={}, details=False, width=780)


FIGURES = {
    "drawn_insects.jpg": drawn_insects,
    "network_cut.svg": network_cut,
    "what_layers_see.svg": what_layers_see,
    "three_ways.svg": three_ways,
    "map_carried.svg": functools.partial(_question, 1),
    "map_labels.svg": functools.partial(_question, 0),
    "map_decide.svg": functools.partial(_question, 2, 3),
    "scenarios.svg": scenarios,
    "intervals.svg": intervals,
    "lesson_map.svg": lesson_map,
}

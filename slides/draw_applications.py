"""Figures of the deck on applications: published results, and three of this course's own.

A published number stands here once, beside its source; the speaker notes say in which table or
abstract it is found. Own measurements are read from data/results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lesson_run import kept
from shapes import BLUE, GREEN, PLUM, RUST, bars, box, dot

import tlhelpers as tl
from data.recipes.tables import RESULTS
from tlhelpers.teaching.diagrams import MUTED, measure, svg, text


@dataclass(frozen=True)
class Published:
    """One result: task, value, where it is published, and what success stories leave out."""

    field: str
    task: str
    values: str
    source: str
    left_out: str


PUBLISHED = (
    Published(
        "health",
        "eye pictures, 5,000 labels",
        "AUC 92.2 → 94.6",
        "Raghu 2019, arXiv 1902.07208",
        "a small network alone: 93.6",
    ),
    Published(
        "health",
        "pneumonia, other hospital",
        "AUC .931 → .815",
        "Zech 2018, doi 10.1371/journal.pmed.1002683",
        "how to mend it",
    ),
    Published(
        "driving",
        "objects in fog, no fog labels",
        "AP50 24.9 → 41.0",
        "Chen 2018, arXiv 1803.03243 (rebuilt)",
        "real fog, a strong baseline",
    ),
    Published(
        "translation",
        "four languages, mean",
        "BLEU +5.6",
        "Zoph 2016, arXiv 1604.02201",
        "older system passed on 1 of 4",
    ),
    Published(
        "translation",
        "English to isiZulu",
        "BLEU +6.1",
        "Nyoni 2021, arXiv 2104.00366",
        "joint training: +9.9",
    ),
    Published(
        "speech",
        "English, 10 labelled minutes",
        "WER 4.8 and 8.2",
        "Baevski 2020, arXiv 2006.11477",
        "fewer than 53,000 hours",
    ),
    Published(
        "text",
        "kinds of questions, TREC-6",
        "error 10.7 → 5.7",
        "Howard 2018, arXiv 1801.06146",
        "IMDb 5.6 → 5.0, AG 5.5 → 5.4",
    ),
    Published(
        "video",
        "actions, HMDB-51, images",
        "right 49.8 → 74.3",
        "Carreira 2017, arXiv 1705.07750",
        "no transfer at all",
    ),
    Published(
        "games",
        "Atari, fine-tuned",
        "better in 5 of 12",
        "Rusu 2016, arXiv 1606.04671",
        "no gain in 7",
    ),
)
COLOUR = {"health": RUST, "driving": BLUE, "translation": GREEN, "speech": GREEN, "text": GREEN}
COLOUR |= {"video": BLUE, "games": PLUM}

# Which article names which application (the articles as the lessons link them), and where in this
# deck or course it is looked at.
ARTICLES = ("eInfochips", "a blog", "Arbisoft", "LeewayHertz", "Javatpoint")
NAMED = {
    "health": "Arbisoft LeewayHertz",
    "driving": "Arbisoft",
    "translation": "Arbisoft LeewayHertz",
    "speech": "LeewayHertz",
    "text": "eInfochips blog LeewayHertz",
    "video": "eInfochips LeewayHertz",
    "faces at a door": "eInfochips LeewayHertz",
    "games": "",
}


def named() -> str:
    """Applications against articles: a disc where the article names it."""
    parts, left, pitch = [], 290, 156
    for column, article in enumerate(ARTICLES):
        x = left + pitch * column
        parts.append(text(x, 32, 23, article, text_anchor="middle", font_weight=600))
    parts.append(text(1085, 32, 23, "result given", text_anchor="middle", font_weight=600))
    for row, (name, articles) in enumerate(NAMED.items()):
        y = 80 + 48 * row
        parts.append(f'<path d="M10 {y + 24}H1150" stroke="#d9d3c7" stroke-width="2"/>')
        parts.append(text(20, y + 8, 25, name, font_weight=600))
        for column, article in enumerate(ARTICLES):
            if article.removeprefix("a ") in articles.split():
                parts.append(
                    f'<circle cx="{left + pitch * column}" cy="{y}" r="13" fill="{BLUE}"/>'
                )
        parts.append(text(1085, y + 8, 25, "none", text_anchor="middle", fill=RUST))
    return svg(1160, 450, "".join(parts), "Which article names which application")


@dataclass(frozen=True)
class Pair:
    """A row of `pairs`: two values, and if there is one, a rival that does without the source.

    Own measurements are intervals; the published ones come without.
    """

    name: str
    before: float | tl.Interval
    after: float | tl.Interval
    rival: tl.Interval | None = None
    rival_name: str = ""


def middle(value: float | tl.Interval) -> float:
    return value.mean if isinstance(value, tl.Interval) else value


def pairs(
    rows: Sequence[Pair],
    *,
    span: tuple[float, float],
    names: tuple[str, str],
    xlabel: str,
    digits: int = 1,
    left: float = 420,
    pitch: float = 84,
) -> str:
    """A line for each row: hollow without, filled with the source, a diamond for the rival.

    A pale band is the 95 % interval, where it is known.
    """
    low, high = span
    right, height = 1060, 84 + pitch * len(rows)

    def at(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    def words(value: float) -> str:
        return f"{value:.{digits}f}" if high > 1 else dot(value, digits)

    parts, x = [], left
    for name, fill in zip(names, ("#fff", BLUE), strict=True):
        parts.append(
            f'<circle cx="{x + 12:g}" cy="20" r="10" fill="{fill}" stroke="{BLUE}" '
            'stroke-width="4"/>'
        )
        parts.append(text(x + 32, 28, 22, name))
        x += 72 + measure(name, 22)
    axis = height - 44
    parts.append(f'<path d="M{left:g} {axis:g}H{right}" stroke="{MUTED}" stroke-width="2"/>')
    for value in (low, (low + high) / 2, high):
        label = words(value)
        parts.append(text(at(value), axis + 24, 19, label, text_anchor="middle", fill=MUTED))
    parts.append(text(20, axis + 24, 20, xlabel, fill=MUTED))
    for row, pair in enumerate(rows):
        y = 84 + pitch * row
        for value, colour, below in (
            (pair.before, BLUE, 0),
            (pair.after, BLUE, 0),
            (pair.rival, RUST, 35),
        ):
            if isinstance(value, tl.Interval):
                band = f"M{at(value.low):g} {y + below}H{at(value.high):g}"
                parts.append(
                    f'<path d="{band}" stroke="{colour}" stroke-width="26" stroke-opacity="0.2"/>'
                )
        a, b = at(middle(pair.before)), at(middle(pair.after))
        parts.append(text(left - 44, y + 8, 24, pair.name, text_anchor="end", font_weight=600))
        parts.append(f'<path d="M{a:g} {y}H{b:g}" stroke="{BLUE}" stroke-width="5"/>')
        if pair.rival is not None:
            x = at(pair.rival.mean)
            parts.append(f'<path d="M{x:g} {y + 22}l13 13l-13 13l-13 -13z" fill="{RUST}"/>')
            label = f"{pair.rival_name} {words(pair.rival.mean)}"
            parts.append(
                text(
                    min(x - 10, at(pair.rival.low)) - 14,
                    y + 42,
                    20,
                    label,
                    text_anchor="end",
                    fill=RUST,
                )
            )
        for x, value, fill in ((a, middle(pair.before), "#fff"), (b, middle(pair.after), BLUE)):
            parts.append(
                f'<circle cx="{x:g}" cy="{y}" r="12" fill="{fill}" stroke="{BLUE}" '
                'stroke-width="4"/>'
            )
            outward, anchor = (-24, "end") if x < max(a, b) else (24, "start")
            label = words(value) + (", both" if a == b else "")
            parts.append(text(x + outward, y + 8, 23, label, text_anchor=anchor))
    return svg(1160, height, "".join(parts), xlabel)


def eyes() -> str:
    """Raghu et al. 2019, tables 1 and 3."""
    rows = (
        Pair("ResNet-50, 250,000 pictures", 96.4, 96.7),
        Pair("small network, 250,000", 96.2, 96.2),
        Pair("ResNet-50, 5,000", 92.2, 94.6),
        Pair("small network, 5,000", 93.6, 93.9),
    )
    names = ("from scratch", "from ImageNet's weights")
    return pairs(rows, span=(91, 98), names=names, xlabel="AUC in %, diabetic eye disease")


def hospital() -> str:
    """Zech et al. 2018, abstract: three AUC, with their 95 % interval."""
    rows = (
        ("at the two training hospitals", 0.931, (0.927, 0.936), BLUE),
        ("at a third hospital", 0.815, None, RUST),
        ("knowing only which hospital", 0.861, (0.855, 0.866), MUTED),
    )
    low, left, right = 0.75, 430, 1000

    def at(value: float) -> float:
        return left + (value - low) / (1 - low) * (right - left)

    parts = []
    for tick in (0.75, 0.8, 0.85, 0.9, 0.95, 1.0):
        parts.append(f'<path d="M{at(tick):g} 10V290" stroke="#d9d3c7" stroke-width="2"/>')
        label = "1" if tick == 1 else dot(tick)
        parts.append(text(at(tick), 320, 20, label, text_anchor="middle", fill=MUTED))
    for row, (name, value, interval, colour) in enumerate(rows):
        y = 56 + 90 * row
        parts.append(text(left - 20, y + 8, 25, name, text_anchor="end", font_weight=600))
        if interval:
            path = f"M{at(interval[0]):g} {y}H{at(interval[1]):g}"
            parts.append(f'<path d="{path}" stroke="{colour}" stroke-width="10"/>')
        parts.append(f'<circle cx="{at(value):g}" cy="{y}" r="13" fill="{colour}"/>')
        label = {"text_anchor": "middle", "fill": colour, "font_weight": 700}
        parts.append(text(at(value), y - 22, 25, dot(value, 3), **label))
    parts.append(text(20, 320, 20, "AUC, pneumonia", fill=MUTED))
    return svg(1160, 336, "".join(parts), "A detector at home and elsewhere")


def fog() -> str:
    """Chen et al. 2018 as rebuilt in PyTorch by H. Wang: AP50 on Foggy Cityscapes."""
    found = {
        "clear weather only": 24.9,
        "+ align pictures": 38.3,
        "+ align objects": 38.8,
        "+ both": 40.8,
        "+ consistency": 41.0,
    }
    rows = [
        (name, value / 45, RUST if name.startswith("clear") else BLUE, f"{value:.1f}")
        for name, value in found.items()
    ]
    body = bars(rows, left=300, width=700, pitch=54)
    body += text(20, 304, 20, "AP50 in %, simulated fog, no label of a foggy picture", fill=MUTED)
    return svg(1160, 316, body, "Detection in fog")


def translation() -> str:
    """Gains in BLEU over the same pair trained alone: abstracts of two papers."""
    rows = (
        ("four languages, mean", 5.6, BLUE, "+5.6  transfer from a large pair"),
        ("isiZulu", 2.0, MUTED, "+2.0  zero-shot"),
        ("isiZulu", 6.1, BLUE, "+6.1  transfer"),
        ("isiZulu", 9.9, RUST, "+9.9  one model, all languages"),
    )
    scaled = [(name, gain / 17, colour, words) for name, gain, colour, words in rows]
    body = bars(scaled, left=290, width=760, pitch=62)
    body += text(20, 282, 20, "BLEU gained over the same pair trained alone", fill=MUTED)
    return svg(1160, 294, body, "Gains in translation")


def language() -> str:
    """Howard & Ruder 2018, table 4: validation error with and without pre-training."""
    rows = (
        Pair("reviews (IMDb)", 5.63, 5.00),
        Pair("questions (TREC-6)", 10.67, 5.69),
        Pair("news (AG)", 5.52, 5.38),
    )
    names = ("not pre-trained", "pre-trained on Wikipedia text")
    label = "validation error in %"
    return pairs(rows, span=(3, 12), names=names, xlabel=label, digits=2, pitch=66)


def video() -> str:
    """Carreira & Zisserman 2017: actions in HMDB-51, one network, two starts."""
    rows = (Pair("from the images", 49.8, 74.3), Pair("from the optical flow", 61.9, 77.3))
    names = ("ImageNet's weights", "then Kinetics: 400 actions")
    label = "videos classified rightly, %"
    return pairs(rows, span=(40, 90), names=names, xlabel=label)


def games() -> str:
    """Rusu et al. 2016: in how many of 12 Atari games what was learnt before helped."""
    rows = (
        ("progressive networks", (8, 2, 2), ("8 better", "2 neither", "2 worse")),
        ("fine-tuning all layers", (5, 7, 0), ("5 better", "7 not better")),
    )
    parts = []
    for row, (name, counts, words) in enumerate(rows):
        y, x = 20 + 132 * row, 330
        parts.append(text(310, y + 42, 25, name, text_anchor="end", font_weight=600))
        for count, colour in zip(counts, (GREEN, "#cfc9bd", RUST), strict=True):
            for _ in range(count):
                parts.append(box(x, y, 54, 64, fill=colour))
                x += 64
        parts.append(text(330, y + 94, 22, " · ".join(words), fill=MUTED))
    return svg(1160, 260, "".join(parts), "Transfer between Atari games")


def stored(name: str) -> dict:
    """One of the course's stored measurements."""
    return kept(RESULTS / f"{name}.json")


def mean(rows: list[dict], **where) -> tl.Interval:
    """Mean accuracy of the rows that match, with its interval."""
    found = [r["accuracy"] for r in rows if all(r.get(k) == v for k, v in where.items())]
    return tl.mean_interval(found)


def measured() -> str:
    """Lessons 07, 11 and 12: three of these applications as the course measured them."""
    stripes = {"part": "test", "target": "gratings", "images": 100, "frozen": 0, "steps": 100}
    cohort = {"part": "cohort", "learner": "linear"}
    far, patients = stored("depth_similarity")["rows"], stored("instances_features")["rows"]
    words = stored("words_relations")["parts"]["low resource"]["rows"]
    rows = (
        Pair(
            "07  stripes, 100 of each class",
            mean(far, start="scratch", **stripes),
            mean(far, start="pretrained", **stripes),
        ),
        Pair(
            "11  older patients (simulated)",
            mean(patients, arm="pooled", labels=20, **cohort),
            mean(patients, arm="domain classifier", labels=0, **cohort),
            mean(patients, arm="target only", labels=20, **cohort),
            "20 older patients alone",
        ),
        Pair(
            "12  another language (made up)",
            mean(words, arm="English labels, bag of shared words"),
            mean(words, arm="English labels, vectors aligned"),
            mean(words, arm="160 own labels, vectors"),
            "160 labels of its own",
        ),
    )
    names = ("scratch, or used as it is", "transferred with care")
    return pairs(
        rows,
        span=(0.3, 1.0),
        names=names,
        xlabel="accuracy, mean and 95 % interval",
        digits=2,
        pitch=104,
        left=440,
    )


def chart() -> str:
    """Every published result of the deck in one table, each with its source."""
    columns = (10, 138, 404, 584, 896)
    heads = ("field", "task", "result", "source", "left out")
    parts = [
        text(x, 24, 19, head, fill=MUTED, font_weight=600)
        for x, head in zip(columns, heads, strict=True)
    ]
    for row, found in enumerate(PUBLISHED):
        y = 46 + 49 * row
        parts.append(f'<path d="M10 {y - 10}H1150" stroke="#d9d3c7" stroke-width="2"/>')
        colour = COLOUR[found.field]
        parts.append(text(columns[0], y + 20, 20, found.field, fill=colour, font_weight=700))
        parts.append(text(columns[1], y + 20, 19, found.task))
        parts.append(text(columns[2], y + 20, 20, found.values, font_weight=700))
        author, _, place = found.source.partition(", ")
        parts.append(text(columns[3], y + 12, 18, author))
        parts.append(text(columns[3], y + 33, 18, place, fill=MUTED))
        parts.append(text(columns[4], y + 20, 18, found.left_out))
    return svg(1160, 490, "".join(parts), "Published results with their sources")


FIGURES = {
    "applications_named.svg": named,
    "applications_eyes.svg": eyes,
    "applications_hospital.svg": hospital,
    "applications_fog.svg": fog,
    "applications_translation.svg": translation,
    "applications_language.svg": language,
    "applications_video.svg": video,
    "applications_games.svg": games,
    "applications_measured.svg": measured,
    "applications_chart.svg": chart,
}

"""Figures of the deck on words and relations: stored runs, and what the lesson printed."""

from __future__ import annotations

import functools

import numpy as np
from lesson_run import HERE, kept
from plotted import enlarged
from shapes import BLUE, GREEN, PLUM, RUST, arrow, box

import tlhelpers as tl
from data.recipes.tables import RESULTS, select
from tlhelpers.teaching.diagrams import MUTED, svg, text

lesson = functools.partial(kept, HERE / "measured_12.json")


def interval(part: str, column: str, **where) -> tl.Interval:
    rows = kept(RESULTS / "words_relations.json")["parts"][part]["rows"]
    return tl.mean_interval(select(rows, column, **where))


def company():
    """Positive PMI: words in rows, their neighbours in columns."""
    table = lesson()["ppmi"]
    columns = list(next(iter(table.values())))
    parts = [
        text(300 + 95 * j, 40, 22, name, text_anchor="middle") for j, name in enumerate(columns)
    ]
    for i, (word, row) in enumerate(table.items()):
        y = 60 + 58 * i
        parts.append(text(236, y + 34, 24, word, text_anchor="end", font_weight=700))
        for j, value in enumerate(row.values()):
            shade = min(1.0, value / 2.5)
            parts.append(box(256 + 95 * j, y, 88, 50, fill=BLUE, fill_opacity=f"{shade:.2f}"))
            ink = "#ffffff" if shade > 0.55 else "#222222"
            parts.append(
                text(300 + 95 * j, y + 33, 21, f"{value:.1f}", text_anchor="middle", fill=ink)
            )
    return svg(1160, 420, "".join(parts), "Positive PMI of six words with nine neighbours")


def analogies():
    """Four relations, with the rule and without."""
    found = lesson()["analogies"]
    names = {"with the rule": "with the rule", "without": "without"}
    names["neighbour of c"] = "neighbour of c alone"
    relations = ("capital", "plural", "comparative", "opposite")
    bars = {title: {r: found[name][r] for r in relations} for name, title in names.items()}
    return tl.plot_bars(bars, "share of the questions answered rightly", fmt=".2f")


def unseen():
    """Accuracy on opinion words that no label has shown."""
    arms = {
        "GloVe frozen": ("GloVe frozen, steps", "sentences"),
        "GloVe tuned": ("GloVe tuned", "sentences"),
        "bag of words": ("bag of words", "sentences"),
    }
    lines = {
        name: {
            str(n): interval("words", "unseen", arm=arm, way=way, labels=n)
            for n in (4, 10, 20, 40, 80)
        }
        for name, (arm, way) in arms.items()
    }
    ax = tl.plot_lines(lines, "labelled sentences", "accuracy, unseen opinion words", fmt=".2f")
    ax.axhline(0.5, color="#555555", linestyle=":")
    return ax


def pull():
    """Mean pull of seen and unseen words, before and after tuning."""
    return tl.plot_bars(lesson()["pull"], "pull towards positive (seen +: 1)", fmt=".2f")


def order():
    """A sentence encoder and two rivals, on pairs that differ in the order alone."""
    columns = {"sentence encoder": "order", "pairs of words": "order, pairs of words"}
    columns["mean of GloVe"] = "order, mean of GloVe"
    lines = {
        name: {str(n): interval("encoder", column, labels=n) for n in (4, 10, 20, 40, 80)}
        for name, column in columns.items()
    }
    return tl.plot_lines(lines, "labelled sentences", "accuracy, word order", fmt=".2f")


def bias():
    """What a classifier of family words says about professions."""
    jobs = lesson()["jobs"]
    chosen = "nurse dancer doctor secretary engineer boss".split()
    bars = {job: jobs[job] for job in sorted(chosen, key=lambda job: -jobs[job])}
    return tl.plot_bars(bars, 'probability of "female"', fmt=".2f")


def bridges():
    """Through a word of the pivot, and through its space."""
    parts = []
    for y, name, colour in ((70, "explicit: a word in the middle", RUST), (250, "implicit", GREEN)):
        parts.append(text(20, y - 34, 26, name, fill=colour, font_weight=700))
        for x, title in ((20, "A-word"), (890, "C-word")):
            parts.append(box(x, y, 250, 90, fill="none", stroke=colour, stroke_width=3))
            parts.append(text(x + 125, y + 55, 26, title, text_anchor="middle"))
    parts.append(box(455, 70, 250, 90, fill=RUST, fill_opacity="0.15", stroke=RUST, stroke_width=3))
    parts.append(text(580, 125, 26, "B-word", text_anchor="middle"))
    parts += [arrow(280, 115, 445, RUST), arrow(715, 115, 880, RUST), arrow(280, 295, 880, GREEN)]
    parts.append(text(580, 280, 24, "the space of B", text_anchor="middle", fill=GREEN))
    parts.append(text(580, 190, 22, "rounded to a word here", text_anchor="middle", fill=MUTED))
    return svg(1160, 350, "".join(parts), "Two ways from A to C")


def pivot():
    """Four routes, where B has a word for each meaning and where it merges some."""
    titles = {0: "B has a word for each", 40: "B merges 40 pairs"}
    bars = {}
    for merged, title in titles.items():
        where = {"merged": merged, "pairs": 100}
        rows = kept(RESULTS / "words_relations.json")["parts"]["pivot"]["rows"]
        legs = [np.array(select(rows, leg, **where)) for leg in ("A to B", "B to C")]
        bars[title] = {"product of both steps": tl.mean_interval(legs[0] * legs[1])}
        for route in ("by a word of B", "by the shared space", "directly"):
            bars[title][route] = interval("pivot", route, **where)
    return tl.plot_bars(bars, "words translated rightly, A to C", fmt=".2f")


def low_resource():
    """Labels in English only, against labels of the language itself."""
    arms = {
        "English labels, bag of shared words": "English labels, bag of shared words",
        "English labels, vectors not aligned": "English labels, vectors not aligned",
        "English labels, vectors aligned": "English labels, vectors aligned",
        "16 own labels, bag of words": "16 own labels, bag of words",
        "160 own labels, bag of words": "160 own labels, bag of words",
        "160 own labels, vectors": "160 own labels, vectors",
    }
    found = {name: interval("low resource", "accuracy", arm=arm) for name, arm in arms.items()}
    return tl.plot_intervals(found, "accuracy, four kinds of news", chance=0.25)


def voices():
    """The beginning of one stream of digits in both voices."""
    import torch
    from PIL import Image

    rng, digits = np.random.default_rng(5), [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
    fonts, written = tl.font_glyphs(800, seed=2), tl.handwriting()
    rows = []
    for part in (fonts, written):
        places = [rng.choice(np.flatnonzero((part.labels == d).numpy())) for d in digits]
        rows.append(torch.cat([part.images[i, 0] for i in places], dim=1))
    pixels = ((1 - torch.cat(rows)) * 255).byte().numpy()
    return Image.fromarray(pixels).resize((1120, 224), Image.Resampling.NEAREST)


def relations(name: str = "transferred"):
    """Points gained over single pictures, for three strictnesses of the grammar."""
    titles = {0.1: "strict grammar", 0.3: "medium", 1.0: "loose"}
    rows = kept(RESULTS / "words_relations.json")["parts"]["relations"]["rows"]
    lines = {}
    for strictness, title in titles.items():
        for shots in (0, 1, 2, 3, 5, 10):
            where = {"strictness": strictness, "shots": shots}
            pairs = zip(select(rows, name, **where), select(rows, "none", **where), strict=True)
            gain = tl.mean_interval([100 * (x - y) for x, y in pairs])
            lines.setdefault(title, {})[str(shots)] = gain
    xlabel = "labelled pictures of each digit (0: a reader of fonts)"
    ax = tl.plot_lines(lines, xlabel, "points gained", fmt=".0f")
    ax.axhline(0, color="#555555", linewidth=1)
    return ax


def wrong_relations():
    """The same with the digits of the grammar relabelled."""
    ax = relations("wrong")
    ax.set_ylim(-32, 16)
    return ax


def counterpart():
    """Professor and student on one side, director and actor on the other."""
    parts = []
    pairs = (("professor", "director"), ("student", "actor"), ("advised_by", "worked_under"))
    for i, (mine, yours) in enumerate((*pairs, ("wrote", "credit"))):
        y = 14 + 84 * i
        for x, name, colour in ((120, mine, BLUE), (740, yours, PLUM)):
            parts.append(box(x, y, 300, 64, fill="none", stroke=colour, stroke_width=3))
            parts.append(text(x + 150, y + 41, 26, name, text_anchor="middle"))
        parts.append(arrow(440, y + 32, 720, MUTED))
    return svg(1160, 350, "".join(parts), "University and films")


def predicates():
    """A mapped rule against a rule learnt from the few facts."""
    names = {"F1, mapped": "mapped from the university", "F1, learnt here": "learnt here"}
    lines = {
        title: {str(n): interval("predicates", column, directors=n) for n in (1, 2, 3, 5, 8)}
        for column, title in names.items()
    }
    return tl.plot_lines(
        lines, "directors whose facts are known", "F1 on hidden credits", fmt=".2f"
    )


FIGURES = {
    "words_company.svg": company,
    "words_analogies.png": analogies,
    "words_unseen.svg": functools.partial(enlarged, unseen),
    "words_pull.svg": functools.partial(enlarged, pull),
    "words_order.svg": functools.partial(enlarged, order),
    "words_bias.svg": functools.partial(enlarged, bias, 470),
    "words_bridges.svg": bridges,
    "words_pivot.svg": functools.partial(enlarged, pivot),
    "words_low_resource.svg": functools.partial(enlarged, low_resource),
    "relations_voices.png": voices,
    "relations_gain.svg": functools.partial(enlarged, relations),
    "relations_wrong.svg": functools.partial(enlarged, wrong_relations, 380),
    "relations_counterpart.svg": counterpart,
    "relations_predicates.svg": functools.partial(enlarged, predicates),
}

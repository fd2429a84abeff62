"""Figures of the deck on many tasks and few labels, from the runs that data/recipes measured."""

from __future__ import annotations

import functools

from draw_09 import pixels, sheet
from lesson_run import kept
from measure_10 import MEASURED
from plotted import enlarged
from shapes import BLUE, GREEN, RUST, arrow, box, picture

import tlhelpers as tl
from data.recipes import self_taught_table as taught
from data.recipes.multi_task_table import RELATED, UNRELATED
from data.recipes.tables import RESULTS, select
from tlhelpers.figures.theme import new_axes
from tlhelpers.teaching.diagrams import MUTED, svg, text

SHOWN = (1, 0, 6, 5, 9, 2)  # positions of pictures with all kinds of answers
PRETEXTS = ("rotation", "contrastive", "letters' labels")
OTHER = "ABCDEFGHJKLMNPQRSTUVWXYZabdefghmnqrty"  # as in the lesson: no O, I, o, l


def runs(name: str, column: str = "accuracy", **where) -> list[float]:
    """One number of the stored runs that match, seed by seed."""
    return select(kept(RESULTS / f"{name}.json")["rows"], column, **where)


def tasks(column: str = "accuracy", **where) -> tl.Interval:
    return tl.mean_interval(runs("multi_task", column, **where))


def points(name: str, first: dict, second: dict, **where) -> tl.Interval:
    """First minus second in points, seed by seed."""
    pairs = zip(runs(name, **where, **first), runs(name, **where, **second), strict=True)
    return tl.mean_interval([100 * (a - b) for a, b in pairs])


def questions() -> str:
    """Six pictures with their seven answers, and the bits that each answer tells of the digit."""
    from PIL import Image

    images, answers = tl.digit_tasks(tl.handwriting(), seed=0)
    bits, parts = kept(RESULTS / "multi_task.json")["bits"], []
    for column, at in enumerate(SHOWN):
        pixels = ((1 - images[at, 0]) * 255).byte().numpy()
        parts.append(picture(270 + 115 * column, 0, 92, Image.fromarray(pixels)))
    parts.append(text(1148, 84, 23, "bits told", fill=MUTED, text_anchor="end"))
    for row, (task, values) in enumerate(answers.items()):
        y = 134 + 51 * row
        kind = RUST if task in UNRELATED else BLUE
        parts.append(text(8, y, 26, task, font_weight=700, fill=kind))
        for column, at in enumerate(SHOWN):
            said = said_of(task, int(values[at]))
            parts.append(text(316 + 115 * column, y, 24, said, text_anchor="middle"))
        parts.append(text(1130, y, 24, f"{bits[task]:.2f}", text_anchor="end", fill=kind))
    return svg(1160, 460, "".join(parts), "Six turned, noisy digits and their answers")


def said_of(task: str, answer: int) -> str:
    """An answer in words."""
    words = {"parity": ("even", "odd"), "tilt": ("left", "right"), "noise": ("little", "much")}
    words |= {"five or more": ("no", "yes"), "coin": ("tails", "heads")}
    return words[task][answer] if task in words else str(answer)


def trunk() -> str:
    """One trunk of two layers, a head for each task."""
    parts = []
    for y, count, what in (
        (70, "20 pictures", "the digit"),
        (250, "900 pictures", "other answers"),
    ):
        parts.append(box(10, y, 250, 110, fill="none", stroke=MUTED, stroke_width=3))
        parts.append(text(135, y + 50, 27, count, text_anchor="middle", font_weight=700))
        parts.append(text(135, y + 86, 23, what, text_anchor="middle", fill=MUTED))
        parts.append(arrow(275, y + 55, 355, MUTED))
    for x, count in ((370, 256), (490, 128), (610, 64)):
        height = 90 + count
        parts.append(box(x, 215 - height / 2, 84, height, fill=BLUE, stroke=BLUE))
        size = text(x + 42, 222, 24, str(count), text_anchor="middle", fill="#ffffff")
        parts.append(size)
    parts.append(text(532, 424, 25, "trunk: shared", text_anchor="middle", fill=BLUE))
    heads = ("digit", *RELATED)
    for row, (name, colour) in enumerate(zip(heads, (RUST, GREEN, GREEN, GREEN), strict=True)):
        y = 14 + 106 * row
        parts.append(f'<path d="M702 215L790 {y + 40}" stroke="{MUTED}" stroke-width="3"/>')
        parts.append(box(800, y, 340, 82, fill="#ffffff", stroke=colour, stroke_width=4))
        parts.append(text(820, y + 50, 26, f"head: {name}", font_weight=600))
    return svg(1160, 436, "".join(parts), "One trunk for all tasks, a head for each")


def company():
    """The digit alone and in three companies, with 2 and with 5 labels a class."""
    names = {"alone": "alone", "with related": "related", "with unrelated": "unrelated"}
    names["with all six"] = "all"
    bars = {
        f"{shots} labels a class": {
            title: tasks(part="arms", shots=shots, arm=f"{kind}, equal")
            for title, kind in names.items()
        }
        for shots in (2, 5)
    }
    return tl.plot_bars(bars, "accuracy in digits, mean over 6 seeds", fmt=".2f")


def rivals():
    """Ways to use the auxiliary labels, and two that do not."""
    names = {
        "pixels, logistic regression": "alone, pixels",
        "network alone": "alone, equal",
        "soft: two networks, pulled together": "related, soft",
        "joint training": "related, equal",
        "joint, head fitted anew": "related, refitted",
        "frozen: auxiliary tasks first": "related, frozen",
    }
    found = {title: tasks(part="arms", shots=2, arm=arm) for title, arm in names.items()}
    return tl.plot_intervals(found, "accuracy in digits, 2 labels a class, 6 seeds", chance=0.1)


def angles():
    """How many degrees the gradients of the digit and of each other task are less than 90 apart."""
    import numpy as np

    bars = {}
    for kind, names in (("related", RELATED), ("unrelated", UNRELATED)):
        rows = kept(RESULTS / "multi_task.json")["rows"]
        found = [
            r["cosines"] for r in rows if (r.get("arm"), r.get("shots")) == (f"{kind}, equal", 2)
        ]
        for task in names:
            turned = [float(np.degrees(np.arcsin(cosines[task]))) for cosines in found]
            bars[f"{task} ({kind})"] = tl.mean_interval(turned)
    return tl.plot_bars(bars, "degrees less than a right angle, mean over 6 seeds", fmt=".1f")


def repairs():
    """Points against alone for three ways to add the losses."""
    ways = {"equal": "equal weights", "uncertainty": "uncertainty weighting", "PCGrad": "PCGrad"}
    bars = {
        kind: {
            title: points("multi_task", {"arm": f"{kind}, {way}"}, {"arm": "alone, equal"},
                          part="arms", shots=2)
            for way, title in ways.items()
        }
        for kind in ("related", "unrelated")
    }  # fmt: skip
    return tl.plot_bars(bars, "points against the digit alone, 2 labels a class", fmt="+.0f")


def matrix() -> str:
    """What the row's task gains from the column's, in points; bold where 0 is outside."""
    rows = ("digit", "parity", "loops", "tilt", "noise")
    parts = []
    for column, partner in enumerate((*rows, "coin")):
        parts.append(text(325 + 150 * column, 34, 25, partner, text_anchor="middle"))
    for row, main in enumerate(rows):
        y = 50 + 72 * row
        parts.append(text(230, y + 42, 25, main, text_anchor="end", font_weight=700))
        for column, partner in enumerate((*rows, "coin")):
            here = {"part": "pairs", "main": main}
            gain = points("multi_task", {"partner": partner}, {"partner": None}, **here)
            shade = min(1.0, abs(gain.mean) / 30)
            look = {"fill": GREEN if gain.mean > 0 else RUST, "fill_opacity": f"{shade:.2f}"}
            parts.append(box(254 + 150 * column, y, 142, 64, **look))
            clear = gain.low > 0 or gain.high < 0
            ink = {"fill": "#ffffff" if shade > 0.5 else "#222222"}
            ink["font_weight"] = 800 if clear else 400
            said = f"{gain.mean:+.0f}" + ("" if clear else " ?")
            parts.append(text(325 + 150 * column, y + 41, 25, said, text_anchor="middle", **ink))
    return svg(1160, 420, "".join(parts), "Gain of the row's task beside the column's, in points")


def ink():
    """The digit beside the ink, in two units."""
    return tl.plot_bars(kept(MEASURED)["ink"], "accuracy in digits, one run, chance .1", fmt=".2f")


def turns():
    """Eight letters, and all of them turned by a quarter, a half and three quarters."""
    import torch

    letters = tl.font_glyphs(2000, OTHER, seed=1)
    picked = [letters.images[letters.labels == OTHER.index(c)][0] for c in "AGRSNbty"]
    turned, _ = tl.rotation_batch(torch.stack(picked))
    return sheet(1 - turned, 8, 80, 10)


def letters():
    """Share of turns told right, letter by letter."""
    shares = kept(MEASURED)["turns told right"]
    ax = new_axes(9, 3.2)
    looks = {**dict.fromkeys("SXHNZ", ("#D55E00", "//")),
             **dict.fromkeys("bqdnUMWm", ("#009E73", ".."))}  # fmt: skip
    for c, share in shares.items():
        colour, hatch = looks.get(c, ("#0072B2", ""))
        ax.bar(c, share, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
    names = {"upside down the same": "S", "upside down another letter": "b", "others": "E"}
    for name, c in names.items():
        colour, hatch = looks.get(c, ("#0072B2", ""))
        ax.bar("J", 0, color=colour, hatch=hatch, edgecolor="white", label=name)
    ax.axhline(0.25, color="#555555", linestyle="--", linewidth=1)
    ax.axhline(0.5, color="#555555", linestyle=":", linewidth=1)
    ax.set(ylabel="turns told right", ylim=(0, 1.05))
    ax.legend(loc="upper left")
    return ax


def few(first: dict, second: dict, target: str) -> tl.Interval:
    return points("self_taught", first, second, part="digits", labels=10, target=target)


def places():
    """Points over pixels from frozen features, at the last layer and one earlier."""
    uses = {"last layer": "frozen", "a layer earlier": "frozen, a layer earlier"}
    pixels = {"arm": "pixels", "use": "frozen"}
    bars = {
        title: {
            f"{arm}, {target}": few({"arm": arm, "use": use}, pixels, target)
            for arm in PRETEXTS
            for target in taught.TARGETS
        }
        for title, use in uses.items()
    }
    return tl.plot_bars(bars, "points over pixels, 10 labels, 6 seeds", fmt="+.0f")


def tuned():
    """Points over no pretext when everything is fine-tuned."""
    start = {"arm": "no pretext", "use": "fine-tuned"}
    bars = {
        target: {arm: few({"arm": arm, "use": "fine-tuned"}, start, target) for arm in PRETEXTS}
        for target in taught.TARGETS
    }
    return tl.plot_bars(bars, "points over no pretext, 10 labels, 6 seeds", fmt="+.1f")


def groups():
    """Agreement of k-means groups with the digits, in five spaces."""
    bars = {
        target: {
            arm: tl.mean_interval(runs("self_taught", "ari", part="groups", arm=arm, target=target))
            for arm in ("pixels", "no pretext", *PRETEXTS)
        }
        for target in taught.TARGETS
    }
    return tl.plot_bars(bars, "adjusted Rand index of ten groups, 6 seeds", fmt=".2f")


SITUATIONS = {
    "rendered, 20 labels": "20 labels",
    "rendered, 200 labels": "200 labels",
    "fonts to handwriting": "across the gap",
    "rendered, 20 labels, uneven": "20 labels, 5 to 9 rare",
}
RULES = ("all answers", "sure, .8", "equal shares")


def rounds():
    """Points gained by four rounds of self-training of a logistic regression."""
    bars = {
        rule: {
            title: points("self_taught", {"round": 4}, {"round": 0}, part="rounds",
                          learner="regression", situation=name, rule=rule)
            for name, title in SITUATIONS.items()
        }
        for rule in RULES
    }  # fmt: skip
    return tl.plot_bars(bars, "points gained by four rounds, 20 seeds", fmt="+.0f")


def mistakes():
    """Share of the first mistakes that are still made after four rounds."""
    bars = {
        title: {
            rule: tl.mean_interval(runs("self_taught", "kept_mistakes", part="rounds", round=4,
                                        learner="regression", situation=name, rule=rule))
            for rule in ("all answers", "sure, .8", "sure, .95", "equal shares")
        }
        for name, title in (("rendered, 20 labels", "at home, 20 labels"),
                            ("fonts to handwriting", "across the gap"))
    }  # fmt: skip
    return tl.plot_bars(bars, "share of the first mistakes still made, 20 seeds", fmt=".2f")


FIGURES = {
    "tasks_questions.svg": questions,
    "tasks_trunk.svg": trunk,
    "tasks_company.svg": functools.partial(enlarged, company),
    "tasks_rivals.svg": functools.partial(enlarged, rivals),
    "tasks_angles.svg": functools.partial(enlarged, angles),
    "tasks_repairs.svg": functools.partial(enlarged, repairs, 330),
    "tasks_matrix.svg": matrix,
    "tasks_ink.svg": functools.partial(enlarged, ink, 330),
    "pretext_turns.jpg": turns,
    "pretext_letters.svg": functools.partial(enlarged, letters),
    "pretext_places.svg": functools.partial(enlarged, places, 500),
    "pretext_tuned.svg": functools.partial(enlarged, tuned, 400),
    "pretext_groups.svg": functools.partial(enlarged, groups, 480),
    "pseudo_rounds.png": functools.partial(pixels, rounds),
    "pseudo_mistakes.svg": functools.partial(enlarged, mistakes),
}

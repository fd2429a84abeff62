"""Figures of the deck on feature extraction. Numbers come from a stored table."""

from __future__ import annotations

import functools
import json

from curves import Frame
from insects import insect
from shapes import HATCH, layers, legend, picture

import tlhelpers as tl
from tlhelpers.teaching.diagrams import COLOURS, MUTED, svg, text

JOBS = ("insects", "digits", "gratings")


@functools.cache
def rows() -> list[dict]:
    """The stored probes (data/recipes/depth_probe_table.py)."""
    path = tl.data_dir() / "results" / "depth_probe.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"]


def of(job: str, features: str) -> list[dict]:
    """The rows of one job and one description, in the blocks' order."""
    return [r for r in rows() if (r["job"], r["features"]) == (job, features)]


def dot(value: float) -> str:
    """`.86`: as shares are printed in this course."""
    return f"{value:.2f}".removeprefix("0")


def cut_anywhere() -> str:
    """A frozen network, cut after the last, a middle and an early layer."""
    cuts = (("fffffn", "after the last"), ("fff--n", "in the middle"), ("f----n", "early"))
    parts = []
    for row, (states, words) in enumerate(cuts):
        y = 10 + 128 * row
        parts.append(layers(10, y, states, unit=62, height=90))
        parts.append(text(500, y + 56, 28, words, font_weight=700))
    return svg(1160, 430, HATCH + "".join(parts) + legend(24, 404, "fn-"), "Three places to cut")


def three_jobs() -> str:
    """Pictures of the three jobs."""
    from PIL import Image

    from data.recipes.depth_probe_table import gratings, handwriting

    digits, waves = handwriting()[0], gratings(8, 1)
    shown = {
        "insects": [insect("ants", 10), insect("bees", 2), insect("ants", 7)],
        "digits": [digits.images[(digits.labels == k).nonzero()[0, 0]] for k in (2, 4, 7)],
        "gratings": [waves.images[i] for i in (0, 1, 6)],
    }
    parts = []
    for column, (name, pictures) in enumerate(shown.items()):
        x = 10 + 392 * column
        parts.append(text(x, 34, 28, name, font_weight=700, fill=COLOURS[column]))
        for i, image in enumerate(pictures):
            if not isinstance(image, Image.Image):
                image = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
            parts.append(picture(x + 124 * i, 54, 116, image))
        words = ("near the source", "far: strokes, no colour", "far: no object at all")[column]
        parts.append(text(x, 214, 23, words, fill=MUTED))
    return svg(1160, 236, "".join(parts), "Three jobs")


def _curve(job: str, low: float) -> str:
    """Accuracy by block of the two networks, and the level of the two classical descriptions."""
    frame = Frame(110, 60, 640, 300, (0, 7), (low, 1.0))
    ticks = {tick / 10: dot(tick / 10) for tick in range(round(low * 10), 11, 2)}
    names = {i: row["block"].removeprefix("layer") for i, row in enumerate(of(job, "trained"))}
    parts, ends = [frame.axes(names, ticks, "probe behind block (stage.block)", "accuracy")], {}
    for index, kind in enumerate(("trained", "random weights", "pixels", "HOG")):
        found = of(job, kind)
        if len(found) > 1:
            points = [(i, row["mean"]) for i, row in enumerate(found)]
            parts += [frame.whisker(i, r["low"], r["high"], index) for i, r in enumerate(found)]
        else:
            points = [(place, found[0]["mean"]) for place in (0, 7)]
        parts.append(frame.line(points, index, dots=len(found) > 1))
        ends[f"{kind} {dot(found[-1]['mean'])}"] = found[-1]["mean"]
    parts.append(frame.names(ends, gap=36))
    return svg(1160, 440, "".join(parts), f"Probes behind every block: {job}")


FIGURES = {
    "features_cut.svg": cut_anywhere,
    "features_jobs.svg": three_jobs,
    "features_insects.svg": functools.partial(_curve, "insects", 0.4),
    "features_digits.svg": functools.partial(_curve, "digits", 0.4),
    "features_gratings.svg": functools.partial(_curve, "gratings", 0.2),
}

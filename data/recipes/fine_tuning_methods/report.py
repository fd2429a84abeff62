"""The Markdown page: means over the runs with 95 % t-intervals, a table for each part."""

from __future__ import annotations

from ..tables import cell, table
from .methods import ALPHAS, METHODS, SHOTS
from .overfitting import MARKS

COLUMNS = {
    "inside": "in distribution",
    "outside": "out of distribution",
    "old_job": "letters",
    "distance": "distance travelled",
}


def tuned(rows: list[dict], job: str) -> list[str]:
    """The methods, then the line between two of them; what it travelled is not measured."""
    lines = {
        method: [
            cell(rows, column, part="methods", trained_on=job, method=method) for column in COLUMNS
        ]
        for method in METHODS
    }
    for alpha in ALPHAS:
        where = {"part": "line", "trained_on": job, "alpha": alpha, "batchnorm": "averaged"}
        lines[f"line, alpha = {alpha:g}"] = [cell(rows, column, **where) for column in COLUMNS]
    return table("method", COLUMNS.values(), lines)


def combined(rows: list[dict]) -> list[str]:
    """Heads on several networks, by 2 and 20 images of each class."""
    arms = dict.fromkeys(row["method"] for row in rows if row["part"] == "combine")
    lines = {
        arm: [cell(rows, "inside", part="combine", method=arm, shots=shots) for shots in (2, 20)]
        for arm in arms
    }
    return table("heads", ["20 labelled images", "200"], lines)


def overfitted(rows: list[dict]) -> list[str]:
    """Test accuracy, by optimiser steps."""
    keys, lines = ("method", "images", "used", "wrong"), {}
    found = [tuple(row[key] for key in keys) for row in rows if row["part"] == "overfit"]
    for values in dict.fromkeys(found):
        where = dict(zip(keys, values, strict=True))
        count = where["images"] // (1 if where["used"] == "all" else 2)
        name = f"{where['method']}, {count} images, {where['wrong']:.0%} of the labels wrong"
        lines[name] = [cell(rows, "test", part="overfit", step=step, **where) for step in MARKS]
    return table("training", MARKS, lines)


def summarise(rows: list[dict]) -> str:
    """All tables, made of the rows as they are stored."""
    runs = {row["run"] for row in rows}
    text = [f"Means over {len(runs)} runs [95 % t-interval]; the recipe says what a run is."]
    for job, shots in SHOTS.items():
        text += ["", f"## Tuned on {job}, {shots} images of each class", "", *tuned(rows, job)]
    text += ["", "## Several source networks, frozen, tested on handwriting", "", *combined(rows)]
    text += ["", "## Overfitting: test accuracy by optimiser steps", "", *overfitted(rows)]
    return "\n".join(text) + "\n"

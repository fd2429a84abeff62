"""The Markdown page: means over the seeds with 95 % t-intervals, a table for each question."""

from __future__ import annotations

from ..tables import cell, made_by, table
from . import SEEDS


def _values(rows: list[dict], column: str) -> list:
    return list(dict.fromkeys(row[column] for row in rows))


def section(title: str, columns, lines: dict[str, list[str]]) -> list[str]:
    return ["", f"## {title}", "", *table("", columns, lines)]


def forgetting(found: dict) -> list[str]:
    """Accuracy of each task after each, with the statistics as they are and measured again."""
    rows, text = found["rows"], []
    moments = list(dict.fromkeys((row["after"], row["task"]) for row in rows))
    titles = [f"{task} after {after}" for after, task in moments]
    for column, title in (
        ("accuracy", "statistics as they are"),
        ("refreshed", "statistics measured again for each task"),
    ):
        lines = {
            way: [cell(rows, column, way=way, after=a, task=t) for a, t in moments]
            for way in _values(rows, "way")
        }
        text += section(f"Forgetting, {title}", titles, lines)
    return text


def averaging(found: dict) -> list[str]:
    """Lines between two networks, soups, task vectors."""
    by_kind = {kind: [r for r in found["rows"] if r["kind"] == kind] for kind in
               ("line", "wise", "soup", "vectors")}  # fmt: skip
    rows = by_kind["line"]
    alphas = _values(rows, "alpha")
    text = section(
        "Handwriting on the line between two networks, by the share of the second one",
        alphas,
        {
            f"{pair}, statistics {s}": [
                cell(rows, "accuracy", pair=pair, statistics=s, alpha=a) for a in alphas
            ]
            for pair in _values(rows, "pair")
            for s in _values(rows, "statistics")
        },
    )
    rows = by_kind["wise"]
    alphas = _values(rows, "alpha")
    text += section(
        "From the source to the network tuned to handwriting (WiSE-FT), by the share of the latter",
        alphas,
        {
            f"{task}, statistics {s}": [cell(rows, task, statistics=s, alpha=a) for a in alphas]
            for s in _values(rows, "statistics")
            for task in ("letters", "handwriting")
        },
    )
    rows = by_kind["soup"]
    arms = {arm: [cell(rows, "accuracy", arm=arm)] for arm in _values(rows, "arm")}
    text += section("Soup of fine-tuned networks", ["handwriting"], arms)
    rows = by_kind["vectors"]
    tasks = ("letters", "handwriting", "stripes", "handwriting by a probe")
    lines = {
        f"{name}, scale {scale:g}": [cell(rows, t, sum=name, scale=scale) for t in tasks]
        for name in _values(rows, "sum")
        for scale in _values(rows, "scale")
    }
    return text + section("Task vectors added to the source, or subtracted", tasks, lines)


def distilling(found: dict) -> list[str]:
    rows = found["rows"]
    lines = {arm: [cell(rows, "accuracy", arm=arm)] for arm in _values(rows, "arm")}
    sizes = ", ".join(f"{name} {n:,}" for name, n in found["parameters"].items())
    return section("Distillation", ["handwriting"], lines) + ["", f"Parameters: {sizes}."]


def corruption(found: dict) -> list[str]:
    """Letters that are changed, and streams of batches."""
    rows = [row for row in found["rows"] if row["kind"] != "stream"]
    text = []
    for kind in _values(rows, "kind"):
        mine = [row for row in rows if row["kind"] == kind]
        strengths = _values(mine, "strength")
        lines = {
            arm: [cell(mine, "accuracy", arm=arm, strength=s) for s in strengths]
            for arm in _values(mine, "arm")
        }
        text += section(f"Letters with {kind}, by strength", strengths, lines)
    rows = [row for row in found["rows"] if row["kind"] == "stream"]
    passes = _values(rows, "pass")
    lines = {
        f"{arm}, {order}": [
            cell(rows, "accuracy", arm=arm, order=order, **{"pass": p}) for p in passes
        ]
        for order in _values(rows, "order")
        for arm in _values(rows, "arm")
    }
    return text + section("A stream of batches, by pass over the pictures", passes, lines)


SECTIONS = {
    "forgetting": forgetting,
    "averaging": averaging,
    "distilling": distilling,
    "corruption": corruption,
}


def markdown(found: dict, facts: dict) -> str:
    """The page of the parts that were measured."""
    lines = ["# What a network keeps, and what can be merged"]
    for name, write in SECTIONS.items():
        lines += write(found[name]) if name in found else []
    lines += [
        "",
        f"Accuracy, mean over {len(SEEDS)} seeds with 95 % t-interval. A seed has its own "
        "pictures to learn from, heads, batches and changes of the pictures.",
        "",
        made_by(facts),
    ]
    return "\n".join(lines) + "\n"

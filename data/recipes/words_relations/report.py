"""The Markdown page: means over the seeds with 95 % t-intervals, a table for each part."""

from __future__ import annotations

import json

from ..tables import cell, made_by, select, table
from . import SEEDS
from .encoder import ORDER_ARMS
from .grammar import SHOTS, STRICTNESS
from .languages import PAIRS
from .predicates import DIRECTORS
from .sentences import LABELS


def section(title: str, columns, lines: dict[str, list[str]]) -> list[str]:
    return ["", f"## {title}", "", *table("", columns, lines)]


def sentences(found: dict) -> list[str]:
    """Opinion words that are seen or not; then the sentence encoder, where it was measured."""
    rows, lines = found["words"]["rows"], []
    arms = dict.fromkeys((row["arm"], row["way"]) for row in rows)
    for part in ("seen", "unseen"):
        lines += section(
            f"Sentences with opinion words that are {part}, by labelled sentences",
            LABELS,
            {
                f"{arm}, held out: {way}": [
                    cell(rows, part, arm=arm, way=way, labels=n) for n in LABELS
                ]
                for arm, way in arms
            },
        )
    if "encoder" in found:
        rows = found["encoder"]["rows"]
        names = ("seen", "unseen", *ORDER_ARMS)
        lines += section(
            "Sentence encoder (MiniLM), frozen, and rivals on word order, by labelled sentences",
            LABELS,
            {name: [cell(rows, name, labels=n) for n in LABELS] for name in names},
        )
    return lines


def languages(found: dict) -> list[str]:
    """The way by a third language, and labels of another one."""
    rows, lines = found["pivot"]["rows"], []
    for merged in (0, 40):
        lines += section(
            f"A to C by way of B, {merged} pairs of words merged in B, by pairs known",
            PAIRS,
            {
                name: [cell(rows, name, merged=merged, pairs=n) for n in PAIRS]
                for name in list(rows[0])[3:]
            },
        )
    rows = found["low resource"]["rows"]
    arms = dict.fromkeys(row["arm"] for row in rows)
    return lines + section(
        "Documents in a language of which 90 % of the words differ",
        ["accuracy"],
        {arm: [cell(rows, "accuracy", arm=arm)] for arm in arms},
    )


def unbeaten(rows: list[dict], name: str, strictness: float, shots: int) -> str:
    """The check without labels: runs in which the relations fit better than 19 copies."""
    column = f"{name}: better copies"
    return str(select(rows, column, strictness=strictness, shots=shots).count(0))


def relations(found: dict) -> list[str]:
    """Which digit follows which, and rules about a university."""
    rows, lines = found["relations"]["rows"], []
    for s in STRICTNESS:
        lines += section(
            f"Handwriting with relations from fonts, strictness {s}, by labels a digit",
            SHOTS,
            {
                name: [cell(rows, name, strictness=s, shots=n) for n in SHOTS]
                for name in ("none", "sureness", "transferred", "wrong", "own", "true")
            },
        )
        lines += section(
            f"Handwriting, strictness {s}: in how many of 20 runs no relabelled copy fits better",
            SHOTS,
            {
                name: [unbeaten(rows, name, s, shots) for shots in SHOTS]
                for name in ("transferred", "wrong")
            },
        )
    rows = found["predicates"]["rows"]
    return lines + section(
        "University to films, by directors observed",
        DIRECTORS,
        {name: [cell(rows, name, directors=n) for n in DIRECTORS] for name in list(rows[0])[3:-2]},
    )


def markdown(found: dict, facts: dict) -> str:
    """All tables, made of the parts as they are stored."""
    lines = [
        *("# Words, languages and relations", ""),
        *(line for part in (sentences, languages, relations) for line in part(found)),
        "",
        f"Mean over {len(SEEDS)} seeds with 95 % t-interval; settings (C; or the rates of head and "
        f"vectors) chosen on other seeds: {json.dumps(found['words']['chosen'])}; encoder, C: "
        f"{json.dumps(found.get('encoder', {}).get('chosen'))}.",
        "",
        made_by(facts),
    ]
    return "\n".join(lines) + "\n"

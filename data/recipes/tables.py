"""Measured tables: their rows, the Markdown made of them, and the files that both go to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import tlhelpers as tl

RESULTS = Path(__file__).resolve().parents[1] / "results"


def best_rate(
    error: Callable[[float], float], first: tuple[float, float]
) -> tuple[float, dict[str, float]]:
    """The learning rate with the smallest error, never at the edge of what was tried; and all.

    Begins with the two rates `first` and goes on beyond the better one, by a factor of about 3.
    """
    found = {rate: error(rate) for rate in first}
    while True:
        rates = sorted(found)
        best = min(found, key=found.get)
        if best not in (rates[0], rates[-1]):
            return best, {f"{rate:g}": round(found[rate], 4) for rate in rates}
        beyond = best / 3.2 if best == rates[0] else best * 3.2
        beyond = float(f"{beyond:.0e}")
        found[beyond] = error(beyond)


def rounded(row: dict, digits: int = 4) -> dict:
    """The row as it is stored, its numbers with a few digits."""
    return {k: round(v, digits) if isinstance(v, float) else v for k, v in row.items()}


def select(rows: list[dict], column: str, **where) -> list[float]:
    """One number of the rows that match and have it, in the order of their seeds (or runs)."""
    found = [row for row in rows if column in row and where.items() <= row.items()]
    found.sort(key=lambda row: row["seed"] if "seed" in row else row["run"])
    return [float(row[column]) for row in found]


def interval(values: list[float], digits: str = "") -> str:
    """Mean and 95 % t-interval; "-" for less than two values."""
    return format(tl.mean_interval(values), digits) if len(values) > 1 else "-"


def cell(rows: list[dict], column: str, **where) -> str:
    """Mean and 95 % t-interval of one number of the rows that match."""
    return interval(select(rows, column, **where))


def table(title: str, columns: Iterable, lines: dict[str, Iterable[str]]) -> list[str]:
    """Lines of a Markdown table: its head, and a name with its cells for each further line."""
    head = [title, *map(str, columns)]
    text = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return text + [f"| {name} | {' | '.join(cells)} |" for name, cells in lines.items()]


def made_by(facts: dict) -> str:
    """The last line of a page: how the table was made."""
    return f"`{facts['command']}`: {facts['seconds']} s on {facts['machine']}, {facts['date']}."


def store(
    name: str,
    found: dict,
    markdown: Callable[[dict], str],
    *,
    command: str,
    seconds: float,
    machine: str,
) -> None:
    """Write data/results/NAME.json and .md; `markdown` is given how the table was made."""
    facts = {
        "command": command,
        "seconds": round(seconds),
        "machine": machine,
        "date": time.strftime("%Y-%m-%d"),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({**facts, **found}, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(facts), encoding="utf-8")

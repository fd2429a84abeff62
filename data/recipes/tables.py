"""Where a measured table goes: as JSON for the lessons, and as Markdown for readers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

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

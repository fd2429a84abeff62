"""Where a measured table goes: as JSON for the lessons, and as Markdown for readers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "results"


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

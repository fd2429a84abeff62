"""Runs a lesson's code cells as they stand in the notebook, and keeps what its slides show."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run_lesson(
    notebook: str,
    last: str,
    skipped: Callable[[dict], bool],
    after: Mapping[str, Callable[[dict], None]] = {},
) -> dict:
    """The names that the cells up to the one called `last` leave behind.

    `skipped` tells which cells to pass over. `after` has what to do with the names after a cell,
    where later ones use a name again. Seconds are the processor's: what else the machine does must
    not count.
    """
    import matplotlib

    matplotlib.use("agg")  # its figures are drawn anew for slides
    time.perf_counter = time.process_time
    sys.path.insert(0, str(HERE.parent))
    path = HERE.parent / "notebooks" / notebook
    names: dict = {"__name__": path.stem}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code" or skipped(cell):
            continue
        print(f"-- {cell['id']}", flush=True)
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
        if cell["id"] in after:
            after[cell["id"]](names)
        if cell["id"] == last:
            return names
    raise LookupError(f"{path.name} has no cell {last}")


def keep(measured: Path, facts: dict) -> None:
    """Write what a deck shows as JSON, the same bytes on every system."""
    measured.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8", newline="\n")


@functools.cache
def kept(measured: Path) -> dict:
    """What `keep` has written."""
    return json.loads(measured.read_text(encoding="utf-8"))

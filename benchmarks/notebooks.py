"""Seconds of every lesson, and what they go to: each in a fresh kernel, one after another.

    python -m benchmarks.notebooks                # about four minutes
    python -m benchmarks.notebooks --only 05      # one lesson; the others' figures stay
    python -m benchmarks.notebooks --plot         # draws the figure again

Writes benchmarks/results/notebooks.json (after every run, so that an interrupt loses little) and
benchmarks/notebooks.png. The budget is 60 seconds a lesson on two CPU cores.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if not __package__:  # run as a file: the library lies beside this folder
    sys.path.insert(0, str(ROOT))

from benchmarks.measuring import (  # noqa: E402
    describe_machine,
    machine,
    read_result,
    spread,
    write_result,
)

BUDGET = 60
CLOCK = ROOT / "benchmarks" / "notebook_clock.py"
FIGURE = ROOT / "benchmarks" / "notebooks.png"
KINDS = {  # in the order of the bars' pieces
    "kernel": "kernel: start, messages, end",
    "imports": "imports and set-up",
    "data": "reading and drawing pictures",
    "weights": "loading networks",
    "training": "training and measuring",
    "plots": "figures",
    "own": "the lesson's own code",
}


def measure(path: Path, cell_timeout: int = 600) -> dict:
    """Run one notebook: seconds in all, by kind and by cell, and the error if it failed."""
    import nbformat
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    from tools.lesson_client import LessonClient

    notebook = nbformat.read(path, as_version=4)
    own = [cell for cell in notebook.cells if cell.cell_type == "code"]
    source = json.dumps(CLOCK.read_text(encoding="utf-8"))
    # In a name space of its own, so that the lesson's names stay as they are.
    first = nbformat.v4.new_code_cell(
        f"__name = {{'__name__': 'notebook_clock'}}\nexec({source}, __name)\n"
        "get_ipython().notebook_clock = __name['start'](get_ipython())\ndel __name"
    )
    last = nbformat.v4.new_code_cell(
        "import json as __json\nprint(__json.dumps(get_ipython().notebook_clock.cells[:-1]))"
    )
    notebook.cells = [first, *own, last]
    client = LessonClient(
        notebook,
        timeout=cell_timeout,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    failure, began = None, time.perf_counter()
    try:
        client.execute()
    except (CellControlSignal, DeadKernelError) as error:
        name, text = (
            getattr(error, "ename", type(error).__name__),
            getattr(error, "evalue", error),
        )
        failure = f"{name}: {str(text).strip()}".splitlines()[0]
    seconds = time.perf_counter() - began
    result = {"seconds": seconds, "failure": failure, "kinds": {}, "cells": {}}
    if failure is None:
        cells = json.loads(last.outputs[0]["text"])
        result["kinds"] = {
            kind: sum(cell.get(kind, 0.0) for cell in cells) for kind in list(KINDS)[1:]
        }
        # What is not inside a cell: the kernel's start and end, and the messages to and fro.
        result["kinds"]["kernel"] = seconds - sum(result["kinds"].values())
        result["cells"] = {
            cell["id"]: sum(kinds.values()) for cell, kinds in zip(own, cells, strict=True)
        }
    return result


def summary(runs: list[dict]) -> dict:
    """One lesson's runs: the spread of the seconds, the middle run's kinds, the slowest cells."""
    good = [run for run in runs if run["failure"] is None]
    if not good:
        return {"failure": runs[0]["failure"]}
    middle = sorted(good, key=lambda run: run["seconds"])[(len(good) - 1) // 2]
    slowest = sorted(middle["cells"].items(), key=lambda item: -item[1])[:5]
    failure = next((run["failure"] for run in runs if run["failure"]), None)
    return {
        "failure": failure,
        "seconds": spread(run["seconds"] for run in good),
        "kinds": middle["kinds"],
        "slowest_cells": dict(slowest),
    }


def table(lessons: dict[str, dict]) -> str:
    """Markdown: a line a lesson, a column a kind."""
    head = ["lesson", "seconds", *KINDS]
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    measured = {name: lesson for name, lesson in lessons.items() if "seconds" in lesson}
    for name, lesson in measured.items():
        seconds = lesson["seconds"]["median"]
        mark = " (over)" if seconds > BUDGET else ""
        kinds = " | ".join(f"{lesson['kinds'][kind]:.1f}" for kind in KINDS)
        lines.append(f"| {name} | {seconds:.1f}{mark} | {kinds} |")
    total = sum(lesson["seconds"]["median"] for lesson in measured.values())
    sums = (sum(lesson["kinds"][kind] for lesson in measured.values()) for kind in KINDS)
    lines.append(f"| all | {total:.1f} | {' | '.join(f'{value:.1f}' for value in sums)} |")
    return "\n".join(lines)


def plot(result: dict, path: Path = FIGURE) -> None:
    """Stacked bars, one a lesson, and the budget."""
    from matplotlib.figure import Figure

    from tlhelpers.figures.theme import face_of, use_style

    use_style()
    lessons = {n: lesson for n, lesson in result["notebooks"].items() if "seconds" in lesson}
    names = list(lessons)[::-1]  # the first lesson on top
    figure = Figure(figsize=(10, 1.9 + 0.55 * len(names)), layout="constrained")
    ax = figure.subplots()
    left = [0.0] * len(names)
    for index, (kind, label) in enumerate(KINDS.items()):
        widths = [lessons[name]["kinds"][kind] for name in names]
        ax.barh(names, widths, left=left, label=label, height=0.7, **face_of(index))
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for row, end in enumerate(left):
        ax.text(end + 0.7, row, f"{end:.0f} s", va="center")
    ax.axvline(BUDGET, color="black", linestyle="--")
    ax.annotate(f" budget {BUDGET} s", (BUDGET, len(names) - 0.4), annotation_clip=False)
    ax.set_xlim(0, max(BUDGET, *left) * 1.12)
    ax.set_xlabel(f"seconds, median of {_repeats(lessons)}; mini profile")
    figure.legend(loc="outside lower center", ncols=3)
    figure.suptitle("Where a lesson's time goes", fontsize=13)
    figure.savefig(path, dpi=110, facecolor="white")


def _repeats(lessons: dict[str, dict]) -> str:
    counts = sorted({lesson["seconds"]["n"] for lesson in lessons.values()})
    return f"{' or '.join(map(str, counts))} run{'s' if counts[-1] > 1 else ''}"


def kept_figures(names: list[str]) -> dict[str, dict]:
    """Earlier figures of these lessons, if they are of this machine and these versions."""
    before, now = read_result("notebooks") or {}, machine()
    was = before.get("machine", {})
    if any(was.get(key) != value for key, value in now.items() if key != "date"):
        return {}
    return {name: row for name, row in before.get("notebooks", {}).items() if name in names}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[""], metavar="05", help="lessons by number")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--plot", action="store_true", help="draw what was measured before")
    options = parser.parse_args(arguments)
    paths = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    wanted = [name for name in paths if name.startswith(tuple(options.only))]
    if not wanted:
        parser.error(f"no lesson begins with {options.only}; there are {', '.join(paths)}")
    if options.plot:
        if (result := read_result("notebooks")) is None:
            parser.error("nothing has been measured yet: run without --plot first")
        plot(result)
        return 0
    # As `make test` runs them: embedded data.
    os.environ["TLHELPERS_PROFILE"] = "mini"
    lessons = {} if len(wanted) == len(paths) else kept_figures(list(paths))
    print(f"{len(wanted)} lessons x {options.repeats}, a minute each at most", flush=True)
    for name in wanted:
        runs = []
        for _ in range(options.repeats):
            runs.append(measure(paths[name]))
            word = runs[-1]["failure"] or f"{runs[-1]['seconds']:.1f} s"
            print(f"{name:28} {word}", flush=True)
            lessons = dict(sorted({**lessons, name: summary(runs)}.items()))
            write_result("notebooks", {"budget_seconds": BUDGET, "notebooks": lessons})
    result = read_result("notebooks")
    print(describe_machine(result["machine"]), table(lessons), sep="\n\n")
    if any("seconds" in lesson for lesson in lessons.values()):
        plot(result)
    return 1 if any(lessons[name]["failure"] for name in wanted) else 0


if __name__ == "__main__":
    sys.exit(main())

"""What one machine's runs of benchmarks/ants_bees.py come to: ratios, accuracies, table, figure."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.measuring import spread

SIDES = ("recipe", "course")
TUTORIAL_EPOCHS = 25


def scaled(run: dict, key: str) -> float:
    """Seconds of a run of 25 epochs: the part that every epoch repeats, times so many more."""
    if run["side"] == "course":
        return run[key]
    return run[key] + run["repeated"] * (TUTORIAL_EPOCHS / run["epochs"] - 1)


def summarise(runs: list[dict]) -> list[dict]:
    """A row for each backbone and method: seconds of both sides, their ratios, accuracies.

    The sides ran in turns, so the first run of the one belongs to the first of the other: each such
    pair has its ratio.
    """
    rows = []
    jobs = dict.fromkeys((r["backbone"], r["method"]) for r in runs)
    # A course that trains for other epochs is another course: a row of its own.
    lengths = {
        job: dict.fromkeys(r["epochs"] for r in runs_of(runs, job, "course")) for job in jobs
    }
    for backbone, method, epochs in [(*job, n) for job in jobs for n in lengths[job] or [0]]:
        of = {side: runs_of(runs, (backbone, method), side) for side in SIDES}
        of["course"] = [r for r in of["course"] if r["epochs"] == epochs]
        row = {"backbone": backbone, "method": method, "course_epochs": epochs}
        timed = {side: [r for r in of[side] if r["purpose"] == "timing"] for side in SIDES}
        for key in ("wall", "work"):
            for side in SIDES:
                if timed[side]:
                    row[f"{side}_{key}"] = spread(scaled(r, key) for r in timed[side])
            if all(timed.values()):
                row[f"times_faster_{key}"] = [
                    scaled(recipe, key) / scaled(course, key)
                    for recipe, course in zip(timed["recipe"], timed["course"], strict=False)
                ]
        if timed["recipe"]:
            row["recipe_epochs_run"] = sorted({r["epochs"] for r in timed["recipe"]})
        if backbone != "resnet18":  # random weights: its accuracy means nothing
            for side in SIDES:
                row |= {f"{side}_{k}": v for k, v in accuracies(of[side]).items()}
        if "recipe_last" in row and "course_last" in row:
            recipe, course = row["recipe_last"], row["course_last"]
            row["within_one_standard_error"] = course["mean"] >= recipe["mean"] - recipe["error"]
        rows.append(row)
    return rows


def runs_of(runs: list[dict], job: tuple[str, str], side: str) -> list[dict]:
    """The runs of one side of (backbone, method), in the order in which they ran."""
    return [r for r in runs if (r["backbone"], r["method"]) == job and r["side"] == side]


def accuracies(runs: list[dict]) -> dict[str, dict]:
    """Of complete runs on photographs, one a seed: the last epoch, and the best one if known."""
    whole = {
        run["seed"]: run
        for run in runs
        if run["data"] == "photographs"
        and (run["side"] == "course" or run["epochs"] == TUTORIAL_EPOCHS)
    }
    found = {}
    for name, key in (("last", "correct"), ("best", "best_correct")):
        if counted := [r for r in whole.values() if key in r]:
            found[name] = accuracy([r[key] for r in counted], counted[0]["n"])
            found[name]["seeds"] = [r["seed"] for r in counted]
    return found


def accuracy(correct: list[int], n: int) -> dict:
    """Mean over the seeds, its standard error, and the interval that n images allow.

    The seeds share their n validation images, so more seeds do not narrow that interval: it is
    Wilson's for the mean number of correct answers.
    """
    from tlhelpers.evaluation.statistics import wilson_interval

    shares = [c / n for c in correct]
    error = statistics.stdev(shares) / len(shares) ** 0.5 if len(shares) > 1 else None
    wilson = wilson_interval(round(statistics.fmean(correct)), n)
    return {
        "mean": statistics.fmean(shares),
        "error": error or 0.0,
        "interval": [wilson.low, wilson.high],
        "correct": correct,
        "n": n,
    }


def job_name(row: dict) -> str:
    epochs = row["course_epochs"]
    return row["method"] + (f", {epochs} epochs" if epochs else "")


def table(summary: list[dict]) -> str:
    """The summary as a Markdown table: whole process, work only, accuracy."""

    def seconds(row: dict, side: str) -> str:
        if f"{side}_wall" not in row:
            return "-"
        parts = (row[f"{side}_{key}"] for key in ("wall", "work"))
        return " / ".join(f"{p['median']:.1f} [{p['min']:.1f}, {p['max']:.1f}]" for p in parts)

    def times(row: dict) -> str:
        if "times_faster_wall" not in row:
            return "-"
        ratios = (row[f"times_faster_{key}"] for key in ("wall", "work"))
        return " / ".join(", ".join(f"{ratio:.1f}" for ratio in runs) for runs in ratios)

    def right(row: dict, side: str, which: str) -> str:
        found = row.get(f"{side}_{which}")
        return f"{found['mean']:.3f} ± {found['error']:.3f}" if found else "-"

    lines = [
        "| network | job | recipe, s | course, s | times faster, run by run | recipe, last epoch "
        "| recipe, best epoch | course |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in summary:
        cells = [row["backbone"], job_name(row), seconds(row, "recipe"), seconds(row, "course")]
        cells += [times(row), right(row, "recipe", "last"), right(row, "recipe", "best")]
        lines.append("| " + " | ".join([*cells, right(row, "course", "last")]) + " |")
    return "\n".join([*lines, "", "Seconds and times: whole process / work only (imports apart)."])


def plot(result: dict, path: Path) -> None:
    """Seconds of both sides as bars on a logarithmic scale, accuracies beside them."""
    import matplotlib.pyplot as plt

    from tlhelpers.figures.theme import HATCHES, PALETTE, new_axes

    rows = [row for row in result["summary"] if "recipe_wall" in row and "course_wall" in row]
    left, right = new_axes(13, 4.8, columns=2)
    titles = {"recipe": "public recipe", "course": "the course's way"}
    for index, side in enumerate(SIDES):
        at = [i + (index - 0.5) * 0.38 for i in range(len(rows))]
        values = [row[f"{side}_wall"]["median"] for row in rows]
        look = {"color": PALETTE[index], "hatch": HATCHES[index], "edgecolor": "white"}
        left.bar(at, values, 0.38, label=titles[side], **look)
        for x, value in zip(at, values, strict=True):
            left.text(x, value * 1.06, f"{value:.0f}", ha="center", va="bottom", fontsize=10)
    short = {"efficientnet_lite0": "EfficientNet\nLite0", "resnet18": "ResNet-18"}
    jobs = [job_name(row).replace(", ", "\n") for row in rows]
    networks = [short.get(row["backbone"], row["backbone"]) for row in rows]
    names = [f"{network}\n{job}" for network, job in zip(networks, jobs, strict=True)]
    of = result["machine"]
    kind = f"{of['cores']} cores, {of['instructions']}, {of['precision']}"
    left.set_title(f"Seconds on {kind}", fontsize=11)
    left.set(yscale="log", ylabel="seconds, whole process", xticks=range(len(rows)))
    left.set_xticklabels(names, fontsize=9)
    left.set_ylim(1, left.get_ylim()[1] * 2.5)  # bars begin at one second
    left.legend(loc="upper left", ncols=2)
    rows = [row for row in result["summary"] if "recipe_last" in row and "course_last" in row]
    kinds = (("recipe_last", "recipe, last epoch"), ("recipe_best", "recipe, best epoch"))
    kinds = (*kinds, ("course_last", "course"))
    for index, (key, label) in enumerate(kinds):
        at = [i + (index - 1) * 0.22 for i in range(len(rows))]
        mean = [row[key]["mean"] for row in rows]
        low, high = ([row[key]["interval"][end] for row in rows] for end in (0, 1))
        bars = [[m - v for m, v in zip(mean, low, strict=True)]]
        bars.append([v - m for m, v in zip(mean, high, strict=True)])
        color = PALETTE[(0, 4, 1)[index]]
        right.errorbar(at, mean, bars, fmt="osD"[index], color=color, capsize=4, label=label)
    right.set(ylabel="validation accuracy (95 % interval)", xticks=range(len(rows)))
    right.set_xticklabels([job_name(row).replace(", ", "\n") for row in rows])
    right.set_xlim(-0.6, max(len(rows), 1) - 0.4)
    right.set_ylim(0.8, 1.0)
    right.set_title("EfficientNet-Lite0, photographs", fontsize=11)
    if rows:
        right.legend(loc="lower right")
    left.figure.set_layout_engine("constrained", wspace=0.08)
    left.figure.savefig(path, dpi=110)
    plt.close(left.figure)

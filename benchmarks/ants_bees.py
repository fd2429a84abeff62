"""Ants against bees: the public recipe and the course's way, on one machine, side by side.

    python -m benchmarks.ants_bees --epochs 2 --repeats 3     seconds (quiet machine: 20 minutes)
    python -m benchmarks.ants_bees --only-accuracy            accuracies (any machine: an hour)
    python -m benchmarks.ants_bees --plot                     the figure again, from the file

Each run is a process of its own, the two sides alternate, and each is written to
benchmarks/results/ants_bees.json as soon as it is done: an interrupted call loses one run. With
fewer than 25 epochs the recipe's epochs are scaled linearly, and the result says so. Photographs
are taken from `TLHELPERS_DATA`; without them the drawn set is enlarged to the same pixels.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

if not __package__:  # run as a file: the library lies beside this folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import measuring
from benchmarks.measuring import spread

NAME = "ants_bees"
PROGRAMS = {"recipe": "benchmarks.public_recipe", "course": "benchmarks.course_recipe"}
SIDES = tuple(PROGRAMS)
METHODS = ("fixed", "finetune")
BACKBONES = ("efficientnet_lite0", "resnet18")
TUTORIAL_EPOCHS = 25
# Seconds of a recipe's epoch on two cores, for the estimate printed at the start.
ROUGHLY = {"efficientnet_lite0": {"fixed": 13, "finetune": 25}}
ROUGHLY["resnet18"] = {"fixed": 21, "finetune": 86}


def find_data(scratch: Path, smoke: bool) -> tuple[Path, str]:
    """Folder with train/ and val/, and what lies there: "photographs" or "drawings"."""
    import tlhelpers as tl
    from tlhelpers.assets import shared_dir

    folder = (shared_dir() or Path("nowhere")) / "hymenoptera_data"
    if not smoke and folder.is_dir():
        return folder, "photographs"
    from PIL import Image

    for path in sorted(tl.fetch("ants_bees").glob("*/*/*.*")):
        split, label = path.parts[-3:-1]
        target = scratch / split / label
        target.mkdir(parents=True, exist_ok=True)
        if smoke and len(list(target.iterdir())) == 3:
            continue
        with Image.open(path) as image:
            image = image.convert("RGB").resize((256, 256), Image.Resampling.BICUBIC)
            image.save(target / f"{path.stem}.jpg", quality=92)
    return scratch, "drawings"


def measure(side: str, data: Path, backbone: str, method: str, seed: int, epochs, workers) -> dict:
    """One run in a process of its own: what it reports, and the process's seconds as `wall`."""
    command = [sys.executable, "-m", PROGRAMS[side]]
    command += ["--data", str(data), "--backbone", backbone, "--method", method]
    command += ["--seed", str(seed)]
    if side == "recipe":
        command += ["--epochs", str(epochs), "--workers", str(workers)]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=measuring.ROOT, stdout=subprocess.PIPE, text=True)
    wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{side} of {backbone}, {method}, failed; its message is above.")
    job = {"side": side, "backbone": backbone, "method": method, "seed": seed, "wall": wall}
    return job | json.loads(done.stdout.splitlines()[-1])


def record(run: dict) -> dict:
    """Append a run to the file of results, with all that can be concluded from it so far."""
    found = measuring.read_result(NAME) or {}
    runs = [*found.get("runs", []), run]
    result = {"runs": runs, "summary": summarise(runs), "limits": found.get("limits")}
    measuring.write_result(NAME, result)
    return result


def scaled(run: dict, key: str) -> float:
    """Seconds of a run of 25 epochs: the part that every epoch repeats, times so many more."""
    if run["side"] == "course":
        return run[key]
    return run[key] + run["repeated"] * (TUTORIAL_EPOCHS / run["epochs"] - 1)


def summarise(runs: list[dict]) -> list[dict]:
    """A row for each backbone and method: seconds of both sides, how many times, accuracies."""
    rows = []
    for backbone, method in dict.fromkeys((r["backbone"], r["method"]) for r in runs):
        of = {
            side: [
                r
                for r in runs
                if (r["backbone"], r["method"], r["side"]) == (backbone, method, side)
            ]
            for side in SIDES
        }
        row = {"backbone": backbone, "method": method}
        timed = {side: [r for r in of[side] if r["purpose"] == "timing"] for side in SIDES}
        for key in ("wall", "work"):
            for side in SIDES:
                if timed[side]:
                    row[f"{side}_{key}"] = spread(scaled(r, key) for r in timed[side])
            if all(timed.values()):
                medians = [row[f"{side}_{key}"]["median"] for side in SIDES]
                row[f"times_faster_{key}"] = medians[0] / medians[1]
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
    from tlhelpers.statistics import wilson_interval

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


def limits(backbones) -> dict:
    """The physical limit: arithmetic of both sides over the highest rates measured here and now."""
    import torch

    from benchmarks import course_recipe, public_recipe, roofline

    cpu = torch.device("cpu")
    rates = {
        "fp32": max(roofline.matmul_rate(cpu, torch.float32, 1024)),
        "bf16": max(roofline.matmul_rate(cpu, torch.bfloat16, 1024)),
    }
    result = {"flops_per_second": rates, "threads": torch.get_num_threads()}
    train, val, batch = 244, 153, 4
    for backbone in backbones:
        model, _ = public_recipe.load_network(backbone)
        images = torch.randn(batch, 3, 224, 224)
        with torch.no_grad(), roofline.Work() as forward:
            model.eval()(images)
        # Backward is two products for each of forward's, the images' own gradient left out: torch's
        # counter takes the backward pass of a grouped convolution for that of a full one.
        stem = next(flops for _, flops, _, _ in forward.rows if flops)
        once, learn = forward.flops / batch, (3 * forward.flops - stem) / batch
        recipe = {
            "fixed": TUTORIAL_EPOCHS * (train + val) * once / rates["fp32"],
            "finetune": TUTORIAL_EPOCHS * (train * learn + val * once) / rates["fp32"],
        }
        passes = (train + val) * once
        course = {
            "fixed": passes / rates["bf16"],
            "finetune": (passes + course_recipe.EPOCHS * train * learn) / rates["bf16"],
        }
        result[backbone] = {
            "gflops_forward": once / 1e9,
            "gflops_step": learn / 1e9,
            "least_seconds": {"recipe": recipe, "course": course},
        }
    return result


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
        return f"{row['times_faster_wall']:.0f} / {row['times_faster_work']:.0f}"

    def right(row: dict, side: str, which: str) -> str:
        found = row.get(f"{side}_{which}")
        return f"{found['mean']:.3f} ± {found['error']:.3f}" if found else "-"

    lines = [
        "| network | job | recipe, s | course, s | times faster | recipe, last epoch "
        "| recipe, best epoch | course |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in summary:
        cells = [row["backbone"], row["method"], seconds(row, "recipe"), seconds(row, "course")]
        cells += [times(row), right(row, "recipe", "last"), right(row, "recipe", "best")]
        lines.append("| " + " | ".join([*cells, right(row, "course", "last")]) + " |")
    return "\n".join([*lines, "", "Seconds and times: whole process / work only (imports apart)."])


def plot(result: dict, path: Path) -> None:
    """Seconds of both sides as bars on a logarithmic scale, accuracies beside them."""
    import matplotlib.pyplot as plt

    from tlhelpers.palette import HATCHES, PALETTE, new_axes

    rows = [row for row in result["summary"] if "recipe_wall" in row and "course_wall" in row]
    left, right = new_axes(11, 4.5, columns=2)
    titles = {"recipe": "public recipe", "course": "the course's way"}
    for index, side in enumerate(SIDES):
        at = [i + (index - 0.5) * 0.38 for i in range(len(rows))]
        values = [row[f"{side}_wall"]["median"] for row in rows]
        look = {"color": PALETTE[index], "hatch": HATCHES[index], "edgecolor": "white"}
        left.bar(at, values, 0.38, label=titles[side], **look)
        for x, value in zip(at, values, strict=True):
            left.text(x, value * 1.06, f"{value:.0f}", ha="center", va="bottom", fontsize=10)
    names = [f"{row['backbone']}\n{row['method']}" for row in rows]
    left.set(yscale="log", ylabel="seconds, whole process", xticks=range(len(rows)))
    left.set_xticklabels(names, fontsize=9)
    left.set_ylim(top=left.get_ylim()[1] * 2.5)
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
    right.set_xticklabels([row["method"] for row in rows])
    right.set_xlim(-0.6, max(len(rows), 1) - 0.4)
    right.set_ylim(0.8, 1.0)
    right.set_title("EfficientNet-Lite0, photographs", fontsize=11)
    if rows:
        right.legend(loc="lower right")
    left.figure.savefig(path, dpi=110)
    plt.close(left.figure)


def jobs(options) -> Iterator[dict]:
    """What to run, in this order. Timing alternates the sides, and which of them goes first."""
    for number in options.seeds if options.only_accuracy else range(options.repeats):
        for backbone in options.backbones:
            for method in options.methods:
                for side in SIDES if number % 2 == 0 else reversed(SIDES):
                    yield {"side": side, "backbone": backbone, "method": method, "seed": number}


def roughly(job: dict, epochs: int) -> float:
    if job["side"] == "course":
        return 15 if job["method"] == "fixed" else 30
    return 8 + epochs * ROUGHLY.get(job["backbone"], {}).get(job["method"], 60)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbones", nargs="+", default=None, help=f"of {BACKBONES}")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--repeats", type=int, default=3, help="timings of each")
    parser.add_argument("--epochs", type=int, default=TUTORIAL_EPOCHS, help="of the recipe")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2), help="for accuracies")
    parser.add_argument("--workers", type=int, default=4, help="the recipe's, 4 in the tutorial")
    parser.add_argument("--only-accuracy", action="store_true")
    parser.add_argument("--smoke", action="store_true", help="a dozen drawings, nothing is kept")
    parser.add_argument("--plot", action="store_true", help="draw the figure again and stop")
    options = parser.parse_args(arguments)
    if options.backbones is None:  # random weights have no accuracy worth an hour
        options.backbones = BACKBONES[:1] if options.only_accuracy else BACKBONES
    if options.only_accuracy:
        options.epochs = TUTORIAL_EPOCHS
    figure = measuring.ROOT / "benchmarks" / f"{NAME}.png"
    with tempfile.TemporaryDirectory() as scratch:
        if options.smoke:
            options.epochs = options.repeats = 1
            options.workers, measuring.RESULTS = 0, Path(scratch, "results")
            figure = Path(scratch, figure.name)
        if not options.plot:
            run_all(options, Path(scratch, "data"))
        if found := measuring.read_result(NAME):
            print(table(found["summary"]))
            plot(found, figure)
        shutil.rmtree(Path(scratch, "data"), ignore_errors=True)


def run_all(options, scratch: Path) -> None:
    """Run every job; an interrupt keeps those that are done."""
    data, kind = find_data(scratch, options.smoke)
    todo = list(jobs(options))
    left = sum(roughly(job, options.epochs) for job in todo)
    print(f"{len(todo)} runs on {kind}, about {left / 60:.0f} minutes on two cores", flush=True)
    try:
        if not options.only_accuracy and not options.smoke:
            found = measuring.read_result(NAME) or {"runs": [], "summary": []}
            found["limits"] = limits(options.backbones)
            measuring.write_result(NAME, {k: found[k] for k in ("runs", "summary", "limits")})
        for number, job in enumerate(todo, 1):
            run = measure(data=data, epochs=options.epochs, workers=options.workers, **job)
            run |= {"purpose": "accuracy" if options.only_accuracy else "timing", "data": kind}
            record(run)
            left -= roughly(job, options.epochs)
            print(
                f"{number}/{len(todo)} {job['side']} {job['backbone']} {job['method']}: "
                f"{run['wall']:.1f} s ({run['work']:.1f} s of work), {run['correct']}/{run['n']}; "
                f"about {left / 60:.0f} minutes to go",
                flush=True,
            )
    except KeyboardInterrupt:
        print("interrupted; what was measured until now is kept.")


if __name__ == "__main__":
    main()

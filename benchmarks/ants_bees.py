"""Ants against bees: the public recipe and the course's way, on one machine, side by side.

    python -m benchmarks.ants_bees --epochs 2 --repeats 3     seconds (quiet machine: 20 minutes)
    python -m benchmarks.ants_bees --only-accuracy            accuracies (any machine: an hour)
    python -m benchmarks.ants_bees --plot                     the figure again, from the file

Each run is a process of its own, the two sides alternate, and each is written to
benchmarks/results/ants_bees.json as soon as it is done: an interrupted call loses one run. The file
keeps the runs of each kind of machine apart, and nothing is computed across machines. With fewer
than 25 epochs the recipe's epochs are scaled linearly, and the result says so. Photographs are
taken from `TLHELPERS_DATA`; without them the drawn set is enlarged to the same pixels.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

if not __package__:  # run as a file: the library lies beside this folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import measuring
from benchmarks.ants_bees_summary import SIDES, TUTORIAL_EPOCHS, plot, summarise, table

NAME = "ants_bees"
PROGRAMS = {"recipe": "benchmarks.public_recipe", "course": "benchmarks.course_recipe"}
METHODS = ("fixed", "finetune")
BACKBONES = ("efficientnet_lite0", "resnet18")
# Seconds of a recipe's epoch on two cores, for the estimate printed at the start.
ROUGHLY = {"efficientnet_lite0": {"fixed": 13, "finetune": 25}}
ROUGHLY["resnet18"] = {"fixed": 21, "finetune": 86}


def find_data(scratch: Path, smoke: bool) -> tuple[Path, str]:
    """Folder with train/ and val/, and what lies there: "photographs" or "drawings"."""
    import tlhelpers as tl
    from tlhelpers.core.assets import shared_dir

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


def entry() -> dict:
    """What was measured on this kind of machine, with these versions; empty at first."""
    machines = (measuring.read_result(NAME) or {}).get("machines", {})
    return machines.get(measuring.machine_key(measuring.machine()), {"runs": [], "limits": None})


def keep(found: dict) -> dict:
    """Write `found` as this machine's entry, with all that can be concluded from its runs."""
    now = measuring.stamped(found | {"summary": summarise(found["runs"])})
    machines = (measuring.read_result(NAME) or {}).get("machines", {})
    key = measuring.machine_key(now["machine"])
    measuring.write_file(NAME, {"machines": machines | {key: now}})
    return now


def record(run: dict) -> dict:
    """Append a run to this machine's entry."""
    found = entry()
    return keep(found | {"runs": [*found["runs"], run]})


def peak_rates(device) -> dict[str, float]:
    """Operations a second at most, in fp32 and in bf16 if the course uses it on this device."""
    import torch

    import tlhelpers as tl
    from benchmarks import roofline

    precisions = {"fp32": torch.float32}
    with tl.autocast(device):
        if torch.is_autocast_enabled(device.type):
            precisions["bf16"] = torch.get_autocast_dtype(device.type)
    return {
        name: max(roofline.matmul_rate(device, dtype, 1024)) for name, dtype in precisions.items()
    }


def limits(backbones) -> dict:
    """The physical limit: arithmetic of both sides over the highest rates measured here and now."""
    import torch

    from benchmarks import course_recipe, public_recipe, roofline

    rates = peak_rates(torch.device("cpu"))
    course_rate = rates.get("bf16", rates["fp32"])
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
            "fixed": passes / course_rate,
            "finetune": (passes + course_recipe.EPOCHS * train * learn) / course_rate,
        }
        result[backbone] = {
            "gflops_forward": once / 1e9,
            "gflops_step": learn / 1e9,
            "least_seconds": {"recipe": recipe, "course": course},
        }
    return result


def jobs(options) -> Iterator[dict]:
    """What to run, in this order. Timing alternates the sides, and which of them goes first."""
    for number in options.seeds if options.only_accuracy else range(options.repeats):
        for backbone in options.backbones:
            for method in options.methods:
                for side in options.sides if number % 2 == 0 else reversed(options.sides):
                    yield {"side": side, "backbone": backbone, "method": method, "seed": number}


def roughly(job: dict, epochs: int) -> float:
    if job["side"] == "course":
        return 15 if job["method"] == "fixed" else 30
    return 8 + epochs * ROUGHLY.get(job["backbone"], {}).get(job["method"], 60)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbones", nargs="+", default=None, help=f"of {BACKBONES}")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
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
        report(figure)
        shutil.rmtree(Path(scratch, "data"), ignore_errors=True)


def report(figure: Path) -> None:
    """A table for each machine; the figure is of the one with the most timings."""
    machines = (measuring.read_result(NAME) or {}).get("machines", {})
    for key, found in machines.items():
        print(key, table(found["summary"]), sep="\n\n", end="\n\n")
    timings = {
        key: sum(run["purpose"] == "timing" for run in found["runs"])
        for key, found in machines.items()
    }
    if timings:
        plot(machines[max(timings, key=timings.get)], figure)


def run_all(options, scratch: Path) -> None:
    """Run every job; an interrupt keeps those that are done."""
    data, kind = find_data(scratch, options.smoke)
    todo = list(jobs(options))
    left = sum(roughly(job, options.epochs) for job in todo)
    print(f"{len(todo)} runs on {kind}, about {left / 60:.0f} minutes on two cores", flush=True)
    try:
        if not options.only_accuracy and not options.smoke:
            keep(entry() | {"limits": limits(options.backbones)})
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

"""How much does pre-training help? Few images, equal optimiser steps, equal care for both sides.

python -m data.recipes.transfer_table resnet18
# -> data/results/transfer_resnet18.json and .md

Every network is fine-tuned whole. Pre-trained and fresh networks get the same number of optimiser
steps, the same augmentation and the same schedule. The learning rate is chosen for each start on
its own, on a tuning set that is used for nothing else. Results are means over seeds
(initialisation, batches, choice of the training images) with a 95 % t-interval, on fresh images.
"""

from __future__ import annotations

import argparse
import functools
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import tlhelpers as tl
from tlhelpers.evaluation.statistics import mean_interval

from .catalogue import TARGETS
from .draw_ants_bees import SEEDS, fresh_set
from .pretrain import MEAN, SIZE, STD, WEIGHTS, build, load
from .shortcuts import embedded
from .tables import made_by, store

OBJECTS_ONLY = Path("build/resnet18-objects.safetensors")
IMAGES = (5, 10, 20, "all")
STEPS = {5: 300, 10: 300, 20: 300, "all": 400}
LONGER = 4  # the longer-scratch row has so many times the steps
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)  # extended until the best one is not on an edge
TUNING_SEEDS = (100, 101, 102)
REPORTED_SEEDS = range(8)  # from scratch, seeds differ widely: five give a wide interval
TUNING_IMAGES, FRESH_IMAGES = 150, 300  # of each class


@dataclass(frozen=True)
class Run:
    """One training: the network and its start, its images, steps and test set."""

    network: str
    start: str  # "pretrained", "scratch", "unrelated"
    images: int | str
    steps: int
    rate: float
    seed: int
    test: str = "fresh"


@functools.cache
def images(purpose: str) -> tl.ImageTensors:
    """Target images for "train", "tune" or "fresh": uint8 (N, 3, 96, 96)."""
    if purpose == "train":
        pixels, labels = embedded("train")
    else:
        count = TUNING_IMAGES if purpose == "tune" else FRESH_IMAGES
        pixels, labels = fresh_set(count, seed=SEEDS[purpose])
    x = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    x = F.interpolate(x, (SIZE, SIZE), mode="bilinear", antialias=True)
    return tl.ImageTensors(x, torch.from_numpy(labels), list(TARGETS))


def starting_network(network: str, start: str) -> torch.nn.Module:
    """A two-class network, pre-trained or not."""
    if start == "scratch":
        return build(network, len(TARGETS))  # VGG-16 with its BatchNorm: without, it learns nothing
    model, _ = load(OBJECTS_ONLY if start == "unrelated" else WEIGHTS / f"{network}.safetensors")
    tl.replace_head(model, len(TARGETS))
    return model


def measure(run: Run) -> float:
    """Train and return the accuracy on the run's test images."""
    torch.set_num_threads(1)
    generator = tl.seed_everything(run.seed)
    train = images("train")
    if run.images != "all":
        train = train.per_class(run.images, seed=run.seed)
    model = starting_network(run.network, run.start)
    preparation = {"mean": MEAN, "std": STD}
    augment = tl.random_affine(degrees=180, translate=0.06, scale=(0.85, 1.2))
    loader = tl.BatchLoader(
        train, min(16, len(train)), train=True, augment=augment, generator=generator, **preparation
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=run.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, run.rate, total_steps=run.steps, pct_start=0.15
    )
    tl.fit(
        model, loader, optimizer=optimizer, steps=run.steps, batch_scheduler=schedule,
        progress=False,
    )  # fmt: skip
    return tl.evaluate(model, tl.BatchLoader(images(run.test), 100, **preparation))["accuracy"]


def choose_rate(run: Run, pool) -> tuple[float, dict[str, float]]:
    """The rate with the best mean accuracy on the tuning set, and the whole grid's means."""
    found: dict[float, float] = {}
    grid = list(RATES)
    while missing := [rate for rate in grid if rate not in found]:
        runs = [
            replace(run, rate=rate, seed=seed, test="tune")
            for rate in missing
            for seed in TUNING_SEEDS
        ]
        scores = np.array(list(pool.map(measure, runs))).reshape(len(missing), -1).mean(1)
        found |= dict(zip(missing, scores.tolist(), strict=True))
        best = max(found, key=found.get)
        if best == grid[0]:
            grid.insert(0, float(f"{best / 3.2:.0e}"))
        elif best == grid[-1]:
            grid.append(float(f"{best * 3.2:.0e}"))
    print(
        f"{run.start}, {run.images}: rate {best:g}",
        {k: round(v, 3) for k, v in found.items()},
        flush=True,
    )
    return best, {f"{rate:g}": round(found[rate], 4) for rate in grid}


def rows_of(network: str, pool) -> tuple[list[dict], dict]:
    """All rows of the table, and the grids that the rates were chosen from."""
    starts = ["pretrained", "scratch"]
    if network == "resnet18" and OBJECTS_ONLY.exists():
        starts.append("unrelated")
    rows, grids = [], {}
    for start in starts:
        # One rate for few images, chosen at 20 a class, and one for all.
        rates = {}
        for count in (20, "all"):
            run = Run(network, start, count, STEPS[count], 0.0, 0)
            rates[count], grids[f"{start}, {count}"] = choose_rate(run, pool)
        plan = [(count, STEPS[count]) for count in IMAGES]
        if start == "scratch":
            plan.append(("all", STEPS["all"] * LONGER))
        for count, steps in plan:
            rate = rates["all" if count == "all" else 20]
            runs = [Run(network, start, count, steps, rate, seed) for seed in REPORTED_SEEDS]
            scores = list(pool.map(measure, runs))
            found = mean_interval(scores)
            row = {key: value for key, value in asdict(runs[0]).items() if key != "seed"}
            row |= {"mean": found.mean, "low": found.low, "high": found.high, "accuracies": scores}
            rows.append(row)
            print(
                f"{start} {count} {steps}: {found.mean:.3f} +- {found.mean - found.low:.3f}",
                flush=True,
            )
    return rows, grids


LABELS = {
    "pretrained": "pre-trained on all source classes",
    "scratch": "from scratch",
    "unrelated": "pre-trained on objects only (unrelated source)",
}


def markdown(network: str, rows: list[dict], facts: dict) -> str:
    """The table as Markdown, one line for each start."""
    lines = [
        f"# Transfer to drawn ants and bees: mini {network}",
        "",
        "| start | " + " | ".join(f"{n} images a class" for n in IMAGES) + " |",
        "|---|" + "---|" * len(IMAGES),
    ]
    cells = {
        (r["start"], r["images"], r["steps"]): f"{r['mean']:.3f} ± {r['mean'] - r['low']:.3f}"
        for r in rows
    }
    for start, label in LABELS.items():
        if any(r["start"] == start for r in rows):
            found = [cells[start, n, STEPS[n]] for n in IMAGES]
            lines.append(f"| {label} | " + " | ".join(found) + " |")
    longer = cells["scratch", "all", STEPS["all"] * LONGER]
    lines.append(f"| from scratch, {LONGER} times the steps | | | | {longer} |")
    rate = {(r["start"], r["images"]): r["rate"] for r in rows}
    rates = "; ".join(
        f"{label}: {rate[start, 20]:g}, all images {rate[start, 'all']:g}"
        for start, label in LABELS.items()
        if (start, 20) in rate
    )
    lines += [
        "",
        f"Accuracy on {2 * FRESH_IMAGES} fresh images, mean over {len(REPORTED_SEEDS)} seeds with "
        "95 % t-interval; full fine-tuning, AdamW, one-cycle schedule, batches of 16, the same "
        f"augmentation; {STEPS[20]} optimiser steps ({STEPS['all']} with all images). Learning "
        f"rates, each chosen on a separate tuning set, none on the edge of its grid: {rates}.",
        "",
        made_by(facts),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=("resnet18", "alexnet", "vgg16"))
    parser.add_argument("--machine", default="2 CPU cores")
    parser.add_argument("--workers", type=int, default=2, help="trainings at the same time")
    args = parser.parse_args()
    start = time.perf_counter()
    with ProcessPoolExecutor(args.workers) as pool:
        rows, grids = rows_of(args.network, pool)
    store(
        f"transfer_{args.network}",
        {"rows": rows, "tuning": grids},
        functools.partial(markdown, args.network, rows),
        command=f"python -m data.recipes.transfer_table {args.network}",
        seconds=time.perf_counter() - start,
        machine=args.machine,
    )


if __name__ == "__main__":
    main()

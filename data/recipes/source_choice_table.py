"""Which source transfers best, which one hurts, and do the scores know? 11 sources, 3 targets.

python -m data.recipes.source_choice_table   # -> data/results/source_choice.json and .md

Every source is fine-tuned whole and probed frozen on three targets with three numbers of images.
All get the same optimiser steps, batches and augmentation; the learning rate is chosen for each
source and target on a tuning set that is used for nothing else. The source "random" is training
with target data only. A seed draws the training images, the head and the batches, and means the
same images for all sources, so that differences are taken seed by seed. The scores see the same
training images and nothing else.

The networks were pre-trained once each: what one more pre-training would change is not in the
intervals. "drawn" and "one class short" beside each other give an idea of it.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, median

import numpy as np
import torch
import torch.nn.functional as F

import tlhelpers as tl
from tlhelpers.data.random_split import rows_by_class
from tlhelpers.methods.transferability import h_score, leep, log_me, probe_score

from .draw_ants_bees import SEEDS, fresh_set
from .source_networks import coloured
from .tables import store

SIZES, STEPS, LONGER, BATCH, SIDE = (5, 20, 80), 100, 4, 16, 64
SCORED = (5, 20)  # the scores are made for few images; with 80 a class one would simply train
RATES = (1e-3, 3e-3, 1e-2)  # extended until the best one is not on an edge
# The baseline that all are compared with is tuned with the most care.
TUNING_SEEDS, BASELINE_SEEDS, TUNING_IMAGES = (100,), (100, 101, 102), 20
REPORTED_SEEDS = range(5)
# Who is trained for longer, with the most images: does harm, or help, go away by itself?
TRAINED_LONGER = {
    "handwriting": ("random", "drawn", "few classes", "shuffled labels"),
    "insects": ("random",),
    "printed digits": ("random",),
}
PROBED_SEEDS = range(10)  # of the frozen probes, which cost little; the scores have the first five
TARGETS = ("handwriting", "insects", "printed digits")
OTHERS = ("resnet18", "efficientnet_lite0")
SCORES = ("LogME", "LEEP", "H-score", "H-score, not shrunk", "probe", "probe log-likelihood")
AUGMENT = {
    "insects": tl.random_affine(180, 0.06, (0.85, 1.2)),
    "handwriting": tl.random_affine(10, 0.06, (0.85, 1.2), flip=False),
    "printed digits": tl.random_affine(10, 0.06, (0.85, 1.2), flip=False),
}
FINISHED = Path("build/source_choice_runs.json")  # so that an interrupted table goes on


@dataclass(frozen=True)
class Run:
    """One fine-tuning of the whole network."""

    target: str
    source: str
    images: int
    rate: float
    seed: int
    steps: int = STEPS
    test: str = "test"  # or "tune"


@functools.cache
def pictures(target: str) -> dict[str, tl.ImageTensors]:
    """The target's images, uint8 (N, 3, 64, 64): a pool to train on, "tune" and "test"."""
    if target == "insects":
        parts = {"pool": tl.load_images("ants_bees", "train", size=SIDE)}
        for part, count, purpose in (("tune", 100, "tune"), ("test", 300, "fresh")):
            pixels, labels = fresh_set(count, seed=SEEDS[purpose])
            x = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
            x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True)
            parts[part] = tl.ImageTensors(x, torch.from_numpy(labels), parts["pool"].classes)
        return parts
    if target == "printed digits":
        counts = {"pool": 1100, "tune": 250, "test": 600}
        return {p: coloured(n, "0123456789", 50 + i) for i, (p, n) in enumerate(counts.items())}
    data = tl.glyph_images(tl.handwriting(), size=SIDE)
    data = data[torch.randperm(len(data), generator=torch.Generator().manual_seed(0))]
    return {"pool": data[:950], "tune": data[950:1200], "test": data[1200:]}


@functools.cache
def loaded(source: str) -> tl.Backbone:
    """The source as it comes."""
    return tl.load_backbone(source) if source in OTHERS else tl.load_source(source)


def loader(source: str, data: tl.ImageTensors, **options) -> tl.BatchLoader:
    """Batches of 64 x 64 pixels for every source: the network's normalisation, not its size."""
    backbone = loaded(source)
    options = {
        "batch_size": 100,
        "device": "cpu",
        "mean": backbone.mean,
        "std": backbone.std,
        **options,
    }
    return tl.BatchLoader(data, **options)


def fine_tune(run: Run) -> float:
    """Train the whole network and return its accuracy on the run's test images."""
    parts = pictures(run.target)
    train = parts["pool"].per_class(run.images, seed=run.seed)
    model = copy.deepcopy(loaded(run.source).model)
    generator = tl.seed_everything(run.seed)
    tl.replace_head(model, len(train.classes))
    batches = loader(
        run.source, train, batch_size=min(BATCH, len(train)), train=True,
        augment=AUGMENT[run.target], generator=generator,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=run.rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, run.rate, total_steps=run.steps, pct_start=0.15
    )
    tl.fit(
        model, batches, optimizer=optimizer, steps=run.steps, batch_scheduler=schedule,
        progress=False,
    )  # fmt: skip
    return tl.evaluate(model, loader(run.source, parts[run.test]))["accuracy"]


class Finished:
    """Accuracies of the runs that were made, and the seconds that all took, kept in a file."""

    def __init__(self, path: Path):
        self.path = path
        self.found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    @property
    def seconds(self) -> float:
        """Processor seconds of all runs, whatever else the machine did."""
        return sum(seconds for _, seconds in self.found.values())

    def __call__(self, run: Run) -> float:
        key = json.dumps(asdict(run))
        if key not in self.found:
            start = time.process_time()
            accuracy = fine_tune(run)
            self.found[key] = (accuracy, time.process_time() - start)
            self.path.write_text(json.dumps(self.found), encoding="utf-8")
        return self.found[key][0]


def choose_rate(run: Run, measure) -> tuple[float, dict[str, float]]:
    """The rate with the best mean on the tuning set, and the means of the whole grid."""
    grid, found = list(RATES), {}
    seeds = BASELINE_SEEDS if run.source == "random" else TUNING_SEEDS
    while missing := [rate for rate in grid if rate not in found]:
        for rate in missing:
            found[rate] = fmean(
                measure(replace(run, rate=rate, seed=seed, test="tune")) for seed in seeds
            )
        best = max(found, key=found.get)
        if best == grid[0]:
            grid.insert(0, float(f"{best / 3.2:.0e}"))
        elif best == grid[-1]:
            grid.append(float(f"{best * 3.2:.0e}"))
    return best, {f"{rate:g}": round(found[rate], 4) for rate in grid}


def row_of(target, source, images, arm, accuracies, rate=None, steps=None) -> dict:
    """One row of the table."""
    found = tl.mean_interval(accuracies)
    return {
        "target": target, "source": source, "images": images, "arm": arm, "rate": rate,
        "steps": steps, "mean": found.mean, "low": found.low, "high": found.high,
        "accuracies": [round(value, 5) for value in accuracies],
    }  # fmt: skip


def sizes_of(source: str) -> tuple[int, ...]:
    """Numbers of images a class: all three for the small networks, for the others 20."""
    return (20,) if source in OTHERS else SIZES


def fine_tuned_rows(target: str, source: str, measure) -> tuple[list[dict], dict]:
    """Fine-tuning at the sizes of `sizes_of`, and for some with more steps, too."""
    rate, grid = choose_rate(Run(target, source, TUNING_IMAGES, 0.0, 0), measure)
    plan = [(STEPS, images, "fine-tuned") for images in sizes_of(source)]
    if source in TRAINED_LONGER[target]:
        plan.append((LONGER * STEPS, SIZES[-1], "longer"))
    rows = []
    for steps, images, arm in plan:
        runs = [Run(target, source, images, rate, seed, steps) for seed in REPORTED_SEEDS]
        found = [measure(run) for run in runs]
        rows.append(row_of(target, source, images, arm, found, rate, steps))
        print(f"{target}, {source}, {images}, {arm}: {fmean(found):.3f} at {rate:g}", flush=True)
    return rows, grid


def frozen_rows(target: str, source: str) -> tuple[list[dict], list[dict], dict]:
    """Frozen probes, the scores on the same images, and the seconds that these cost."""
    parts, model = pictures(target), loaded(source).model
    seconds = {}

    def timed(name: str, function, *arguments):
        start = time.process_time()
        found = function(*arguments)
        seconds.setdefault(name, []).append(time.process_time() - start)
        return found

    test, pool = (tl.extract_features(model, loader(source, parts[p])) for p in ("test", "pool"))
    p = tl.predict(model, loader(source, parts["pool"]))[0].softmax(1)  # of the old head
    rows, scores = [], []
    for images in SIZES:
        accuracies, found = [], {name: [] for name in SCORES}
        for seed in PROBED_SEEDS:
            by_class = rows_by_class(pool.labels, len(pool.classes), seed)
            chosen = torch.cat([rows[:images] for rows in by_class]).sort().values
            f, y = pool.features[chosen], pool.labels[chosen]
            probe = tl.linear_probe(pool[chosen], C=0.1)
            right = probe(test.features).argmax(1) == test.labels
            accuracies.append(float(right.float().mean()))
            if images not in SCORED or seed not in REPORTED_SEEDS:
                continue
            found["LogME"].append(timed(f"LogME, {images}", log_me, f, y))
            found["LEEP"].append(timed(f"LEEP, {images}", leep, p[chosen], y))
            found["H-score"].append(timed(f"H-score, {images}", h_score, f, y))
            found["H-score, not shrunk"].append(h_score(f, y, shrink=False))
            both = timed(f"probe, {images}", probe_score, f, y)
            for name, value in zip(SCORES[-2:], both, strict=True):
                found[name].append(value)
        rows.append(row_of(target, source, images, "frozen", accuracies))
        if images in SCORED:
            scores.append({"target": target, "source": source, "images": images, **found})
    train = parts["pool"].per_class(TUNING_IMAGES)
    timed(f"features, {TUNING_IMAGES}", tl.extract_features, model, loader(source, train))
    return rows, scores, {name: round(median(values), 4) for name, values in seconds.items()}


def markdown(found: dict, facts: dict) -> str:
    """Two tables for each target: fine-tuned and frozen."""
    lines = ["# Which source transfers, which one hurts"]
    seeds = f"{len(REPORTED_SEEDS)} seeds ({len(PROBED_SEEDS)} of frozen probes)"
    tested = ", ".join(f"{t['test_images']} {name}" for name, t in found["targets"].items())
    for target in found["targets"]:
        for arm in ("fine-tuned", "frozen"):
            rows = [r for r in found["rows"] if r["target"] == target and r["arm"] == arm]
            cells = {
                (r["source"], r["images"]): f"{r['mean']:.3f} ± {r['mean'] - r['low']:.3f}"
                for r in rows
            }
            lines += ["", f"## {target}, {arm}", "", "| source | 5 a class | 20 | 80 |"]
            lines.append("|---|---|---|---|")
            for source in dict.fromkeys(r["source"] for r in rows):
                kept = " | ".join(cells.get((source, images), "") for images in SIZES)
                lines.append(f"| {source} | {kept} |")
    lines += [
        "",
        f"Accuracy on {tested}; mean over {seeds} with 95 % t-interval. "
        f"Fine-tuned: the whole network, {STEPS} steps of batch {BATCH}, AdamW, one cycle, own "
        "learning rate. Frozen: logistic regression on the features. All images have 64 x 64 "
        'pixels. Fine-tuned "random" is training with target data only.',
        "",
        f"`{facts['command']}`: {facts['seconds']} processor seconds on {facts['machine']}, "
        f"{facts['date']}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="one CPU core")
    args = parser.parse_args()
    torch.set_num_threads(1)
    measure = Finished(FINISHED)
    probing = 0.0
    found = {
        "sources": {name: loaded(name).source for name in (*tl.list_sources(), *OTHERS)},
        "targets": {}, "sizes": SIZES, "steps": STEPS, "seeds": list(REPORTED_SEEDS),
        "rows": [], "scores": [], "seconds_by_source": {}, "tuning": {},
    }  # fmt: skip
    for target in TARGETS:
        parts = pictures(target)
        classes, test = len(parts["pool"].classes), len(parts["test"])
        found["targets"][target] = {"classes": classes, "test_images": test}
        start = time.process_time()
        for source in found["sources"]:
            rows, scores, seconds = frozen_rows(target, source)
            found["rows"] += rows
            found["scores"] += scores
            found["seconds_by_source"][f"{target}, {source}"] = seconds
        probing += time.process_time() - start
        for source in found["sources"]:
            rows, found["tuning"][f"{target}, {source}"] = fine_tuned_rows(target, source, measure)
            found["rows"] += rows
        store(  # after each target: what is finished can be read
            "source_choice",
            found,
            functools.partial(markdown, found),
            command="python -m data.recipes.source_choice_table",
            seconds=measure.seconds + probing,
            machine=args.machine,
        )


if __name__ == "__main__":
    main()

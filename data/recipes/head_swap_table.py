"""One linear layer or three on AlexNet's frozen convolutions, compared with classical features.

python -m data.recipes.head_swap_table      # -> data/results/head_swap.json and .md

The convolutions are frozen, so their output is computed once and both heads train on it. Each head
has a learning rate of its own for each number of images, chosen by the loss on a tuning set that is
used for nothing else; both take the same number of optimiser steps. Results are means over seeds
(initialisation, batches, choice of the training images) with a 95 % t-interval, on fresh images.
The classical rows choose their penalty by cross-validation on the training images.
"""

from __future__ import annotations

import argparse
import functools
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl
from tlhelpers.evaluation.baselines import hog, logistic_regression

from .tables import made_by, store
from .transfer_table import images

IMAGES, STEPS, BATCH = (10, 20, 100), 300, 16
RATES = (1e-4, 3e-4, 1e-3, 3e-3)  # extended until the best one is not on an edge
TUNING_SEEDS, SEEDS_REPORTED = (100, 101), (0, 1, 2, 3, 4)
WIDE = 512  # of the two hidden layers, as in the mini AlexNet's own classifier


def linear_head(inputs: int, classes: int) -> nn.Module:
    """One layer: a weighted sum of the features."""
    return nn.Linear(inputs, classes)


def three_layers(inputs: int, classes: int) -> nn.Module:
    """AlexNet's own kind of head: three fully connected layers, two of them behind Dropout."""
    return nn.Sequential(
        nn.Dropout(0.5),
        nn.Linear(inputs, WIDE),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(WIDE, WIDE),
        nn.ReLU(),
        nn.Linear(WIDE, classes),
    )


HEADS = {"one linear layer": linear_head, "three layers": three_layers}


def convolutional(data: tl.ImageTensors) -> tl.FeatureTensors:
    """Output of the last pooling layer of the mini AlexNet: (N, 576)."""
    backbone = tl.load_backbone("alexnet")
    backbone.model.classifier = nn.Sequential(nn.Linear(576, 2))  # its input is kept
    return tl.extract_features(
        backbone.model, tl.BatchLoader(data, 100, device="cpu", **backbone.preprocessing)
    )


def turned(pixels: torch.Tensor) -> torch.Tensor:
    """The eight ways to turn by quarters and mirror: (8 * N, 3, H, W), the pictures' order kept."""
    views = [torch.rot90(p, k, (2, 3)) for p in (pixels, pixels.flip(3)) for k in range(4)]
    return torch.cat(views)


def choose(labels: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Rows of `count` examples of each class, drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    rows = [(labels == label).nonzero().flatten() for label in labels.unique()]
    return torch.cat([r[torch.randperm(len(r), generator=generator)[:count]] for r in rows])


def train(kind: str, count: int, rate: float, seed: int, sets: dict, test: str) -> dict:
    """Train one head; its loss and accuracy on its training images and on a test set."""
    torch.manual_seed(seed)
    data = sets["train"][choose(sets["train"].labels, count, seed)]
    head = HEADS[kind](data.features.shape[1], len(data.classes))
    loader = tl.BatchLoader(data, BATCH, train=True, device="cpu")
    optimizer = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=0.01)
    tl.fit(head, loader, optimizer=optimizer, steps=STEPS, progress=False)
    seen = tl.evaluate(head, tl.BatchLoader(data, 1000, device="cpu"))
    fresh = tl.evaluate(head, tl.BatchLoader(sets[test], 1000, device="cpu"))
    return {
        "train_accuracy": seen["accuracy"],
        "accuracy": fresh["accuracy"],
        "gap": seen["accuracy"] - fresh["accuracy"],
        "train_loss": seen["loss"],
        "loss": fresh["loss"],
    }


def choose_rate(kind: str, count: int, sets: dict) -> tuple[float, dict[str, float]]:
    """The rate with the lowest mean loss on the tuning set, and the whole grid's means."""
    found: dict[float, float] = {}
    grid = list(RATES)
    while missing := [rate for rate in grid if rate not in found]:
        for rate in missing:
            losses = [train(kind, count, rate, s, sets, "tune")["loss"] for s in TUNING_SEEDS]
            found[rate] = float(np.mean(losses))
        best = min(found, key=found.get)
        if best == grid[0]:
            grid.insert(0, float(f"{best / 3.2:.0e}"))
        elif best == grid[-1]:
            grid.append(float(f"{best * 3.2:.0e}"))
    return best, {f"{rate:g}": round(found[rate], 4) for rate in grid}


def head_rows(sets: dict) -> tuple[list[dict], dict]:
    """Both heads at every number of images; and the grids that the rates were chosen from."""
    rows, grids = [], {}
    for kind in HEADS:
        for count in IMAGES:
            rate, grids[f"{kind}, {count}"] = choose_rate(kind, count, sets)
            runs = [train(kind, count, rate, seed, sets, "fresh") for seed in SEEDS_REPORTED]
            row = {"head": kind, "images": count, "rate": rate}
            rows.append(row | {key: _interval([run[key] for run in runs]) for key in runs[0]})
            print(row, {key: round(rows[-1][key]["mean"], 3) for key in runs[0]}, flush=True)
    return rows, grids


def classical_rows(pictures: dict[str, tl.ImageTensors]) -> list[dict]:
    """Logistic regression on designed features, at every number of images."""
    train_set, fresh = pictures["train"], pictures["fresh"]
    small = {name: F.avg_pool2d(d.images.float(), 3).flatten(1) for name, d in pictures.items()}
    edges = {name: hog(data.images) for name, data in pictures.items()}
    all_ways = hog(turned(train_set.images)).view(8, len(train_set), -1)
    rows = []
    for count in IMAGES:
        scores: dict[str, list[float]] = {"pixels": [], "HOG": [], "HOG, turned copies": []}
        for seed in SEEDS_REPORTED:
            chosen = choose(train_set.labels, count, seed)
            y = train_set.labels[chosen]
            for name, features in (("pixels", small), ("HOG", edges)):
                model = logistic_regression(features["train"][chosen], y)
                scores[name].append(model.score(features["fresh"], fresh.labels))
            # Folds would share copies of a picture, and C would look better than it is: it is
            # chosen on the plain pictures (the last model above) and used with the copies.
            strength = model["choose"].best_params_["C"]
            many = all_ways[:, chosen].flatten(0, 1)
            copies = logistic_regression(many, y.repeat(8), strengths=[strength])
            scores["HOG, turned copies"].append(copies.score(edges["fresh"], fresh.labels))
        for name, found in scores.items():
            rows.append({"features": name, "images": count, "accuracy": _interval(found)})
            print(name, count, round(rows[-1]["accuracy"]["mean"], 3), flush=True)
    return rows


def _interval(values: list[float]) -> dict:
    found = tl.mean_interval(values)
    return {"mean": found.mean, "low": found.low, "high": found.high, "values": values}


def markdown(rows: list[dict], classical: list[dict], facts: dict) -> str:
    """The tables as Markdown."""

    def cell(row: dict, key: str) -> str:
        return f"{row[key]['mean']:.3f} ± {row[key]['mean'] - row[key]['low']:.3f}"

    head = "| | " + " | ".join(f"{count} images a class" for count in IMAGES) + " |"
    rule = "|---|" + "---|" * len(IMAGES)
    lines = ["# A new head on frozen convolutions: mini AlexNet, drawn ants and bees", ""]
    lines += [head, rule]
    for kind in HEADS:
        mine = [row for row in rows if row["head"] == kind]
        for key, name in (
            ("accuracy", "accuracy on fresh images"),
            ("gap", "training minus fresh accuracy"),
            ("loss", "loss on fresh images"),
            ("train_loss", "loss on training images"),
        ):
            lines.append(f"| {kind}: {name} | " + " | ".join(cell(r, key) for r in mine) + " |")
    for name in dict.fromkeys(row["features"] for row in classical):
        found = [cell(row, "accuracy") for row in classical if row["features"] == name]
        lines.append(f"| {name}, logistic regression: accuracy | " + " | ".join(found) + " |")
    rates = "; ".join(
        f"{kind}: " + ", ".join(f"{row['rate']:g}" for row in rows if row["head"] == kind)
        for kind in HEADS
    )
    lines += [
        "",
        f"{len(SEEDS_REPORTED)} seeds, mean with 95 % t-interval; 600 fresh images. The five "
        f"convolutions are frozen. AdamW, {STEPS} steps, batches of {BATCH}; learning rates, each "
        f"chosen by the loss on a separate tuning set, none on the edge of its grid: {rates}. "
        "Classical rows: C chosen by five-fold cross-validation on the training images; pixels are "
        "32 x 32 x 3; the turned copies are the training pictures in all eight quarter turns and "
        "mirrorings.",
        "",
        made_by(facts),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="one CPU core")
    args = parser.parse_args()
    start = time.process_time()
    pictures = {name: images(name) for name in ("train", "tune", "fresh")}
    classical = classical_rows(pictures)
    rows, grids = head_rows({name: convolutional(data) for name, data in pictures.items()})
    store(
        "head_swap",
        {"heads": rows, "classical": classical, "tuning": grids},
        functools.partial(markdown, rows, classical),
        command="python -m data.recipes.head_swap_table",
        seconds=time.process_time() - start,
        machine=args.machine,
    )


if __name__ == "__main__":
    main()

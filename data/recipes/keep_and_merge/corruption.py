"""Letters in noise, blur and fog: as it is, with the batch's statistics, with Tent."""

from __future__ import annotations

import functools

import torch

import tlhelpers as tl
from tlhelpers.methods.tent import tent

from . import SEEDS, SOURCE, TUNING_SEEDS, letters

CHANGES = {
    "noise": (0.1, 0.2, 0.3, 0.4, 0.5),
    "blur": (1.0, 2.0, 3.0, 4.0, 5.0),
    "fog": (0.1, 0.2, 0.3, 0.4, 0.5),
}
SIZE, COUNT, FEW = 40, 560, 280
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
STREAM = ("noise", 0.3)  # where batches of one class are tried
PASSES, IN_STREAM = 3, 20


def prepared(images: torch.Tensor) -> torch.Tensor:
    """Floats in 0..1 as the source network takes them."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (SOURCE.mean, SOURCE.std))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


@functools.cache
def pictures(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Letters in random order, floats in 0..1, and their labels; new ones for each seed."""
    data = letters(COUNT, 3000 + seed)
    return data.images.float() / 255, data.labels


def share(answers: torch.Tensor, labels: torch.Tensor) -> float:
    return (answers.argmax(1) == labels).float().mean().item()


def measure(seed: int, kind: str, strength: float, rate: float) -> list[dict]:
    """One change at one strength: three accuracies, on the same batches in the same order."""
    images, labels = (part[:FEW] for part in pictures(seed))
    x = prepared(tl.shift_images(images, kind, strength, seed=seed))
    with torch.no_grad():
        plain = torch.cat([SOURCE.model(part) for part in x.split(100)])
    found = {
        "as it is": plain,
        "batch statistics": tent(SOURCE.model, x.split(SIZE), lr=0)[0],
        "Tent": tent(SOURCE.model, x.split(SIZE), lr=rate)[0],
    }
    return [
        {"kind": kind, "strength": strength, "seed": seed, "arm": arm, "accuracy": share(a, labels)}
        for arm, a in found.items()
    ]


def stream(seed: int, rate: float) -> list[dict]:
    """Accuracy pass by pass, with mixed batches and with batches of one class."""
    images, labels = pictures(seed)
    chance = torch.Generator().manual_seed(seed)
    x, rows = prepared(tl.shift_images(images, *STREAM, seed=seed)), []
    by_class = [
        (labels == k).nonzero()[:, 0] for k in torch.randperm(28, generator=chance).tolist()
    ]
    orders = {"mixed": torch.arange(len(labels)).split(IN_STREAM), "one class": by_class}
    for order, batches in orders.items():
        index = torch.cat([*batches])
        for arm, lr in (("batch statistics", 0.0), ("Tent", rate)):
            parts = [x[rows_of] for rows_of in batches] * (PASSES if lr else 1)
            answers = tent(SOURCE.model, parts, lr=lr)[0].split(len(labels))
            for number, part in enumerate(answers, start=1):
                top = torch.bincount(part.argmax(1), minlength=28).max().item() / len(part)
                rows.append({
                    "kind": "stream", "seed": seed, "order": order, "arm": arm, "pass": number,
                    "accuracy": share(part, labels[index]), "most named": top,
                })  # fmt: skip
    return rows


def corruption_part() -> dict:
    """Choose Tent's rate on a tuning seed, then measure."""
    tuning = {}
    for rate in RATES:
        rows = [r for k, s in CHANGES.items() for r in measure(TUNING_SEEDS[0], k, s[2], rate)]
        found = [row["accuracy"] for row in rows if row["arm"] == "Tent"]
        tuning[f"{rate:g}"] = sum(found) / len(found)
    rate, rows = float(max(tuning, key=tuning.get)), []
    for seed in SEEDS:
        for kind, strengths in CHANGES.items():
            for strength in strengths:
                rows += measure(seed, kind, strength, rate)
        rows += stream(seed, rate)
    return {"tuning": tuning, "rate": rate, "rows": rows}

"""What is left of the letters after handwriting, and after stripes: eight ways to learn them."""

from __future__ import annotations

import copy
import functools
from operator import itemgetter
from statistics import fmean

import torch
from torch import nn
from torch.nn.utils import parametrize

import tlhelpers as tl
from tlhelpers.methods.forgetting import ewc, fisher_information

from . import (
    SEEDS,
    TUNING_SEEDS,
    accuracy,
    batches,
    new_head,
    source_parts,
    source_trunk,
    targets,
    train,
)  # fmt: skip

RANK, FISHER, KEPT = 2, 60, 4  # pictures of each class of an old task that rehearsal keeps
TASKS = ("letters", "handwriting", "stripes")
# Way: learning rates and weights of the penalty that are tried.
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
GRID = {
    "head only": [(r, 0.0) for r in (3e-2, 1e-1, 3e-1)],
    "full": [(r, 0.0) for r in RATES],
    "L2-SP": [(3e-3, 0.1), (3e-3, 1.0), (3e-3, 10.0), (1e-2, 10.0)],
    "EWC": [(3e-3, 0.1), (3e-3, 1.0), (3e-3, 10.0), (1e-2, 10.0)],
    "LoRA, one for all": [(r, 0.0) for r in (3e-3, 1e-2, 3e-2)],
    "rehearsal": [(r, 0.0) for r in (3e-3, 1e-2, 3e-2)],
}
# For the first task, one adapter of one's own and one for all are the same.
TUNED_AS = {"full, new job first": "full", "LoRA, one each": "LoRA, one for all"}
WAYS = (
    "full, new job first", "full", "L2-SP", "EWC", "rehearsal", "LoRA, one for all",
    "LoRA, one each", "head only",
)  # fmt: skip


class LowRank(nn.Module):
    """A weight plus a product of two thin matrices, LoRA (Hu et al. 2021, arXiv 2106.09685)."""

    def __init__(self, weight: torch.Tensor, rank: int):
        super().__init__()
        rows, columns = weight.flatten(1).shape
        self.down = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank))  # so that it begins with no change

    def forward(self, weight):
        return weight + (self.up @ self.down).view_as(weight)


def add_low_rank(trunk: nn.Module, seed: int, rank: int = RANK) -> nn.Module:
    """Freeze the trunk and give every convolution a low-rank update, in place."""
    trunk.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in [m for m in trunk.modules() if isinstance(m, nn.Conv2d)]:
            parametrize.register_parametrization(layer, "weight", LowRank(layer.weight, rank))
    return trunk


def refreshed(trunk: nn.Module, images: tl.ImageTensors) -> nn.Module:
    """The trunk with BatchNorm statistics of these pictures."""
    return tl.adapt_batchnorm(trunk, batches(images, 140))


def few(data: tl.ImageTensors, seed: int) -> tl.ImageTensors:
    return data.per_class(KEPT, seed=seed)


def sequence(way: str, rate: float, weight: float, seed: int, tasks=TASKS[1:]) -> list[dict]:
    """Learn the tasks in turn; a row for each moment and each task that is known by then."""
    part = "tune" if seed in TUNING_SEEDS else "test"
    keep = source_parts()["keep"]
    trunk, head = source_trunk()
    known = {"letters": (head, keep, source_parts()[part])}
    own = {}  # a trunk for each task: its adapter, and BatchNorm statistics
    anchors, rows = [], []

    def anchor(task):
        """Remember the trunk and what the task just learned needs of it."""
        old, pictures, _ = known[task]
        x = torch.cat([x for x, _ in batches(pictures, FISHER)])[:FISHER]
        anchors.append((copy.deepcopy(trunk), fisher_information(trunk, old, x)))

    def penalty(moving):
        if way == "L2-SP":
            return tl.l2_sp(moving, anchors[-1][0], weight)
        return sum(ewc(moving, start, fisher, weight) for start, fisher in anchors)

    def measure(moment):
        for task, (old, pictures, test) in known.items():
            used = own.get(task, trunk)
            rows.append({
                "way": way, "seed": seed, "rate": rate, "weight": weight, "after": moment,
                "task": task, "accuracy": accuracy(used, old, test),
                "refreshed": accuracy(refreshed(used, pictures), old, test),
            })  # fmt: skip

    measure("letters")
    if way == "head only":
        trunk.requires_grad_(False)
    if way == "LoRA, one for all":
        add_low_rank(trunk, seed)
    for before, task in zip(TASKS, tasks, strict=False):
        if way == "L2-SP":
            anchors.append((copy.deepcopy(trunk), None))
        if way == "EWC":
            anchor(before)
        if way == "LoRA, one each":
            own[before] = trunk
            trunk = add_low_rank(source_trunk()[0], seed)
        data = targets(seed)[task]
        new = new_head(data["learn"], seed)
        memory = [(h, few(kept, seed)) for h, kept, _ in known.values()]
        train(
            trunk, new, data["learn"], rate, seed,
            penalty=penalty if anchors else None,
            memory=memory if way == "rehearsal" else (),
            statistics="stay" if way == "head only" else "move",
        )  # fmt: skip
        known[task] = (new.requires_grad_(False), data["learn"], data["test"])
        measure(task)
    return rows


@functools.cache
def score(way: str, rate: float, weight: float) -> tuple[float, float]:
    """Accuracy in the old job and in the new one after the first task, on a tuning seed."""
    rows = sequence(way, rate, weight, TUNING_SEEDS[0], TASKS[1:2])
    old, new = (row["accuracy"] for row in rows if row["after"] == "handwriting")
    return old, new


def forgetting_part() -> dict:
    """Choose each way's rate and weight, then measure it on the reported seeds.

    The choice looks at the mean of both jobs, and in one way at the new job alone.
    """
    tuning, rows = {}, []
    for way in WAYS:
        tried = {s: score(TUNED_AS.get(way, way), *s) for s in GRID[TUNED_AS.get(way, way)]}
        judge = itemgetter(1) if way == "full, new job first" else fmean
        best = max(tried, key=lambda setting: judge(tried[setting]))
        grid = [[*setting, *(round(v, 4) for v in both)] for setting, both in tried.items()]
        tuning[way] = {"best": best, "grid": grid}
        for seed in SEEDS:
            rows += sequence(way, *best, seed)
        print("forgetting", way, best, grid, flush=True)
    return {"tuning": tuning, "rows": rows}

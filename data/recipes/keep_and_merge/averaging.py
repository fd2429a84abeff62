"""Averages and sums of weights: two ends and what lies between, soups, task vectors."""

from __future__ import annotations

import copy

import torch
from torch import nn

import tlhelpers as tl
from tlhelpers.methods.weight_averaging import add_task_vectors, average_weights, task_vector
from tlhelpers.models.mini import mini_resnet18
from tlhelpers.models.source_networks import WIDTH

from . import SEEDS, TUNING_SEEDS, accuracy, new_head, source_parts, source_trunk, targets, train
from .forgetting import refreshed

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
SCALES = (0.0, 0.25, 0.5, 1.0)
RATE, SCRATCH_STEPS = 3e-3, 120
SCRATCH_RATES = (3e-3, 1e-2)


def tuned(task: str, seed: int, rate: float = RATE, order: int = 0):
    """The source's trunk fine-tuned on a task, and its head; `order` changes the batches only."""
    data = targets(seed)[task]["learn"]
    trunk, _ = source_trunk()
    head = new_head(data, seed)
    train(trunk, head, data, rate, 10 * seed + order)
    return trunk, head


def from_scratch(seed: int, order: int, start: int, rate: float):
    """Random weights trained on many handwritten digits: no transfer at all."""
    data = targets(seed)["handwriting"]["pool"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(start)
        trunk = mini_resnet18(10, width=WIDTH)
    tl.replace_head(trunk, nn.Identity())
    head = new_head(data, seed)
    train(trunk, head, data, rate, 10 * seed + order, steps=SCRATCH_STEPS)
    return trunk, head


def line(seed: int, pair: str, ends, rate: float) -> list[dict]:
    """Handwriting along the line between two networks, statistics averaged and measured again."""
    data, (first, last) = targets(seed)["handwriting"], ends
    rows = []
    for alpha in ALPHAS:
        trunk, head = (
            tl.interpolate_weights(a, b, alpha) for a, b in zip(first, last, strict=True)
        )
        for name, network in (("averaged", trunk), ("measured", refreshed(trunk, data["learn"]))):
            rows.append({
                "kind": "line", "seed": seed, "pair": pair, "alpha": alpha, "statistics": name,
                "rate": rate, "accuracy": accuracy(network, head, data["test"]),
            })  # fmt: skip
    return rows


def wise(seed: int, end) -> list[dict]:
    """Old job and new job along the line from the source to the fine-tuned network (WiSE-FT)."""
    part = "tune" if seed in TUNING_SEEDS else "test"
    (start, old), (trunk, new) = source_trunk(), end
    data, letters, rows = targets(seed)["handwriting"], source_parts(), []
    for alpha in ALPHAS:
        between = tl.interpolate_weights(start, trunk, alpha)
        forgotten = copy.deepcopy(trunk)  # the weights move, the end's statistics stay
        forgotten.load_state_dict(dict(between.named_parameters()), strict=False)
        both = {
            "averaged": (between, between),
            "of the end": (forgotten, forgotten),
            "measured": [
                refreshed(between, known) for known in (letters["keep"][:280], data["learn"])
            ],
        }
        for name, (for_old, for_new) in both.items():
            rows.append({
                "kind": "wise", "seed": seed, "alpha": alpha, "statistics": name,
                "letters": accuracy(for_old, old, letters[part]),
                "handwriting": accuracy(for_new, new, data["test"]),
            })  # fmt: skip
    return rows


def soup(seed: int, pair) -> list[dict]:
    """Four fine-tuned networks: each, their average, and the vote of their answers."""
    data = targets(seed)["handwriting"]
    cooks = [*pair, *(tuned("handwriting", seed, order=order) for order in (2, 3))]
    trunk, head = (average_weights(part) for part in zip(*cooks, strict=True))
    stirred = refreshed(trunk, data["learn"])

    class Vote(nn.Module):
        def forward(self, x):
            return sum(h(t(x)).softmax(1) for t, h in cooks)

    found = {f"member {i}": accuracy(t, h, data["test"]) for i, (t, h) in enumerate(cooks)}
    found |= {
        "soup, statistics averaged": accuracy(trunk, head, data["test"]),
        "soup": accuracy(stirred, head, data["test"]),
        "vote": accuracy(Vote(), nn.Identity(), data["test"]),
    }
    return [{"kind": "soup", "seed": seed, "arm": a, "accuracy": v} for a, v in found.items()]


def vectors(seed: int, ends: dict) -> list[dict]:
    """Task vectors added, alone and together, and subtracted."""
    part = "tune" if seed in TUNING_SEEDS else "test"
    start, old = source_trunk()
    data, letters, rows = targets(seed), source_parts(), []
    parts = {task: task_vector(start, trunk) for task, (trunk, _) in ends.items()}
    chance = torch.Generator().manual_seed(seed)
    probe = new_head(data["handwriting"]["learn"], seed)
    frozen = source_trunk()[0].requires_grad_(False)
    train(frozen, probe, data["handwriting"]["learn"], 3e-2, seed, statistics="stay")
    noise = {
        name: change.norm() * torch.nn.functional.normalize(
            torch.randn(change.shape, generator=chance).flatten(), dim=0
        ).view_as(change)
        for name, change in parts["handwriting"].items()
    }  # fmt: skip
    sums = {
        "handwriting": ([parts["handwriting"]], 1),
        "stripes": ([parts["stripes"]], 1),
        "both": (list(parts.values()), 1),
        "handwriting subtracted": ([parts["handwriting"]], -1),
        "noise subtracted": ([noise], -1),
    }
    for name, (terms, sign) in sums.items():
        for scale in SCALES:
            network = add_task_vectors(start, terms, sign * scale)
            row = {"kind": "vectors", "seed": seed, "sum": name, "scale": scale}
            on_letters = refreshed(network, letters["keep"][:280])
            row["letters"] = accuracy(on_letters, old, letters[part])
            for task, (_, head) in ends.items():
                own = refreshed(network, data[task]["learn"])
                row[task] = accuracy(own, head, data[task]["test"])
                if sign < 0 and task == "handwriting":
                    row["handwriting by a probe"] = accuracy(own, probe, data[task]["test"])
            rows.append(row)
    return rows


def averaging_part() -> dict:
    """All of it on the reported seeds; the rate from scratch is chosen on a tuning seed."""
    tuning = {}
    for rate in SCRATCH_RATES:
        trunk, head = from_scratch(TUNING_SEEDS[0], 0, 1, rate)
        held_out = targets(TUNING_SEEDS[0])["handwriting"]["test"]
        tuning[f"{rate:g}"] = accuracy(trunk, head, held_out)
    scratch = float(max(tuning, key=tuning.get))
    rows = []
    for seed in SEEDS:
        ends = {task: tuned(task, seed) for task in ("handwriting", "stripes")}
        other = tuned("handwriting", seed, order=1)
        rows += line(seed, "both from the letters", (ends["handwriting"], other), RATE)
        alone = [
            from_scratch(seed, order, start, scratch) for order, start in ((0, 1), (1, 1), (1, 2))
        ]
        rows += line(seed, "random, the same start", alone[:2], scratch)
        rows += line(seed, "random, two starts", alone[::2], scratch)
        rows += (
            wise(seed, ends["handwriting"])
            + soup(seed, (ends["handwriting"], other))
            + vectors(seed, ends)
        )
        print("averaging", seed, flush=True)
    return {"tuning": tuning, "rows": rows}

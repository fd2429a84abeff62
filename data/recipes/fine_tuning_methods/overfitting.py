"""Loss and accuracy step by step, with clean and with partly wrong labels."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl

from . import FIRST_SEED
from .networks import draw, few, parts, source_network

MARKS = (10, 20, 30, 50, 100, 150, 200, 300, 400)  # steps at which overfitting is measured


def wrong_labels(part, share: float, seed: int):
    """A copy in which a share of the labels is replaced by one of the other nine."""
    chance = torch.Generator().manual_seed(seed)
    hit = torch.rand(len(part), generator=chance) < share
    other = (part.labels + torch.randint(1, 10, (len(part),), generator=chance)) % 10
    return type(part)(part.images, torch.where(hit, other, part.labels))


@torch.no_grad()
def loss_and_accuracy(network: nn.Module, part) -> tuple[float, float]:
    """Mean cross-entropy and accuracy, in eval mode."""
    logits = network.eval()(part.images)
    right = (logits.argmax(1) == part.labels).float().mean().item()
    return F.cross_entropy(logits, part.labels).item(), right


def measure_overfitting(run: int, count: int, best: dict, record) -> None:
    """Loss and accuracy at MARKS, with pictures as they are.

    "half" trains on one half of the images and validates on the other; "all" trains on both.
    """
    seed = FIRST_SEED + run
    sets, source = parts(seed), source_network(seed)
    for share in (0.0, 0.2):
        drawn = wrong_labels(few(sets["handwriting"], count, seed), share, seed)
        half = len(drawn) // 2
        val = drawn[half:]
        arms = [("fine-tuning", drawn[:half], "half")]
        if count <= 20:
            arms += [("scratch", drawn[:half], "half"), ("fine-tuning", drawn, "all")]
        for start, train, used in arms:
            torch.manual_seed(seed)
            network = copy.deepcopy(source)
            tl.replace_head(network, 10)
            if start == "scratch":
                network = tl.digit_network()
            optimizer = torch.optim.Adam(network.parameters(), best[start][0])
            for step in range(1, MARKS[-1] + 1):
                images, labels = draw(train, 64 if count > 20 else 25, moved=False)
                optimizer.zero_grad()
                F.cross_entropy(network.train()(images), labels).backward()
                optimizer.step()
                if step in MARKS:
                    row = {}
                    measured = {"train": train, "val": val, "test": sets["handwriting test"]}
                    for name, part in measured.items():
                        row[f"{name}_loss"], row[name] = loss_and_accuracy(network, part)
                    record(
                        part="overfit", run=run, method=start, images=count * 10, used=used,
                        wrong=share, step=step, **row,
                    )  # fmt: skip

"""Seven methods between frozen and free, and the line between two of them (WiSE-FT)."""

from __future__ import annotations

import copy
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl

from . import FIRST_SEED, TUNING_SEEDS
from .networks import accuracy, draw, few, parts, source_network

LAYERS = ["features.0", "features.4", "features.9", "head"]
STEPS = 150
SHOTS = {"handwriting": 20, "print": 2}  # images of each class, by what is trained on
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
STRENGTHS = (0.001, 0.01, 0.05)  # of L2-SP
HEAD_RATE = 1e-2  # of the linear probe's steps in LP-FT
METHODS = (
    *("scratch", "linear probe", "fine-tuning", "discriminative rates"),
    *("gradual unfreezing", "LP-FT", "L2-SP"),
)
ALPHAS = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)


def tune(source, part, method: str, rate: float, seed: int, strength: float = 0.0) -> nn.Module:
    """STEPS optimiser steps of one method, from `source`, on `part`."""
    torch.manual_seed(seed)
    network = tl.digit_network() if method == "scratch" else copy.deepcopy(source)
    if method != "scratch":
        tl.replace_head(network, 10)
    tl.unfreeze(network)
    groups = [{"params": list(network.parameters())}]
    if method == "discriminative rates":
        groups = tl.discriminative_rates(network, LAYERS, rate)
    probing = STEPS if method == "linear probe" else STEPS // 2 if method == "LP-FT" else 0
    optimizer = torch.optim.Adam(groups, HEAD_RATE if method == "LP-FT" else rate)
    for step in range(STEPS):
        if probing:
            tl.freeze_to(network, "head" if step < probing else "features.0")
            if step == probing:  # a second phase, with an optimizer of its own
                optimizer = torch.optim.Adam(network.parameters(), rate)
        elif method == "gradual unfreezing":
            tl.gradual_unfreezing(network, LAYERS, step / STEPS)
        tl.train_mode(network)
        images, labels = draw(part)
        loss = F.cross_entropy(network(images), labels)
        if strength:
            loss = loss + tl.l2_sp(network, source, strength)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def old_job(network: nn.Module, source: nn.Module, test) -> float:
    """Accuracy on letters of the trained trunk under the letters' own head."""
    again = copy.deepcopy(network)
    again.head = source.head
    return accuracy(again, test)


def choose(trained_on: str) -> tuple[dict, dict]:
    """The best (rate, strength) of each method on the tuning seeds, and all mean accuracies."""
    best, grids = {}, {}
    for method in METHODS:
        grid = {}
        for strength in STRENGTHS if method == "L2-SP" else (0.0,):
            for rate in RATES:
                scores = []
                for seed in TUNING_SEEDS:
                    sets = parts(seed)
                    train = few(sets[trained_on], SHOTS[trained_on], seed)
                    network = tune(source_network(seed), train, method, rate, seed, strength)
                    scores.append(accuracy(network, sets[f"{trained_on} test"]))
                grid[rate, strength] = fmean(scores)
        best[method] = max(grid, key=grid.get)
        grids[method] = {f"{rate:g}, {weight:g}": round(v, 4) for (rate, weight), v in grid.items()}
        print(trained_on, method, best[method], grids[method], flush=True)
    return best, grids


def measure_methods(run: int, trained_on: str, best: dict, record) -> None:
    """All methods of one run, then the line from the linear probe to the fine-tuned network."""
    seed = FIRST_SEED + run
    sets, source = parts(seed), source_network(seed)
    other = "print" if trained_on == "handwriting" else "handwriting"
    train = few(sets[trained_on], SHOTS[trained_on], seed)
    networks = {}

    def numbers(network: nn.Module) -> dict:
        return {
            "inside": accuracy(network, sets[f"{trained_on} test"]),
            "outside": accuracy(network, sets[f"{other} test"]),
            "old_job": old_job(network, source, sets["letters test"]),
        }

    for method in METHODS:
        rate, strength = best[method]
        networks[method] = network = tune(source, train, method, rate, seed, strength)
        row = numbers(network) | {"train": accuracy(network, train)}
        if method == "scratch":
            row.pop("old_job")  # it never had one
        else:
            row["distance"] = tl.distance_travelled(network, source)
        record(part="methods", run=run, trained_on=trained_on, method=method, **row)
    start, end = networks["linear probe"], networks["fine-tuning"]
    for alpha in ALPHAS:
        between = tl.interpolate_weights(start, end, alpha)
        variants = {"averaged": between}
        if alpha == 0.5:  # BatchNorm's statistics, two other ways
            stale = copy.deepcopy(between)
            running = {n: b for n, b in start.state_dict().items() if "running" in n}
            stale.load_state_dict(running, strict=False)
            fresh = tl.adapt_batchnorm(between, train.images)
            variants |= {"the start's": stale, "measured again": fresh}
        for name, network in variants.items():
            record(
                part="line", run=run, trained_on=trained_on, alpha=alpha, batchnorm=name,
                **numbers(network),
            )  # fmt: skip

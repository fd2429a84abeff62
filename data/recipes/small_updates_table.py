"""How little must change? Small updates of the mini vision transformer, measured on two targets.

    OMP_NUM_THREADS=1 python -m data.recipes.small_updates_table

writes data/results/small_updates.json (a row a training) and .md (the tables made of it). A target
that was interrupted resumes from build/small_updates_TARGET.json; delete that file to begin again.
`--targets insects` measures one target alone, so that two can run side by side; a last call without
it makes the table of both.

All methods take STEPS optimiser steps on the same batches of a seed, with a new head. Each has a
learning rate of its own, chosen at 50 images of each class on selection pictures and selection
seeds that are used for nothing else (from scratch: with all images); the grid is widened until the
best rate is not on its edge. PATIENT methods are run with LONG steps once more: a verdict on few
steps may be one on speed.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tlhelpers as tl

from .depth_similarity_table import AUGMENT
from .draw_ants_bees import SEEDS, fresh_set
from .tables import best_rate, cell, made_by, select, store, table

BATCH, STEPS = 16, 60
LONG, PATIENT = 240, ("LoRA, rank 4", "full fine-tuning")  # with all images, at the same rates
SIZES = (10, 50, "all")  # images of each class
CHOSEN_AT = 50
SCRATCH = "from scratch"  # with all images only
SELECTION_SEEDS, REPORTED_SEEDS = (100, 101), range(5)
EVERY = ("qkv", "attn.proj", "fc1", "fc2")  # all linear layers of a block
TARGETS = ("insects", "handwriting")

METHODS: dict[str, Callable[[nn.Module], object]] = {
    "linear probe": tl.train_head,
    "8 prompts": tl.add_prompts,
    "LayerNorms": tl.train_norms,
    "biases": tl.train_biases,
    "adapters, width 8": tl.add_adapters,
    "LoRA, rank 4": lambda model: tl.add_lora(model, EVERY, 4),
    "full fine-tuning": tl.unfreeze,
    SCRATCH: tl.unfreeze,
}
RANKS: dict[str, Callable[[nn.Module], object]] = {
    f"LoRA, rank {rank}": functools.partial(tl.add_lora, layers=EVERY, rank=rank)
    for rank in (1, 2, 16)
} | {"LoRA, rank 4, attention only": lambda model: tl.add_lora(model, ("qkv",), 4)}
FIRST_RATES = {"full fine-tuning": (3e-4, 1e-3), SCRATCH: (3e-4, 1e-3)}


@functools.cache
def pictures(target: str) -> dict[str, tl.ImageTensors]:
    """A target's pictures: "train", "selection" (chooses rates, nothing else) and "test"."""
    size = tl.load_mini_vit().image_size
    if target == "insects":
        parts = {"train": tl.load_images("ants_bees", "train", size=size)}
        for part, count, seed in (("selection", 120, SEEDS["tune"]), ("test", 250, SEEDS["fresh"])):
            pixels, labels = fresh_set(count, seed=seed, size=size)
            images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
            parts[part] = tl.ImageTensors(images, torch.from_numpy(labels), ["ants", "bees"])
        return parts
    written = tl.glyph_images(tl.handwriting(), size=size, interpolation="bicubic")
    return dict(zip(("train", "selection", "test"), written.split(0.58, 0.12, 0.30), strict=True))


@functools.cache
def preparation() -> dict:
    backbone = tl.load_mini_vit()
    return {**backbone.preprocessing, "device": "cpu"}


@functools.lru_cache(maxsize=2)
def batches(target: str, images: int | str, seed: int, steps: int) -> list[tuple[Tensor, Tensor]]:
    """The batches of a seed: the same for every method."""
    data = pictures(target)["train"]
    loader = tl.BatchLoader(
        data if images == "all" else data.per_class(images, seed=seed),
        BATCH,
        train=True,
        augment=AUGMENT[target],
        generator=torch.Generator().manual_seed(seed),
        **preparation(),
    )
    endless = itertools.chain.from_iterable(itertools.repeat(loader))
    return list(itertools.islice(endless, steps))


@functools.cache
def judged(target: str, part: str) -> list[tuple[Tensor, Tensor]]:
    return list(tl.BatchLoader(pictures(target)[part], 100, **preparation()))


@torch.no_grad()
def accuracy(model: nn.Module, data: list[tuple[Tensor, Tensor]]) -> float:
    model.eval()
    right = sum(int((model(x).argmax(1) == y).sum()) for x, y in data)
    return right / sum(len(y) for _, y in data)


def run(
    target: str,
    method: str,
    images: int | str,
    seed: int,
    rate: float,
    part: str = "test",
    steps: int = STEPS,
) -> dict:
    """One training from a fresh copy of the trunk; accuracy on `part`, trained numbers, seconds."""
    torch.manual_seed(seed)
    model = tl.load_mini_vit(pretrained=method != SCRATCH).model
    tl.replace_head(model, len(pictures(target)["train"].classes))
    (METHODS | RANKS)[method](model)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, rate, weight_decay=0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    data = batches(target, images, seed, steps)
    start = time.process_time()
    tl.train_mode(model)
    for x, y in data:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
    seconds = time.process_time() - start
    return {
        "accuracy": round(accuracy(model, judged(target, part)), 4),
        "trained": sum(p.numel() for p in parameters),
        "step_ms": round(1000 * seconds / steps, 1),
    }


def measure(target: str, path: Path) -> None:
    """Rates, then all rows of a target; written after every row."""
    found = {"rates": {}, "rows": [], "long": []}
    if path.exists():
        found |= json.loads(path.read_text("utf-8"))

    def write() -> None:
        path.write_text(json.dumps(found), encoding="utf-8")

    for method in METHODS | RANKS:
        if method not in found["rates"]:

            def error(rate: float, method=method) -> float:
                images = "all" if method == SCRATCH else CHOSEN_AT
                runs = (
                    run(target, method, images, seed, rate, "selection") for seed in SELECTION_SEEDS
                )
                return 1 - fmean(row["accuracy"] for row in runs)

            first = FIRST_RATES.get(method, (3e-3, 1e-2))
            rate, errors = best_rate(error, first)
            found["rates"][method] = {"rate": rate, "errors": errors}
            write()
            print(target, method, found["rates"][method], flush=True)
    cells = [(m, n) for n in SIZES for m in METHODS if m != SCRATCH or n == "all"]
    cells += [(m, CHOSEN_AT) for m in RANKS]
    patient = [(method, "all") for method in PATIENT]
    for part, chosen, steps in (("rows", cells, STEPS), ("long", patient, LONG)):
        done = {(row["method"], row["images"], row["seed"]) for row in found[part]}
        for seed, (method, images) in itertools.product(REPORTED_SEEDS, chosen):
            if (method, images, seed) in done:
                continue
            known = {"target": target, "method": method, "images": images, "seed": seed}
            rate = found["rates"][method]["rate"]
            found[part].append(known | run(target, method, images, seed, rate, steps=steps))
            write()
            print(steps, found[part][-1], flush=True)


def markdown(rows: list[dict], long: list[dict], rates: dict, facts: dict) -> str:
    """The tables: accuracy by method and images, by rank, and with more steps."""
    text = [
        f"Accuracy on test pictures after {STEPS} steps of {BATCH} pictures, mean over "
        f"{len(REPORTED_SEEDS)} seeds [95 % t-interval]; the recipe says how.",
    ]
    for target in TARGETS:
        classes = len(pictures(target)["train"].classes)
        smallest = min(pictures(target)["train"].counts().values())
        whole = select(rows, "trained", target=target, method="full fine-tuning")[0]
        text += ["", f"## {target}: {classes} classes, all: {smallest} or more of each", ""]

        def line(method: str, sizes, target=target, whole=whole) -> list[str]:
            trained = select(rows, "trained", target=target, method=method)[0]
            where = {"target": target, "method": method}
            scores = [cell(rows, "accuracy", images=n, **where) for n in sizes]
            rate = f"{rates[target][method]['rate']:g}"
            return [f"{trained:,.0f}", f"{trained / whole:.1%}", rate, *scores]

        columns = ["trained numbers", "share", "rate"]
        heads = [f"{n} a class" if n != "all" else "all" for n in SIZES]
        text += table("method", columns + heads, {m: line(m, SIZES) for m in METHODS})
        chosen = sorted([*RANKS, "LoRA, rank 4"], key=lambda m: line(m, ())[0].zfill(9))
        text += ["", *table("rank", [*columns, f"{CHOSEN_AT} a class"],
                            {m: line(m, [CHOSEN_AT]) for m in chosen})]  # fmt: skip
        lines = {
            method: [
                cell(some, "accuracy", target=target, method=method, images="all")
                for some in (rows, long)
            ]
            for method in PATIENT
        }
        text += ["", *table("all images", [f"{STEPS} steps", f"{LONG} steps"], lines)]
    return "\n".join([*text, "", made_by(facts)]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=TARGETS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    paths = {target: Path("build") / f"small_updates_{target}.json" for target in TARGETS}
    for target in args.targets:
        measure(target, paths[target])
    if len(args.targets) < len(TARGETS):
        return  # call it again without --targets, when all are measured
    found = {target: json.loads(path.read_text("utf-8")) for target, path in paths.items()}
    rows, long = ([row for one in found.values() for row in one[part]] for part in ("rows", "long"))
    rates = {target: one["rates"] for target, one in found.items()}
    store(
        "small_updates",
        {
            "steps": STEPS,
            "long_steps": LONG,
            "batch": BATCH,
            "rates": rates,
            "rows": rows,
            "long": long,
        },
        functools.partial(markdown, rows, long, rates),
        command="python -m data.recipes.small_updates_table",
        seconds=sum(
            row["step_ms"] * steps / 1000
            for some, steps in ((rows, STEPS), (long, LONG))
            for row in some
        ),
        machine=f"{os.cpu_count()} CPU cores, 1 thread",
    )


if __name__ == "__main__":
    main()

"""A source that hurts: choose another, ask a validation set, or keep only its first blocks?

    OMP_NUM_THREADS=1 python -m data.recipes.bad_source_table

writes data/results/bad_source.json and .md. The target is handwriting, few images of each class.

- "probes": every small source, frozen, with a linear probe. The probe of all images is reported;
  one on fewer images, scored on those held out, is what a validation set would have said.
- "blocks": the whole network trained on, its last k blocks first replaced by fresh random ones; all
  of them replaced is training with target data only. Every k has its own learning rate.
- "safe": the whole network trained on fewer images, so that the others can say which start is
  better.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import torch

import tlhelpers as tl
from tlhelpers.methods.transferability import log_me
from tlhelpers.models.mini import mini_resnet18
from tlhelpers.models.source_networks import WIDTH

from . import source_choice_table as choice
from .tables import cell, interval, rounded, store

TARGET = "handwriting"
PROBE_IMAGES, HELD_OUT, PROBE_SEEDS = (5, 20), (1, 2, 4), range(20)
IMAGES, VALIDATION = 20, 5
BAD, GOOD, NONE = "shuffled labels", "drawn", "target only"
BLOCKS = ("layer4", "layer3", "layer2", "layer1", "stem")  # from the last one on
RATES, TUNING_SEEDS, SEEDS = (1e-3, 3e-3, 1e-2, 3e-2), (100, 101, 102), range(5)
FINISHED = Path("build/bad_source_runs.json")  # so that an interrupted table goes on
PROBED = Path("build/bad_source_probes.json")


def probe_rows() -> Iterator[dict]:
    """For each small source, number of images and seed: LogME, accuracy, and what was held out."""
    parts = choice.pictures(TARGET)
    for source in tl.list_sources():
        model = choice.loaded(source).model
        pool, test = (
            tl.extract_features(model, choice.loader(source, parts[part]))
            for part in ("pool", "test")
        )
        for images in PROBE_IMAGES:
            for seed in PROBE_SEEDS:
                rows = [part_rows(pool.labels, images, seed)]
                data = pool[torch.cat(rows)]
                row = {"source": source, "images": images, "seed": seed}
                row["LogME"] = log_me(data.features, data.labels)
                row["accuracy"] = accuracy(tl.linear_probe(data, C=0.1), test)
                for count in HELD_OUT:
                    held = torch.arange(len(data)) % images < count  # of each class as many
                    row[f"validation {count}"] = accuracy(
                        tl.linear_probe(data[~held], C=0.1), data[held]
                    )
                yield rounded(row, 5)


def part_rows(labels: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """`count` random positions of each class, class after class."""
    chance = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=chance)
    classes = range(int(labels.max()) + 1)
    return torch.cat([order[labels[order] == k][:count] for k in classes])


def accuracy(head: torch.nn.Module, data: tl.FeatureTensors) -> float:
    """Share of right predictions from features."""
    return float((head(data.features).argmax(1) == data.labels).float().mean())


def start_of(source: str, fresh_blocks: int, seed: int) -> torch.nn.Module:
    """The source's network, with its last `fresh_blocks` blocks drawn anew."""
    torch.manual_seed(seed)
    fresh = mini_resnet18(28, width=WIDTH)
    if fresh_blocks == len(BLOCKS):
        return fresh
    model = copy.deepcopy(choice.loaded(source).model)
    for name in BLOCKS[:fresh_blocks]:
        setattr(model, name, getattr(fresh, name))
    return model


def train(model: torch.nn.Module, data: tl.ImageTensors, rate: float, seed: int):
    """Train all of it as `source_choice_table` does; returns it."""
    generator = tl.seed_everything(seed)
    tl.replace_head(model, len(data.classes))
    batches = choice.loader(
        GOOD, data, batch_size=choice.BATCH, train=True, augment=choice.AUGMENT[TARGET],
        generator=generator,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=choice.STEPS, pct_start=0.15
    )
    tl.fit(
        model, batches, optimizer=optimizer, steps=choice.STEPS, batch_scheduler=schedule,
        progress=False,
    )  # fmt: skip
    return model


def measured(source: str, fresh: int, rate: float, seed: int, on: str) -> dict[str, float]:
    """Train one start; `on` is "tune", "test", or "held out": validated, and tested as well."""
    parts = choice.pictures(TARGET)
    data = parts["pool"].per_class(IMAGES, seed=seed)
    model = start_of(source, fresh, seed)
    if on != "held out":
        return {on: _evaluate(train(model, data, rate, seed), parts[on])}
    fit, held = data.split(1 - VALIDATION / IMAGES, VALIDATION / IMAGES, seed=seed)
    train(model, fit, rate, seed)
    return {"validation": _evaluate(model, held), "test": _evaluate(model, parts["test"])}


def _evaluate(model, data) -> float:
    return tl.evaluate(model, choice.loader(GOOD, data))["accuracy"]


def trained_rows(finished: dict) -> Iterator[tuple[list[dict], list[dict]]]:
    """Rows of "blocks" and "safe" for each start; `finished` keeps the runs that were made."""

    def run(*arguments) -> dict[str, float]:
        key = json.dumps(arguments)
        if key not in finished:
            start = time.process_time()
            finished[key] = measured(*arguments)
            finished["seconds"] = finished.get("seconds", 0) + time.process_time() - start
            FINISHED.write_text(json.dumps(finished), encoding="utf-8")
        return finished[key]

    plan = [(NONE, len(BLOCKS))]
    plan += [(GOOD, k) for k in (0, 2, 4)] + [(BAD, k) for k in range(len(BLOCKS))]
    for source, k in plan:
        tuned = {
            rate: fmean(run(source, k, rate, seed, "tune")["tune"] for seed in TUNING_SEEDS)
            for rate in RATES
        }
        rate = max(tuned, key=tuned.get)
        found = [run(source, k, rate, seed, "test")["test"] for seed in SEEDS]
        blocks = {
            "source": source, "fresh_blocks": k, "rate": rate, "accuracies": found,
            "tuning": {f"{r:g}": round(value, 4) for r, value in tuned.items()},
        }  # fmt: skip
        safe = []
        if k in (0, len(BLOCKS)):
            held = [run(source, k, rate, seed, "held out") for seed in SEEDS]
            safe = [
                {"source": source, "seed": s, **row} for s, row in zip(SEEDS, held, strict=True)
            ]
        print(source, k, rate, [round(value, 3) for value in found], flush=True)
        yield [blocks], safe


def markdown(found: dict, facts: dict) -> str:
    """The tables."""
    lines = ["# What helps against a source that hurts", "", f"Target: {found['target']}.", ""]
    lines += ["| frozen source, linear probe | 5 a class | 20 |", "|---|---|---|"]
    for source in dict.fromkeys(row["source"] for row in found["probes"]):
        numbers = [cell(found["probes"], "accuracy", source=source, images=n) for n in PROBE_IMAGES]
        lines.append(f"| {source} | {' | '.join(numbers)} |")
    lines += ["", f"| whole network, {found['images']} a class | " + " | ".join(
        f"{k} fresh blocks" for k in range(len(BLOCKS) + 1)) + " |"]  # fmt: skip
    lines.append("|---" * (len(BLOCKS) + 2) + "|")
    cells = {
        (row["source"], row["fresh_blocks"]): interval(row["accuracies"]) for row in found["blocks"]
    }
    for source in dict.fromkeys(row["source"] for row in found["blocks"]):
        kept = " | ".join(cells.get((source, k), "") for k in range(len(BLOCKS) + 1))
        lines.append(f"| {source} | {kept} |")
    lines += ["", "| held out 5 of 20 | validation | test |", "|---|---|---|"]
    for source in dict.fromkeys(row["source"] for row in found["safe"]):
        rows = [row for row in found["safe"] if row["source"] == source]
        numbers = [fmean(row[name] for row in rows) for name in ("validation", "test")]
        lines.append(f"| {source} | {numbers[0]:.3f} | {numbers[1]:.3f} |")
    lines += [
        "",
        f"Learning rates, each chosen on {len(TUNING_SEEDS)} tuning seeds among "
        + ", ".join(f"{rate:g}" for rate in RATES)
        + ": "
        + "; ".join(
            f"{r['source']}, {r['fresh_blocks']} fresh: {r['rate']:g}" for r in found["blocks"]
        )
        + ".",
        "",
        f"`{facts['command']}`: about {facts['seconds']} s of processor time, in several goes, on "
        f"{facts['machine']}, {facts['date']}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="one CPU core")
    args = parser.parse_args()
    torch.set_num_threads(1)
    FINISHED.parent.mkdir(exist_ok=True)
    runs = json.loads(FINISHED.read_text(encoding="utf-8")) if FINISHED.exists() else {}
    found = {"target": TARGET, "images": IMAGES, "validation": VALIDATION, "probes": []}
    found |= {"blocks": [], "safe": []}
    for blocks, safe in trained_rows(runs):
        found["blocks"] += blocks
        found["safe"] += safe
    start = time.process_time()
    if not PROBED.exists():
        PROBED.write_text(json.dumps(list(probe_rows())), encoding="utf-8")
    found["probes"] = json.loads(PROBED.read_text(encoding="utf-8"))
    store(
        "bad_source",
        found,
        lambda facts: markdown(found, facts),
        command="python -m data.recipes.bad_source_table",
        seconds=runs["seconds"] + time.process_time() - start,  # of the processor
        machine=args.machine,
    )


if __name__ == "__main__":
    main()

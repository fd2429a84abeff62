"""Measure zero-shot classification on drawn shapes over several splits of the classes.

    OMP_NUM_THREADS=1 python -m data.recipes.zero_shot_table

writes data/results/zero_shot.json and .md. Run r has its own split of the 48 classes into seen,
validation and unseen ones, its own pictures and initial weights, all from seed 100 + r. The
learning rates were chosen on splits 0 and 1, each network's on its own, by the validation classes.
The offset of calibrated stacking is chosen in each run, on its validation classes. All trainings
have equally many steps and pictures. About 5 minutes on one free core.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tlhelpers.data.captions import split_words, write_captions
from tlhelpers.data.shapes import (
    CLASSES,
    SIZES,
    ClassSplit,
    Shapes,
    draw_shapes,
    shape_attributes,
    split_classes,
)
from tlhelpers.methods.image_text import TwoTower, picture_network
from tlhelpers.methods.zero_shot import (
    calibrated,
    dap,
    eszsl,
    harmonic_mean,
    signatures,
    tradeoff,
)

from .tables import cell, made_by, rounded, store, table

STEPS, BATCH, PICTURES = 300, 64, 3200
RATES = (2.5e-3, 5e-3, 1e-2, 2e-2, 4e-2)
TUNING_SEEDS = (0, 1)
FIRST_SEED, RUNS = 100, 8
PER_CLASS = {"seen": 10, "validation": 30, "unseen": 30}  # pictures to test on
STRENGTHS = (1e-2, 1.0, 1e2)  # of ESZSL's penalties
KINDS = ("attributes", "classes", "sentences")
VALUES = shape_attributes()
DESCRIBED = signatures(VALUES, SIZES)

Score = Callable[[Tensor], Tensor]  # pictures -> scores of all 48 classes


def pictures(split: ClassSplit, seed: int) -> tuple[Shapes, dict[str, Shapes]]:
    """Training pictures of the seen classes, and test pictures of each part."""
    chance = torch.Generator().manual_seed(seed)
    labels = split.seen[torch.randint(len(split.seen), (PICTURES,), generator=chance)]
    tests = {
        part: draw_shapes(getattr(split, part).repeat_interleave(count), 10 * seed + i)
        for i, (part, count) in enumerate(PER_CLASS.items(), 1)
    }
    return draw_shapes(labels, 10 * seed), tests


def train(kind: str, data: Shapes, rate: float, seed: int, steps: int = STEPS):
    """Train one network; `kind` says what it is told about a picture."""
    torch.manual_seed(seed)
    values = VALUES[data.labels]
    if kind == "sentences":
        captions = write_captions(data, seed)
        model = TwoTower(sorted({word for c in captions for word in split_words(c)}))
        numbers = model.word_numbers(captions)
    else:
        model = picture_network(sum(SIZES) if kind == "attributes" else len(CLASSES))
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.2)
    for _ in range(steps):
        chosen = torch.randint(len(data), (BATCH,))
        x = data.images[chosen]
        if kind == "sentences":
            loss = model(x, numbers[chosen])
        elif kind == "classes":
            loss = F.cross_entropy(model(x), data.labels[chosen])
        else:
            parts = model(x).split(SIZES, dim=1)
            loss = sum(F.cross_entropy(part, values[chosen, i]) for i, part in enumerate(parts))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def linear_scores(model, data: Shapes, split: ClassSplit, strength: float) -> Score:
    """ESZSL on the features of a trained network."""

    def features(images: Tensor) -> Tensor:
        z = model.features(images)
        return torch.cat([z, torch.ones(len(z), 1)], dim=1)

    place = torch.searchsorted(split.seen, data.labels)
    found = eszsl(features(data.images), place, DESCRIBED[split.seen], strength, strength)
    return lambda images: features(images) @ found @ DESCRIBED.T


def scorers(kind: str, model, data: Shapes, split: ClassSplit) -> dict[str, list[Score]]:
    """Ways to score all 48 classes by one trained network; of several, validation chooses."""
    if kind == "sentences":
        texts = model.encode_texts([f"a {name}" for name in CLASSES])
        return {"two towers": [lambda images: model.encode_images(images) @ texts.T]}
    linear = [linear_scores(model, data, split, strength) for strength in STRENGTHS]
    if kind == "classes":
        return {"classifier": [model], "ESZSL, class features": linear}
    return {
        "DAP": [lambda images: dap(model(images), VALUES, SIZES)],
        "ESZSL": linear,
    }


def share(answers: Tensor, labels: Tensor) -> float:
    return float((answers == labels).float().mean())


def among(scores: Tensor, classes: Tensor) -> Tensor:
    """The best of some classes."""
    return classes[scores[:, classes].argmax(1)]


@torch.no_grad()
def validation_curve(score: Score, tests: dict[str, Shapes], split: ClassSplit):
    """The trade-off on seen and validation pictures; unseen ones take no part."""
    parts = tests["seen"], tests["validation"]
    scores = torch.cat([score(part.images) for part in parts])
    return tradeoff(scores, torch.cat([part.labels for part in parts]), seen_mask(split))


def seen_mask(split: ClassSplit) -> Tensor:
    return torch.isin(torch.arange(len(CLASSES)), split.seen)


def best_mean(curve) -> float:
    """The highest harmonic mean on a curve."""
    return max(harmonic_mean(a, b) for a, b in zip(curve.seen, curve.unseen, strict=True))


@torch.no_grad()
def measure(scores: list[Score], tests: dict[str, Shapes], split: ClassSplit) -> dict[str, float]:
    """All numbers of one way: unseen-only, generalised, calibrated, and a control."""
    curves = [validation_curve(score, tests, split) for score in scores]
    score, curve = max(zip(scores, curves, strict=True), key=lambda pair: best_mean(pair[1]))
    new, old = tests["unseen"], tests["seen"]
    on_new, on_old = score(new.images), score(old.images)
    row = {"unseen_only": share(among(on_new, split.unseen), new.labels)}
    # The same scores with every description moved on to the next unseen class.
    wrong = on_new.clone()
    wrong[:, split.unseen] = on_new[:, split.unseen.roll(1)]
    row["wrong_descriptions"] = share(among(wrong, split.unseen), new.labels)
    row["answered_seen"] = float(seen_mask(split)[on_new.argmax(1)].float().mean())
    seen = seen_mask(split)
    offsets = {"": 0.0, "calibrated_": curve.best_offset}
    for name, offset in offsets.items():
        a = share(calibrated(on_old, seen, offset).argmax(1), old.labels)
        b = share(calibrated(on_new, seen, offset).argmax(1), new.labels)
        row |= {f"{name}seen": a, f"{name}unseen": b, f"{name}harmonic": harmonic_mean(a, b)}
    both = torch.cat([on_old, on_new]), torch.cat([old.labels, new.labels])
    return row | {"best_harmonic": best_mean(tradeoff(*both, seen)), "offset": curve.best_offset}


def latin_split() -> ClassSplit:
    """12 unseen classes in which the colour gives the shape away, 36 seen ones."""
    values = VALUES
    gives_away = values[:, 0] == values[:, 1]
    classes = torch.arange(len(CLASSES))
    return ClassSplit(classes[~gives_away], classes[:0], classes[gives_away])


@torch.no_grad()
def blind_and_seeing(model, test: Shapes, classes: Tensor) -> dict[str, float]:
    """Unseen-only accuracy of DAP with its shape scores, and without them."""
    logits = model(test.images)
    blind = logits.clone()
    blind[:, : SIZES[0]] = 0
    found = {"unseen_only": logits, "blind_to_shape": blind}
    return {
        name: share(among(dap(part, VALUES, SIZES), classes), test.labels)
        for name, part in found.items()
    }


def choose_rates() -> dict[str, dict[str, float]]:
    """For each kind of network the mean score of each rate on the tuning splits."""
    grids = {}
    for kind in KINDS:
        grid = {}
        for rate in RATES:
            means = []
            for seed in TUNING_SEEDS:
                split = split_classes(seed)
                data, tests = pictures(split, seed)
                model = train(kind, data, rate, seed)
                ways = list(scorers(kind, model, data, split).values())[-1]
                with torch.no_grad():
                    curves = [validation_curve(score, tests, split) for score in ways]
                means.append(max(map(best_mean, curves)))
            grid[f"{rate:g}"] = round(sum(means) / len(means), 4)
        grids[kind] = grid
        print(kind, grid, flush=True)
    return grids


def measure_runs(rates: dict[str, float]) -> list[dict]:
    rows = []
    for run in range(RUNS):
        seed = FIRST_SEED + run
        split = split_classes(seed)
        data, tests = pictures(split, seed)
        for kind in KINDS:
            model = train(kind, data, rates[kind], seed)
            with torch.no_grad():
                ways = scorers(kind, model, data, split)
            for way, scores in ways.items():
                rows.append({"run": run, "way": way, **measure(scores, tests, split)})
                print(rows[-1], flush=True)
            if kind == "attributes":
                fair = blind_and_seeing(model, tests["unseen"], split.unseen)
                rows.append({"run": run, "way": "fair set", **fair})
        latin = latin_split()
        data, tests = pictures(latin, seed)
        model = train("attributes", data, rates["attributes"], seed)
        found = blind_and_seeing(model, tests["unseen"], latin.unseen)
        rows.append({"run": run, "way": "Latin set", **found})
        print(rows[-1], flush=True)
    return [rounded(row) for row in rows]


COLUMNS = {
    "unseen_only": "unseen only",
    "seen": "seen",
    "unseen": "unseen",
    "harmonic": "H",
    "calibrated_seen": "calibrated: seen",
    "calibrated_unseen": "unseen",
    "calibrated_harmonic": "H",
    "wrong_descriptions": "wrong descriptions",
}


def markdown(rows: list[dict], tuning: dict, facts: dict) -> str:
    """Both tables as Markdown."""

    def cells(way: str, *columns: str) -> list[str]:
        return [cell(rows, column, way=way) for column in columns]

    ways = list(dict.fromkeys(row["way"] for row in rows if "harmonic" in row))
    lines = [
        "# Zero-shot classification of drawn shapes",
        "",
        *table("way", COLUMNS.values(), {way: cells(way, *COLUMNS) for way in ways}),
        "",
        f"Accuracy, mean over {RUNS} splits of the classes [95 % t-interval]. *Unseen only*: 8 "
        "classes to choose from, chance .125. The next columns: all 48. H: harmonic mean of seen "
        "and unseen. *Calibrated*: an offset chosen on the validation classes. *Wrong "
        "descriptions*: unseen only, each class described as the next one.",
        "",
        *table(
            "unseen classes",
            ["DAP, unseen only", "the same without its shape scores"],
            {way: cells(way, "unseen_only", "blind_to_shape") for way in ("fair set", "Latin set")},
        ),
        "",
        "Fair set: a block of 8 classes, no attribute implied. Latin set: 12 classes in which the "
        "colour gives the shape away.",
        "",
        f"{STEPS} steps of {BATCH} pictures for each network. Learning rates, mean harmonic mean "
        f"on the validation classes of splits {TUNING_SEEDS}: {tuning}.",
        "",
        made_by(facts),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="1 CPU core")
    args = parser.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    tuning = choose_rates()
    rates = {kind: float(max(grid, key=grid.get)) for kind, grid in tuning.items()}
    rows = measure_runs(rates)
    store(
        "zero_shot",
        {"tuning": tuning, "rates": rates, "rows": rows},
        functools.partial(markdown, rows, tuning),
        command="python -m data.recipes.zero_shot_table",
        seconds=time.perf_counter() - start,
        machine=args.machine,
    )


if __name__ == "__main__":
    main()

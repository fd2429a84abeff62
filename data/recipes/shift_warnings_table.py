"""Which signals tell, without a label, that a model has left home? Which accuracy is left?

    OMP_NUM_THREADS=1 python -m data.recipes.shift_warnings_table

writes data/results/shift_warnings.json (a row a shifted set) and .md. Two tasks: a small network
that reads digits set in fonts through noise, and the mini ResNet-18 fine-tuned on drawn ants and
bees. Seed s draws its own renders, initial weights, batches and splits. Shifts, strengths and the
networks' steps were fixed on seed 0 of the digits; reported are seeds 100 and on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import fmean

import torch
import torch.nn.functional as F
from scipy.stats import spearmanr

import tlhelpers as tl
from tlhelpers.data.domains import Glyphs
from tlhelpers.data.shifts import shift_images
from tlhelpers.methods.adaptation.networks import jitter
from tlhelpers.methods.shift import ShiftMonitor

from . import transfer_table
from .draw_ants_bees import fresh_set
from .tables import RESULTS, interval, made_by, rounded, store

FIRST_SEED = 100
NOISE = 0.4  # of the digits at home: without it no reading is ever wrong, and ATC has no threshold
# "stock": what shifted batches are made of. A family that leaves classes out draws on more of it,
# so that every batch has the same size: a smaller one varies more, and would ring for that alone.
DIGITS = {"train": 4000, "source": 1000, "home": 2000, "stock": 3000}
INSECTS = {"source": 300, "home": 500, "stock": 560}
BATCH, STEPS = {"digits": 500, "insects": 250}, {"digits": 600, "insects": 400}
# Family -> strengths. What each does: `digit_shift`, `insect_shift`.
DIGIT_SHIFTS = {
    "cleaner scans": (0.3, 0.2, 0.1, 0.0),
    "noisier scans": (0.5, 0.6, 0.7, 0.8),
    "blur": (0.5, 0.8, 1.2, 2.0),
    "faded ink": (0.7, 0.5, 0.3, 0.15),
    "turned": (10, 20, 30, 45),
    "smaller": (0.9, 0.8, 0.7, 0.55),
    "handwriting": (0.25, 0.5, 0.75, 1.0),
    "stamp": (2, 4, 8, 16),
    "fewer 5 to 9": (0.5, 0.25, 0.1, 0.0),
    "renamed": (1, 2, 3, 5),
    "only 6 and 9": (0, 180),
}
INSECT_SHIFTS = {
    "noise": (0.05, 0.1, 0.2, 0.3),
    "blur": (0.7, 1.5, 2.5, 4.0),
    "dusk": (0.7, 0.5, 0.35, 0.2),
    "hue": (0.1, 0.2, 0.35, 0.5),
    "turned": (30, 90, 135, 180),
    "smaller": (0.85, 0.7, 0.55, 0.4),
    "stamp": (4, 8, 16, 32),
    "fewer bees": (0.5, 0.25, 0.1, 0.0),
    "renamed": (1,),
}
# These change the shares of the classes, or what a picture is called, and no picture (but for the
# sixes and nines upside down, which look like others).
SAME_PICTURES = ("fewer 5 to 9", "fewer bees", "renamed", "only 6 and 9")
KIND = {"blur": "blur", "faded ink": "dim", "dusk": "dim", "turned": "turn", "smaller": "shrink"}
KIND |= {"noise": "noise", "hue": "hue", "stamp": "stamp", "only 6 and 9": "turn"}
HARM, NO_HARM = 0.05, 0.02  # a lost accuracy from which a warning is due; below which it is false


def digit_shift(
    stock: Glyphs, family: str, strength: float, seed: int, size: int = BATCH["digits"]
) -> Glyphs:
    """`size` glyphs as they come from the shifted world: the scanner's noise is added last."""
    noise, chance = NOISE, torch.Generator().manual_seed(seed)
    if family == "fewer 5 to 9":
        stock = stock[(stock.labels < 5) | (torch.rand(len(stock), generator=chance) < strength)]
    elif family == "only 6 and 9":
        stock = stock[(stock.labels == 6) | (stock.labels == 9)]
    images, labels = stock.images[:size], stock.labels[:size]
    if family in ("cleaner scans", "noisier scans"):
        noise = strength
    elif family == "handwriting":
        written = tl.handwriting()
        rows = torch.randperm(len(written), generator=chance)[: round(strength * len(images))]
        images = torch.cat([written.images[rows], images[len(rows) :]])
        labels = torch.cat([written.labels[rows], labels[len(rows) :]])
    elif family == "renamed":
        labels = rename(labels, int(strength))
    elif family in KIND:
        images = shift_images(images, KIND[family], strength)
    return Glyphs(shift_images(images, "noise", noise, seed=seed + 1), labels)


def rename(labels: torch.Tensor, pairs: int) -> torch.Tensor:
    """Swap the names 1 and 7, 2 and 8, ...: a keypad is counted from the other end."""
    names = torch.arange(10)
    for a, b in [(1, 7), (2, 8), (3, 9), (4, 6), (0, 5)][:pairs]:
        names[a], names[b] = b, a
    return names[labels]


def insect_shift(stock: Glyphs, family: str, strength: float, seed: int) -> Glyphs:
    """A batch of pictures float (N, 3, 96, 96) in 0..1, shifted."""
    if family == "fewer bees":
        chance = torch.Generator().manual_seed(seed)
        stock = stock[(stock.labels == 0) | (torch.rand(len(stock), generator=chance) < strength)]
    data = stock[: BATCH["insects"]]
    if family == "renamed":
        return Glyphs(data.images, 1 - data.labels)
    if family not in KIND:
        return data
    options = {"seed": seed, "padding": "border"}
    return Glyphs(shift_images(data.images, KIND[family], strength, **options), data.labels)


def train_digits(seed: int) -> tuple[Callable, dict[str, Glyphs]]:
    """A network that reads noisy renders, and the labelled parts that it has not seen."""
    sizes = [DIGITS[part] for part in ("train", "source", "home", "stock")]
    parts = tl.font_glyphs(sum(sizes), seed=seed)
    train, source, home, stock = (
        parts[sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(len(sizes))
    )
    torch.manual_seed(seed)
    network = tl.digit_network()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for step in range(STEPS["digits"]):
        rows = torch.randint(len(train), (48,))
        x = shift_images(jitter(train.images[rows]), "noise", NOISE, seed=seed * 1000 + step)
        loss = F.cross_entropy(network(x), train.labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    source, home = (
        digit_shift(part, "home", 0, seed + i, len(part)) for i, part in enumerate((source, home))
    )
    outputs = partial(_outputs, network.features, network.head)
    return outputs, {"source": source, "home": home, "stock": stock}


def train_insects(seed: int, pool: Glyphs) -> tuple[Callable, dict[str, Glyphs]]:
    """The mini ResNet-18 fine-tuned on the embedded ants and bees as in `transfer_table`."""
    generator = tl.seed_everything(seed)
    model = transfer_table.starting_network("resnet18", "pretrained")
    preparation = {"mean": transfer_table.MEAN, "std": transfer_table.STD}
    augment = tl.random_affine(degrees=180, translate=0.06, scale=(0.85, 1.2))
    loader = tl.BatchLoader(
        transfer_table.images("train"), 16, train=True, augment=augment, generator=generator,
        **preparation,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1e-3, total_steps=STEPS["insects"], pct_start=0.15
    )
    tl.fit(
        model, loader, optimizer=optimizer, steps=STEPS["insects"], batch_scheduler=schedule,
        progress=False,
    )  # fmt: skip
    model.eval()
    order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))
    source, home, stock = (pool[rows] for rows in order.split(list(INSECTS.values())))
    head, model.fc = model.fc, torch.nn.Identity()
    mean, std = (torch.tensor(preparation[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    features = lambda x: model(((x - mean) / std).contiguous(memory_format=torch.channels_last))  # noqa: E731
    return partial(_outputs, features, head), {"source": source, "home": home, "stock": stock}


@torch.no_grad()
def _outputs(features: Callable, head: Callable, images: torch.Tensor):
    z = torch.cat([features(part) for part in images.split(250)])
    return z, head(z)


def insect_pool() -> Glyphs:
    """Fresh pictures for all seeds: each splits them anew."""
    pixels, labels = fresh_set(sum(INSECTS.values()) // 2, seed=21)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    size = (transfer_table.SIZE,) * 2
    small = F.interpolate(images, size, mode="bilinear", antialias=True)
    return Glyphs(small.clamp(0, 1), torch.from_numpy(labels))


def measure(task: str, seed: int, trained: tuple, shifts: dict, shift: Callable) -> Iterator[dict]:
    """The home row of one network, with its alarm levels, and a row for each shifted set."""
    outputs, parts = trained
    z, logits = outputs(parts["source"].images)
    monitor = ShiftMonitor(z, logits, parts["source"].labels)
    levels = monitor.alarm_levels(*outputs(parts["home"].images), BATCH[task], seed=seed)
    plan = [("home", 0)] + [(name, s) for name, strengths in shifts.items() for s in strengths]
    for family, strength in plan:
        moved = shift(parts["stock"], family, strength, seed)
        z, logits = outputs(moved.images)
        accuracy = float((logits.argmax(1) == moved.labels).double().mean())
        row = {"task": task, "seed": seed, "family": family, "strength": strength}
        row |= {"images": len(moved), "accuracy": accuracy, "drop": monitor.accuracy - accuracy}
        row |= monitor.signals(z, logits)
        if family == "home":
            row |= {"source_accuracy": monitor.accuracy, "alarm_levels": levels}
        yield rounded(row)


# --- what the rows say --------------------------------------------------------------------------


def shifted(rows: list[dict], task: str, seed: int, families: str = "all") -> list[dict]:
    """One network's rows without home; "pictures" leaves out `SAME_PICTURES`."""
    left_out = {"home", *(SAME_PICTURES if families == "pictures" else ())}
    return [
        r for r in rows
        if (r["task"], r["seed"]) == (task, seed) and r["family"] not in left_out
    ]  # fmt: skip


def per_seed(rows: list[dict], task: str, number: Callable[[list[dict], dict], float], **which):
    """`number(rows of a network, its home row)` for every seed of a task."""
    homes = [r for r in rows if r["task"] == task and r["family"] == "home"]
    return [number(shifted(rows, task, home["seed"], **which), home) for home in homes]


def rank(signal: str, found: list[dict], home: dict) -> float:
    """Spearman's rank correlation of a signal with the accuracy lost."""
    return float(spearmanr([r[signal] for r in found], [r["drop"] for r in found])[0])


def error(signal: str | None, found: list[dict], home: dict) -> float:
    """Mean absolute error of the predicted accuracy; None predicts that nothing is lost."""
    return fmean(abs(r["drop"] - (r[signal] if signal else 0)) for r in found)


def alarms(signal: str, found: list[dict], home: dict, low: float, high: float) -> float:
    """Share of the sets with `low` <= lost accuracy < `high` on which the signal is above home's.

    Lost against the home batch: mostly the same pictures, so that the luck of the draw cancels. NaN
    where there is none.
    """
    level = home["alarm_levels"][signal]
    rung = [r[signal] > level for r in found if low <= home["accuracy"] - r["accuracy"] < high]
    return fmean(rung) if rung else float("nan")


def summarise(rows: list[dict], facts: dict) -> str:
    """The Markdown tables."""
    text = ["# What can be seen of a shift without labels", ""]
    for task in dict.fromkeys(r["task"] for r in rows):
        homes = [r for r in rows if r["task"] == task and r["family"] == "home"]
        cell = partial(_over_networks, rows, task)
        text += [
            f"## {task}: {len(homes)} networks, accuracy at home "
            f"{_cell([r['source_accuracy'] for r in homes])}",
            "",
            "| signal | rank correlation with the lost accuracy, pictures changed | all shifts "
            f"| rings: lost {HARM} to .15 | lost more | false: lost less than {NO_HARM} "
            "| error of the predicted accuracy, pictures changed | all shifts |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for signal in (*ShiftMonitor.SIGNALS, None):
            errors = ["-", "-"]
            if signal is None or signal.endswith("drop"):
                errors = [cell(partial(error, signal), families=f) for f in ("pictures", "all")]
            cells = ["-"] * 5
            if signal:
                ranges = ((HARM, 0.15), (0.15, 2), (-1, NO_HARM))
                cells = [cell(partial(rank, signal), families=f) for f in ("pictures", "all")]
                cells += [cell(partial(alarms, signal, low=a, high=b)) for a, b in ranges]
            text.append(f"| {signal or 'no change assumed'} | {' | '.join([*cells, *errors])} |")
        text += ["", "| shift | accuracy lost | " + " | ".join(ShiftMonitor.SIGNALS) + " |"]
        text += ["|---" * (2 + len(ShiftMonitor.SIGNALS)) + "|"]
        keys = dict.fromkeys((r["family"], r["strength"]) for r in rows if r["task"] == task)
        for family, strength in keys:
            same = [
                r for r in rows
                if (r["task"], r["family"], r["strength"]) == (task, family, strength)
            ]  # fmt: skip
            means = [fmean(r[name] for r in same) for name in ShiftMonitor.SIGNALS]
            numbers = " | ".join([_cell([r["drop"] for r in same]), *(f"{m:.3f}" for m in means)])
            text.append(f"| {family} {strength:g} | {numbers} |")
        text.append("")
    text += [
        "Means over networks with 95 % t-intervals. A signal rings when it exceeds the largest of "
        "19 batches from home. A predicted accuracy is the accuracy at home less the signal.",
        "",
        made_by(facts),
    ]
    return "\n".join(text) + "\n"


def _over_networks(rows: list[dict], task: str, number: Callable, families: str = "all") -> str:
    return _cell(per_seed(rows, task, number, families=families))


def _cell(values: list[float]) -> str:
    return interval([v for v in values if v == v], ".3f")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs=2, default=(8, 5), help="digits, insects")
    parser.add_argument("--machine", default="one CPU core")
    args = parser.parse_args()
    torch.set_num_threads(1)
    path = RESULTS / "shift_warnings.json"
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows, before = old.get("rows", []), old.get("seconds", 0)
    start = time.perf_counter()
    pool = insect_pool() if args.seeds[1] else None
    plan = [("digits", seed) for seed in range(args.seeds[0])]
    plan += [("insects", seed) for seed in range(args.seeds[1])]
    for task, seed in plan:
        seed += FIRST_SEED
        if any((r["task"], r["seed"]) == (task, seed) for r in rows):
            continue  # from a measurement that was interrupted
        if task == "digits":
            found = measure(task, seed, train_digits(seed), DIGIT_SHIFTS, digit_shift)
        else:
            found = measure(task, seed, train_insects(seed, pool), INSECT_SHIFTS, insect_shift)
        rows += found
        print(task, seed, f"{time.perf_counter() - start:.0f} s", flush=True)
        store(
            "shift_warnings",
            {"harm": HARM, "no_harm": NO_HARM, "noise": NOISE, "rows": rows},
            partial(summarise, rows),
            command="python -m data.recipes.shift_warnings_table",
            seconds=before + time.perf_counter() - start,
            machine=args.machine,
        )


if __name__ == "__main__":
    main()

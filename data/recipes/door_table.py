"""Measure lesson 09's door: losses, starts, cameras, enrolled pictures, and who was learned from.

    OMP_NUM_THREADS=1 python -m data.recipes.door_table        # about 6 minutes on one core

writes data/results/door.json and .md. Run r trains with seed r and reports on 32 fresh persons of
its own, who are in no split. Learning rates and thresholds are chosen on the persons of the split
"threshold". Within a part all runs take the same number of optimiser steps.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import time

import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl

from .faces import fresh_persons, person
from .tables import best_rate, interval, made_by, rounded, store

SIDE, PICTURES, DIMENSIONS = 48, 10, 64
PERSONS, EACH = 12, 4  # a batch
OTHERS, OWN = range(80), range(80, 96)  # "train": people to pre-train on; the door's own people
SEEDS, TUNING_SEED = range(5), 100
RATES, OWN_RATES = (3e-3, 1e-2), (1e-3, 3e-3)
STEPS, OWN_STEPS, TONE_STEPS = 100, 50, 60
ENROLLED = (1, 2, 3, 5)
LIGHT = 3  # skin tones 0..2 of 6

BACKBONE = tl.load_backbone("resnet18")
AUGMENT = [
    tl.random_affine(degrees=6, translate=0.06, scale=(0.9, 1.1)),
    tl.color_jitter(brightness=0.2, contrast=0.2, saturation=0.2),
]


class Embedder(nn.Module):
    """Mini ResNet-18 with a linear layer of 64 outputs, brought to length 1."""

    def __init__(self, pretrained: bool):
        super().__init__()
        self.network = tl.load_backbone("resnet18", pretrained=pretrained).model
        tl.replace_head(self.network, nn.Linear(128, DIMENSIONS))
        self.to(memory_format=torch.channels_last)

    def forward(self, images):
        return F.normalize(self.network(images))


def prepare(x: torch.Tensor) -> torch.Tensor:
    """Floats in 0..1 as the mini ResNet-18 needs them."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (BACKBONE.mean, BACKBONE.std))
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def night(images: torch.Tensor) -> torch.Tensor:
    """The same uint8 pictures from a grey, dim and grainy camera."""
    chance = torch.Generator().manual_seed(0)
    grey = images.float().mean(1, keepdim=True) * 0.35 + 20
    grey = grey + 9 * torch.randn(grey.shape, generator=chance)
    return grey.clamp(0, 255).byte().expand(-1, 3, -1, -1)


def train(network, loss: str, rate: float, images, persons, steps: int, seed: int):
    """Train on the pictures of these persons, in place; return the network in eval mode."""
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    labels = torch.arange(len(persons)).repeat_interleave(PICTURES)
    rows_of = (torch.tensor(list(persons))[:, None] * PICTURES + torch.arange(PICTURES)).flatten()
    parameters = list(network.parameters())
    if loss == "softmax":
        classifier = nn.Linear(DIMENSIONS, len(persons))
        parameters += classifier.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=rate)
    one_cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.2
    )
    network.train()
    for _ in range(steps):
        rows = tl.balanced_batch(labels, PERSONS, EACH, chance)
        x = images[rows_of[rows]].float() / 255
        for change in AUGMENT:
            x = change(x, chance)
        z = network(prepare(x))
        if loss == "softmax":  # cosines lie in -1..1: ten times that lets the softmax be sure
            value = F.cross_entropy(10 * classifier(z), labels[rows])
        else:
            value = getattr(tl, f"{loss}_loss")(z, labels[rows])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        one_cycle.step()
    return network.eval()


@torch.no_grad()
def embed(network, images) -> torch.Tensor:
    """(N, 64) of uint8 images."""
    return torch.cat([network(prepare(part.float() / 255)) for part in images.split(160)])


def pairs(network, images) -> tuple[torch.Tensor, torch.Tensor]:
    """Distances of all pairs of pictures, and which show one person."""
    return tl.pair_distances(embed(network, images), labels_of(images))


def labels_of(images) -> torch.Tensor:
    return torch.arange(len(images) // PICTURES).repeat_interleave(PICTURES)


def enrolled(z: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Distances of pictures 6..10 of everyone to the mean of everyone's first `count`.

    Returns distances (pairs,), whether it is the same person, and the means (persons, 64).
    """
    z = z.view(-1, PICTURES, DIMENSIONS)
    centres, visitors = z[:, :count].mean(1), z[:, 5:].flatten(0, 1)
    same = torch.arange(len(centres)).repeat_interleave(5)[:, None] == torch.arange(len(centres))
    return torch.cdist(visitors, centres).flatten(), same.flatten(), centres


def tune(make, loss: str, rates, images, persons, steps: int) -> tuple[float, dict[str, float]]:
    """The rate with the lowest equal error rate on the persons of "threshold"."""

    def error(rate: float) -> float:
        network = train(make(), loss, rate, images["train"], persons, steps, TUNING_SEED)
        return tl.equal_error_rate(*pairs(network, images["threshold"])).rate

    found = best_rate(error, rates)
    print(loss, steps, found, flush=True)
    return found


def at_the_door(network, images, insects) -> dict[str, float]:
    """Error rates with 1, 2, 3, 5 enrolled pictures; thresholds from other people."""
    choose, report = (embed(network, images[name]) for name in ("threshold", "test"))
    strangers, found = embed(network, insects), {}
    for count in ENROLLED:
        distances, same, centres = enrolled(report, count)
        found[f"eer, {count} enrolled"] = tl.equal_error_rate(distances, same).rate
        for share in (0.01, 0.05):
            threshold = tl.threshold_for(*enrolled(choose, count)[:2], share)
            rates = tl.error_rates(distances, same, threshold)
            cheated = tl.threshold_for(distances, same, share)
            key = f"{share:g}, {count} enrolled"
            found[f"far at {key}"], found[f"frr at {key}"] = rates
            found[f"frr, own threshold at {key}"] = tl.error_rates(distances, same, cheated)[1]
            opens = torch.cdist(strangers, centres) <= threshold
            found[f"insects for somebody at {key}"] = float(opens.any(1).float().mean())
            found[f"insects at {key}"] = float(opens.float().mean())
    return found


def starts(pretrained: bool, seed: int = 0):
    torch.manual_seed(seed)
    return Embedder(pretrained)


def losses_part(data, insects, fresh, tuning, keep):
    """Part 1: the loss, 80 persons, from drawn objects. Keeps the triplet networks in `keep`."""
    for loss in ("triplet", "contrastive", "softmax"):
        first = functools.partial(starts, True)
        rate, tuning[loss] = tune(first, loss, RATES, data, OTHERS, STEPS)
        for seed in SEEDS:
            images = data | {"test": fresh[seed]}
            network = starts(True, seed)
            train(network, loss, rate, data["train"], OTHERS, STEPS, seed)
            row = {"part": "loss", "loss": loss, "seed": seed, "steps": STEPS, "rate": rate}
            row["eer"] = tl.equal_error_rate(*pairs(network, images["test"])).rate
            known = data["train"][: len(OTHERS) * PICTURES]
            row["eer of those it was trained on"] = tl.equal_error_rate(*pairs(network, known)).rate
            yield rounded(row | at_the_door(network, images, insects))
            if loss == "triplet":
                keep[seed] = network
                if seed == 0:
                    keep[TUNING_SEED] = network


def own_part(data, fresh, tuning, siamese):
    """Part 2: what to start from, with 16 persons of one's own, by day and by night.

    Each start has a rate of its own, chosen by day and used with both cameras.
    """

    def make(start, seed):
        if start == "Siamese":
            return copy.deepcopy(siamese[seed])
        return starts(start == "drawn objects", seed)

    rates = {}
    for start in ("Siamese", "drawn objects", "random"):
        first = functools.partial(make, start, TUNING_SEED)
        name = f"own persons, {start}"
        rates[start], tuning[name] = tune(first, "triplet", OWN_RATES, data, OWN, OWN_STEPS)
    for camera in ("day", "night"):
        seen = night(data["train"]) if camera == "night" else data["train"]
        for seed in SEEDS:
            test = night(fresh[seed]) if camera == "night" else fresh[seed]
            row = {"part": "own", "camera": camera, "seed": seed, "steps": OWN_STEPS}
            untouched = tl.equal_error_rate(*pairs(siamese[seed], test)).rate
            yield rounded(row | {"start": "Siamese, as it is", "eer": untouched})
            for start, rate in rates.items():
                network = train(make(start, seed), "triplet", rate, seen, OWN, OWN_STEPS, seed)
                found = tl.equal_error_rate(*pairs(network, test)).rate
                yield rounded(row | {"start": start, "rate": rate, "eer": found})


def tone_part(data, fresh, rate):
    """Part 3: learn from light, dark or mixed skin, and measure both kinds."""
    tones = [person("train", number).tone for number in range(96)]
    light = [n for n, tone in enumerate(tones) if tone < LIGHT]
    dark = [n for n, tone in enumerate(tones) if tone >= LIGHT]
    count = min(len(light), len(dark)) // 2 * 2
    groups = {
        "light": light[:count],
        "mixed": light[: count // 2] + dark[: count // 2],
        "dark": dark[:count],
    }
    for seed in SEEDS:
        is_light = torch.tensor([person(f"fresh {seed}", n).tone < LIGHT for n in range(32)])
        for name, persons in groups.items():
            network = train(
                starts(True, seed), "triplet", rate, data["train"], persons, TONE_STEPS, seed
            )
            z, labels = embed(network, fresh[seed]), labels_of(fresh[seed])
            row = {"part": "tone", "learned from": name, "persons": count, "seed": seed}
            for group, member in (("light", is_light), ("dark", ~is_light)):
                mask = member[labels]
                found = tl.equal_error_rate(*tl.pair_distances(z[mask], labels[mask])).rate
                row[f"eer of {group}"] = found
            yield rounded(row)


TITLES = {
    "loss": ("loss",),
    "own": ("camera", "start"),
    "tone": ("learned from",),
}


def markdown(rows: list[dict], facts: dict) -> str:
    """A table for each part: means over seeds with 95 % t-intervals."""
    columns = {
        "loss": ["eer", "eer of those it was trained on",
                 *(f"eer, {n} enrolled" for n in ENROLLED),
                 "far at 0.01, 5 enrolled", "frr at 0.01, 5 enrolled",
                 "insects for somebody at 0.01, 5 enrolled"],
        "own": ["eer"],
        "tone": ["eer of light", "eer of dark"],
    }  # fmt: skip
    lines = [
        "# The door: how often it errs",
        "",
        f"Means over {len(SEEDS)} seeds with 95 % t-interval; each seed reports on 32 fresh "
        "persons of its own. eer: equal error rate of two pictures, or of a picture against the "
        "mean of the enrolled ones; far, frr: false accepts and rejects at a threshold that let in "
        "1 % of the strangers among other people.",
    ]
    for part, names in TITLES.items():
        own = [row for row in rows if row["part"] == part]
        lines += ["", "| " + " | ".join([*names, *columns[part]]) + " |"]
        lines.append("|" + "---|" * (len(names) + len(columns[part])))
        for key in dict.fromkeys(tuple(row[name] for name in names) for row in own):
            found = [row for row in own if tuple(row[name] for name in names) == key]
            cells = [interval([row[c] for row in found]) for c in columns[part]]
            lines.append("| " + " | ".join([*key, *cells]) + " |")
    return "\n".join([*lines, "", made_by(facts)]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="1 CPU core")
    args = parser.parse_args()
    start = time.process_time()
    data = {name: tl.load_faces(name).images for name in ("train", "threshold")}
    fresh = {seed: torch.from_numpy(fresh_persons(seed).copy()) for seed in SEEDS}
    insects = tl.load_images("ants_bees", "val", size=SIDE).images
    rows, tuning, siamese = [], {}, {}

    def write() -> None:
        store(
            "door",
            {"tuning": tuning, "rows": rows},
            functools.partial(markdown, rows),
            command="python -m data.recipes.door_table",
            seconds=time.process_time() - start,
            machine=args.machine,
        )

    def collect(found) -> None:
        for row in found:
            rows.append(row)
            print(json.dumps({k: v for k, v in row.items() if " at " not in k}), flush=True)

    collect(losses_part(data, insects, fresh, tuning, siamese))
    write()
    collect(own_part(data, fresh, tuning, siamese))
    write()
    rate = next(row["rate"] for row in rows if row.get("loss") == "triplet")
    collect(tone_part(data, fresh, rate))
    write()


if __name__ == "__main__":
    main()

"""Measure one-shot recognition of characters: which features, in the fonts and in handwriting.

    OMP_NUM_THREADS=1 python -m data.recipes.one_shot_table        # about 3 minutes on one core

writes data/results/one_shot.json and .md. Seed s draws which 18 letters are learned and which 20
are held out, the glyphs, the initial weights, the batches and the episodes. Each method's learning
rate is chosen on five signs (& ? % # @) that nothing is reported on. All take the same number of
optimiser steps.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time

import torch
import torch.nn.functional as F

import tlhelpers as tl
from tlhelpers.methods.adaptation.networks import jitter

from .tables import best_rate, cell, made_by, store

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghmnqrt"  # none that looks like another one when scaled
SIGNS = "&?%#@"
HELD_OUT, PER_CHARACTER = 20, 60
STEPS, WAYS, EACH = 150, 12, 5  # a batch: 12 characters, 5 glyphs each
RATES = {  # where the search begins
    "softmax": (1e-3, 3e-3),
    "contrastive": (1e-4, 3e-4),
    "triplet": (1e-3, 3e-3),
    "prototypes": (1e-2, 3e-2),
}
SEEDS, TUNING_SEEDS = range(5), (100, 101)
EPISODES = 60
FEWER = (6, 12)  # characters to learn from, for softmax
# where: (characters or set, ways)
TESTS = {
    "held-out letters": (5, 20),
    "rendered digits": (5, 10),
    "handwriting": (5, 10),
}


def train(method: str, glyphs, rate: float, seed: int):
    """A network whose features were trained on the characters of `glyphs`."""
    torch.manual_seed(seed)
    x, y = glyphs.images, glyphs.labels
    network = tl.digit_network(int(y.max()) + 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    ways = min(WAYS, int(y.max()) + 1)
    answers = torch.arange(ways).repeat_interleave(EACH - 1)
    for step in range(STEPS):
        part = method
        if method == "softmax, then prototypes":
            part = "softmax" if step < STEPS // 2 else "prototypes"
        rows = tl.balanced_batch(y, ways, EACH)
        z = network.features(jitter(x[rows]))
        if part == "softmax":
            loss = F.cross_entropy(network.head(z), y[rows])
        elif part == "contrastive":
            loss = tl.contrastive_loss(F.normalize(z), y[rows])
        elif part == "triplet":
            loss = tl.triplet_loss(F.normalize(z), y[rows])
        else:  # one glyph of each character as the example, the others as queries
            z = z.view(ways, EACH, -1)
            logits = tl.prototype_logits(z[:, 1:].flatten(0, 1), z[:, 0])
            # The mean over the 64 features, not their sum: sums start so large that the softmax
            # is saturated, and the method would be 5 points worse for that alone.
            loss = F.cross_entropy(logits / z.shape[-1], answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


@torch.no_grad()
def features(method: str, network, images: torch.Tensor) -> torch.Tensor:
    """(N, D), of length 1 where the method compares directions."""
    if method == "pixels":
        return images.flatten(1)
    z = network.features(images)
    return z if "prototypes" in method else F.normalize(z)


def some(glyphs, characters: torch.Tensor):
    """The glyphs of these characters, numbered from 0."""
    kept = glyphs[torch.isin(glyphs.labels, characters)]
    return type(kept)(kept.images, torch.searchsorted(characters.sort().values, kept.labels))


@functools.lru_cache(2)
def material(seed: int):
    """Letters and signs, digits and handwriting of one seed; the order of the letters."""
    letters = tl.font_glyphs(PER_CHARACTER * len(LETTERS), LETTERS, seed=1000 + seed)
    signs = tl.font_glyphs(PER_CHARACTER * len(SIGNS), SIGNS, seed=2000 + seed)
    digits = tl.font_glyphs(600, seed=3000 + seed)
    order = torch.randperm(len(LETTERS), generator=torch.Generator().manual_seed(seed))
    return letters, signs, digits, tl.handwriting(), order


def choose_rate(method: str) -> tuple[float, dict[str, float]]:
    """The rate with the smallest mean error on the signs."""

    def error(rate: float) -> float:
        scores = []
        for seed in TUNING_SEEDS:
            letters, signs, _, _, order = material(seed)
            network = train(method, some(letters, order[HELD_OUT:]), rate, seed)
            z = features(method, network, signs.images)
            scores += tl.episode_accuracies(z, signs.labels, ways=5, shots=1, episodes=EPISODES)
        return 1 - statistics.fmean(scores)

    rate, found = best_rate(error, RATES[method])
    print(method, rate, found, flush=True)
    return rate, found


def measure(method: str, network, seed: int) -> dict[str, float]:
    """Mean accuracy over episodes, by "where, ways, shots"; features' spread, by where."""
    letters, _, digits, written, order = material(seed)
    held_out = some(letters, order[:HELD_OUT])
    sets = dict(zip(TESTS, (held_out, digits, written), strict=True))
    found = {}
    for where, glyphs in sets.items():
        z = features(method, network, glyphs.images)
        for ways in TESTS[where]:
            for shots in (1, 5):
                scores = tl.episode_accuracies(
                    z, glyphs.labels, ways=ways, shots=shots, episodes=EPISODES, seed=seed
                )
                found[f"{where}, {ways} ways, {shots} shots"] = round(statistics.fmean(scores), 4)
        rows = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))[:600]
        distances, same = tl.pair_distances(z[rows], glyphs.labels[rows])
        found[f"spread, {where}"] = round(
            float(distances[same].mean() / distances[~same].mean()), 4
        )
    return found


def rows_of(rates: dict[str, float]):
    """A row a method and seed."""
    for seed in SEEDS:
        letters, _, _, written, order = material(seed)
        learned = order[HELD_OUT:]
        for method in ("pixels", "random", *rates):
            rate = rates.get(method, 0.0)
            base = some(letters, learned)
            if method in ("pixels", "random"):
                torch.manual_seed(seed)
                network = tl.digit_network(18).eval()
            else:
                network = train(method, base, rate, seed)
            row = {"method": method, "classes": 18, "seed": seed}
            yield row | measure(method, network, seed)
            if method == "softmax":
                z = features(method, tl.adapt_batchnorm(network, written.images), written.images)
                scores = tl.episode_accuracies(
                    z, written.labels, ways=10, shots=1, episodes=EPISODES, seed=seed
                )
                adapted = {"handwriting, 10 ways, 1 shots": round(statistics.fmean(scores), 4)}
                yield row | {"method": "softmax, AdaBN"} | adapted
                for count in FEWER:
                    few = train(method, some(letters, learned[:count]), rate, seed)
                    yield row | {"classes": count} | measure(method, few, seed)
        print("seed", seed, flush=True)


def markdown(rows: list[dict], rates: dict[str, float], facts: dict) -> str:
    """Mean over seeds and 95 % t-interval."""
    columns = [f"{where}, {ways} ways, {shots} shots" for where, pair in TESTS.items()
               for ways in pair for shots in (1, 5)]  # fmt: skip
    lines = [
        "# One example of a new character: which features?",
        "",
        f"Accuracy of the nearest prototype, mean over {len(SEEDS)} seeds with 95 % t-interval; "
        f"{EPISODES} episodes a seed, the same ones for all methods. Each seed has its own split "
        f"of the {len(LETTERS)} letters: 18 to learn from, 20 held out.",
        "",
        "| features | characters learned | " + " | ".join(columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for method, classes in dict.fromkeys((row["method"], row["classes"]) for row in rows):
        cells = [cell(rows, column, method=method, classes=classes) for column in columns]
        shown = "-" if method in ("pixels", "random") else classes
        lines.append(f"| {method} | {shown} | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"{STEPS} optimiser steps (Adam, batches of {WAYS} characters with {EACH} glyphs each). "
        f"Learning rates, chosen on the signs {' '.join(SIGNS)} with other seeds: "
        + "; ".join(f"{method} {rate:g}" for method, rate in rates.items())
        + ". `softmax, then prototypes` takes half of the steps for each.",
        "",
        made_by(facts),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="1 CPU core")
    args = parser.parse_args()
    start = time.process_time()
    rates, grids = {}, {}
    for method in RATES:
        rates[method], grids[method] = choose_rate(method)
    rates["softmax, then prototypes"] = rates["prototypes"]
    rows = list(rows_of(rates))
    store(
        "one_shot",
        {"rates": rates, "tuning": grids, "rows": rows},
        functools.partial(markdown, rows, rates),
        command="python -m data.recipes.one_shot_table",
        seconds=time.process_time() - start,
        machine=args.machine,
    )


if __name__ == "__main__":
    main()

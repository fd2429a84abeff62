"""Measure what unlabelled pictures are worth: of other classes, in groups, as pseudo-labels.

    OMP_NUM_THREADS=1 python -m data.recipes.self_taught_table      # about 10 minutes on one core

writes data/results/self_taught.json (a row a run) and .md (the tables made of it). Three parts:

- digits: networks pre-trained on letters without labels (rotation, contrastive), with the letters'
  labels, or not at all; then 10 to 100 labelled digits, fine-tuned or as frozen features;
- groups: k-means on pixels and on the features of these networks, with no label of a digit;
- rounds: self-training with pseudo-labels, by rule for what to believe.

All networks take the same steps on the digits, and all pre-trained ones the same steps on the
letters. How strongly a pretext jitters its pictures, each arm's learning rate and each classifier's
penalty are chosen on digits that nothing is reported on: a fixed third of the handwriting, and
renders of other seeds.
"""

from __future__ import annotations

import argparse
import copy
import functools
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from torch import Tensor, nn

import tlhelpers as tl
from tlhelpers.data.domains import Glyphs
from tlhelpers.methods.adaptation.networks import jitter
from tlhelpers.methods.self_supervised import nt_xent, rotation_batch
from tlhelpers.methods.self_training import pseudo_labels

from .tables import best_rate, cell, made_by, rounded, store, table

NAME = "self_taught"
# No O, I, o, l: they are a 0 and a 1. And of each letter one form, where scaling makes two alike.
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabdefghmnqrty"
SEEDS, TUNING_SEEDS = range(100, 106), (0, 1)
ROUND_SEEDS, NETWORK_ROUND_SEEDS = range(100, 120), range(100, 105)
PRETEXTS = ("rotation", "contrastive", "letters' labels")
PRETEXT_STEPS, PRETEXT_RATE, BATCH = 400, 2e-3, 64
JITTERS, STRENGTHS = (0.1, 0.2, 0.3), (0.1, 1.0, 10.0, 100.0)
STEPS, LABELS, LONGER = 150, (10, 20, 50, 100), (10, 50)
TARGETS = ("rendered", "handwriting")
TUNING_DIGITS, POOL = 600, 600
ROUNDS = 4


# --- data -----------------------------------------------------------------------------------------


@functools.cache
def digits(target: str, seed: int) -> tuple[Glyphs, Glyphs]:
    """A pool to take labels from, and a test set; both of the tuning third for a tuning seed."""
    tune = seed in TUNING_SEEDS
    if target == "rendered":
        both = tl.font_glyphs(POOL + 600, seed=seed)
    else:
        written = tl.handwriting()
        order = torch.randperm(len(written), generator=torch.Generator().manual_seed(0))
        order = order[:TUNING_DIGITS] if tune else order[TUNING_DIGITS:]
        both = written[order[torch.randperm(len(order), generator=generator(seed))]]
    cut = len(both) // 2 if tune else POOL
    return both[:cut], both[cut:]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def labelled(pool: Glyphs, n: int) -> tuple[Glyphs, Glyphs]:
    """n / 10 of each digit, and the rest of the pool."""
    first = torch.cat([(pool.labels == digit).nonzero()[: n // 10, 0] for digit in range(10)])
    rest = torch.ones(len(pool), dtype=torch.bool)
    rest[first] = False
    return pool[first], pool[rest]


# --- networks -------------------------------------------------------------------------------------


def pretrain(pretext: str, amount: float, seed: int) -> nn.Module:
    """A network whose features learnt a pretext task on letters; `amount` is the jitter's."""
    letters = tl.font_glyphs(3000, LETTERS, seed=1000 + seed)
    torch.manual_seed(seed)
    network = tl.digit_network({"rotation": 4}.get(pretext, len(LETTERS)), feature_norm=False)
    if pretext == "contrastive":
        network.head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
    optimizer = torch.optim.Adam(network.parameters(), lr=PRETEXT_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PRETEXT_RATE, total_steps=PRETEXT_STEPS
    )
    for _ in range(PRETEXT_STEPS):
        chosen = torch.randint(len(letters), (BATCH,))
        x, y = letters.images[chosen], letters.labels[chosen]
        if pretext == "rotation":  # 16 pictures, four ways each: 64 images like the others
            x, y = rotation_batch(x[: BATCH // 4])
        if pretext == "contrastive":  # 64 pictures, two ways each: twice the images
            views = network(torch.cat([jitter(x, amount), jitter(x, amount)]))
            loss = nt_xent(*views.chunk(2), temperature=0.2)
        else:
            loss = F.cross_entropy(network(jitter(x, amount)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def untrained(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return tl.digit_network(feature_norm=False).eval()


def fine_tune(network: nn.Module, few: Glyphs, steps: int, rate: float, seed: int) -> nn.Module:
    """A copy with a new head, all of it trained on a few labelled glyphs."""
    torch.manual_seed(seed)
    network = copy.deepcopy(network).train()
    network.head = nn.Linear(64, 10)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(steps):
        chosen = torch.randint(len(few), (32,))
        loss = F.cross_entropy(network(jitter(few.images[chosen])), few.labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


@torch.no_grad()
def accuracy(network: nn.Module, test: Glyphs) -> float:
    return float((network(test.images).argmax(1) == test.labels).float().mean())


@torch.no_grad()
def features(network: nn.Module | None, images: Tensor, layers: int | None = None) -> np.ndarray:
    """The network's features, or those after its first `layers`; the pixels without a network."""
    return (images if network is None else network.features[:layers](images)).flatten(1).numpy()


def probe(network, few: Glyphs, test: Glyphs, strength: float, layers: int | None = None) -> float:
    """Accuracy of a logistic regression on frozen features, scaled by one number."""
    x, z = (features(network, part.images, layers) for part in (few, test))
    unit = np.sqrt(x.var(0).sum() / 40)
    model = LogisticRegression(C=strength, max_iter=1000).fit(x / unit, few.labels)
    return float(model.score(z / unit, test.labels))


# --- digits and groups ----------------------------------------------------------------------------

EARLIER = 9  # layers of `features` up to the flattened convolutions: 768 numbers


def choose(tried: dict) -> object:
    return max(tried, key=tried.get)


def frozen_scores(network: Callable[[int], nn.Module | None], layers=None) -> dict[float, float]:
    """Mean accuracy on the tuning digits with 50 labels, by penalty."""
    return {
        strength: statistics.fmean(
            probe(network(seed), labelled(pool, 50)[0], test, strength, layers)
            for seed in TUNING_SEEDS
            for pool, test in (digits(target, seed) for target in TARGETS)
        )
        for strength in STRENGTHS
    }


def tune() -> dict:
    """Jitter of each pretext, penalty and rate of each arm."""
    found = {"jitter": {}, "strength": {}, "rate": {}, "tried": {}}
    made = {}
    for pretext in PRETEXTS:
        scores = {}
        for amount in JITTERS:
            for seed in TUNING_SEEDS:
                made[pretext, amount, seed] = pretrain(pretext, amount, seed)
            networks = {seed: made[pretext, amount, seed] for seed in TUNING_SEEDS}
            by = frozen_scores(networks.get)
            scores[amount] = max(by.values())
        found["jitter"][pretext] = best = choose(scores)
        found["tried"][pretext] = {str(k): round(v, 4) for k, v in scores.items()}
        made |= {(pretext, seed): made[pretext, best, seed] for seed in TUNING_SEEDS}
    made |= {("no pretext", seed): untrained(seed) for seed in TUNING_SEEDS}
    made |= {("pixels", seed): None for seed in TUNING_SEEDS}
    for arm in ("pixels", "no pretext", *PRETEXTS):
        for layers in (None,) if arm == "pixels" else (None, EARLIER):
            key = arm if layers is None else f"{arm}, a layer earlier"
            scores = frozen_scores(lambda seed, arm=arm: made[arm, seed], layers)
            found["strength"][key] = choose(scores)
    for arm in ("no pretext", "no pretext, more steps", *PRETEXTS):
        start, steps = arm.removesuffix(", more steps"), steps_of(arm)

        def error(rate: float, start=start, steps=steps) -> float:
            return 1 - statistics.fmean(
                accuracy(
                    fine_tune(made[start, seed], labelled(pool, 50)[0], steps, rate, seed), test
                )
                for seed in TUNING_SEEDS
                for pool, test in (digits(target, seed) for target in TARGETS)
            )

        found["rate"][arm], tried = best_rate(error, (1e-3, 3e-3))
        found["tried"][f"{arm}, rate"] = tried
        print(f"{arm}: rate {found['rate'][arm]:g}", flush=True)
    return found


def steps_of(arm: str) -> int:
    return STEPS + PRETEXT_STEPS if arm.endswith("more steps") else STEPS


def measure_digits(settings: dict) -> list[dict]:
    rows = []
    for seed in SEEDS:
        networks = {"pixels": None, "no pretext": untrained(seed)}
        for pretext in PRETEXTS:
            start = time.process_time()
            networks[pretext] = pretrain(pretext, settings["jitter"][pretext], seed)
            seconds = time.process_time() - start
            rows.append({"part": "cost", "seed": seed, "arm": pretext, "seconds": seconds})
        for target in TARGETS:
            pool, test = digits(target, seed)
            for arm, network in networks.items():
                groups = KMeans(10, n_init=10, random_state=seed).fit_predict(
                    features(network, test.images)
                )
                row = {"part": "groups", "seed": seed, "target": target, "arm": arm}
                rows.append(row | {"ari": adjusted_rand_score(test.labels, groups)})
            for n in LABELS:
                few = labelled(pool, n)[0]
                shared = {"part": "digits", "seed": seed, "target": target, "labels": n}
                for key, strength in settings["strength"].items():
                    arm, _, earlier = key.partition(", ")
                    score = probe(networks[arm], few, test, strength, EARLIER if earlier else None)
                    use = "frozen, a layer earlier" if earlier else "frozen"
                    rows.append(shared | {"arm": arm, "use": use, "accuracy": score})
                for arm, rate in settings["rate"].items():
                    if arm.endswith("more steps") and n not in LONGER:
                        continue
                    start = time.process_time()
                    network = networks[arm.removesuffix(", more steps")]
                    tuned = fine_tune(network, few, steps_of(arm), rate, seed)
                    row = shared | {"arm": arm, "use": "fine-tuned"}
                    row |= {"seconds": time.process_time() - start}
                    rows.append(row | {"accuracy": accuracy(tuned, test)})
        print(f"digits: seed {seed}", flush=True)
    return rows


# --- rounds ---------------------------------------------------------------------------------------

RULES = {
    "all answers": {"threshold": 0.0},
    "sure, .8": {"threshold": 0.8},
    "sure, .95": {"threshold": 0.95},
    "equal shares": {"threshold": 0.0, "per_class": True},
}
SITUATIONS = (
    "rendered, 20 labels",
    "rendered, 200 labels",
    "handwriting, 20 labels",
    "rendered, 20 labels, uneven",
    "fonts to handwriting",
)


def situation(name: str, seed: int) -> tuple[Glyphs, Glyphs, Glyphs]:
    """Labelled, unlabelled and test glyphs."""
    if name == "fonts to handwriting":
        return tl.font_glyphs(1000, seed=seed), *digits("handwriting", seed)
    pool, test = digits(name.split(",")[0], seed)
    few, rest = labelled(pool, int(name.split()[1]))
    if "uneven" in name:
        rest, test = thin_out(rest, seed), thin_out(test, seed)
    return few, rest, test


def thin_out(glyphs: Glyphs, seed: int) -> Glyphs:
    """About one in ten of the digits 5 to 9 stays."""
    chance = torch.rand(len(glyphs), generator=generator(seed))
    return glyphs[(glyphs.labels < 5) | (chance < 0.1)]


def by_regression(x: Tensor, y: Tensor, seed: int) -> Callable[[Tensor], Tensor]:
    model = LogisticRegression(C=10, max_iter=300).fit(x.flatten(1).numpy(), y)
    return lambda images: torch.from_numpy(model.predict_proba(images.flatten(1).numpy()))


def by_network(x: Tensor, y: Tensor, seed: int) -> Callable[[Tensor], Tensor]:
    tuned = fine_tune(untrained(seed), Glyphs(x, y), STEPS, 1e-3, seed)

    @torch.no_grad()
    def predict(images: Tensor) -> Tensor:
        return tuned(images).softmax(1)

    return predict


def self_train(
    learner, rule: dict, few: Glyphs, rest: Glyphs, test: Glyphs, seed: int
) -> Iterator[dict]:
    """Train, believe some of one's answers, train anew: a dictionary for each round."""
    x, y, first = few.images, few.labels, None
    for number in range(ROUNDS + 1):
        predict = learner(x, y, seed + 1000 * number)
        given = predict(rest.images)
        answers = given.argmax(1)
        first = answers if first is None else first
        mistakes = first != rest.labels
        row = {
            "round": number,
            "accuracy": float((predict(test.images).argmax(1) == test.labels).double().mean()),
            # of the first round's mistakes, those that are still made, with the same answer
            "kept_mistakes": float((answers == first)[mistakes].double().mean()),
        }
        share = max(1, round((number + 1) / ROUNDS * len(rest) / 10))
        most = share if rule.get("per_class") else None
        rows, labels = pseudo_labels(given, rule["threshold"], per_class=most)
        row |= {"believed": len(rows) / len(rest)}
        if len(rows):
            row |= {"believed_right": float((labels == rest.labels[rows]).double().mean())}
        yield row
        x = torch.cat([few.images, rest.images[rows]])
        y = torch.cat([few.labels, labels])


def measure_rounds() -> list[dict]:
    rows = []
    learners = {"regression": (by_regression, ROUND_SEEDS)}
    learners["network"] = (by_network, NETWORK_ROUND_SEEDS)
    for kind, (learner, seeds) in learners.items():
        for name in SITUATIONS:
            if kind == "network" and "200" in name:
                continue
            for rule in RULES:
                if kind == "network" and rule == "sure, .8":
                    continue
                for seed in seeds:
                    shared = {"part": "rounds", "learner": kind, "situation": name, "rule": rule}
                    parts = situation(name, seed)
                    first, *_, last = self_train(learner, RULES[rule], *parts, seed)
                    rows += [shared | {"seed": seed} | row for row in (first, last)]
            print(f"rounds, {kind}: {name}", flush=True)
    return rows


# --- the table ------------------------------------------------------------------------------------


def markdown(rows: list[dict], facts: dict) -> str:
    lines = [
        "# Unlabelled pictures: of other classes, in groups, as pseudo-labels",
        "",
        f"Mean [95 % t-interval] over {len(SEEDS)} seeds (rounds: {len(ROUND_SEEDS)} for the "
        f"regression, {len(NETWORK_ROUND_SEEDS)} for the network).",
    ]
    parts = {part: [r for r in rows if r["part"] == part] for part in ("digits", "groups")}
    for target in TARGETS:
        found = {}
        for arm, use in dict.fromkeys((r["arm"], r["use"]) for r in parts["digits"]):
            where = {"target": target, "arm": arm, "use": use}
            found[f"{arm}, {use}"] = [
                cell(parts["digits"], "accuracy", labels=n, **where) for n in LABELS
            ]
        lines += ["", *table(f"{target}: accuracy", (f"{n} labels" for n in LABELS), found)]
    found = {
        arm: [cell(parts["groups"], "ari", arm=arm, target=target) for target in TARGETS]
        for arm in dict.fromkeys(row["arm"] for row in parts["groups"])
    }
    lines += ["", *table("k-means: adjusted Rand index", TARGETS, found)]
    rounds = [row for row in rows if row["part"] == "rounds"]
    for kind in dict.fromkeys(row["learner"] for row in rounds):
        columns = ("before", f"after {ROUNDS} rounds", "first mistakes kept")
        columns += ("believed at the end", "of these right")
        of_kind, found = [row for row in rounds if row["learner"] == kind], {}
        for name, rule in dict.fromkeys((row["situation"], row["rule"]) for row in of_kind):
            where = {"situation": name, "rule": rule}
            found[f"{name}: {rule}"] = [cell(of_kind, "accuracy", round=0, **where)] + [
                cell(of_kind, column, round=ROUNDS, **where)
                for column in ("accuracy", "kept_mistakes", "believed", "believed_right")
            ]
        lines += ["", *table(f"self-training, {kind}", columns, found)]
    return "\n".join([*lines, "", made_by(facts)]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="1 CPU core")
    machine = parser.parse_args().machine
    torch.set_num_threads(1)
    start = time.process_time()
    settings = tune()
    print(f"chosen: {time.process_time() - start:.0f} s", flush=True)
    rows: list[dict] = []
    for measure in (lambda: measure_digits(settings), measure_rounds):
        rows += [rounded(row) for row in measure()]
        print(f"{len(rows)} rows: {time.process_time() - start:.0f} s", flush=True)
        store(  # after each part: what is finished is kept
            NAME,
            {"settings": settings, "rows": rows},
            functools.partial(markdown, rows),
            command="OMP_NUM_THREADS=1 python -m data.recipes.self_taught_table",
            seconds=time.process_time() - start,
            machine=machine,
        )


if __name__ == "__main__":
    main()

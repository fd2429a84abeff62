"""Measure what tasks learned together give each other: the tables of lesson 10, first half.

    OMP_NUM_THREADS=1 python -m data.recipes.multi_task_table

writes data/results/multi_task.json (a row a run) and .md. Handwritten digits, newly turned and
roughened for every seed, carry answers to seven questions (`tl.digit_tasks`). A *main* task has few
labels, an *auxiliary* one has 900 labels of other pictures; every picture of one step goes through
the network once. Two parts:

- arms: the digit at 2 labels a class (some at 5); alone, with three related tasks (parity, five or
  more, loops) or with three unrelated ones (tilt, noise, coin); hard sharing with equal weights,
  with uncertainty weighting, with PCGrad; soft sharing; *refitted*: equal weights, and at the end a
  logistic regression on the features; *frozen*: the auxiliary tasks alone, then the logistic
  regression. It is also fitted to bare pixels;
- pairs: each of five tasks as the main one, with 20 labels, beside each of six as auxiliary.

All runs take the same number of optimiser steps. Each way of training has its own learning rate
(and soft sharing its own strength, each tried with its own rates), chosen on pictures and seeds
that are never reported. A recipe that was stopped goes on from what it has stored.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
import statistics
import time

import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import nn

import tlhelpers as tl
from tlhelpers.data.digit_tasks import TASKS as SIZES

from .tables import RESULTS, best_rate, cell, made_by, store, table

NAME = "multi_task"
STEPS, BATCH = 120, 48  # a step sees up to 48 few-label pictures and 48 auxiliary ones
AUXILIARY, TEST = 900, 500
SEEDS, PAIR_SEEDS, TUNING_SEEDS = range(6), range(5), (100, 101)
SHOTS = (2, 5)
RELATED, UNRELATED = ("parity", "five or more", "loops"), ("tilt", "noise", "coin")
ROWS = ("digit", "parity", "loops", "tilt", "noise")
PARTNERS = (*ROWS, "coin")
TASKS_OF = {"alone": (), "related": RELATED, "unrelated": UNRELATED, "all": RELATED + UNRELATED}
MAIN_ARMS = ("alone, pixels", "alone, equal", "alone, refitted", "related, equal",
             "unrelated, equal", "all, equal", "related, refitted", "related, frozen")  # fmt: skip
MORE_ARMS = ("related, PCGrad", "unrelated, PCGrad", "related, uncertainty",
             "unrelated, uncertainty", "related, soft")  # fmt: skip
AT_FIVE = ("alone, equal", "related, equal", "unrelated, equal", "all, equal", "related, frozen")
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # of soft sharing, each with its own rate
PENALTIES = (0.01, 0.1, 1.0, 10.0)  # tried for pixels; features take 1, the default


@functools.cache
def written():
    """Handwriting in a fixed random order: the last 300 are for tuning's tests, never reported."""
    digits = tl.handwriting()
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    return digits[order]


def draw(seed: int, shots: int, tune: bool):
    """Few-label pictures, auxiliary pictures, test pictures, each with its answers."""
    chance = torch.Generator().manual_seed(seed)
    images, answers = tl.digit_tasks(written(), seed=seed)
    known = torch.randperm(len(images) - 300, generator=chance)
    test = torch.arange(len(images) - 300, len(images)) if tune else known[:TEST]
    known = known[TEST:]
    digits = answers["digit"][known]
    few = torch.cat([known[digits == digit][:shots] for digit in range(10)])
    others = known[~torch.isin(known, few)][:AUXILIARY]
    return [
        (images[part], {k: v[part] for k, v in answers.items()}) for part in (few, others, test)
    ]


def batches(n: int, steps: int, chance: torch.Generator):
    """Positions of each step's pictures: every picture once before any comes again."""
    size = min(n, BATCH)
    order = torch.cat([torch.randperm(n, generator=chance) for _ in range(-(-steps * size // n))])
    return order[: steps * size].view(steps, size)


def trunk_of() -> nn.Sequential:
    """Pixels to 64 features, without convolutions: a step takes a millisecond."""
    layers = [nn.Linear(256, 128), nn.BatchNorm1d(128), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU())


def heads_for(main: str, auxiliary: tuple[str, ...]) -> nn.ModuleList:
    return nn.ModuleList(nn.Linear(64, SIZES[task]) for task in (main, *auxiliary))


def train(data, main: str, auxiliary: tuple[str, ...], how: str, rate: float, strength: float,
          seed: int) -> dict:  # fmt: skip
    """Accuracy of the main task after STEPS steps, and the mean cosines of the gradients."""
    torch.manual_seed(seed)
    (few, few_answers), (others, other_answers), (test, test_answers) = data
    if how == "pixels":
        return probe(
            few.flatten(1), few_answers[main], test.flatten(1), test_answers[main], strength
        )
    trunk = trunk_of()
    heads = heads_for(main, auxiliary)
    second = None
    if how == "soft":  # a network for the main task and one for the others, alike at the start
        second = trunk_of()
        second.load_state_dict(trunk.state_dict())
    weighting = tl.UncertaintyWeighting(len(heads))
    shared = list(trunk.parameters())
    learnt = [*shared, *heads.parameters(), *weighting.parameters()]
    learnt += list(second.parameters()) if second else []
    optimiser = torch.optim.Adam(learnt, lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=STEPS)
    chance = torch.Generator().manual_seed(seed)
    at_few, at_others = (batches(len(x), STEPS, chance) for x in (few, others))
    cosines = []
    for step in range(STEPS):
        a, b = at_few[step], at_others[step]
        if not auxiliary:
            features = [trunk(few[a])]
        elif second is not None:
            features = [trunk(few[a]), second(others[b])]
        else:  # one pass over both: they share the statistics of BatchNorm as well
            features = trunk(torch.cat([few[a], others[b]])).split([len(a), len(b)])
        losses = [F.cross_entropy(heads[0](features[0]), few_answers[main][a])]
        losses += [
            F.cross_entropy(head(features[1]), other_answers[task][b])
            for head, task in zip(heads[1:], auxiliary, strict=True)
        ]
        if how == "frozen":
            losses[0] = losses[0].detach()
        loss = weighting(losses) if how == "uncertainty" else sum(losses)
        if second is not None:
            loss = loss + strength * tl.coupling(trunk, second)
        gradients = None
        if (
            auxiliary
            and how in ("equal", "uncertainty", "PCGrad")
            and (how == "PCGrad" or step % 20 == 0)
        ):
            gradients = tl.task_gradients(losses, shared)
            cosines.append(tl.gradient_cosines(gradients)[0, 1:])
        optimiser.zero_grad()
        loss.backward(inputs=list(heads.parameters()) if how == "PCGrad" else None)
        if how == "PCGrad":
            tl.set_gradient(shared, tl.pcgrad(gradients, chance))
        optimiser.step()
        schedule.step()
    trunk.eval()
    with torch.no_grad():
        if how in ("frozen", "refitted"):
            known, asked = trunk(few), trunk(test)
            return probe(known, few_answers[main], asked, test_answers[main], strength)
        right = (heads[0](trunk(test)).argmax(1) == test_answers[main]).float().mean()
        error = F.cross_entropy(heads[0](trunk(test)), test_answers[main])
    found = {"accuracy": float(right), "loss": float(error)}
    if cosines:
        mean = torch.stack(cosines).mean(0).tolist()
        found["cosines"] = dict(zip(auxiliary, mean, strict=True))
    if how == "uncertainty":
        found["weights"] = dict(zip((main, *auxiliary), weighting.weights.tolist(), strict=True))
    return found


def probe(known, labels, asked, answers, penalty: float) -> dict:
    """Accuracy of a logistic regression on features of one total variance."""
    scale = (known - known.mean(0)).square().sum(1).mean().sqrt() / 8
    model = LogisticRegression(C=penalty, max_iter=1000).fit(known / scale, labels)
    return {"accuracy": float(model.score(asked / scale, answers))}


def choose(auxiliary: tuple[str, ...], how: str, mains=("digit",)) -> tuple[float, float, dict]:
    """Learning rate and strength with the highest mean accuracy on the tuning pictures."""

    def error(rate: float, strength: float = 0.0) -> float:
        runs = [
            train(draw(seed, 2, True), main, auxiliary, how, rate, strength, seed)["accuracy"]
            for seed, main in itertools.product(TUNING_SEEDS, mains)
        ]
        return 1 - statistics.fmean(runs)

    if how == "pixels":
        return 0.0, min(PENALTIES, key=lambda s: error(1e-2, s)), {}
    if how == "soft":  # a strong pull needs a high rate: chosen together
        found = {
            s: best_rate(functools.partial(error, strength=s), (3e-2, 1e-1)) for s in STRENGTHS
        }
        strength = min(found, key=lambda s: min(found[s][1].values()))
        tried = {f"{s:g} x {rate}": value for s in found for rate, value in found[s][1].items()}
        return found[strength][0], strength, tried
    strength = 1.0 if how in ("refitted", "frozen") else 0.0
    rate, tried = best_rate(lambda rate: error(rate, strength), (1e-2, 3e-2))
    return rate, strength, tried


def measure_arm(arm: str, rows: list[dict], settings: dict) -> None:
    if arm in settings:
        return
    kind, how = arm.split(", ")
    auxiliary = TASKS_OF[kind]
    rate, strength, tried = choose(auxiliary, how)
    settings[arm] = {"rate": rate, "tried": tried, "strength": strength}
    for shots, seed in itertools.product(SHOTS if arm in AT_FIVE else SHOTS[:1], SEEDS):
        data = draw(seed, shots, False)
        found = train(data, "digit", auxiliary, how, rate, strength, seed)
        rows.append({"part": "arms", "seed": seed, "shots": shots, "arm": arm} | found)
    at = {f"{n} shots": cell(rows, "accuracy", arm=arm, shots=n) for n in SHOTS}
    print(f"{arm}: {settings[arm]}; {at}; {time.process_time():.0f} s", flush=True)


def measure_pairs(rows: list[dict], settings: dict) -> None:
    """Every row task alone and beside every column task: two rates, for one task and for two."""
    if any(row["part"] == "pairs" for row in rows):
        return
    rates = {}
    for auxiliary in ((), ("loops",)):  # one rate for a task alone, one for two together
        rate, _, tried = choose(auxiliary, "equal", mains=("digit", "tilt"))
        rates[len(auxiliary)] = rate
        settings[f"pairs, {len(auxiliary)} beside"] = {"rate": rate, "tried": tried}
    for seed in PAIR_SEEDS:
        data = draw(seed, 2, False)
        for main, partner in itertools.product(ROWS, (None, *PARTNERS)):
            auxiliary = () if partner is None else (partner,)
            found = train(data, main, auxiliary, "equal", rates[len(auxiliary)], 0.0, seed)
            rows.append({"part": "pairs", "seed": seed, "main": main, "partner": partner} | found)
        print(f"pairs: seed {seed}, {time.process_time():.0f} s", flush=True)


def shared_bits() -> dict[str, float]:
    """How many bits each task's answer tells of the digit; and all three related ones together."""
    images, answers = tl.digit_tasks(written(), seed=0)
    keys = {task: (answers[task],) for task in SIZES} | {
        "related": tuple(answers[task] for task in RELATED)
    }

    def entropy(*columns) -> float:
        counts = torch.unique(torch.stack(columns), dim=1, return_counts=True)[1].double()
        shares = counts / counts.sum()
        return float(-(shares * shares.log2()).sum())

    digit = answers["digit"]
    return {
        name: round(entropy(*key) + entropy(digit) - entropy(*key, digit), 3)
        for name, key in keys.items()
    }


def markdown(rows: list[dict], bits: dict, facts: dict) -> str:
    arms = list(dict.fromkeys(row["arm"] for row in rows if row["part"] == "arms"))
    lines = [
        "# Tasks learned together",
        "",
        f"Accuracy in naming handwritten digits, mean [95 % t-interval] over {len(SEEDS)} seeds, "
        f"{STEPS} steps each.",
        "",
        *table(
            "arm",
            (f"{n} labels a class" for n in SHOTS),
            {arm: [cell(rows, "accuracy", arm=arm, shots=n) for n in SHOTS] for arm in arms},
        ),
        "",
        f"The row's task with 20 labels beside the column's with {AUXILIARY}, over "
        f"{len(PAIR_SEEDS)} seeds.",
        "",
        *table(
            "task",
            ("alone", *PARTNERS),
            {
                main: [cell(rows, "accuracy", main=main, partner=p) for p in (None, *PARTNERS)]
                for main in ROWS
            },
        ),
        "",
        "Bits of the digit that an answer tells: "
        + ", ".join(f"{name} {value:.2f}" for name, value in bits.items())
        + ".",
        "",
        made_by(facts),
    ]
    return "\n".join(lines) + "\n"


def shortened(value):
    """Numbers as short as they are precise."""
    if isinstance(value, dict):
        return {k: shortened(v) for k, v in value.items()}
    return round(value, 4) if isinstance(value, float) and math.isfinite(value) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="1 CPU core")
    machine = parser.parse_args().machine
    torch.set_num_threads(1)
    path, start = (RESULTS / NAME).with_suffix(".json"), time.process_time()
    before = json.loads(path.read_text()) if path.exists() else {}
    rows, settings = before.get("rows", []), before.get("settings", {})
    bits = shared_bits()
    for measure in (
        *(functools.partial(measure_arm, arm) for arm in MAIN_ARMS),
        measure_pairs,
        *(functools.partial(measure_arm, arm) for arm in MORE_ARMS),
    ):
        measure(rows, settings)
        store(
            NAME,
            {"bits": bits, "settings": settings, "rows": [shortened(row) for row in rows]},
            functools.partial(markdown, rows, bits),
            command="OMP_NUM_THREADS=1 python -m data.recipes.multi_task_table",
            seconds=before.get("seconds", 0) + time.process_time() - start,
            machine=machine,
        )


if __name__ == "__main__":
    main()

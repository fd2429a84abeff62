"""Measure what lies between frozen and free: lesson 07's second half, on fresh seeds.

    OMP_NUM_THREADS=1 python -m data.recipes.fine_tuning_methods_table

writes data/results/fine_tuning_methods.json (a row a measurement) and .md (the tables made of it).
Run r draws its own letters, prints, split of the handwriting, networks and batches, all from seed
100 + r. Learning rates, and the weight of L2-SP, are chosen for each method on the tuning seeds,
on images of the training's own distribution; these runs are never reported. A measurement that was
interrupted resumes; delete the .json to start again. Four parts:

- methods: a network of letters is fine-tuned to few handwritten digits and tested on printed ones
  too, and the other way round. Equal optimiser steps for all.
- line: the networks between the linear probe and the fine-tuned one (WiSE-FT).
- combine: several source networks against one, by heads on their frozen features.
- overfit: accuracy step by step, with clean and with partly wrong labels.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import functools
import json
import os
from statistics import fmean

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from torch import nn

import tlhelpers as tl
from tlhelpers.methods.adaptation.networks import jitter

FIRST_SEED, TUNING_SEEDS, RUNS = 100, (0, 1, 2), 8
CAPITALS, SMALL, SIGNS = "ABCDEFGHJKLMNPQRTUVWXYZ", "abdefghmnpqrtuy", "!#$%&()+/=?@[]"
LETTERS = CAPITALS + SMALL
LAYERS = ["features.0", "features.4", "features.9", "head"]
STEPS, BATCH, PRETRAINING = 150, 32, 300
SHOTS = {"handwriting": 20, "print": 2}  # images of each class, by what is trained on
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
STRENGTHS = (0.001, 0.01, 0.05)  # of L2-SP
HEAD_RATE = 1e-2  # of the linear probe's steps in LP-FT
METHODS = (
    *("scratch", "linear probe", "fine-tuning", "discriminative rates"),
    *("gradual unfreezing", "LP-FT", "L2-SP"),
)
ALPHAS = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)
MARKS = (10, 20, 30, 50, 100, 150, 200, 300, 400)  # steps at which overfitting is measured
FOLDER = tl.data_dir() / "results"


def draw(part, n: int = BATCH, moved: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """A random batch, each picture moved a little."""
    chosen = torch.randint(len(part), (n,))
    images = part.images[chosen]
    return jitter(images) if moved else images, part.labels[chosen]


@torch.no_grad()
def accuracy(network: nn.Module, part) -> float:
    """Share of right answers, in eval mode."""
    return (network.eval()(part.images).argmax(1) == part.labels).float().mean().item()


@functools.lru_cache(maxsize=3)
def source_network(
    seed: int, characters: str = LETTERS, steps: int = PRETRAINING, glyphs: int = 4000
) -> nn.Module:
    """A digit network that reads printed characters; do not change it, take a copy."""
    torch.manual_seed(seed)
    part = tl.font_glyphs(glyphs, characters, seed=seed)
    network = tl.digit_network(len(characters)).train()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(steps):
        images, labels = draw(part, 64)
        optimizer.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()
    return network.eval()


@functools.lru_cache(maxsize=3)
def parts(seed: int) -> dict:
    """Pools to draw training images from, and the test sets."""
    written = tl.handwriting()
    order = torch.randperm(len(written), generator=torch.Generator().manual_seed(seed))
    printed = tl.font_glyphs(1600, seed=5000 + seed)
    return {
        "handwriting": written[order[:1197]],
        "handwriting test": written[order[1197:]],
        "print": printed[:1000],
        "print test": printed[1000:],
        "letters test": tl.font_glyphs(600, LETTERS, seed=9000 + seed),
    }


def few(part, count: int, seed: int):
    """`count` images of each class, at random, in random order."""
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(seed))
    labels = part.labels[order]
    rows = torch.cat([order[labels == digit][:count] for digit in range(10)])
    return part[rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]]


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


def features(networks: list[nn.Module], part) -> list[np.ndarray]:
    """Frozen features (N, 64) of each network."""
    with torch.no_grad():
        return [network.features(part.images).numpy() for network in networks]


def measure_combination(run: int, record) -> None:
    """Heads on the features of one, of three different and of three equal source networks."""
    seed = FIRST_SEED + run
    sets = parts(seed)
    steps = PRETRAINING // 2
    jobs = {"capitals": CAPITALS, "small letters": SMALL, "signs": SIGNS}
    every = "".join(jobs.values())
    different = [source_network(seed, characters, steps, 1500) for characters in jobs.values()]
    equal = [source_network(seed + 1000 * i, every, steps, 1500) for i in range(3)]
    longer = [source_network(seed, every, 3 * steps, 4500)]
    for shots in (2, 20):
        train = few(sets["handwriting"], shots, seed)
        y = train.labels.numpy()
        truth = sets["handwriting test"].labels.numpy()

        def note(arm: str, predicted: np.ndarray, shots=shots, truth=truth) -> None:
            right = float((predicted == truth).mean())
            record(part="combine", run=run, method=arm, shots=shots, inside=right)

        for name, group in (("different jobs", different), ("one job", equal), ("longer", longer)):
            inputs = features(group, train), features(group, sets["handwriting test"])
            heads = [LogisticRegression(max_iter=2000).fit(x, y) for x in inputs[0]]
            given = [head.predict_proba(x) for head, x in zip(heads, inputs[1], strict=True)]
            if name == "longer":
                note("one network, all characters, three times the steps", given[0].argmax(1))
                continue
            if name == "different jobs":
                for job, one in zip(jobs, given, strict=True):
                    note(f"one network: {job}", one.argmax(1))
            else:
                note("one network, all characters", given[0].argmax(1))
            note(f"averaged heads, {name}", np.mean(given, 0).argmax(1))
            together = LogisticRegression(max_iter=2000).fit(np.hstack(inputs[0]), y)
            note(f"one head on all features, {name}", together.predict(np.hstack(inputs[1])))
            # Stacking: a head on the heads' answers, learned from answers on left-out folds.
            folds = min(5, shots)
            left_out = [
                cross_val_predict(head, x, y, cv=folds, method="predict_log_proba")
                for head, x in zip(heads, inputs[0], strict=True)
            ]
            second = LogisticRegression(max_iter=2000).fit(np.hstack(left_out), y)
            note(
                f"stacked heads, {name}", second.predict(np.hstack(np.log(np.array(given) + 1e-9)))
            )


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


def summarise(rows: list[dict]) -> str:
    """The Markdown tables: means over the runs with 95 % t-intervals."""

    def cell(column: str, **where) -> str:
        values = [r[column] for r in rows if where.items() <= r.items() and column in r]
        return str(tl.mean_interval(values)) if len(values) > 1 else "-"

    runs = {row["run"] for row in rows}
    text = [f"Means over {len(runs)} runs [95 % t-interval]; the recipe says what a run is."]
    columns = {"inside": "in distribution", "outside": "out of distribution", "old_job": "letters"}
    for job in SHOTS:
        text += ["", f"## Tuned on {job}, {SHOTS[job]} images of each class", ""]
        head = ["method", *columns.values(), "distance travelled"]
        text += [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for method in METHODS:
            where = {"part": "methods", "trained_on": job, "method": method}
            cells = [cell(column, **where) for column in (*columns, "distance")]
            text.append(f"| {method} | {' | '.join(cells)} |")
        for alpha in ALPHAS:
            where = {"part": "line", "trained_on": job, "alpha": alpha, "batchnorm": "averaged"}
            cells = [cell(column, **where) for column in columns]
            text.append(f"| line, alpha = {alpha:g} | {' | '.join(cells)} | - |")
    text += ["", "## Several source networks, frozen, tested on handwriting", ""]
    text += ["| heads | 20 labelled images | 200 |", "|---|---|---|"]
    for arm in dict.fromkeys(row["method"] for row in rows if row["part"] == "combine"):
        cells = [cell("inside", part="combine", method=arm, shots=shots) for shots in (2, 20)]
        text.append(f"| {arm} | {' | '.join(cells)} |")
    text += ["", "## Overfitting: test accuracy by optimiser steps", ""]
    text += [f"| training | {' | '.join(map(str, MARKS))} |", "|---" * (len(MARKS) + 1) + "|"]
    keys = ("method", "images", "used", "wrong")
    found = [tuple(row[key] for key in keys) for row in rows if row["part"] == "overfit"]
    for values in dict.fromkeys(found):
        where = dict(zip(keys, values, strict=True))
        cells = [cell("test", part="overfit", step=step, **where) for step in MARKS]
        count = where["images"] // (1 if where["used"] == "all" else 2)
        name = f"{where['method']}, {count} images, {where['wrong']:.0%} of the labels wrong"
        text.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


def main() -> None:
    """Measure, writing after every part of a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    runs = parser.parse_args().runs
    torch.set_num_threads(1)
    path = FOLDER / "fine_tuning_methods.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows, tuning = stored.get("rows", []), stored.get("tuning", {})

    def write() -> None:
        made = {
            "command": "python -m data.recipes.fine_tuning_methods_table",
            "date": datetime.date.today().isoformat(),
            "machine": f"{os.cpu_count()} CPU cores, 1 thread",
            "torch": torch.__version__,
            "first_seed": FIRST_SEED,
            "steps": STEPS,
        }
        body = ",\n".join(json.dumps(row) for row in rows)
        path.with_suffix(".md").write_text(summarise(rows), encoding="utf-8")
        path.write_text(
            f'{{"made": {json.dumps(made)},\n"tuning": {json.dumps(tuning)},\n'
            f'"rows": [\n{body}\n]}}\n',
            encoding="utf-8",
        )

    def record(**row) -> None:
        rows.append({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()})

    def once(job, *where, **known) -> None:
        """Do a part of a run unless it is stored; write it when it is done."""
        if not any(known.items() <= row.items() for row in rows):
            job(*where, record)
            write()
            print(known, flush=True)

    for trained_on in SHOTS:
        if trained_on not in tuning:
            chosen, grids = choose(trained_on)
            tuning[trained_on] = {"best": chosen, "grids": grids}
            write()
    best = {trained_on: tuning[trained_on]["best"] for trained_on in SHOTS}
    for run in range(runs):
        for name in SHOTS:
            once(measure_methods, run, name, best[name], part="methods", run=run, trained_on=name)
    for run in range(runs):
        for count in (10, 100):
            known = {"part": "overfit", "run": run, "images": count * 10}
            once(measure_overfitting, run, count, best["handwriting"], **known)
        once(measure_combination, run, part="combine", run=run)


if __name__ == "__main__":
    main()

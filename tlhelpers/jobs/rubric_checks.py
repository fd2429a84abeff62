"""What a program can check of a job of one's own, from the files that the job has left.

Each check is a function from a `Run` to a reason, or raises `Missing`. It trusts no sentence where
it can count or compute: parts of the split, copies, intervals and tests are computed again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..core.errors import InputError
from ..evaluation.statistics import wilson_interval
from . import run_folder
from .decisions import Decision, read_record

CLOSE = 5e-4  # figures are printed with three decimals
ENOUGH = 10  # pictures out of scope: fewer say nothing


class Missing(Exception):
    """The point is not earned, and the message says what is missing."""


class Run:
    """What a job has left: decisions by step, and metrics and split of the run they name."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.decisions: list[Decision] = read_record(folder)["decisions"]
        self.job = folder / str(self._job_name())
        self.metrics = self._json(run_folder.METRICS)
        self.split = self._json("split.json")

    def step(self, name: str) -> list[Decision]:
        if not (found := [made for made in self.decisions if made.step == name]):
            raise Missing(f'no decision on "{name}" is in the report')
        return found

    def fact(self, step: str, name: str):
        """A fact that the last decision of a step to have it has left."""
        found = [made.facts[name] for made in self.step(step) if name in made.facts]
        if not found:
            raise Missing(f'the step "{step}" has left no fact "{name}"')
        return found[-1]

    def _job_name(self) -> str:
        try:
            return self.fact("training", "job")
        except Missing:
            return ""

    def _json(self, name: str) -> dict:
        path = self.job / name
        if not path.is_file():
            return {}
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}). Train again.") from error

    def need(self, what: dict, name: str) -> dict:
        if not what:
            raise Missing(f"the training has left no {name}")
        return what

    def final(self) -> dict:
        metrics = self.need(self.metrics, run_folder.METRICS)
        return metrics["stages"][metrics["result"]]


def counted(run: Run) -> str:
    told, split = run.fact("look", "images"), run.need(run.split, "split.json")
    used = sum(map(len, split.values()))
    if used > told:
        raise Missing(f"the report counts {told} images, the split has {used}")
    return f"{told} images counted, {used} of them used"


def parts_apart(run: Run) -> str:
    split = run.need(run.split, "split.json")
    paths = [path for part in split.values() for path in part]
    # Where a folder came with its own parts, the same name in two of them is another file.
    if not run.fact("copies", "own split") and len(set(paths)) < len(paths):
        raise Missing("a picture is in two parts of split.json")
    if (
        any(len(set(part)) < len(part) for part in split.values())
        or min(map(len, split.values())) < 1
    ):
        raise Missing("a part of split.json is empty, or names a picture twice")
    return ", ".join(f"{len(part)} {name}" for name, part in split.items())


def copies_together(run: Run) -> str:
    repeats = run.need(run.metrics, run_folder.METRICS)["repeats"]
    part_of, apart = _by_name(run, repeats)
    for group in repeats["groups"]:
        inside = {part_of[path] for path in group if path in part_of and path not in apart}
        if len(inside) > 1:
            raise Missing(f"copies of one picture are in two parts: {', '.join(group[:3])}")
    return f"{len(repeats['groups'])} pictures in several copies, each in one part"


def _by_name(run: Run, repeats: dict) -> tuple[dict[str, str], set[str]]:
    """The part of each picture, and those that do not count, named as the copies are named."""
    reported, left_out = repeats["reported"], repeats["left_out"]
    if not run.fact("copies", "own split"):
        return {p: part for part, paths in run.split.items() for p in paths}, {*reported, *left_out}
    # The folder's own parts are in the names. Its validation images may be split off "train/".
    part_of = {f"{part}/{p}": part for part, paths in run.split.items() for p in paths}
    for path in run.split["val"]:
        part_of.setdefault(f"train/{path}", "val")
    return part_of, {f"test/{p}" for p in reported} | {f"val/{p}" for p in left_out}


def labels_looked_at(run: Run) -> str:
    looked = run.fact("labels", "looked at")
    left_out = set(run.metrics.get("left_out", []))
    if left_out != set(run.fact("labels", "left out")):
        raise Missing("the run left out other pictures than the report says")
    if left_out & set(run.split.get("test", [])):
        raise Missing("a test picture was left out")
    return f"{looked} suspects shown, {len(left_out)} left out, no test picture among them"


def _measured(run: Run, kind: str) -> str:
    """A baseline of some kind, on the very test pictures of the result."""
    found = run.fact("result", "baselines").get(kind)
    if not found:
        raise Missing(f'the result names no baseline of the kind "{kind}"')
    if found["n"] != run.final()["n"]:
        raise Missing(f"measured on {found['n']} pictures, the model on {run.final()['n']}")
    return f"{found['name']}: {wilson_interval(found['correct'], found['n'])}"


def models_compared(run: Run) -> str:
    scores = run.fact("model", "scores")
    if "random" not in " ".join(scores) or len(scores) < 3:
        raise Missing("fewer than two pre-trained networks and one with random weights compared")
    _not_on_test(run, "model")
    return "compared: " + ", ".join(scores)


def layers_compared(run: Run) -> str:
    options = run.fact("layers", "options")
    trained = [option for option in options.values() if option["steps"]]
    if len(options) < 2 or not trained:
        raise Missing("fewer than two depths compared")
    if len({option["steps"] for option in trained}) > 1:
        raise Missing("the depths had unequal numbers of optimiser steps")
    if not all(option["rate"] for option in trained):
        raise Missing("a depth has no learning rate of its own in the record")
    return f"{len(options)} options; those trained had {trained[0]['steps']} steps each"


def _not_on_test(run: Run, *steps: str) -> None:
    if wrong := [made.step for step in steps for made in run.step(step) if made.on == "test"]:
        raise Missing(f'"{wrong[0]}" was decided on the test images')


def selection_apart(run: Run) -> str:
    _not_on_test(run, "labels", "model", "layers", "training", "out of scope")
    results = run.step("result")
    if len(results) > 1 or results[0].on != "test":
        raise Missing(f"{len(results)} results, the first on {results[0].on}: one, on test, is due")
    return "no choice rests on the test images; one result does"


def interval_right(run: Run) -> str:
    told, final = run.step("result")[-1].interval, run.final()
    if told is None:
        raise Missing("the result has no interval")
    interval = wilson_interval(final["correct"], final["n"])
    due = (interval.mean, interval.low, interval.high)
    if any(abs(a - b) > CLOSE for a, b in zip(told, due, strict=True)):
        raise Missing(f"{final['correct']} of {final['n']} right is {interval}, not what is told")
    return f"{interval}, computed again from {final['correct']} of {final['n']}"


def difference_tested(run: Run) -> str:
    from scipy.stats import binomtest

    told, final = run.fact("result", "against baseline"), run.final()
    a, b = told["only model"], told["only baseline"]
    p = float(binomtest(a, a + b).pvalue) if a + b else 1.0
    if abs(p - told["p"]) > CLOSE:
        raise Missing(f"{a} against {b} gives p = {p:.3f}, told is {told['p']:.3f}")
    baseline = run.fact("result", "baselines")["classical"]["correct"]
    if a - b != final["correct"] - baseline:
        raise Missing("the counts do not fit the two accuracies")
    return f"right alone: model {a}, baseline {b}, exact p = {p:.3f}"


def scope_tested(run: Run) -> str:
    refused, n = run.fact("out of scope", "refused"), run.fact("out of scope", "pictures")
    made = run.step("out of scope")[-1]
    if made.on != "validation":
        raise Missing(f"the threshold rests on {made.on} images; validation images are due")
    if n < ENOUGH:
        raise Missing(f"{n} pictures are too few; {ENOUGH} or more are due")
    return f"{refused} of {n} refused: {wilson_interval(refused, n)}"


def exported(run: Run) -> str:
    path = run.folder / run.fact("export", "file")
    card = run.job / "README.md"
    if not path.is_file() or not path.stat().st_size:
        raise Missing(f"no file {path.name}")
    if not card.is_file() or "## Limits" not in card.read_text(encoding="utf-8"):
        raise Missing("no model card with its limits")
    return f"{path.name}, {path.stat().st_size / 1e6:.1f} MB, and a model card"


def baseline(kind: str) -> Callable[[Run], str]:
    return lambda run: _measured(run, kind)

"""Finished runs side by side on the same test images: which differences are more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from ..core.errors import InputError
from ..data.class_files import count, some
from ..evaluation.paired import holm, least_visible, paired_interval
from ..evaluation.statistics import mcnemar, wilson_interval
from . import comparison_report as report
from .common_images import Common, predicted, stored
from .compared import ALPHA, Compared, Difference, RunRow
from .finished import Finished, read_runs

UNUSED = "-"
# Settings of training the whole network, which a probe does not use.
NETWORK = ("epochs", "batch_size", "lr", "backbone_lr", "weight_decay")


class Comparison(Compared):
    """What a comparison found; prints as tables and sentences, and in a notebook shows itself.

    `tl.show(comparison.plot(), alt="...")` draws the differences.
    """

    def __str__(self) -> str:
        return report.as_text(self)

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return report.as_markdown(self)

    def plot(self, *, ax=None, title: str = ""):
        """Draw each difference with its interval, in percentage points; returns the Axes."""
        return report.draw(self, ax=ax, title=title)


def compare_runs(
    runs: Sequence[str | Path],
    *,
    test: str | Path | None = None,
    device: str | None = None,
    threads: int = 2,
) -> Comparison:
    """Compare finished runs of `finetune` on the same test images.

    Each difference gets an interval for paired samples (Bonett and Price, 2012) and McNemar's exact
    test (1947), with Holm's adjustment (1979) where there are more than two runs.

    Args:
        runs: two or more folders that `finetune` wrote.
        test: a folder of class folders. Every run predicts its images, and those that one of the
            runs was trained on are left out. None takes what the runs answered on their own test
            images, which must be the same.
        device, threads: for `test`, as in `finetune`.

    Raises `InputError` for fewer than two runs, one that is missing, unfinished, damaged or given
    twice, other classes, other test images, and no images left in `test`.
    """
    finished = read_runs(runs)
    _check_classes(finished)
    common = stored(finished) if test is None else predicted(finished, test, device, threads)
    rows = [
        _row(run, correct) for run, correct in zip(finished, common.correct.values(), strict=True)
    ]
    differences = _differences(common)
    return Comparison(common.what, rows, differences, _notes(finished, common))


def _check_classes(runs: list[Finished]) -> None:
    first = runs[0]
    for run in runs[1:]:
        mine, others = set(run.metrics["classes"]), set(first.metrics["classes"])
        if mine != others:
            said = [
                f"only {owner.name} knows {some(sorted(only))}"
                for owner, only in ((first, others - mine), (run, mine - others))
                if only
            ]
            raise InputError(
                f"{first.name} and {run.name} have other classes: {'; '.join(said)}. Such runs "
                "answer different questions. Compare runs that were trained on the same classes."
            )


def _row(run: Finished, correct: list[bool]) -> RunRow:
    settings, metrics = run.metrics["settings"], run.metrics
    right, n = sum(correct), len(correct)
    return RunRow(
        run.name,
        str(run.out),
        settings["backbone"],
        settings["method"],
        len(run.split["train"]),
        wilson_interval(right, n),
        right,
        n,
        run.seconds,
        metrics["device"],
    )


def _differences(common: Common) -> list[Difference]:
    pairs = list(combinations(common.correct, 2))
    tests = [mcnemar(common.correct[a], common.correct[b]) for a, b in pairs]
    adjusted = holm([test.p_value for test in tests])
    n = len(common.images)
    return [
        Difference(
            a,
            b,
            n,
            paired_interval(test.only_a, test.only_b, n),
            test.only_a,
            test.only_b,
            test.p_value,
            p,
            least_visible(test.only_a + test.only_b, ALPHA / len(pairs)),
        )
        for (a, b), test, p in zip(pairs, tests, adjusted, strict=True)
    ]


def _notes(runs: list[Finished], common: Common) -> list[str]:
    notes = list(common.notes)
    if differing := _what_differs(runs):
        notes.append(f"Beside backbone and method, the runs differ in {'; '.join(differing)}.")
    device = {(run.metrics["device"], run.metrics["processes"]) for run in runs}
    if len(device) > 1:
        listed = ", ".join(
            f"{run.name} {run.metrics['device']} x {run.metrics['processes']}" for run in runs
        )
        notes.append(f"The seconds are of different machines or processes: {listed}.")
    notes.append(
        "The intervals say how far chance in the choice of test images reaches. Each run is one "
        "training: with another seed it would come out somewhat differently, and no interval here "
        "covers that."
    )
    notes.append(
        f"Whoever takes the best of these {len(runs)} runs has chosen it by these test images, so "
        "its accuracy here is probably a little too high, and more so the more runs there are. "
        "Measure the chosen run once more, on images that played no part in the choice."
    )
    return notes


def _setting(run: Finished, name: str) -> str:
    settings = run.metrics["settings"]
    if settings["method"] == "probe" and name in NETWORK:
        return UNUSED
    return "none" if settings.get(name) is None else str(settings[name])


def _what_differs(runs: list[Finished]) -> list[str]:
    """Settings that are not columns of the table, and the images that were trained on."""
    said = []
    for name in runs[0].metrics["settings"]:
        values = [_setting(run, name) for run in runs]
        if name not in ("backbone", "method") and len({*values} - {UNUSED}) > 1:
            said.append(f"{name} ({', '.join(values)})")
    profiles = [run.metrics["profile"] for run in runs]  # "resnet18" is another network in each
    if len(set(profiles)) > 1:
        said.append(f"profile ({', '.join(profiles)})")
    digests = [tuple(sorted(run.digest_of("train").values())) for run in runs]
    known = digests if all(digests) else [tuple(sorted(run.split["train"])) for run in runs]
    if len(set(known)) > 1:
        counts = ", ".join(count(run.split["train"], "image") for run in runs)
        said.append(f"the images they were trained on ({counts})")
    return said

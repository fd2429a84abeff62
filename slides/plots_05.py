"""What measure_05.py measured, in the course's own plots.

The numbers of a plot can be read back from its Axes' label: a test holds the deck's words to them.
"""

from __future__ import annotations

import functools
import json

from measure_05 import MEASURED

import tlhelpers as tl

STARTS = {
    "pretrained": "pre-trained",
    "unrelated": "insect-free source",
    "scratch": "from scratch",
}


@functools.cache
def measured() -> dict:
    """What the lesson and its repetitions over seeds gave (measure_05.py)."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))


def stored(name: str) -> dict:
    """A result of data/recipes."""
    return json.loads((tl.data_dir() / "results" / f"{name}.json").read_text(encoding="utf-8"))


def intervals(values: dict[str, list[float]]) -> dict[str, tl.Interval]:
    return {name: tl.Interval(*value) for name, value in values.items()}


def results():
    """The five ways on the test pictures."""
    n = measured()["splits"]["test"]
    ways = {
        f"{name} {r} of {n}": tl.wilson_interval(r, n) for name, r in measured()["right"].items()
    }
    return tl.plot_intervals(ways, "test accuracy, one run", chance=0.5)


def one_picture():
    """How wide the interval of an accuracy of .95 is."""
    sizes = (153, 1000, 10_000)
    wide = {f"{n:,} test pictures": tl.wilson_interval(round(0.95 * n), n) for n in sizes}
    return tl.plot_intervals(wide, "you measure .95; it may well be ...")


def transfer():
    """Accuracy by training pictures a class for each start, equal steps; and scratch for longer."""
    found: dict[str, dict] = {name: {} for name in STARTS.values()}
    for row in stored("transfer_resnet18")["rows"]:
        line = found[STARTS[row["start"]]]
        more = "all, 4 x the steps" if str(row["images"]) in line else str(row["images"])
        line[more] = tl.Interval(row["mean"], row["low"], row["high"])
    title = "pictures of each class to learn from"
    return tl.plot_lines(found, title, "accuracy on fresh pictures", fmt=".2f")


def choosing():
    """The best of n heads, on the half of the test set that chose it and on the other half."""
    lines = {name: intervals(points) for name, points in measured()["choosing"].items()}
    return tl.plot_lines(lines, "heads tried", "accuracy of the best", fmt=".3f")


def leak():
    """Test accuracy with copies of test pictures in the training set, and without."""
    return tl.plot_intervals(intervals(measured()["leak"]), "test accuracy, 8 seeds", chance=0.5)


def zero_shot():
    """Right answers without training, on the clean drawings and on the public photographs."""
    found, n = measured(), measured()["splits"]["test"]
    photographs = found["photographs"]
    right = {
        "drawings, zero-shot": found["right"]["zero-shot"],
        "photographs, zero-shot": photographs["zero-shot"],
        "photographs, linear head": photographs["fixed"],
    }
    named = {f"{name} {r} of {n}": tl.wilson_interval(r, n) for name, r in right.items()}
    return tl.plot_intervals(named, "right answers", chance=0.5)


def learning_curves():
    """Validation accuracy by optimiser step."""
    curves = {name: dict(map(tuple, points)) for name, points in measured()["curves"].items()}
    ax = tl.plot_lines(curves, "optimiser step", "validation accuracy", fmt=".2f")
    ax.axhline(measured()["c18"]["target"], color="#333333", linestyle="--", linewidth=1)
    return ax


def broken_loops():
    """Accuracy of three loops, and of one measured in the wrong mode: means of five seeds."""
    return tl.plot_bars(
        intervals(measured()["broken"]["dusk"]), "accuracy on dusk pictures", fmt=".2f"
    )


PLOTS = {
    "ants_bees_results.svg": results,
    "ants_bees_one_picture.svg": one_picture,
    "ants_bees_transfer.svg": transfer,
    "ants_bees_choosing.svg": choosing,
    "ants_bees_leak.svg": leak,
    "ants_bees_zero.svg": zero_shot,
    "ants_bees_curves.svg": learning_curves,
    "ants_bees_broken.svg": broken_loops,
}

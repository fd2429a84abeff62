"""What to try first with so many images of such a kind, out of what lesson 07 measured."""

from __future__ import annotations

import functools
import json
import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean

from ..core.assets import data_dir
from ..core.errors import AssetError, InputError, nearest
from ..core.notebook import callout
from ..evaluation.statistics import mean_interval

TARGETS = {"near": "insects", "middling": "handwriting", "far": "gratings"}
SCRATCH = "from scratch"
NO_TRAINING = "no training: compute the features once and fit a head to them (tl.linear_probe)"
TOLERANCE = 0.02  # accuracy that the quicker depth may lack, if the runs cannot tell them apart


@dataclass(frozen=True)
class Advice:
    """A recommendation with its reasons; prints itself, in a notebook as a box.

    Attributes:
        strategy: what to try first: "freeze ...", "train everything" or "train from scratch".
        frozen: the depth meant, a name of the stored table, or None from scratch.
        measured: what the table says, with the accuracy and interval of each candidate.
        would_change: what would lead to other advice. limits: where the table does not reach.
    """

    strategy: str
    frozen: str | None
    measured: tuple[str, ...]
    would_change: tuple[str, ...]
    limits: tuple[str, ...]

    def __str__(self) -> str:
        parts = ("Measured", "Would change it", "Not known")
        lines = [f"Try first: {self.strategy}."]
        for name, texts in zip(parts, (self.measured, self.would_change, self.limits), strict=True):
            lines += [f"{name}:", *(f"- {text}" for text in texts)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return callout("neutral", *str(self).split("\n", 1))


def advise(
    images: int,
    classes: int,
    similarity: str,
    minutes: float = math.inf,
    *,
    seconds_per_step: float | None = None,
) -> Advice:
    """Say which layers to freeze first, from the stored runs (data/results/depth_similarity.md).

    Of the depths that fit into the time and cannot be told from the best one (paired over runs, and
    at most two points lower) it takes the one with the most layers frozen: it is the quickest.
    Raises `InputError` for numbers that cannot be, or an unknown similarity.

    Args:
        images: labelled training images in all. classes: how many kinds they show.
        similarity: of your pictures to those of the pre-training: "near" (new classes of the same
            kind of picture), "middling" (shapes, in another style), "far" (other structure, or the
            class depends on what the pre-training ignored).
        minutes: time for one training. seconds_per_step: of your network, all layers trained, 16
            images; None takes the mini ResNet-18 of the table on one CPU core.
    """
    _check(images, classes, similarity, minutes, seconds_per_step)
    table, target, each = _table(), TARGETS[similarity], images / classes
    small, large = table.sizes[0], table.sizes[-1]
    size, other = (small, large) if each < math.sqrt(small * large) else (large, small)
    cells, cost = table.cells(target, size), table.minutes(target, size, seconds_per_step)
    best, head = max(cells, key=lambda name: fmean(cells[name])), table.frozen[-1]
    nothing_fits = min(cost.values()) > minutes
    choose = functools.partial(table.choose, minutes=minutes, seconds_per_step=seconds_per_step)
    chosen = head if nothing_fits else choose(target, size)
    listed = "; ".join(f"{name} {mean_interval(values)}" for name, values in cells.items())
    measured = [f"{size} {target} a class, frozen: {listed}."]
    if nothing_fits:
        measured.append(
            f"{table.steps} steps of any kind take longer than {minutes:g} min (a head alone "
            f"{cost[head]:.2g} min)."
        )
    elif cost[best] > minutes:
        how = best if best == SCRATCH else f"with {best} frozen"
        measured.append(f"The best, {how}, takes {cost[best]:.2g} min for {table.steps} steps.")
    changes = [f"Images: at {other} a class it would be: {_strategy(choose(target, other))}."]
    for name in [name for name in TARGETS if name != similarity]:
        advised = _strategy(choose(TARGETS[name], size))
        changes.append(f"Similarity: if it were {name}, it would be: {advised}.")
    if minutes < (needed := max(cost.values())):
        changes.append(f"Time: with {needed:.2g} min or more every depth could be tried.")
    return Advice(
        NO_TRAINING if nothing_fits else _strategy(chosen),
        None if chosen == SCRATCH else chosen,
        *map(tuple, (measured, changes, _limits(each, size, small, large, seconds_per_step))),
    )


class _Table:
    """The stored runs by target and images a class; every depth was run with those of `sizes`."""

    def __init__(self, rows: list[dict], frozen: list[str], steps: int):
        self.frozen, self.steps = frozen, steps
        self.runs = defaultdict(lambda: {name: [] for name in [*frozen, SCRATCH]})
        for row in sorted(rows, key=lambda row: row["seed"]):
            if (row["part"], row["steps"]) == ("test", steps):
                name = SCRATCH if row["start"] == "scratch" else frozen[row["frozen"]]
                self.runs[row["target"], row["images"]][name].append(row)
        self.sizes = sorted({size for (_, size), cell in self.runs.items() if all(cell.values())})

    def cells(self, target: str, size: int) -> dict[str, list[float]]:
        """Accuracies of the runs by what is frozen, from scratch included."""
        found = self.runs[target, size].items()
        return {name: [row["accuracy"] for row in runs] for name, runs in found}

    def minutes(self, target: str, size: int, seconds_per_step: float | None) -> dict[str, float]:
        """Of one training of `steps` steps; another network is assumed to scale alike."""
        found = self.runs[target, size].items()
        seconds = {name: fmean(row["seconds"] for row in runs) for name, runs in found}
        whole = seconds[self.frozen[0]] / self.steps
        return {name: (seconds_per_step or whole) / whole * n / 60 for name, n in seconds.items()}

    def choose(self, target: str, size: int, minutes: float, seconds_per_step) -> str:
        """The quickest of the best that fit into the time; of all where none fits."""
        cells, cost = self.cells(target, size), self.minutes(target, size, seconds_per_step)
        cells = {name: runs for name, runs in cells.items() if cost[name] <= minutes} or cells
        return _cheapest_of_the_best(cells, self.frozen)


@functools.cache
def _table() -> _Table:
    path = data_dir() / "results" / "depth_similarity.json"
    if not path.is_file():
        raise AssetError(
            f"advise reads {path}, which is not there: run "
            "python -m data.recipes.depth_similarity_table"
        )
    stored = json.loads(path.read_text(encoding="utf-8"))
    return _Table(stored["rows"], stored["made"]["frozen"], stored["made"]["steps"])


def _cheapest_of_the_best(cells: dict[str, list[float]], frozen: list[str]) -> str:
    best = max(cells, key=lambda name: fmean(cells[name]))

    def as_good(name: str) -> bool:
        lost = mean_interval([a - b for a, b in zip(cells[best], cells[name], strict=True)])
        return lost.low <= 0 and lost.mean <= TOLERANCE

    return next(n for n in [*reversed(frozen), SCRATCH] if n in cells and as_good(n))


def _strategy(name: str) -> str:
    if name == SCRATCH:
        return "train from scratch; the pre-trained start is no help here"
    if name == "nothing":
        return "train everything, from the pre-trained weights"
    return f"freeze {name}, and train " + ("it" if name.startswith("all") else "the rest")


def _limits(each: float, size: int, small: int, large: int, seconds_per_step) -> list[str]:
    said = [
        "One small network (mini ResNet-18, 28 drawn classes) and three targets: take the order of "
        "the depths from it, not the accuracies."
    ]
    if not small <= each <= large:
        layers = "fewer" if each < small else "more"
        said.append(
            f"You have {each:.3g} images a class; measured were {small} to {large}. This is "
            f"extrapolated: so {layers} images speak for {layers} layers that move."
        )
    elif each != size:
        said.append(f"You have {each:.3g} images a class; {size} is the nearest size measured.")
    if seconds_per_step is None:
        said.append(
            "Times are those of the mini network on one CPU core, frozen stages computed once. "
            "Time a step of yours, and give seconds_per_step=..."
        )
    return said


def _check(images, classes, similarity, minutes, seconds_per_step) -> None:
    if similarity not in TARGETS:
        raise InputError(f'unknown similarity "{similarity}".{nearest(similarity, TARGETS)}')
    if classes < 2 or images < classes:
        raise InputError(
            f"advise needs 2 classes or more, and an image of each; got {images} images, "
            f"{classes} classes."
        )
    if not minutes > 0 or (seconds_per_step is not None and not seconds_per_step > 0):
        raise InputError(
            f"minutes and seconds_per_step are times above 0; got {minutes} and {seconds_per_step}."
        )

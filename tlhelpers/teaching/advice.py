"""What to try first with so many images of such a kind, out of what lesson 07 measured."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from statistics import fmean

from ..core.assets import data_dir
from ..core.errors import AssetError, InputError, nearest
from ..core.notebook import callout
from ..evaluation.statistics import mean_interval

TARGETS = {"near": "insects", "middling": "handwriting", "far": "gratings"}
SCRATCH = "from scratch"
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
        parts = {
            "Measured": self.measured,
            "Would change it": self.would_change,
            "Not known": self.limits,
        }
        lines = [f"Try first: {self.strategy}."]
        for name, texts in parts.items():
            lines += [f"{name}:", *(f"- {text}" for text in texts)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        first, *rest = str(self).splitlines()
        return callout("neutral", first, "\n".join(rest))


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

    Args:
        images: labelled training images in all. classes: how many kinds they show.
        similarity: of your pictures to those of the pre-training: "near" (new classes of the same
            kind of picture), "middling" (shapes, in another style), "far" (other structure, or the
            class depends on what the pre-training ignored).
        minutes: time for one training. seconds_per_step: of your network, all layers trained, 16
            images; None takes the mini ResNet-18 of the table on one CPU core.

    Raises:
        InputError: numbers that cannot be, or an unknown similarity.
    """
    _check(images, classes, similarity, minutes, seconds_per_step)
    table = _table()
    target, each = TARGETS[similarity], images / classes
    small, large = table.sizes[0], table.sizes[-1]
    size = small if each < math.sqrt(small * large) else large
    cells = table.cells(target, size)
    cost = table.minutes(target, size, seconds_per_step)
    in_time = {name: runs for name, runs in cells.items() if cost[name] <= minutes}
    facts = [f"{size} {target} a class, frozen: {_listed(cells, table)}."]
    if not in_time:
        quickest = table.frozen[-1]
        facts.append(
            f"{table.steps} steps of any kind take longer than {minutes:g} min (a head alone "
            f"{cost[quickest]:.2g} min)."
        )
        chosen = quickest
    else:
        chosen = _cheapest_of_the_best(in_time, table)
        best = max(cells, key=lambda name: fmean(cells[name]))
        if best not in in_time:
            facts.append(
                f"The best, {_with(best)}, takes {cost[best]:.2g} min for {table.steps} steps."
            )
    changes = [_other_size(table, target, size, minutes, seconds_per_step)]
    changes += [_other_similarity(table, s, size) for s in TARGETS if s != similarity]
    if minutes < (needed := max(cost[name] for name in cells)):
        changes.append(f"Time: with {needed:.2g} min or more every depth could be tried.")
    return Advice(
        _strategy(chosen, not in_time),
        None if chosen == SCRATCH else chosen,
        tuple(facts),
        tuple(changes),
        tuple(_limits(table, each, size, seconds_per_step)),
    )


@dataclass(frozen=True)
class _Table:
    """The stored runs, and what the advice asks of them."""

    rows: list[dict]
    frozen: list[str]
    steps: int

    @property
    def sizes(self) -> list[int]:
        """Images a class at which every depth was measured."""
        deep = [row["images"] for row in self._reported() if row["frozen"] == 1]
        return sorted(set(deep))

    def _reported(self) -> list[dict]:
        return [row for row in self.rows if row["part"] == "test" and row["steps"] == self.steps]

    def _runs(self, target: str, size: int) -> dict[str, list[dict]]:
        found: dict[str, list[dict]] = {}
        for row in sorted(self._reported(), key=lambda row: row["seed"]):
            if (row["target"], row["images"]) == (target, size):
                scratch = row["start"] == "scratch"
                name = SCRATCH if scratch else self.frozen[row["frozen"]]
                found.setdefault(name, []).append(row)
        return found

    def cells(self, target: str, size: int) -> dict[str, list[float]]:
        """Accuracies of the runs by what is frozen, from scratch included."""
        found = self._runs(target, size)
        return {name: [row["accuracy"] for row in runs] for name, runs in found.items()}

    def minutes(self, target: str, size: int, seconds_per_step: float | None) -> dict[str, float]:
        """Of one training of `steps` steps; another network is assumed to scale alike."""
        found = self._runs(target, size)
        seconds = {name: fmean(row["seconds"] for row in runs) for name, runs in found.items()}
        whole = seconds[self.frozen[0]] / self.steps
        factor = 1 if seconds_per_step is None else seconds_per_step / whole
        return {name: factor * value / 60 for name, value in seconds.items()}


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


def _cheapest_of_the_best(cells: dict[str, list[float]], table: _Table) -> str:
    best = max(cells, key=lambda name: fmean(cells[name]))

    def as_good(name: str) -> bool:
        if name == best:
            return True
        lost = mean_interval([a - b for a, b in zip(cells[best], cells[name], strict=True)])
        return lost.low <= 0 and lost.mean <= TOLERANCE

    return next(
        name for name in [*reversed(table.frozen), SCRATCH] if name in cells and as_good(name)
    )


def _with(name: str) -> str:
    return name if name == SCRATCH else f"with {name} frozen"


def _strategy(name: str, out_of_time: bool) -> str:
    if out_of_time:
        return "no training: compute the features once and fit a head to them (tl.linear_probe)"
    if name == SCRATCH:
        return "train from scratch; the pre-trained start is no help here"
    if name == "nothing":
        return "train everything, from the pre-trained weights"
    return f"freeze {name}, and train " + ("it" if name.startswith("all") else "the rest")


def _listed(cells: dict[str, list[float]], table: _Table) -> str:
    return "; ".join(
        f"{name} {mean_interval(cells[name])}" for name in [*table.frozen, SCRATCH] if name in cells
    )


def _other_size(table, target, size, minutes, seconds_per_step) -> str:
    other = next(n for n in (table.sizes[-1], table.sizes[0]) if n != size)
    cells, cost = table.cells(target, other), table.minutes(target, other, seconds_per_step)
    in_time = {name: runs for name, runs in cells.items() if cost[name] <= minutes} or cells
    chosen = _cheapest_of_the_best(in_time, table)
    return f"Images: at {other} a class it would be: {_strategy(chosen, False)}."


def _other_similarity(table, similarity: str, size: int) -> str:
    chosen = _cheapest_of_the_best(table.cells(TARGETS[similarity], size), table)
    return f"Similarity: if it were {similarity}, it would be: {_strategy(chosen, False)}."


def _limits(table: _Table, each: float, size: int, seconds_per_step) -> list[str]:
    small, *_, large = table.sizes
    said = [
        "One small network (mini ResNet-18, 28 drawn classes) and three targets: take the order "
        "of the depths from it, not the accuracies."
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

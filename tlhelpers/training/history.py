"""What a training run did, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.errors import InputError, nearest


@dataclass
class History:
    """Rows of one `fit`, and how it ended.

    Attributes:
        rows: one dict an epoch: epoch, step, lr, train_loss, train_accuracy, seconds (since the
            start), and val_loss, val_accuracy where there was a validation loader. Accuracies are
            fractions, losses are means over samples.
        steps: optimiser steps taken: the number to hold equal when two runs are compared.
        stopped: "" after a whole run, else why it ended early.
    """

    rows: list[dict] = field(default_factory=list)
    steps: int = 0
    stopped: str = ""

    @property
    def last(self) -> dict:
        """The last row. Raises `InputError` if no epoch was finished."""
        if not self.rows:
            raise InputError(f"no epoch was finished{self.stopped and ': ' + self.stopped}.")
        return self.rows[-1]

    @property
    def best(self) -> dict:
        """The row of the highest validation accuracy (of several, the lowest validation loss).

        It was chosen by looking at the validation set: report it on data that played no part.
        """
        if "val_accuracy" not in self.last:
            raise InputError("there is no best epoch without a validation loader: fit(..., val=).")
        return max(self.rows, key=rank)

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of the run, validation included."""
        return self.last["seconds"]

    def column(self, name: str) -> list[float]:
        """One quantity over the epochs, for example `column("val_accuracy")`."""
        if name not in self.last:
            raise InputError(f'a history has no column "{name}".{nearest(name, self.last)}')
        return [row[name] for row in self.rows]

    def __str__(self) -> str:
        if not self.rows:
            return f"no epoch finished ({self.stopped or 'nothing run'})"
        names = [name for name in self.last if name != "lr"]
        lines = ["  ".join(f"{name.replace('accuracy', 'acc'):>10}" for name in names)]
        for row in self.rows:
            lines.append("  ".join(f"{_cell(row[name]):>10}" for name in names))
        return "\n".join(lines + ([f"stopped early: {self.stopped}"] if self.stopped else []))


def rank(row: dict) -> tuple[float, float]:
    """How good a row is: validation accuracy first, then validation loss."""
    return row["val_accuracy"], -row["val_loss"]


def _cell(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"

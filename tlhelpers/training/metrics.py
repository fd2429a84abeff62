"""Loss and accuracy over the batches of an epoch, and what a whole run did, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..core.errors import InputError, nearest
from ..core.process_group import SINGLE_PROCESS, ProcessGroup


class Meter:
    """Sums of loss and correct answers.

    They stay on the device, so that counting does not make the step loop wait for it.
    """

    def __init__(self, device: torch.device, processes: ProcessGroup = SINGLE_PROCESS):
        self.loss = torch.zeros((), device=device)
        self.correct = torch.zeros((), device=device)
        self.n, self.processes = 0, processes

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch: its mean loss, logits (B, K) and labels (B,)."""
        self.loss += loss * len(labels)  # per sample: the last batch may be short
        self.correct += (logits.argmax(1) == labels).sum()
        self.n += len(labels)

    def result(self) -> dict[str, float]:
        """{loss, accuracy, correct, n}: means and counts over all samples of all processes."""
        sums = torch.stack([self.loss, self.correct, self.loss.new_tensor(self.n)])
        loss, correct, n = self.processes.sum(sums).tolist()
        return {"loss": loss / n, "accuracy": correct / n, "correct": round(correct), "n": round(n)}

    def state_dict(self) -> dict:
        """The sums of this process, for a training checkpoint."""
        return {"loss": self.loss, "correct": self.correct, "n": self.n}

    def load_state_dict(self, state: dict) -> None:
        """Continue from the sums of a training checkpoint."""
        self.loss.copy_(state["loss"])
        self.correct.copy_(state["correct"])
        self.n = state["n"]


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
            raise InputError(
                f"no epoch was finished{self.stopped and ': ' + self.stopped}. "
                "Run the training again, and let it finish one epoch or more."
            )
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

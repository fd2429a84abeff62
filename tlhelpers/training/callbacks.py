"""Callbacks that come with the course: the progress line, and early stopping."""

from __future__ import annotations

from ..core.errors import InputError, nearest
from ..core.progress import Progress
from .metrics import History
from .run import Callback, Run


class ProgressLine(Callback):
    """Shows the steps done and the last epoch's numbers; `fit(progress=False)` leaves it out."""

    def on_fit_start(self, run: Run) -> None:
        self.line = Progress(run.total, "step")

    def on_step_end(self, run: Run) -> None:
        self.line.update(run.history.steps, summary(run.history))

    on_epoch_end = on_step_end

    def on_fit_end(self, run: Run) -> None:
        self.line.close()


class EarlyStopping(Callback):
    """Stop when a quantity of the validation set has not improved for `patience` epochs.

    With `fit(..., keep_best=True)` the weights of the best epoch are loaded at the end. Prechelt
    1998, "Early stopping - but when?".

    Args:
        patience: epochs without improvement that are allowed.
        metric: "val_loss" (smaller is better) or "val_accuracy" (larger is better).
        min_change: what counts as an improvement.
    """

    def __init__(self, patience: int = 3, metric: str = "val_loss", min_change: float = 0.0):
        if metric not in (known := ("val_loss", "val_accuracy")):
            raise InputError(f'early stopping cannot watch "{metric}".{nearest(metric, known)}')
        if patience < 1:
            raise InputError(f"patience={patience}: allow at least one epoch without improvement.")
        self.patience, self.metric, self.min_change = patience, metric, min_change

    def on_epoch_end(self, run: Run) -> None:
        if self.metric not in run.history.last:
            raise InputError("early stopping needs a validation loader: fit(model, train, val).")
        # Computed from the rows, so that a resumed run stops where the whole one would.
        sign = -1 if self.metric == "val_loss" else 1
        best, since = float("-inf"), 0
        for row in run.history.rows:
            value = sign * row[self.metric]
            improved = value > best + self.min_change
            best, since = (value, 0) if improved else (best, since + 1)
        if since >= self.patience:
            run.stop(f"{self.metric} has not improved for {since} epochs")


def summary(history: History) -> str:
    """The last epoch's numbers in a few words; nothing before the first epoch has ended."""
    if not history.rows:
        return ""
    row = history.last
    text = f"epoch {row['epoch']}: loss {row['train_loss']:.3f}, train {row['train_accuracy']:.3f}"
    return text + (f", val {row['val_accuracy']:.3f}" if "val_accuracy" in row else "")

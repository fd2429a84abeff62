"""A training run on disk: interrupted at any point, it resumes and ends with the same weights."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from ..core.errors import InputError
from ..core.files import atomic_write
from .run import Callback, Run


class TrainingCheckpoint(Callback):
    """Saves the run to `path` at intervals; `fit` resumes from the file if it is there.

    ::

        tl.fit(model, train, val, optimizer=optimizer, epochs=20,
               callbacks=[tl.TrainingCheckpoint("runs/mine.pt")])

    The resumed run must be the same one: network, optimizer, learning rates, schedulers, data and
    number of steps are compared. Put it last among the callbacks. The file is read with
    `weights_only=True`, so opening it runs no code.

    Args:
        path: a torch file; its folder must exist.
        every: seconds between two saves; 0 saves after every step. Every epoch's end is saved.
        writes: whether this process writes; of several, one does, and all read.

    Raises `InputError` when the file is damaged, belongs to another run, or cannot be written.
    """

    def __init__(self, path: str | Path, *, every: float = 30.0, writes: bool = True):
        self.path, self.every, self.writes = Path(path), every, writes

    def on_fit_start(self, run: Run) -> None:
        self._settings = describe(run)
        if self.path.is_file():
            saved = self._read()
            try:
                run.load_state_dict(saved)
            except Exception as error:  # what fits the settings and lacks a part
                raise InputError(_damaged(self.path, error)) from error
        self._saved_at = time.monotonic()

    def on_step_end(self, run: Run) -> None:
        # Of several processes each has its own sums within an epoch: they save at its end.
        due = time.monotonic() - self._saved_at >= self.every
        if due and run.train.processes.size == 1 and run.history.steps < run.total:
            self._save(run)

    def on_epoch_end(self, run: Run) -> None:
        self._save(run)

    def _save(self, run: Run) -> None:
        if self.writes:
            with atomic_write(self.path) as partial:
                torch.save({"settings": self._settings, "run": run.state_dict()}, partial)
        self._saved_at = time.monotonic()

    def _read(self) -> dict:
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            earlier, state = saved["settings"], saved["run"]
        except Exception as error:  # a damaged file raises one of a dozen kinds
            raise InputError(_damaged(self.path, error)) from error
        now = self._settings
        if different := [key for key in now if now[key] != earlier.get(key)]:
            listed = "; ".join(f"{key}: {earlier.get(key)}, now {now[key]}" for key in different)
            raise InputError(
                f"{self.path} is the checkpoint of another run ({listed}). To resume it, give the "
                "same settings as before. To start again, remove the file or choose another path."
            )
        return state


def _damaged(path: Path, error: Exception) -> str:
    return (
        f"{path} is damaged, or no training checkpoint ({type(error).__name__}). "
        "Remove it to start again."
    )


def describe(run: Run) -> dict:
    """What must be equal for a run to be resumed, taken before its first step."""
    shapes = {name: tuple(t.shape) for name, t in run.model.state_dict().items()}
    weights = sum(t.numel() for t in run.model.state_dict().values())
    groups = run.optimizer.param_groups
    data = getattr(run.train, "data", None)
    return {
        "network": f"{type(run.model).__name__}, {len(shapes)} tensors, {weights} numbers",
        "classes": run.train.classes,
        "optimizer": type(run.optimizer).__name__,
        "parameter groups": [len(group["params"]) for group in groups],
        "learning rates": [float(group["lr"]) for group in groups],
        "weight decay": [float(group.get("weight_decay", 0)) for group in groups],
        "schedulers": [s and type(s).__name__ for s in run.schedulers],
        "steps": run.total,
        "batches an epoch": len(run.train),
        "training samples": len(data) if data is not None else None,
        "augmented": getattr(run.train, "augment", None) is not None,
    }

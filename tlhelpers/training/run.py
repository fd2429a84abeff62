"""The state of one `fit`, and what may be called back while it runs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .metrics import History, Meter, rank


@dataclass
class Run:
    """Everything that one `fit` consists of; callbacks read it.

    Attributes:
        model, optimizer, train: as given to `fit` (the loader wrapped where it is not ours).
        schedulers: those that are stepped: once an epoch, once a step; None where not given.
        total: optimiser steps of the whole run.
        history: the finished epochs; `stop(reason)` ends the run after the current epoch.
        row: what is known of the current epoch; batches: how many of it are done.
        good, best: weights after the last epoch with finite numbers, and after the best epoch.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    train: object
    total: int
    schedulers: tuple = (None, None)
    history: History = field(default_factory=History)
    row: dict = field(default_factory=dict)
    batches: int = 0

    def __post_init__(self) -> None:
        self.good = self.best = copy_weights(self.model)
        self.meter = Meter(self.train.device, self.train.processes)
        self.epoch_began: dict[str, Tensor] = {}  # random states, to draw its batches again
        self._continue_from: dict[str, Tensor] | None = None  # random states of a checkpoint
        self._began = time.perf_counter()

    @property
    def finished(self) -> bool:
        """Whether the last step is done, or something has stopped the run."""
        return self.history.steps >= self.total or bool(self.history.stopped)

    @property
    def seconds(self) -> float:
        """Wall-clock seconds so far, those before a resume included."""
        return time.perf_counter() - self._began

    def stop(self, reason: str) -> None:
        """End the run after this epoch; `reason` is told in `History.stopped`."""
        self.history.stopped = self.history.stopped or reason

    def start_epoch(self) -> None:
        """Begin an epoch, unless a resumed run is in the middle of one."""
        if self.batches:
            return
        rate = self.optimizer.param_groups[0]["lr"]
        self.row = {"epoch": len(self.history.rows) + 1, "step": 0, "lr": rate}
        self.meter = Meter(self.train.device, self.train.processes)
        self.epoch_began = self.random_states()

    def remaining_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of this epoch that are still to be trained on."""
        last = self.batches + self.total - self.history.steps
        batches = itertools.islice(self.train, last)
        for _ in range(self.batches):  # after a resume: those that are done are drawn again
            next(batches)
        if self._continue_from is not None:
            set_global_random(self._continue_from)
            self._continue_from = None
        yield from batches

    def count(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Note one optimiser step."""
        self.meter.add(loss, logits, labels)
        self.history.steps += 1
        self.batches += 1

    def end_epoch(self, validation: dict[str, float] | None) -> bool:
        """Complete the epoch's row; False, with the good weights back, where it is not finite."""
        self.batches = 0
        self.row["step"] = self.history.steps
        for part, measured in (("train", self.meter.result()), ("val", validation)):
            if measured is not None:
                self.row |= {f"{part}_{name}": measured[name] for name in ("loss", "accuracy")}
        self.row["seconds"] = self.seconds
        losses = torch.tensor([self.row["train_loss"], self.row.get("val_loss", 0.0)])
        if not (losses.isfinite().all() and weights_are_finite(self.model)):
            self.model.load_state_dict(self.good)
            self.stop(f"loss or weights were not finite in epoch {self.row['epoch']}")
            return False
        self.good = copy_weights(self.model)
        if validation and all(rank(self.row) > rank(row) for row in self.history.rows):
            self.best = self.good
        self.history.rows.append(self.row)
        return True

    def random_states(self) -> dict[str, Tensor]:
        """States of the generators that decide order, augmentation and dropout."""
        states = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            states["cuda"] = torch.cuda.get_rng_state()
        if self.train.generator is not None:
            states["loader"] = self.train.generator.get_state()
        return states

    def state_dict(self) -> dict:
        """All that a resumed run needs to end with the same weights, bit by bit."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedulers": [s and s.state_dict() for s in self.schedulers],
            "rows": self.history.rows,
            "steps": self.history.steps,
            "stopped": self.history.stopped,
            "row": self.row,
            "batches": self.batches,
            "meter": self.meter.state_dict(),
            "good": self.good,
            "best": self.best,
            "seconds": self.seconds,
            "epoch_began": self.epoch_began,
            "random": self.random_states(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for scheduler, saved in zip(self.schedulers, state["schedulers"], strict=True):
            if scheduler:
                scheduler.load_state_dict(saved)
        self.history.rows[:] = state["rows"]
        self.history.steps, self.history.stopped = state["steps"], state["stopped"]
        self.row, self.batches = state["row"], state["batches"]
        self.meter.load_state_dict(state["meter"])
        device = self.train.device
        self.good = {name: tensor.to(device) for name, tensor in state["good"].items()}
        self.best = {name: tensor.to(device) for name, tensor in state["best"].items()}
        self._began = time.perf_counter() - state["seconds"]
        # Within an epoch its batches are drawn again, from the states that it began with.
        self.epoch_began = state["epoch_began"]
        begin = self.epoch_began if self.batches else state["random"]
        set_global_random(begin)
        if "loader" in begin and self.train.generator is not None:
            self.train.generator.set_state(begin["loader"])
        self._continue_from = state["random"] if self.batches else None


class Callback:
    """What is called while `fit` runs; override what you need.

    Every method gets the `Run`. Set `run.stop("reason")` to end it after the current epoch.
    """

    def on_fit_start(self, run: Run) -> None:
        """Before the first step."""

    def on_step_end(self, run: Run) -> None:
        """After every optimiser step."""

    def on_epoch_end(self, run: Run) -> None:
        """After every epoch, validation included: `run.history.last` is its row."""

    def on_fit_end(self, run: Run) -> None:
        """At the end, however the run ended."""


class FunctionCallback(Callback):
    """A plain function of the run, called after every epoch."""

    def __init__(self, function: Callable[[Run], object]):
        self.on_epoch_end = function


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of every parameter and buffer."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def weights_are_finite(model: nn.Module) -> bool:
    """Whether no parameter holds NaN or infinity.

    The loss is measured before the step, so it does not see what the last step did. One answer for
    all of them: on a GPU every question asked by Python waits for the device.
    """
    return bool(torch.stack([p.detach().abs().max() for p in model.parameters()]).isfinite().all())


def set_global_random(states: dict[str, Tensor]) -> None:
    """Put torch's own generators, which dropout draws from, back to a saved state."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])

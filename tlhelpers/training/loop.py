"""The training loop: forward, loss, backward, step, with what is frozen truly frozen.

One `fit` is one phase: to change what is trainable, build a new optimizer and call `fit` again.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import time
import warnings
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.process_group import SINGLE_PROCESS
from ..core.progress import Progress
from ..core.runtime import autocast, inference
from ..models.freezing import train_mode
from .depthwise import quick_depthwise
from .guards import check_optimizer, check_outputs, explain_memory_error, explain_size_error
from .history import History, rank
from .meters import Meter
from .resuming import RunState, TrainingCheckpoint

LossFn = Callable[[Tensor, Tensor], Tensor]


def fit(
    model: nn.Module,
    train,
    val=None,
    *,
    optimizer: torch.optim.Optimizer,
    epochs: int | None = None,
    steps: int | None = None,
    scheduler=None,
    batch_scheduler=None,
    loss_fn: LossFn = F.cross_entropy,
    keep_best: bool = False,
    on_epoch_end: Callable[[History], None] | None = None,
    snapshot: TrainingCheckpoint | None = None,
    progress: bool = True,
) -> History:
    """Train `model` in place on `train`, measuring `val` after every epoch.

    Modules whose parameters are all frozen stay in eval mode, so neither their weights nor their
    buffers move. An interrupt (the notebook's stop button) ends the run cleanly; a loss that is not
    finite ends it with the weights of the last good epoch. Both are named in `History.stopped`.

    Args:
        model: gives logits (N, K) for K classes.
        train, val: `BatchLoader`s, or anything that has `len`, `.classes`, `.device` and yields
            (x, labels) on that device.
        optimizer: holds every trainable parameter of `model` and no other.
        epochs, steps: give one. `steps` counts optimiser steps, whatever the size of the training
            set: the fair way to compare runs on sets of different size.
        scheduler: stepped once an epoch. batch_scheduler: stepped once an optimiser step.
        keep_best: at the end load the weights of the epoch with the highest validation accuracy.
        on_epoch_end: called with the history so far.
        snapshot: where the run is saved (see `TrainingCheckpoint`). A run that is there already
            is gone on with; the result is that of an uninterrupted one.

    Loaders that know their `processes` (the several of one job) train one network together: each
    takes its share of every batch, and the gradient is that of the whole batch.

    Raises:
        InputError: nothing to train, optimizer and model disagree, classes and outputs disagree,
            or images too small for the network.
    """
    if (epochs is None) == (steps is None):
        raise InputError("give `epochs` or `steps`, one of the two.")
    if keep_best and val is None:
        raise InputError("keep_best needs a validation loader: fit(model, train, val, ...).")
    check_optimizer(model, optimizer)
    model.to(device=train.device, memory_format=torch.channels_last)
    total = steps if steps is not None else epochs * len(train)
    processes = getattr(train, "processes", SINGLE_PROCESS)
    start = time.perf_counter()
    good = _copy(model)  # the weights to go back to; at first they are the best ones too
    run = RunState(
        model,
        optimizer,
        [scheduler, batch_scheduler],
        getattr(train, "generator", None),
        Meter(train.device, processes),
        good,
        good,
    )
    if snapshot is not None and snapshot.restore(run):
        start -= run.seconds
    history = run.history
    net = processes.wrap(model)
    with contextlib.ExitStack() as stack:
        line = stack.enter_context(Progress(total, "step")) if progress else None
        stack.enter_context(_stoppable(history, total))
        for epoch in range(len(history.rows) + 1, math.ceil(total / len(train)) + 1):
            if not run.batches:
                run.row = {"epoch": epoch, "step": 0, "lr": optimizer.param_groups[0]["lr"]}
                run.meter = Meter(train.device, processes)
                run.epoch_began = run.generator.get_state() if run.generator else None
            train_mode(model)
            until = run.batches + total - history.steps
            for x, y in itertools.islice(train, run.batches, until):
                with explain_memory_error(train.device, len(y)):
                    loss, logits = _step(net, x, y, train, optimizer, loss_fn)
                if batch_scheduler is not None:
                    batch_scheduler.step()
                run.meter.add(loss, logits, y)
                history.steps += 1
                run.batches += 1
                if line:
                    line.update(history.steps, _summary(history))
                # Of several processes each has its own sums within an epoch: they save at its end.
                if snapshot is not None and processes.size == 1 and history.steps < total:
                    snapshot.save(run, time.perf_counter() - start)
            if scheduler is not None:
                scheduler.step()
            measured = run.meter.result()
            row = run.row | {"step": history.steps}
            row |= {f"train_{name}": measured[name] for name in ("loss", "accuracy")}
            if val is not None:
                measured = evaluate(model, val, loss_fn)
                row |= {f"val_{name}": measured[name] for name in ("loss", "accuracy")}
            row["seconds"] = time.perf_counter() - start
            if not (math.isfinite(row["train_loss"] + row.get("val_loss", 0.0)) and _finite(model)):
                model.load_state_dict(run.good)
                history.stopped = f"loss or weights were not finite in epoch {epoch}"
                warnings.warn(
                    f"{history.stopped}: training stopped with the weights of the epoch before. "
                    "Try a learning rate ten times smaller, and look for broken inputs.",
                    stacklevel=2,
                )
                break
            run.good, run.batches = _copy(model), 0
            if val is not None and all(rank(row) > rank(earlier) for earlier in history.rows):
                run.best = run.good
            history.rows.append(row)
            if line:
                line.update(history.steps, _summary(history))
            if on_epoch_end is not None:
                on_epoch_end(history)
            if snapshot is not None:
                snapshot.save(run, row["seconds"], force=True)
    if keep_best and history.rows:
        model.load_state_dict(run.best)
    model.eval()
    return history


def _step(net, x, y, train, optimizer, loss_fn) -> tuple[Tensor, Tensor]:
    """Forward, loss, backward, step; a function of its own, so that what it held is let go."""
    with explain_size_error(net, x), autocast(train.device), quick_depthwise(train.device):
        logits = net(x)
    check_outputs(logits, train.classes)
    loss = loss_fn(logits.float(), y)
    optimizer.zero_grad()
    _whole(loss, train, y).backward()
    optimizer.step()
    return loss.detach(), logits.detach()


def evaluate(model: nn.Module, loader, loss_fn: LossFn = F.cross_entropy) -> dict[str, float]:
    """Mean loss and accuracy over a loader: {loss, accuracy, correct, n}, summed per sample."""
    model.to(device=loader.device, memory_format=torch.channels_last)
    meter = Meter(loader.device, getattr(loader, "processes", SINGLE_PROCESS))
    with inference(model, loader.device):
        for x, y in loader:
            with explain_memory_error(loader.device, len(y)), explain_size_error(model, x):
                logits = model(x)
            check_outputs(logits, loader.classes)
            meter.add(loss_fn(logits.float(), y), logits, y)
    return meter.result()


def predict(model: nn.Module, loader) -> tuple[Tensor, Tensor]:
    """Logits (N, K) in fp32 and labels (N,), on the CPU, in the loader's order.

    Of several processes each predicts its share, and all get the whole.
    """
    model.to(device=loader.device, memory_format=torch.channels_last)
    logits, labels = [], []
    with inference(model, loader.device):
        for x, y in loader:
            with explain_memory_error(loader.device, len(y)), explain_size_error(model, x):
                logits.append(model(x).float())
            labels.append(y)
    processes, n = getattr(loader, "processes", SINGLE_PROCESS), len(loader.data)
    return tuple(processes.gather(torch.cat(part).cpu(), n) for part in (logits, labels))


@contextlib.contextmanager
def _stoppable(history: History, total: int) -> Iterator[None]:
    """Let an interrupt, the notebook's stop button, end the run without losing it."""
    try:
        yield
    except KeyboardInterrupt:
        history.stopped = f"interrupted after {history.steps} of {total} steps"
        print(f"{history.stopped}; the network keeps what it has learned so far.")


def _finite(model: nn.Module) -> bool:
    # The loss is measured before the step, so it does not see what the last step did.
    # One answer for all of them: on a GPU every question asked of Python waits for the device.
    return bool(torch.stack([p.detach().abs().max() for p in model.parameters()]).isfinite().all())


def _whole(loss: Tensor, loader, labels: Tensor) -> Tensor:
    """This process's mean loss, weighted by its part of the whole batch.

    The processes' gradients are averaged with equal weight, but the last batch of an epoch may not
    divide evenly among them.
    """
    processes = getattr(loader, "processes", SINGLE_PROCESS)
    return (
        loss if processes.size == 1 else loss * (len(labels) * processes.size / loader.batch_total)
    )


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _summary(history: History) -> str:
    if not history.rows:
        return ""
    row = history.last
    text = f"epoch {row['epoch']}: loss {row['train_loss']:.3f}, train {row['train_accuracy']:.3f}"
    return text + (f", val {row['val_accuracy']:.3f}" if "val_accuracy" in row else "")

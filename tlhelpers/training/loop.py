"""The training loop: forward, loss, backward, step, with what is frozen truly frozen.

One `fit` is one phase: to change what is trainable, build a new optimizer and call `fit` again.
Resuming, progress and early stopping are callbacks (`training/callbacks.py`, `resuming.py`).
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.runtime import autocast
from ..data.any_loader import as_loader
from ..models.freezing import train_mode
from .callbacks import ProgressLine
from .evaluate import LossFn, evaluate
from .guards import (
    check_optimizer,
    check_same_classes,
    explain_batch_errors,
    read_logits,
    remember_classes,
)
from .metrics import History
from .run import Callback, FunctionCallback, Run


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
    callbacks: Iterable[Callback | Callable[[Run], object]] = (),
    progress: bool = True,
) -> History:
    """Train `model` in place on `train`, measuring `val` after every epoch.

    Modules whose parameters are all frozen stay in eval mode, so neither their weights nor their
    buffers move. An interrupt (the notebook's stop button) ends the run cleanly; a loss that is not
    finite ends it with the weights of the last good epoch. Both are named in `History.stopped`.

    Args:
        model: gives logits (N, K) for K classes, or an object or dict with `logits`.
        train, val: `BatchLoader`s, or any loader of pairs (x, labels), such as torch's
            `DataLoader` over an `ImageFolder`.
        optimizer: holds every trainable parameter of `model` and no other.
        epochs, steps: give one. `steps` counts optimiser steps, whatever the size of the training
            set: the fair way to compare runs on sets of different size.
        scheduler: any of torch, stepped once an epoch (`ReduceLROnPlateau` with the validation
            loss). batch_scheduler: stepped once an optimiser step.
        keep_best: at the end load the weights of the epoch with the highest validation accuracy.
        callbacks: objects such as `EarlyStopping` and `TrainingCheckpoint`, or plain functions of
            the `Run`, which are called after every epoch.

    Several processes of one job (a `BatchLoader` with `processes`) train one network together: each
    takes its shard of every batch, and the gradient is that of the whole batch.

    Raises:
        InputError: nothing to train, optimizer and model disagree, classes and outputs disagree,
            train and val have other classes, or images too small for the network.
    """
    if (epochs is None) == (steps is None):
        raise InputError("give `epochs` or `steps`, one of the two.")
    if keep_best and val is None:
        raise InputError("keep_best needs a validation loader: fit(model, train, val, ...).")
    check_optimizer(model, optimizer)
    train, val = as_loader(train), None if val is None else as_loader(val)
    check_same_classes(train.classes, val and val.classes, "the validation set")
    remember_classes(model, train.classes)
    model.to(device=train.device, memory_format=torch.channels_last)
    total = steps if steps is not None else epochs * len(train)
    run = Run(model, optimizer, train, total, (scheduler, batch_scheduler))
    called = [c if isinstance(c, Callback) else FunctionCallback(c) for c in callbacks]
    _train(run, val, loss_fn, [ProgressLine(), *called] if progress else called)
    if keep_best and run.history.rows:
        model.load_state_dict(run.best)
    model.eval()
    return run.history


def _train(run: Run, val, loss_fn: LossFn, callbacks: list[Callback]) -> None:
    """The loop itself."""
    model, optimizer, train = run.model, run.optimizer, run.train
    scheduler, batch_scheduler = run.schedulers
    net, precision = train.processes.wrap(model), training_precision(model, train.device)
    with _calling(callbacks, run) as call:
        while not run.finished:
            run.start_epoch()
            train_mode(model)
            for x, y in run.remaining_batches():
                with explain_batch_errors(model, x):
                    loss, logits = train_step(net, x, y, train, optimizer, loss_fn, precision)
                if batch_scheduler is not None:
                    batch_scheduler.step()
                run.count(loss, logits, y)
                call("on_step_end")
            if not run.end_epoch(None if val is None else evaluate(model, val, loss_fn)):
                warnings.warn(
                    f"{run.history.stopped}: training stopped with the weights of the epoch "
                    "before. Try a learning rate ten times smaller, and look for broken inputs.",
                    stacklevel=3,
                )
                break
            if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
                scheduler.step(run.row.get("val_loss", run.row["train_loss"]))
            elif scheduler is not None:
                scheduler.step()
            call("on_epoch_end")


def train_step(net, x, y, train, optimizer, loss_fn, precision) -> tuple[Tensor, Tensor]:
    """One batch: forward, loss, backward, step. Returns loss and logits, without their graph.

    A function of its own, so that its tensors are freed when a batch does not fit into memory.
    """
    with precision():
        logits = read_logits(net(x), train.classes)
    loss = loss_fn(logits.float(), y)
    optimizer.zero_grad()
    (loss * batch_weight(train, y)).backward()
    optimizer.step()
    return loss.detach(), logits.detach()


def training_precision(
    model: nn.Module, device: torch.device
) -> Callable[[], contextlib.AbstractContextManager]:
    """Where a training step may compute in bf16: `autocast`, except for one kind of network.

    On CPUs the bf16 gradients of depthwise convolutions are up to ten times slower than those in
    fp32 (oneDNN has no kernels for them): a step of EfficientNet-Lite0 took 496 ms, 343 in fp32.
    """
    depthwise = any(
        isinstance(m, nn.Conv2d) and m.groups == m.in_channels > 1 for m in model.modules()
    )
    if device.type == "cpu" and depthwise:
        return contextlib.nullcontext
    return lambda: autocast(device)


def batch_weight(train, labels: Tensor) -> float:
    """What this process's mean loss counts for: its part of the whole batch, times the processes.

    The gradients of all processes are averaged with equal weight, but the last batch of an epoch
    may not divide evenly among them.
    """
    size = train.processes.size
    return 1.0 if size == 1 else len(labels) * size / train.batch_total


@contextlib.contextmanager
def _calling(callbacks: list[Callback], run: Run) -> Iterator[Callable[[str], None]]:
    """Call the callbacks by method name; let an interrupt end the run without losing it."""

    def call(method: str) -> None:
        for callback in callbacks:
            getattr(callback, method)(run)

    call("on_fit_start")
    try:
        yield call
    except KeyboardInterrupt:
        done = f"interrupted after {run.history.steps} of {run.total} steps"
        run.history.stopped = done
        print(f"{done}; the network keeps what it has learned so far.")
    finally:
        call("on_fit_end")

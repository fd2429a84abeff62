"""Checks that stop a training run before it goes wrong in silence."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.memory import free_caches, is_memory_error


def check_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Raise `InputError` unless the optimizer holds just the trainable parameters of the model.

    PyTorch trains on without a word when the optimizer was built before the head was replaced,
    before a layer was unfrozen, or with frozen parameters that weight decay may still move.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    held = [p for group in optimizer.param_groups for p in group["params"]]
    trainable = [p for p in model.parameters() if p.requires_grad]
    if not trainable:
        raise InputError(
            "every parameter is frozen, so there is nothing to train. "
            "Unfreeze some: tl.unfreeze(module), or give the network a new head: tl.replace_head."
        )
    remedy = (
        "Build the optimizer after the last change to the model: "
        "torch.optim.AdamW(tl.param_groups(model, lr=...))."
    )
    strangers = sum(id(p) not in names for p in held)
    if strangers:
        raise InputError(
            f"{strangers} of the optimizer's tensors are not part of this model (a head that was "
            f"replaced, or another network), so it would train what is not used. {remedy}"
        )
    held_ids = {id(p) for p in held}
    missing = [names[id(p)] for p in trainable if id(p) not in held_ids]
    if missing:
        raise InputError(
            f"{_listed(missing)} can be trained but the optimizer does not hold it. {remedy}"
        )
    frozen = [names[id(p)] for p in held if not p.requires_grad]
    if frozen:
        raise InputError(f"{_listed(frozen)} is frozen and still in the optimizer. {remedy}")


def check_outputs(logits: Tensor, classes: list[str]) -> None:
    """Raise `InputError` unless logits are (N, K) with one output for each class of the data."""
    if logits.ndim != 2 or logits.shape[1] != len(classes):
        raise InputError(
            f"the network gives outputs of shape {tuple(logits.shape)}, the data have "
            f"{len(classes)} classes. Give it a new head: tl.replace_head(model, {len(classes)})."
        )


@contextlib.contextmanager
def explain_size_error(model: nn.Module, x: Tensor) -> Iterator[None]:
    """Turn a network's complaint about an image size into an `InputError` with the remedy."""
    try:
        yield
    except (RuntimeError, AssertionError, ValueError) as error:
        text = str(error).lower()
        signs = ("too small", "kernel size can't be greater", "doesn't match model", "wrong image")
        if x.ndim == 4 and any(sign in text for sign in signs):
            raise InputError(
                f"{type(model).__name__} cannot take images of {x.shape[2]}x{x.shape[3]} px. Give "
                "the loader the network's own size: BatchLoader(data, **backbone.preprocessing)."
            ) from error
        raise


@contextlib.contextmanager
def explain_memory_error(device: torch.device, batch_size: int) -> Iterator[None]:
    """Turn "out of memory" into an `InputError` with the remedy, and let go of the failed batch.

    To be held around what a batch costs, forward and backward, inside a function of its own: only
    a function that has been left gives up its variables.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_memory_error(error):
            raise
        # A notebook keeps its last error, the error its frames, and these the tensors that filled
        # the memory: without this the smaller batch would fail as well.
        traceback.clear_frames(error.__traceback__)
        free_caches()
        smaller = f"BatchLoader(data, batch_size={max(1, batch_size // 2)}, ...)"
        remedy = f"Take a smaller one: {smaller}, or" if batch_size > 1 else "Take"
        raise InputError(
            f"a batch of {batch_size} does not fit into the memory of {device.type}. {remedy} "
            "smaller images (size=...). Freezing early layers (tl.freeze_to) saves memory, too."
        ) from error


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more

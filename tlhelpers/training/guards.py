"""Checks that stop a run before it goes wrong in silence, and errors that name the remedy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..core.errors import InputError, remedy
from ..core.memory import explain_batch_memory
from ..models.heads import get_head


def check_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Raise `InputError` unless the optimizer holds just the trainable parameters of the model.

    PyTorch continues without a warning when the optimizer was built before the head was replaced,
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


def read_logits(output, classes: list[str] | None = None) -> Tensor:
    """The logits (N, K) in what a network returned, one for each of `classes` where given.

    A tensor is taken as it is; of a dict or an object its "logits" (Hugging Face's models;
    GoogLeNet and Inception while training, whose auxiliary outputs are left out). Raises
    `InputError` for anything else, and for a number of outputs that does not fit the classes.
    """
    if not torch.is_tensor(output):
        found = output.get("logits") if isinstance(output, dict) else None
        found = getattr(output, "logits", None) if found is None else found
        if not torch.is_tensor(found):
            raise InputError(
                f"the network returns {type(output).__name__} without logits. Wrap it in a module "
                "whose forward returns the logits (N, classes) alone."
            )
        output = found
    if output.ndim != 2 or (classes is not None and output.shape[1] != len(classes)):
        known = "" if classes is None else f"; the data have {len(classes)} classes: {classes[:9]}"
        raise InputError(
            f"the network gives outputs of shape {tuple(output.shape)}{known}. Give it a new head, "
            f"tl.replace_head(model, {len(classes or []) or 'classes'}), if it is to learn these; "
            "or load the data with the class list that it was trained on: "
            "load_image_folder(..., classes=train.classes)."
        )
    return output


def check_same_classes(trained: list[str] | None, given: list[str] | None, what: str) -> None:
    """Raise `InputError` unless `what` has the classes, in the order, that a network learned.

    A label is a position in the class list: with another list the accuracy is a number without a
    meaning. Lists that are not known (None) are not compared.
    """
    if trained is None or given is None or list(trained) == list(given):
        return
    raise InputError(
        f"{what} has the classes {list(given)}, the network learns or has learned {list(trained)}. "
        "Labels are positions in these lists, so they would mean other classes. Load it with the "
        "training classes, load_image_folder(..., classes=train.classes), or rename its folders."
    )


def remember_classes(model: nn.Module, classes: list[str] | None) -> None:
    """Note on the head what its outputs mean; a new head starts without this note."""
    if (head := _head(model)) is not None:
        head.learned_classes = classes


def learned_classes(model: nn.Module) -> list[str] | None:
    """The classes that `fit` trained this network's head on; None where that is not known."""
    return getattr(_head(model), "learned_classes", None)


def _head(model: nn.Module) -> nn.Module | None:
    try:
        return get_head(model)[1]
    except InputError:
        return None


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
                f"{type(model).__name__} cannot take images of {x.shape[2]}x{x.shape[3]} px. "
                + remedy(
                    "Give the loader the network's own size: "
                    "BatchLoader(data, **backbone.preprocessing).",
                    "Leave --size out: then they have the network's own size.",
                )
            ) from error
        raise


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


@contextlib.contextmanager
def explain_batch_errors(model: nn.Module, x: Tensor) -> Iterator[None]:
    """Both of the above, for one batch `x` on its way through `model`."""
    with explain_batch_memory(x.device, len(x)), explain_size_error(model, x):
        yield

"""Checkpoints that know what they are: safetensors with class names and architecture inside.

Nothing is pickled, so a file from a stranger can be opened without running their code.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from ..core.errors import InputError
from ..core.files import read_tensors, write_tensors
from ..models.weight_files import unusable


def save_checkpoint(
    model: nn.Module, path: str | Path, *, backbone: str, classes: list[str], **extra
) -> Path:
    """Write weights, backbone name and class names to `path`, whole or not at all.

    Args:
        extra: further values for the metadata, as JSON can hold them (mean, std, accuracy, ...).

    Raises:
        InputError: the folder is missing or not writable.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist: make it first.")
    facts = {"backbone": backbone, "classes": list(classes), "torch": torch.__version__}
    facts |= {name: _plain(name, value) for name, value in extra.items()}
    write_tensors(path, model.state_dict(), facts)
    return path


def load_checkpoint(
    model: nn.Module,
    path: str | Path,
    *,
    backbone: str | None = None,
    classes: list[str] | None = None,
) -> dict:
    """Load weights into `model` and return the metadata ("backbone", "classes", ...).

    Args:
        backbone, classes: what you expect; given, they must equal what the file says.

    Raises:
        InputError: no such file, not a checkpoint of ours, another architecture or other classes.
            The model is unchanged then.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"there is no checkpoint {path}. Check the path, or write one: tl.save_checkpoint."
        )
    tensors, metadata = read_tensors(path)
    if missing := [name for name in ("backbone", "classes") if name not in metadata]:
        raise InputError(
            f"{path} does not say its {' and '.join(missing)}, so tl.save_checkpoint did not "
            "write it. Save it again, or take another file."
        )
    if backbone is not None and backbone != metadata["backbone"]:
        raise InputError(
            f'{path} holds a "{metadata["backbone"]}", not a "{backbone}": '
            f'load_backbone("{metadata["backbone"]}") gives the network it fits.'
        )
    if classes is not None and list(classes) != metadata["classes"]:
        raise InputError(
            f"{path} was trained on the classes {metadata['classes']}, the data have "
            f"{list(classes)}: load the data with classes={metadata['classes']}."
        )
    own = model.state_dict()
    different = sorted(
        name
        for name in own.keys() | tensors.keys()
        if name not in own or name not in tensors or own[name].shape != tensors[name].shape
    )
    if different:
        raise InputError(
            f"{path} ({metadata['backbone']}, {len(metadata['classes'])} classes) does not fit "
            f"this network: {len(different)} entries differ, first {different[0]}. Build the same "
            f"backbone and give it {len(metadata['classes'])} outputs with tl.replace_head first."
        )
    if wrong := unusable(own, tensors):
        raise InputError(f"{path} cannot be used: {wrong[0]}. Make it again, or take another file.")
    model.load_state_dict(tensors)
    return metadata


def _plain(name: str, value):
    """A value as JSON can hold it: numbers of torch and NumPy become Python's."""
    value = value.tolist() if hasattr(value, "tolist") else value
    try:
        json.dumps(value)
    except TypeError as error:
        raise InputError(
            f"{name}={type(value).__name__} cannot be stored in a checkpoint's metadata: give "
            "numbers, strings, or lists and dicts of them."
        ) from error
    return value

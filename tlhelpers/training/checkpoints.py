"""Checkpoints that know what they are: safetensors with class names and architecture inside.

Nothing is pickled, so a file from a stranger can be opened without running their code.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from torch import nn

from ..core.errors import InputError


def save_checkpoint(
    model: nn.Module, path: str | Path, *, backbone: str, classes: list[str], **extra
) -> Path:
    """Write weights, backbone name and class names to `path`, whole or not at all.

    Args:
        extra: further values for the metadata, as JSON can hold them (mean, std, accuracy, ...).

    Raises:
        InputError: the folder is missing or not writable.
    """
    from safetensors.torch import save_file

    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist: make it first.")
    metadata = {"backbone": backbone, "classes": classes, "torch": torch.__version__, **extra}
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    partial = path.with_name(path.name + ".part")
    try:
        save_file(tensors, partial, metadata={"tlhelpers": json.dumps(metadata)})
        os.replace(partial, path)  # atomic: a reader sees the old file or the new one
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"cannot write {path}: {error}. Choose another folder.") from error
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
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"there is no checkpoint {path}. Check the path, or write one: tl.save_checkpoint."
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})["tlhelpers"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise InputError(
            f"{path} is not a whole checkpoint written by tl.save_checkpoint ({error}). "
            "Save it again, or take another file."
        ) from error
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
    model.load_state_dict(tensors)
    return metadata

"""Files that are written whole or not at all, and safetensors that carry their own facts."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    from torch import Tensor  # what downloads and verifies needs no torch

_KEY = "tlhelpers"  # the one entry of a safetensors header that holds our facts, as JSON


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which takes the place of `path` when all went well.

    A reader sees the old file or the new one, never half of one. The new file has the permissions
    that the umask allows, whoever writes it: some libraries create theirs for the owner alone.
    Raises `InputError` when the folder is missing, not writable, or the disk is full.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".part")
    try:
        partial.touch()
        mode = partial.stat().st_mode
        yield partial
        os.chmod(partial, mode)
        os.replace(partial, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        if is_write_error(error):
            why = getattr(error, "strerror", None) or error
            raise InputError(
                f"cannot write {path}: {why}. Make room or choose another folder; what was saved "
                "before is whole."
            ) from error
        raise


def is_write_error(error: BaseException) -> bool:
    """Whether a file could not be written: safetensors and torch have errors of their own."""
    from safetensors import SafetensorError

    # torch.save has no class for it: "[enforce fail at inline_container.cc:...] unexpected pos ..."
    by_torch = isinstance(error, RuntimeError) and "inline_container" in str(error)
    return isinstance(error, (OSError, SafetensorError)) or by_torch


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, whole or not at all; errors as in `atomic_write`."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_tensors(path: str | Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """Write tensors and JSON facts into one safetensors file; errors as in `atomic_write`."""
    from safetensors.torch import save_file

    # Each with memory of its own: safetensors refuses tensors that share it (tied layers do).
    own = {name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}
    header = {_KEY: json.dumps(facts)}
    with atomic_write(path) as partial:
        save_file(own, partial, metadata=header)


def parse_facts(text: str) -> dict:
    """The facts of a safetensors file of ours; `ValueError` for what cannot be facts."""
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise ValueError(f"its facts are a {type(facts).__name__}")
    classes = facts.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ValueError("its classes are not a list of names")
    return facts


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """What `write_tensors` wrote; `InputError` for another file or a damaged one."""
    from safetensors import SafetensorError, safe_open

    try:
        if not Path(path).is_file():  # safetensors would wait for what a pipe says
            raise OSError("no such file")
        with safe_open(path, framework="pt") as file:
            facts = parse_facts((file.metadata() or {})[_KEY])
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(
            f"{path} is damaged, or not a file that tlhelpers wrote ({error}). Remove it and make "
            "it again, or take another file."
        ) from error

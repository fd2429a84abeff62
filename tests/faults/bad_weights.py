"""Weights files that are damaged, lie about themselves, or carry a program: made by name."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from tlhelpers.models.mini import mini_resnet18

CLASSES = ["ants", "bees"]
FACTS = {"backbone": "resnet18", "classes": CLASSES, "profile": "mini", "image_size": 32}
FACTS |= {"mean": [0.5] * 3, "std": [0.25] * 3, "torch": torch.__version__}
ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


class Trap:
    """Whoever unpickles this makes a folder: the proof that the file ran something."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return mini_resnet18(2).state_dict()


def floats(change: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """A ResNet-18's weights with every tensor of floats changed."""
    return {k: change(v) if v.is_floating_point() else v for k, v in state().items()}


# ---- safetensors: each makes a file from a path -------------------------------------------------


def header(entries: dict | bytes, body: bytes = bytes(4), length: int | None = None):
    """A file with this header, its length as it is or as it is said to be."""

    def make(path: Path) -> None:
        text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
        path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + body)

    return make


def tensors(content: Callable[[], dict], facts: dict | str | None = None):
    """A file whose header is right; facts as tlhelpers writes them, or any text in their place."""

    def make(path: Path) -> None:
        text = facts if isinstance(facts, str) else json.dumps(FACTS | (facts or {}))
        save_file(content(), path, metadata={"tlhelpers": text})

    return make


def cut(share: float):
    def make(path: Path) -> None:
        tensors(state)(path)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return make


def raw(content: bytes):
    return lambda path: path.write_bytes(content)


def _without_a_layer() -> dict:
    return {k: v for k, v in state().items() if not k.startswith("layer3")}


def _wide() -> dict:
    return mini_resnet18(2, width=1 / 2).state_dict()


SAFETENSORS = {
    "nothing in it": raw(b""),
    "seven bytes": raw(b"\1\0\0\0\0\0\0"),
    "a page of a web server": raw(b"<html><body>404 not found</body></html>"),
    "cut in the header": cut(0.001),
    "cut in the middle": cut(0.5),
    "cut by a few bytes": cut(0.9999),
    "a header of 2**60 bytes": header({}, length=2**60),
    "a header of 99 MB that is not there": header({}, length=99_000_000),
    "a header that is no JSON": header(b"{" * 50),
    "a header nested 100,000 times": header(b"[" * 100_000),
    "more values than bytes": header({"a": ONE | {"shape": [2], "data_offsets": [0, 8]}}),
    "a shape of 2**80 values": header({"a": ONE | {"shape": [2**40, 2**40]}}),
    "a shape that is not the bytes'": header({"a": ONE | {"shape": [3]}}),
    "offsets that overlap": header({"a": ONE, "b": ONE}),
    "offsets backwards": header({"a": ONE | {"data_offsets": [4, 0]}}),
    "bytes that nobody owns": header({"a": ONE}, bytes(64)),
    "a kind of number that does not exist": header({"a": ONE | {"dtype": "F13"}}),
    "shapes of a wider network": tensors(_wide),
    "a layer missing": tensors(_without_a_layer),
    "whole numbers": tensors(lambda: floats(lambda v: v.to(torch.int8))),
    "truth values": tensors(lambda: floats(lambda v: v > 0)),
    "complex numbers": tensors(lambda: floats(lambda v: v.to(torch.complex64))),
    "not a number": tensors(lambda: floats(lambda v: v * float("nan"))),
    "infinity in one place": tensors(lambda: state() | {"fc.bias": torch.tensor([0, torch.inf])}),
    "facts cut short": tensors(state, '{"classes": ["ants'),
    "facts that are a list": tensors(state, "[1]"),
    "facts that are null": tensors(state, "null"),
    "classes that are a number": tensors(state, {"classes": 2}),
    "classes that are numbers": tensors(state, {"classes": [1, 2]}),
    "more classes than outputs": tensors(state, {"classes": ["a", "b", "c"]}),
}

# Only a classifier of a fine-tuning job says these of itself.
MODEL_FACTS = {
    "no backbone's name": {"backbone": 5},
    "an unknown backbone": {"backbone": "resnet81"},
    "an unknown profile": {"profile": "../../etc"},
    "means that are text": {"mean": "0.5"},
    "two means": {"mean": [0.5, 0.5]},
    "a deviation of zero": {"std": [0, 1, 1]},
    "images of 10 million pixels a side": {"image_size": 10**7},
    "images of minus one pixel": {"image_size": -1},
    "one class": {"classes": ["ants"]},
    "ranges that are text": {"ranges": "0 to 1"},
}


# ---- torch files --------------------------------------------------------------------------------


def torch_file(content: Callable[[], object]):
    return lambda path: torch.save(content(), path)


def _recursive() -> dict:
    content: dict = {}
    content["model"] = content
    return content


TORCH = {
    "nothing in it": raw(b""),
    "a page of a web server": raw(b"<html><body>404 not found</body></html>"),
    "a zip of something else": raw(b"PK\5\6" + bytes(18)),
    "arrays of NumPy": torch_file(lambda: {"a": np.zeros(3), "b": np.zeros(3)}),
    "itself inside": torch_file(_recursive),
    "a list": torch_file(lambda: list(state().values())),
    "sparse tensors": torch_file(lambda: floats(lambda v: v.to_sparse() if v.ndim else v)),
    "tensors without values": torch_file(lambda: floats(lambda v: v.to("meta"))),
    "whole numbers": torch_file(lambda: floats(lambda v: v.to(torch.int8))),
    "not a number": torch_file(lambda: floats(lambda v: v * float("nan"))),
    "a wider network": torch_file(_wide),
    "TorchScript": lambda path: torch.jit.script(torch.nn.Linear(2, 2)).save(str(path)),
}


# ---- programs -----------------------------------------------------------------------------------


def plain_pickle(path: Path, folder: Path) -> None:
    path.write_bytes(pickle.dumps(Trap(folder)))


def old_pickle(path: Path, folder: Path) -> None:
    path.write_bytes(pickle.dumps({"state_dict": Trap(folder)}, protocol=0))


def torch_zip(path: Path, folder: Path) -> None:
    torch.save({"state_dict": Trap(folder)}, path)


def torch_legacy(path: Path, folder: Path) -> None:
    torch.save({**state(), "x": Trap(folder)}, path, _use_new_zipfile_serialization=False)


def after_the_weights(path: Path, folder: Path) -> None:
    """A whole network's weights, and the program beside them."""
    torch.save({"settings": {}, "run": {}, **state(), "z": Trap(folder)}, path)


def in_the_header(path: Path, folder: Path) -> None:
    """A safetensors file whose facts are a pickle, as text."""
    text = pickle.dumps(Trap(folder), protocol=0).decode("ascii")
    save_file(state(), path, metadata={"tlhelpers": text})


PROGRAMS = [plain_pickle, old_pickle, torch_zip, torch_legacy, after_the_weights, in_the_header]

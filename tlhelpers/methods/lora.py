"""LoRA: a frozen network learns a task by adding a product of two thin matrices to its weights.

Hu et al. 2021, arXiv 2106.09685. One trunk stays as it is and serves many tasks; a task is a file
of some kilobytes, which knows the trunk that it was made for and is refused by any other.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.files import read_tensors, write_tensors
from ..models.freezing import fingerprint
from ..models.heads import get_heads, replace_head


class LoRALinear(nn.Module):
    """A frozen linear layer with a trained update of low rank: W x + b + scale * B A x.

    A is (rank, inputs), at random; B is (outputs, rank), and 0 at the start, so that the layer
    begins as the one it stands for. Takes (..., inputs), returns (..., outputs).
    """

    def __init__(self, base: nn.Linear, rank: int, scale: float = 1.0):
        super().__init__()
        self.base, self.rank, self.scale = base.requires_grad_(False), rank, scale
        like = {"device": base.weight.device, "dtype": base.weight.dtype}
        self.A = nn.Parameter(torch.empty(rank, base.in_features, **like))
        self.B = nn.Parameter(torch.zeros(base.out_features, rank, **like))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))  # as a linear layer of torch begins

    def forward(self, x: Tensor) -> Tensor:
        # Two thin products: B A as a matrix would cost as much as W itself.
        return self.base(x) + self.scale * ((x @ self.A.T) @ self.B.T)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """A plain linear layer with the weights W + scale * B A."""
        plain = copy.deepcopy(self.base)
        plain.weight += self.scale * (self.B @ self.A)
        return plain


def add_lora(
    model: nn.Module, layers: Sequence[str] = ("qkv",), rank: int = 4, scale: float = 1.0
) -> list[str]:
    """Freeze the network except its head, and give some of its linear layers a LoRA update.

    Args:
        layers: last parts of the layers' names; "qkv" finds every "blocks.0.attn.qkv".
        rank: 1 or more. scale: factor of the update (Hu et al. write alpha / rank).

    Returns the names of the layers with an update. Raises `InputError` for a rank below 1, for
    layers that are not there or not linear, and where the network has updates already.
    """
    if rank < 1:
        raise InputError(f"rank={rank}: LoRA needs a rank of 1 or more, such as 4.")
    if lora_layers(model):
        raise InputError(
            "this network has LoRA updates already: merge_lora(model) makes a plain network with "
            "them, remove_lora(model) takes them off."
        )
    heads = [name for name, _ in get_heads(model)]
    found = {
        name: layer
        for name, layer in model.named_modules()
        if name not in heads and any(f".{name}".endswith(f".{end}") for end in layers)
    }
    others = [name for name, layer in found.items() if not isinstance(layer, nn.Linear)]
    if not found or others:
        linear = {n.split(".")[-1] for n, m in model.named_modules() if isinstance(m, nn.Linear)}
        what = f"{others[0]} is no linear layer" if others else f"no layer ends in {list(layers)}"
        raise InputError(f"add_lora: {what}. Linear layers here end in {sorted(linear)}.")
    model.requires_grad_(False)
    for name, layer in found.items():
        model.set_submodule(name, LoRALinear(layer, rank, scale))
    for name in heads:
        model.get_submodule(name).requires_grad_(True)
    return list(found)


def lora_layers(model: nn.Module) -> dict[str, LoRALinear]:
    """The layers with a LoRA update, by name."""
    return {n: m for n, m in model.named_modules() if isinstance(m, LoRALinear)}


def merge_lora(model: nn.Module) -> nn.Module:
    """A plain network with the updates added to its weights; the one given stays as it is.

    It computes the same to within rounding, and costs at use what the network without LoRA costs.
    Raises `InputError` where there is no update: merging twice would add it twice.
    """
    _updated(model)
    plain = copy.deepcopy(model)
    for name, layer in lora_layers(plain).items():
        plain.set_submodule(name, layer.merged())
    return plain


def remove_lora(model: nn.Module) -> None:
    """Take the updates off; the trunk is left bit by bit as it was before `add_lora`."""
    for name, layer in _updated(model).items():
        model.set_submodule(name, layer.base)


def trunk_digest(model: nn.Module) -> str:
    """One digest of everything but the head and the updates: equal digests mean equal bits."""
    heads = tuple(f"{name}." for name, _ in get_heads(model))
    bare = {
        name.replace(".base.", "."): digest
        for name, digest in fingerprint(model).items()
        if not name.startswith(heads) and not name.endswith((".A", ".B"))
    }
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()


def save_lora(model: nn.Module, path: str | Path, *, classes: Sequence[str]) -> Path:
    """Write updates and head to `path`, with the digest of the trunk that they belong to.

    Raises `InputError` where there is no update, or the folder is missing or not writable.
    """
    found = _updated(model)
    heads = tuple(f"{name}." for name, _ in get_heads(model))
    own = {
        name: value
        for name, value in model.state_dict().items()
        if name.startswith(heads) or name.rpartition(".")[0] in found
    }
    one = next(iter(found.values()))
    facts = {"lora": list(found), "rank": one.rank, "scale": one.scale}
    facts |= {"classes": list(classes), "trunk": trunk_digest(model)}
    write_tensors(path, own, facts)
    return Path(path)


def load_lora(model: nn.Module, path: str | Path) -> dict:
    """Give a trunk the updates and the head in `path`, those of another task taken off first.

    Returns the file's facts ("classes", "rank", ...). Raises `InputError`, the network unchanged,
    for a file that `save_lora` did not write, or that was made for another trunk.
    """
    tensors, facts = read_tensors(path)
    if "trunk" not in facts or "lora" not in facts:
        raise InputError(f"{path} is no LoRA file: write one with save_lora.")
    if (here := trunk_digest(model)) != facts["trunk"]:
        raise InputError(
            f"{path} was made for another trunk (digest {facts['trunk'][:12]}, this network has "
            f"{here[:12]}). An update means something only on top of the weights that it was "
            "trained with: load that trunk, or train the update again."
        )
    if lora_layers(model):
        remove_lora(model)
    replace_head(model, len(facts["classes"]))
    add_lora(model, facts["lora"], facts["rank"], facts["scale"])
    model.load_state_dict(tensors, strict=False)  # the trunk is not in the file
    return facts


def _updated(model: nn.Module) -> dict[str, LoRALinear]:
    if not (found := lora_layers(model)):
        raise InputError("this network has no LoRA update: add_lora(model) gives it one.")
    return found

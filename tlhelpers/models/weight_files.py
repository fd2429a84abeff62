"""Weights in a file of one's own: read without running code, and fitted to a network by name."""

from __future__ import annotations

import pickle
import warnings
from collections import Counter
from pathlib import Path

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.files import parse_facts
from .heads import get_heads, replace_head

# Where training scripts keep the weights among what else they save.
_ENTRIES = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")
_ENTRIES += ("state_dict_ema", "model_ema")


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors of a safetensors or torch file by name, and the facts a file of ours holds.

    A torch file is read with `weights_only=True`, so that nothing in it can run. Raises
    `InputError` for a file that is missing, damaged, of another kind, or a pickled network.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(f"there is no weights file {path}, looked for from {Path.cwd()}.")
    if path.suffix.lower() == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                facts = parse_facts((file.metadata() or {}).get("tlhelpers", "{}"))
                return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
        except (SafetensorError, ValueError) as error:
            raise InputError(f"{path} is no whole safetensors file ({error}).") from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in a dozen ways
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, pickle.UnpicklingError) or "weights_only" in reason:
            # torch's text is long, and says how to run what is in the file.
            reason = "it holds something else than tensors and numbers, or is damaged"
        raise InputError(
            f"{path} cannot be read as weights ({reason}). If it holds a whole network, opening it "
            "would run code from the file: where it was made, save its weights alone, "
            "torch.save(model.state_dict(), ...), or better as safetensors."
        ) from error
    return _state(content, path), {}


def fit_weights(model: nn.Module, tensors: dict[str, Tensor], path: str | Path) -> bool:
    """Copy the tensors into the network; whether the file has the network's head, too.

    What stands before the network's own names is taken off (`module.`, `model.`, `backbone.` ...).
    A head of another number of classes replaces the network's; without one, the network's stays as
    it is. Everything else must be there in its shape. Raises `InputError`, the network unchanged,
    when the file is of another network.
    """
    own, heads = model.state_dict(), [name for name, _ in get_heads(model)]
    start = _prefix(own, tensors)
    found = {k[len(start) :]: t for k, t in tensors.items() if k.startswith(start)}

    def of_head(name: str) -> bool:
        return any(name == head or name.startswith(f"{head}.") for head in heads)

    wrong = [
        f"{name} is {tuple(found[name].shape)} in the file, {tuple(value.shape)} in the network"
        for name, value in own.items()
        if name in found and not of_head(name) and found[name].shape != value.shape
    ]
    # Files older than BatchNorm's counter lack it, and nothing here uses it.
    wrong += [
        f"{name} is not in the file"
        for name in own
        if name not in found and not of_head(name) and not name.endswith("num_batches_tracked")
    ]
    children = {name.split(".")[0] for name in own}
    extra = [name for name in found if name not in own and not of_head(name)]
    wrong += [f"{k} is not in the network" for k in extra if k.split(".")[0] in children]
    wrong += unusable(own, found)
    if wrong:
        raise InputError(
            f"{path} does not fit {type(model).__name__}: {len(wrong)} of {len(own)} entries "
            f"differ. First: {'; '.join(wrong[:3])}. The file is of another network or size."
        )
    if extra:
        warnings.warn(
            f"{path}: {len(extra)} entries are left out, {extra[0]} for example: this network has "
            "no such part.",
            stacklevel=3,
        )
    whole = _take_head(model, found, heads[0])
    # Not strict: what is missing was looked at above.
    kept = {n: t for n, t in found.items() if n in own and (whole or not of_head(n))}
    model.load_state_dict(kept, strict=False)
    return whole


def unusable(own: dict[str, Tensor], found: dict[str, Tensor]) -> list[str]:
    """A sentence for each tensor whose numbers cannot become a network's, whatever their shape.

    Only what the network has in floats is looked at. Half and double precision will do.
    """
    sentences = []
    for name, tensor in found.items():
        if name not in own or not own[name].is_floating_point():
            continue
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            sentences.append(f"{name} is sparse, quantized or without values")
        elif not tensor.is_floating_point():
            sentences.append(f"{name} holds {tensor.dtype} in the file".replace("torch.", ""))
        elif not torch.isfinite(tensor.float().sum()) and not tensor.float().isfinite().all():
            sentences.append(f"{name} holds values that are not finite")
    return sentences


def _take_head(model: nn.Module, found: dict[str, Tensor], head: str) -> bool:
    """Give the network a head of as many classes as the file's; False where the file has none."""
    layer, weight = model.get_submodule(head), found.get(f"{head}.weight")
    if weight is None or not hasattr(layer, "weight") or weight.shape[1:] != layer.weight.shape[1:]:
        return False
    if len(weight) != len(layer.weight):
        replace_head(model, len(weight))
    return True


def _state(content, path: Path) -> dict[str, Tensor]:
    """The dict of tensors in what a torch file holds."""
    for _ in range(3):
        if not isinstance(content, dict):
            break
        if content and all(torch.is_tensor(value) for value in content.values()):
            return {str(name): value for name, value in content.items()}
        entry = next((e for e in _ENTRIES if isinstance(content.get(e), dict)), None)
        if entry is None:  # weights with a few numbers among them
            tensors = {str(k): v for k, v in content.items() if torch.is_tensor(v)}
            if len(tensors) > len(content) / 2:
                return tensors
            held = ", ".join(map(str, list(content)[:8])) or "nothing"
            raise InputError(
                f"{path} holds {held}, and none of it is known as a network's weights: save them "
                f"under one of {', '.join(_ENTRIES[:3])}."
            )
        content = content[entry]
    raise InputError(
        f"{path} holds a {type(content).__name__}, not a network's weights: torch.save("
        "model.state_dict(), ...) writes those."
    )


def _prefix(own: dict[str, Tensor], tensors: dict[str, Tensor]) -> str:
    """What the file's names have before the network's own; of several, what makes most fit."""
    counts: Counter[str] = Counter()
    for key in tensors:
        parts = key.split(".")
        counts.update(
            "".join(f"{part}." for part in parts[:i])
            for i in range(len(parts))
            if ".".join(parts[i:]) in own
        )
    return min(counts, key=lambda start: (-counts[start], len(start)), default="")

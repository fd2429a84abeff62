"""Files of mini networks: weights as safetensors, and the facts that belong to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from torch import nn

from ..core.errors import AssetError
from .backbone import RANDOM, Backbone
from .mini import MINI
from .weight_files import unusable


def read_mini(
    name: str,
    path: Path,
    pretrained: bool = True,
    build: Callable[..., nn.Module] | None = None,
) -> Backbone:
    """The mini network in a file of `data/recipes`: pretrain.py, source_networks.py or vit.py.

    The facts are strings of JSON in the file's header, so weights and facts cannot part. `build`
    makes the network; None takes the one that the file names. Raises `AssetError` for a file
    without facts.
    """
    try:
        model, facts = _read(name, path, pretrained, build)
    except Exception as error:  # a damaged or changed file fails in safetensors, json or torch
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AssetError(
            f"{path} is not a file of data/recipes, or is damaged ({reason}). Remove it to use the "
            "embedded one; if it is the embedded one: `git checkout -- data`."
        ) from error
    return Backbone(
        name,
        model.eval(),
        tuple(facts["mean"]),
        tuple(facts["std"]),
        facts["image_size"],
        facts["classes"] if pretrained else [],
        f"mini network, {len(facts['classes'])} drawn classes" if pretrained else RANDOM,
    )


def _read(name: str, path: Path, pretrained: bool, build) -> tuple[nn.Module, dict]:
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        facts = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
        if missing := {"classes", "mean", "std", "image_size"} - facts.keys():
            raise ValueError(f"it does not say its {', '.join(sorted(missing))}")
        width = facts.get("width", 1 / 4)
        if not 0 < width <= 1 or not 1 <= facts["image_size"] <= 1024:
            raise ValueError(f"width {width}, image size {facts['image_size']}")
        build = build or MINI[facts.get("architecture", name).removeprefix("mini_")]
        model = build(len(facts["classes"]), width=width)
        if pretrained:
            tensors = {key: file.get_tensor(key) for key in file.keys()}
            if wrong := unusable(model.state_dict(), tensors):
                raise ValueError(wrong[0])
            model.load_state_dict(tensors)
    return model, facts

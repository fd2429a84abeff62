"""Files of mini networks: weights as safetensors, and the facts that belong to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from torch import nn

from ..core.errors import AssetError
from .backbone import RANDOM, Backbone
from .mini import MINI


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
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        facts = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
        missing = {"classes", "mean", "std", "image_size"} - facts.keys()
        if missing:
            raise AssetError(
                f"{path} does not say its {', '.join(sorted(missing))}, so it is not a file of "
                "data/recipes. Remove it to use the embedded one."
            )
        build = build or MINI[facts.get("architecture", name).removeprefix("mini_")]
        model = build(len(facts["classes"]), width=facts.get("width", 1 / 4))
        if pretrained:
            model.load_state_dict({key: file.get_tensor(key) for key in file.keys()})
    return Backbone(
        name,
        model.eval(),
        tuple(facts["mean"]),
        tuple(facts["std"]),
        facts["image_size"],
        facts["classes"] if pretrained else [],
        f"mini network, {len(facts['classes'])} drawn classes" if pretrained else RANDOM,
    )

"""Every drawable class by name, and `draw`: one image of one class, the same on every call."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

from . import critters, objects
from .ants_bees import ant, bee
from .scene import Subject, render

TARGETS = ("ants", "bees")
CRITTERS = (
    "spider", "beetle", "ladybird", "butterfly", "fly", "dragonfly", "caterpillar", "snail",
    "grasshopper", "mosquito", "scorpion",
)  # fmt: skip
OBJECTS = (
    "leaf", "flower", "mushroom", "tree", "fish", "bird", "acorn", "key", "cup", "car", "house",
    "umbrella", "boat", "hammer", "scissors", "honeycomb", "bricks",
)  # fmt: skip
SOURCE = CRITTERS + OBJECTS

_UPRIGHT = {
    "snail", "mushroom", "tree", "bird", "cup", "car", "house", "umbrella", "boat", "bricks",
}  # fmt: skip
_TEXTURES = {"honeycomb", "bricks"}


def _subjects() -> dict[str, Subject]:
    target = {"size": (0.52, 0.98), "leaf_in_front": 0.3, "grass_in_front": 0.35}
    found = {"ants": Subject("ants", ant, **target), "bees": Subject("bees", bee, **target)}
    for module, names in ((critters, CRITTERS), (objects, OBJECTS)):
        for name in names:
            size = (2.0, 2.6) if name in _TEXTURES else (0.55, 0.96)
            found[name] = Subject(name, getattr(module, name), name in _UPRIGHT, size)
    return found


SUBJECTS = _subjects()


def draw(name: str, index: int, seed: int, size: int = 128) -> np.ndarray:
    """Image `index` of class `name`: uint8 (size, size, 3), independent of all other images.

    Raises KeyError, listing the classes, if `name` is not one of `SUBJECTS`.
    """
    if name not in SUBJECTS:
        raise KeyError(f"unknown class {name!r}; choose one of: {', '.join(SUBJECTS)}")
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), index])
    return render(SUBJECTS[name], rng, size)


def draw_classes(
    names: Iterable[str], count: int, seed: int, size: int = 128
) -> tuple[np.ndarray, np.ndarray]:
    """`count` images of each class: images uint8 (N, size, size, 3) and labels int64 (N,)."""
    names = list(names)
    images = [draw(name, i, seed, size) for name in names for i in range(count)]
    return np.stack(images), np.repeat(np.arange(len(names)), count)

"""Drawn persons for the door of lesson 09: several pictures of each, no person in two splits."""

from __future__ import annotations

import json

import numpy as np
import torch

from ..core.assets import fetch
from ..core.errors import InputError, nearest
from .decoding import to_rgb
from .image_tensors import ImageTensors

SPLITS = ("train", "threshold", "test")


def load_faces(split: str) -> ImageTensors:
    """Drawn faces of 48 x 48 pixels, ten pictures of each person; a class is a person.

    split: "train" has 96 persons to learn from, "threshold" 32 others, whose pictures choose the
        door's threshold, and "test" 32 more, to report on.

    Raises `InputError` for an unknown split, `AssetError` when the set is not there.
    """
    if split not in SPLITS:
        raise InputError(f'There is no split "{split}" here.{nearest(split, SPLITS)}')
    from PIL import Image

    folder = fetch("faces")
    facts = json.loads((folder / "persons.json").read_text(encoding="utf-8"))
    side, pictures, persons = facts["size"], facts["pictures"], len(facts[split]["tone"])
    with Image.open(folder / f"{split}.jpg") as sheet:  # a row for each person
        tiles = np.array(to_rgb(sheet)).reshape(persons, side, pictures, side, 3)
    images = torch.from_numpy(tiles).permute(0, 2, 4, 1, 3).reshape(-1, 3, side, side)
    names = [f"person {number + 1}" for number in range(persons)]
    return ImageTensors(images, torch.arange(persons).repeat_interleave(pictures), names)

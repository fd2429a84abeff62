"""Small networks that learnt different things: the sources that lesson 08 chooses from."""

from __future__ import annotations

import dataclasses

import torch

from ..core import assets
from ..core.errors import InputError, nearest
from .backbone import RANDOM, Backbone
from .mini import mini_resnet18
from .mini_files import read_mini

FOLDER = "weights/sources"
NAMES = (
    "drawn", "one class short", "critters", "objects", "few classes", "letters",
    "permuted pixels", "shuffled labels",
)  # fmt: skip
START = "random"
WIDTH, SIZE, MEAN, STD = 1 / 8, 64, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def file_name(source: str) -> str:
    """The file of a source within the folder."""
    return f"{source.replace(' ', '_')}.safetensors"


def list_sources() -> list[str]:
    """Names `load_source` knows: networks trained alike on different things, then "random"."""
    return [*NAMES, START]


def load_source(name: str) -> Backbone:
    """Load one of the small networks that differ only in what they were trained on.

    All are a mini ResNet-18 with an eighth of its channels (64 features) for images of 64 pixels.
    They started from the same random weights and had equally many steps, on: the "drawn" classes;
    the same but "one class short"; "critters" or "objects" alone; "few classes"; "letters";
    "permuted pixels" or "shuffled labels" of the drawn classes. "random" is where all of them
    started. They are the same in both profiles.

    Raises `InputError` for an unknown name.
    """
    if name == START:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = mini_resnet18(28, width=WIDTH)
        return Backbone(name, model.eval(), MEAN, STD, SIZE, [], RANDOM)
    if name not in (known := list_sources()):
        raise InputError(f'there is no source "{name}".{nearest(name, known)}')
    found = read_mini(name, assets.fetch(FOLDER) / file_name(name))
    return dataclasses.replace(found, source=f'small network pre-trained on "{name}"')

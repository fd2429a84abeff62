"""Captions for drawn shapes: sentences that differ in words and order and mean the same picture."""

from __future__ import annotations

import re

import torch

from .shapes import CLASSES, Shapes

# Words that a caption may use for an attribute value; the first one is the most frequent.
SYNONYMS = {
    "circle": ("circle", "disc"),
    "square": ("square", "box"),
    "triangle": ("triangle",),
    "cross": ("cross", "plus"),
    "red": ("red", "crimson"),
    "green": ("green", "emerald"),
    "blue": ("blue", "navy"),
    "yellow": ("yellow", "golden"),
    "plain": ("plain", "solid"),
    "striped": ("striped", "stripy"),
    "dotted": ("dotted", "spotted"),
}
# "not" and "one" are words that the captions know, and that never change what is in the picture.
TEMPLATES = (
    "a {texture} {colour} {shape}",
    "a picture of a {texture} {colour} {shape}",
    "a {colour} {shape}, {texture}",
    "one {colour} {shape}, and it is {texture}",
    "a {shape} that is {texture} and {colour}",
    "not a photo but a drawing of a {texture} {colour} {shape}",
    "a {size} {texture} {colour} {shape}",
    "a {texture} {colour} {shape} on {ground} ground",
    "on {ground} ground, one {size} {shape}, {texture}, {colour}",
)


def write_captions(shapes: Shapes, seed: int = 0) -> list[str]:
    """A caption for each picture: a random template, with random synonyms."""
    chance = torch.Generator().manual_seed(seed)

    def draw(options):
        return options[int(torch.randint(len(options), (1,), generator=chance))]

    captions = []
    facts = zip(shapes.labels.tolist(), shapes.large.tolist(), shapes.light.tolist(), strict=True)
    for label, large, light in facts:
        words = CLASSES[label].split()
        # The first word three times: the usual name is the most frequent one.
        texture, colour, shape = (draw(SYNONYMS[w][:1] * 2 + SYNONYMS[w]) for w in words)
        captions.append(
            draw(TEMPLATES).format(
                texture=texture,
                colour=colour,
                shape=shape,
                size="large" if large else "small",
                ground="light" if light else "dark",
            )
        )
    return captions


def split_words(sentence: str) -> list[str]:
    """The words and numbers of a sentence, in lower case, without punctuation."""
    return re.findall(r"[^\W_]+", sentence.lower())

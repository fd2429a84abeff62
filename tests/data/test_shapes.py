"""Drawn shapes: what the attributes promise is in the picture, and splits give nothing away."""

from __future__ import annotations

import pytest
import torch

from tlhelpers.core.errors import InputError
from tlhelpers.data.captions import SYNONYMS, split_words, write_captions
from tlhelpers.data.shapes import (
    ATTRIBUTES,
    CLASSES,
    draw_shapes,
    implied,
    shape_attributes,
    split_classes,
)

EVERY = torch.arange(len(CLASSES))


def test_class_numbers_names_and_attributes_agree():
    for name, values in zip(CLASSES, shape_attributes().tolist(), strict=True):
        words = [ATTRIBUTES[a][v] for a, v in zip(ATTRIBUTES, values, strict=True)]
        assert name.split() == words[::-1]
    with pytest.raises(InputError, match="0 to 47"):
        shape_attributes(torch.tensor([48]))


def test_pictures_repeat_with_a_seed_and_differ_without():
    a, b, c = draw_shapes(EVERY, 5), draw_shapes(EVERY, 5), draw_shapes(EVERY, 6)
    assert a.images.shape == (48, 3, 32, 32) and 0 <= a.images.min() <= a.images.max() <= 1
    assert torch.equal(a.images, b.images) and not torch.equal(a.images, c.images)
    assert len(a[a.large]) == a.large.sum()


def test_facts_are_in_the_picture():
    shapes = draw_shapes(torch.zeros(300, dtype=torch.long), 1)  # plain red circles
    corner = shapes.images[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].mean(1).amax(1)
    assert corner[shapes.light].min() > corner[~shapes.light].max()
    r, g, _ = shapes.images.unbind(1)
    area = ((r - g) > 0.3).sum((1, 2)).float()
    assert area[shapes.large].mean() > 1.3 * area[~shapes.large].mean()


@pytest.mark.parametrize("seed", range(6))
def test_a_split_holds_back_fair_classes(seed):
    split = split_classes(seed)
    parts = list(vars(split).values())
    assert torch.equal(torch.cat(parts).sort().values, EVERY)
    assert [len(part) for part in parts] == [32, 8, 8]
    for part in parts[1:]:
        assert implied(part) == dict.fromkeys(ATTRIBUTES, 0.0)
    values = shape_attributes(split.seen)
    for a, b, pairs in ((0, 1, 16), (0, 2, 12), (1, 2, 12)):
        assert len(values[:, [a, b]].unique(dim=0)) == pairs, "every pair of values is seen"


def test_a_latin_square_gives_itself_away():
    values = shape_attributes()
    latin = EVERY[(values[:, 0] + values[:, 1]) % 3 == values[:, 2]]
    assert implied(EVERY) == dict.fromkeys(ATTRIBUTES, 0.0)
    assert implied(latin)["texture"] == 1
    assert implied(EVERY[values[:, 0] == values[:, 1]]) == {"shape": 1, "colour": 1, "texture": 0}


def test_captions_say_what_is_in_the_picture():
    shapes = draw_shapes(EVERY.repeat(20), 2)
    captions = write_captions(shapes, 2)
    assert captions == write_captions(shapes, 2) and len(set(captions)) > 500
    for caption, label, large, light in zip(
        captions, shapes.labels, shapes.large, shapes.light, strict=True
    ):
        words = set(split_words(caption))
        for name in CLASSES[label].split():
            assert words & set(SYNONYMS[name])
        assert ("small" if large else "large") not in words
        assert ("dark" if light else "light") not in words


def test_words_of_a_sentence():
    assert split_words("On DARK ground, one disc: 2 of_them!") == [
        *("on", "dark", "ground", "one", "disc", "2", "of", "them"),
    ]

"""The door's persons: as the recipe draws them, all different, and not told apart by a shortcut."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

import tlhelpers as tl
from data.recipes import faces as recipe
from data.recipes.make_registry import folder_bytes
from data.recipes.persons import SKIN_TONES


@pytest.mark.parametrize("split", recipe.PERSONS)
def test_splits_hold_ten_pictures_of_each_person(split):
    faces = tl.load_faces(split)
    assert faces.images.shape == (recipe.PERSONS[split] * 10, 3, 48, 48)
    assert set(faces.counts().values()) == {10}
    assert len(set(faces.classes)) == recipe.PERSONS[split]


def test_stored_pictures_are_the_recipe():
    """Row by row, up to what JPEG changes."""
    faces = tl.load_faces("test")
    drawn = recipe.row("test", 3).transpose(0, 3, 1, 2).astype(float)
    stored = faces.images[faces.labels == 3].numpy().astype(float)
    assert np.abs(drawn - stored).mean() < 6 < np.abs(drawn - stored[::-1]).mean()


def test_no_two_persons_are_alike():
    everyone = [recipe.person(s, n) for s, count in recipe.PERSONS.items() for n in range(count)]
    traits = {json.dumps(dataclasses.asdict(person)) for person in everyone}
    assert len(traits) == len(everyone)
    assert {person.tone for person in everyone} == set(range(len(SKIN_TONES)))


def test_a_shortcut_is_no_door():
    """Colours and pixels stay far from what a trained network reaches (0.2 and less)."""
    faces = tl.load_faces("test")
    for features in (
        faces.images.flatten(1).float() / 255,
        faces.images[:, :, 12:36, 12:36].float().mean((2, 3)) / 255,
    ):
        assert tl.equal_error_rate(*tl.pair_distances(features, faces.labels)).rate > 0.3


def test_fresh_persons_are_in_no_split():
    fresh = torch.from_numpy(recipe.fresh_persons(0, 2).copy())
    assert fresh.shape == (20, 3, 48, 48)
    for split in recipe.PERSONS:
        known = tl.load_faces(split).images
        assert not (fresh[:, None] == known[None, :50]).flatten(2).all(2).any()


def test_the_faces_stay_small():
    assert folder_bytes(recipe.FOLDER) < 1.5e6


def test_unknown_split():
    with pytest.raises(tl.InputError, match='Did you mean "train"'):
        tl.load_faces("trian")

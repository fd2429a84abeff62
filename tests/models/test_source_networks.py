"""The sources of lesson 08: one architecture, one start, and different knowledge."""

from __future__ import annotations

import pytest
import torch

from data.recipes.source_networks import SOURCES, path_of, pictures
from tlhelpers.core.errors import InputError
from tlhelpers.data.loader import BatchLoader
from tlhelpers.models.source_networks import FOLDER, SIZE, file_name, list_sources, load_source
from tlhelpers.training.evaluate import evaluate


def test_the_recipe_makes_exactly_the_sources_that_can_be_loaded():
    assert [*SOURCES, "random"] == list_sources()
    assert {path_of(name).name for name in SOURCES} == {file_name(name) for name in SOURCES}
    assert path_of("drawn").parent.as_posix().endswith(FOLDER)


@pytest.mark.parametrize("name", list_sources())
def test_sources_differ_in_nothing_but_weights_and_classes(name):
    source, start = load_source(name), load_source("random")
    assert (source.mean, source.std, source.image_size) == (start.mean, start.std, SIZE)
    own, first = source.model.state_dict(), start.model.state_dict()
    assert own.keys() == first.keys()
    trunk = [key for key in own if not key.startswith("fc.")]
    assert all(own[key].shape == first[key].shape for key in trunk)
    if name != "random":
        assert len(source.categories) == len(source.model.fc.weight)
        assert not torch.equal(own["conv1.weight"], first["conv1.weight"])


def test_the_random_start_is_the_same_on_every_call_and_leaves_the_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = load_source("random").model.state_dict()
    assert torch.equal(torch.rand(1), expected)
    second = load_source("random").model.state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_the_letters_network_reads_new_letters():
    """Measured on pictures that are drawn here anew: the weights do what their card says."""
    source, held_out = load_source("letters"), pictures("letters")[1][:300]
    loader = BatchLoader(held_out, 100, device="cpu", mean=source.mean, std=source.std)
    assert evaluate(source.model, loader)["accuracy"] > 0.95


def test_an_unknown_source_is_named():
    with pytest.raises(InputError, match='"letters"'):
        load_source("leters")

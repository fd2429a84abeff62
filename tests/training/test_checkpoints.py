"""Checkpoints carry their architecture and classes, and refuse what does not fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.models.mini import mini_alexnet, mini_resnet18


@pytest.fixture
def saved(tmp_path):
    model = mini_resnet18(num_classes=2)
    path = tl.save_checkpoint(
        model, tmp_path / "m.safetensors", backbone="resnet18", classes=["ants", "bees"], val=0.9
    )
    return model, path


def test_round_trip_is_exact(saved):
    model, path = saved
    other = mini_resnet18(num_classes=2)
    metadata = tl.load_checkpoint(other, path, backbone="resnet18", classes=["ants", "bees"])
    assert metadata["classes"] == ["ants", "bees"] and metadata["val"] == 0.9
    assert tl.fingerprint(other) == tl.fingerprint(model)


@pytest.mark.parametrize(
    ("network", "expected", "words"),
    [
        (lambda: mini_alexnet(num_classes=2), {}, "does not fit this network"),
        (lambda: mini_resnet18(num_classes=3), {}, "give it 2 outputs"),
        (lambda: mini_resnet18(num_classes=2), {"backbone": "vgg16"}, 'not a "vgg16"'),
        (lambda: mini_resnet18(num_classes=2), {"classes": ["bees", "ants"]}, "load the data with"),
    ],
    ids=["architecture", "outputs", "backbone", "class-order"],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(saved, network, expected, words):
    model = network()
    before = tl.fingerprint(model)
    with pytest.raises(InputError, match=words):
        tl.load_checkpoint(model, saved[1], **expected)
    assert tl.fingerprint(model) == before


def test_broken_files_are_named(tmp_path, saved):
    with pytest.raises(InputError, match="no checkpoint"):
        tl.load_checkpoint(saved[0], tmp_path / "none.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(saved[1].read_bytes()[:1000])
    with pytest.raises(InputError, match="is damaged, or not a file"):
        tl.load_checkpoint(saved[0], cut)
    with pytest.raises(InputError, match="make it first"):
        tl.save_checkpoint(saved[0], tmp_path / "no" / "m.safetensors", backbone="x", classes=[])


def test_an_interrupted_write_leaves_the_old_file(saved, monkeypatch):
    _, path = saved
    before = path.read_bytes()

    def full_disk(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(InputError, match="No space left"):
        tl.save_checkpoint(nn.Linear(2, 2), path, backbone="x", classes=["a", "b"])
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_half_precision_networks_survive(tmp_path):
    model = nn.Linear(4, 2).to(torch.bfloat16)
    path = tl.save_checkpoint(model, tmp_path / "h.safetensors", backbone="l", classes=["a", "b"])
    other = nn.Linear(4, 2).to(torch.bfloat16)
    tl.load_checkpoint(other, path)
    assert torch.equal(other.weight, model.weight)

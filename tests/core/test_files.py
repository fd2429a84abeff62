"""Files are written whole or not at all, with the permissions that the umask allows."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from torch import nn

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.core.files import atomic_write, read_tensors, write_tensors, write_text


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as partial:
        partial.write_text("half", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
        1 / 0  # noqa: B018
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_missing_folder_and_a_full_disk_are_explained(tmp_path):
    with pytest.raises(InputError, match="cannot write .*choose another folder"):
        write_text(tmp_path / "none" / "a.txt", "")
    with pytest.raises(InputError, match="No space left"), atomic_write(tmp_path / "b"):
        raise OSError(28, "No space left on device")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_is_respected(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_tensors(tmp_path / "a.safetensors", {"x": torch.zeros(2)}, {})
        write_text(tmp_path / "a.txt", "")
        tl.save_checkpoint(nn.Linear(2, 2), tmp_path / "m.safetensors", backbone="x", classes=[])
        with atomic_write(tmp_path / "t.pt") as partial:
            torch.save({}, partial)
    finally:
        os.umask(before)
    assert {oct(p.stat().st_mode & 0o777) for p in tmp_path.iterdir()} == {oct(mode)}


def test_tensors_that_share_memory_and_facts_come_back(tmp_path):
    path, whole = tmp_path / "a.safetensors", torch.arange(6.0)
    write_tensors(path, {"whole": whole, "part": whole[2:4], "again": whole}, {"n": [1, "two"]})
    tensors, facts = read_tensors(path)
    assert torch.equal(tensors["again"], whole) and tensors["part"].tolist() == [2, 3]
    assert facts == {"n": [1, "two"]}


class Shared(nn.Module):
    """One layer under two names."""

    def __init__(self):
        super().__init__()
        self.norm = self.again = nn.BatchNorm2d(3)
        self.fc = nn.Linear(3, 2)


def test_a_layer_used_twice_is_saved_and_loaded(tmp_path):
    model = Shared()
    nn.init.normal_(model.norm.weight)
    path = tl.save_checkpoint(model, tmp_path / "a.safetensors", backbone="own", classes=["a", "b"])
    other = Shared()
    tl.load_checkpoint(other, path)
    assert tl.fingerprint(other) == tl.fingerprint(model)


@pytest.mark.parametrize("value", [torch.tensor(0.5), np.float32(0.5), np.float64(0.5), 0.5])
def test_numbers_of_torch_and_numpy_are_stored(tmp_path, value):
    model = nn.Linear(3, 2)
    path = tl.save_checkpoint(model, tmp_path / "a", backbone="own", classes=["a"], accuracy=value)
    assert tl.load_checkpoint(model, path)["accuracy"] == 0.5


def test_what_json_cannot_hold_is_named(tmp_path):
    with pytest.raises(InputError, match="note=.* cannot be stored"):
        tl.save_checkpoint(nn.Linear(3, 2), tmp_path / "a", backbone="x", classes=[], note={1}.pop)

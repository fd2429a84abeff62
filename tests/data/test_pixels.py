"""Decoded pixels in a file: the same ones, made once, made anew when anything changed."""

from __future__ import annotations

import os

import pytest
import torch
from PIL import Image

import tlhelpers as tl
from tlhelpers.core import memory
from tlhelpers.core.errors import InputError
from tlhelpers.core.process_group import ProcessGroup
from tlhelpers.data import image_folder as folders


@pytest.fixture
def folder(tmp_path):
    for label, name in enumerate(("a", "b")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(6):
            colour = (40 * number, 90 * label, 200)
            Image.new("RGB", (20, 16), colour).save(tmp_path / "data" / name / f"{number}.png")
    return tmp_path / "data"


def test_a_file_holds_what_memory_would(folder, tmp_path):
    here = tl.load_image_folder(folder, 8)
    there = tl.load_image_folder(folder, 8, file=tmp_path / "kept" / "pixels.npy")
    assert torch.equal(here.images, there.images) and torch.equal(here.labels, there.labels)
    assert here.paths == there.paths


def test_a_second_call_decodes_nothing(folder, tmp_path, monkeypatch):
    file = tmp_path / "pixels.npy"
    first = tl.load_image_folder(folder, 8, file=file)

    def refuse(*_):
        raise AssertionError("decoded again")

    monkeypatch.setattr(folders, "decode", refuse)
    second = tl.load_image_folder(folder, 8, file=file)
    assert torch.equal(first.images, second.images)
    second.images.zero_()
    assert torch.equal(first.images, tl.load_image_folder(folder, 8, file=file).images)


@pytest.mark.parametrize("change", ["content", "size", "half"])
def test_a_file_of_something_else_is_made_anew(folder, tmp_path, change):
    file, size = tmp_path / "pixels.npy", 8
    tl.load_image_folder(folder, 8, file=file)
    if change == "content":
        Image.new("RGB", (20, 16), "yellow").save(folder / "a" / "0.png")
        os.utime(folder / "a" / "0.png", (1, 1))
    elif change == "size":
        size = 10
    else:  # killed while decoding: the note is not there yet
        file.with_suffix(".json").unlink()
        file.write_bytes(file.read_bytes()[:200])
    assert torch.equal(
        tl.load_image_folder(folder, size, file=file).images,
        tl.load_image_folder(folder, size).images,
    )


def test_unreadable_images_leave_no_gap(folder, tmp_path):
    (folder / "a" / "1.png").write_bytes(b"nothing")
    for file in (None, tmp_path / "pixels.npy", tmp_path / "pixels.npy"):
        with pytest.warns(UserWarning, match="a/1.png") if file is None else _quiet():
            images = tl.load_image_folder(folder, 8, on_error="skip", file=file)
        assert len(images) == 11 and "a/1.png" not in images.paths
        assert images.images[1, 0, 0, 0] == 80  # the third of the six has taken the place


def _quiet():
    import warnings

    context = warnings.catch_warnings()
    warnings.simplefilter("ignore")
    return context


@pytest.mark.skipif(os.name == "nt", reason="permissions are other ones there")
def test_others_may_read_the_file_where_the_umask_lets_them(folder, tmp_path):
    before = os.umask(0o027)
    try:
        tl.load_image_folder(folder, 8, file=tmp_path / "pixels.npy")
    finally:
        os.umask(before)
    for name in ("pixels.npy", "pixels.json"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o640


def test_too_many_for_memory_is_said_before_it_is_full(folder, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 2000)
    with pytest.raises(InputError, match="12 images of 8 x 8 pixels.*file="):
        tl.load_image_folder(folder, 8)


def test_shares_are_disjoint_whole_and_even():
    for size in (1, 2, 3, 7):
        for n in (0, 1, 6, 20):
            shares = [ProcessGroup(rank, size).shard(n) for rank in range(size)]
            assert [row for share in shares for row in share] == list(range(n))
            assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_processes_share_every_batch_of_one(folder):
    """Each process's part, augmented, is just the rows it would have of the whole batch."""
    data = tl.load_image_folder(folder, 8)

    def batches(processes):
        loader = tl.BatchLoader(
            data,
            5,
            train=True,
            augment=tl.random_affine(degrees=30),
            generator=torch.Generator().manual_seed(3),
            processes=processes,
        )
        return list(loader)

    whole = batches(ProcessGroup())
    parts = [batches(ProcessGroup(rank, 2)) for rank in range(2)]
    assert [len(y) for _, y in whole] == [5, 5, 2]
    for number, (x, y) in enumerate(whole):
        for rank in range(2):
            own_x, own_y = parts[rank][number]
            assert torch.equal(own_x, x[rank::2]) and torch.equal(own_y, y[rank::2])

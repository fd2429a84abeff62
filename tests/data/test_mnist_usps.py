"""MNIST and USPS in their publishers' forms, written here with numbers of our own."""

from __future__ import annotations

import bz2
import gzip
import struct

import numpy as np
import pytest
import torch
from torchvision.datasets import USPS

import tlhelpers as tl


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A data folder with a few made-up digits of both; returns it and what was written."""
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path))
    rng = np.random.default_rng(0)
    written = {}
    (tmp_path / "mnist").mkdir()
    for part, n in (("train", 30), ("t10k", 12)):
        images, labels = np.zeros((n, 28, 28), np.uint8), rng.integers(10, size=n, dtype=np.uint8)
        images[:, 4:24, 4:24] = rng.integers(256, size=(n, 1, 1))  # plain squares inside the margin
        with gzip.open(tmp_path / "mnist" / f"{part}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">4i", 2051, n, 28, 28) + images.tobytes())
        with gzip.open(tmp_path / "mnist" / f"{part}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">2i", 2049, n) + labels.tobytes())
        written[part] = images, labels
    (tmp_path / "usps").mkdir()
    for part, n in (("", 20), (".t", 7)):
        ink, labels = rng.uniform(-1, 1, (n, 256)).round(4), rng.integers(10, size=n)
        lines = [
            f"{label + 1} " + " ".join(f"{i}:{value}" for i, value in enumerate(row, 1))
            for label, row in zip(labels, ink, strict=True)
        ]
        with bz2.open(tmp_path / "usps" / f"usps{part}.bz2", "wt") as file:
            file.write("\n".join(lines) + "\n")
        written[f"usps{part}"] = ink, labels
    return tmp_path, written


def test_digits_are_read_as_they_were_written(files):
    _, written = files
    domains = tl.mnist_usps()
    assert [len(part) for part in vars(domains).values()] == [30, 12, 20, 7]
    for part, name in ((domains.source, "train"), (domains.source_test, "t10k")):
        images, labels = written[name]
        assert part.images.shape[1:] == (1, 16, 16) and part.labels.tolist() == labels.tolist()
        np.testing.assert_allclose(part.images.mean((1, 2, 3)), images[:, 9, 9] / 255, atol=1e-6)
    for part, name in ((domains.target, "usps"), (domains.target_test, "usps.t")):
        ink, labels = written[name]
        assert part.labels.tolist() == labels.tolist()
        np.testing.assert_allclose(part.images.flatten(1), (ink + 1) / 2, atol=1e-6)
    assert len(tl.mnist_usps(n_source=5).source) == 5 and domains.class_count == 10


def test_torchvision_reads_the_same_from_where_they_lie(files):
    folder, _ = files
    theirs, ours = USPS(str(folder / "usps"), train=True), tl.mnist_usps().target
    assert ours.labels.tolist() == theirs.targets
    assert np.abs(255 * ours.images[:, 0].numpy() - theirs.data).max() <= 1  # it cuts to bytes


def test_lesson_06_trains_on_them_as_on_its_own(files):
    torch.manual_seed(0)
    domains = tl.mnist_usps()
    logits = tl.digit_network()(domains.source.images)
    assert logits.shape == (30, 10) and logits.isfinite().all()


def test_what_is_missing_or_damaged_is_said(files, monkeypatch, tmp_path):
    folder, _ = files
    with pytest.raises(tl.InputError, match="n_source is 0"):
        tl.mnist_usps(n_source=0)
    for name in ("mnist/train-labels-idx1-ubyte.gz", "usps/usps.t.bz2"):
        content = (folder / name).read_bytes()
        for damage in (content[: len(content) // 2], b"", b"no archive"):
            (folder / name).write_bytes(damage)
            with pytest.raises(tl.InputError, match="damaged or incomplete.*tlhelpers fetch"):
                tl.mnist_usps()
        (folder / name).write_bytes(content)
    with bz2.open(folder / "usps/usps.bz2", "wt") as file:
        file.write("1 1:0.5\n")
    with pytest.raises(tl.InputError, match="damaged or incomplete"):
        tl.mnist_usps()
    monkeypatch.setenv("TLHELPERS_DATA", str(folder / "usps"))
    with pytest.raises(tl.AssetError, match="MNIST.*python -m tlhelpers fetch mnist"):
        tl.mnist_usps()

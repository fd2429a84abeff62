"""The command and `tl.fetch_assets`: what is shown, where things go, and that lessons find them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import fetching_world as world
import pytest
import torch
from fault_server import serve
from fetching_world import BODY, FILE
from PIL import Image
from torchvision import models
from torchvision.datasets import MNIST, USPS

import tlhelpers as tl
from tlhelpers.fetching import catalogue, contents, photographs
from tlhelpers.jobs.command_line import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server():
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, server):
    server.files, server.requests, server.sent = {"net": BODY}, [], 0
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    net = world.weights(server.url("good", "net"))
    monkeypatch.setitem(catalogue.CATALOGUE, "net", net)
    return tmp_path / "cache"


# ---- the catalogue ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", catalogue.PROFILES["full"][:3])
def test_weights_are_those_that_torchvision_names(name):
    """The course's list agrees with the library's: address, size, and the digits in the name."""
    asset, [wanted] = catalogue.CATALOGUE[name], catalogue.CATALOGUE[name].downloads
    theirs = models.get_model_weights(name).IMAGENET1K_V1
    assert wanted.address == theirs.url and wanted.name == asset.path
    assert wanted.bytes / 2**20 == pytest.approx(theirs.meta["_file_size"], abs=6e-4)
    assert wanted.digest.startswith(f"sha256:{Path(wanted.name).stem.rsplit('-')[-1]}")
    assert len(wanted.digest) == len("sha256:") + 64


def test_digits_are_those_that_torchvision_names():
    mnist, usps = (catalogue.CATALOGUE[name].downloads for name in ("mnist", "usps"))
    assert {(f"mnist/{file}", f"md5:{md5}") for file, md5 in MNIST.resources} == {
        (wanted.name, wanted.digest) for wanted in mnist
    }
    assert all(wanted.address.startswith(MNIST.mirrors[0]) for wanted in mnist)
    theirs = {(url, f"usps/{file}", f"md5:{md5}") for url, file, md5 in USPS.split_list.values()}
    assert theirs == {(wanted.address, wanted.name, wanted.digest) for wanted in usps}


def test_every_asset_has_a_source_a_licence_and_a_digest():
    for asset in catalogue.CATALOGUE.values():
        if asset.name == "net":  # that of the tests
            continue
        assert asset.licence and asset.bytes > 1e6 and (asset.downloads or asset.package)
        assert all(wanted.address.startswith("https://") for wanted in asset.downloads)
        assert asset.kind != "files" or all(":" in wanted.digest for wanted in asset.downloads)
    assert set(catalogue.PROFILES["full"]) <= set(catalogue.CATALOGUE)


def test_the_list_of_photographs_is_whole():
    known = photographs.manifest()  # its own digest is compared in there
    counts = {part: sum(p.startswith(f"{part}/") for p in known) for part in photographs.COUNTS}
    assert counts == photographs.COUNTS and len(set(known.values())) == 397
    assert all(len(digest) == 64 for digest in known.values())


@pytest.mark.skipif(
    not Path(os.environ.get("TLHELPERS_DATA", "."), photographs.FOLDER).is_dir(),
    reason="the photographs are not here: set TLHELPERS_DATA to the folder of hymenoptera_data/",
)
def test_the_real_photographs_are_those_of_the_list(tmp_path, monkeypatch, capsys):
    """A copy of today's set passes; one changed byte, one file more and one less do not."""
    root = Path(PHOTOGRAPHS, photographs.FOLDER)
    assert photographs.differences(root) == ""
    monkeypatch.setenv("TLHELPERS_DATA", PHOTOGRAPHS)
    assert main(["fetch", "ants_bees_photographs", "--to", str(tmp_path / "stick")]) == 0
    assert "copied:" in capsys.readouterr().out
    copy = tmp_path / "stick" / photographs.FOLDER
    assert len(list(copy.rglob("*.*"))) == 397, "the set's GIF is no image of it"
    first = sorted(copy.rglob("*.jpg"))[0]
    content = first.read_bytes()
    first.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "1 changed" in photographs.differences(copy)
    first.write_bytes(content)
    shutil.copy(first, copy / "val" / "bees" / "more.jpg")
    assert "1 not of the set (val/bees/more.jpg)" in photographs.differences(copy)


PHOTOGRAPHS = os.environ.get("TLHELPERS_DATA", "")

# ---- what is shown ------------------------------------------------------------------------------


def test_nothing_is_fetched_unless_it_is_named(capsys, place, server):
    assert main(["fetch"]) == 0
    said = capsys.readouterr().out
    assert all(f"{name}: {asset.what}" in said for name, asset in catalogue.CATALOGUE.items())
    assert "Nothing was fetched" in said and "--profile full" in said
    assert main(["fetch", "net", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "not here" in said and server.url("good", "net") in said and "licence: CC0" in said
    assert server.requests == [] and not place.exists()


def test_the_profile_says_all_that_it_takes(capsys):
    assert main(["fetch", "--profile", "full", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.count("not here") == 4 and "else vgg16_edges in its place" in said
    for megabytes in ("233 MB", "528 MB", "45 MB"):
        assert megabytes in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["resnet"], 'nothing "resnet" to fetch. Did you mean "resnet18"'),
        (["net", "--profile", "ful"], 'Did you mean "full"'),
        (["--profile", "mini"], 'profile "mini" needs nothing'),
    ],
)
def test_names_are_checked(words, expected, capsys, server):
    assert main(["fetch", *words]) == 1
    assert expected in capsys.readouterr().err and server.requests == []


def test_a_cell_shows_a_table(place):
    rows = tl.fetch_assets("net")
    page = rows._repr_html_()
    assert "<table>" in page and f"fetched: {place / FILE}" in page and "a network" in page
    assert rows[0].path == place / FILE and rows[0].state == "fetched"
    assert tl.fetch_assets("net")[0].state == "there"


def test_some_fail_and_the_others_are_there(capsys, place, server, monkeypatch):
    gone = dataclasses.replace(
        world.weights(server.url("404", "net")), name="gone", path="gone.pth"
    )
    monkeypatch.setitem(catalogue.CATALOGUE, "gone", gone)
    assert main(["fetch", "gone", "net"]) == 1
    said = capsys.readouterr().err
    assert "gone was not fetched" in said and "These are here: net." in said
    assert (place / FILE).exists()


def test_it_needs_no_torch(tmp_path):
    """It works where torch is broken, and is quick."""
    code = (
        "import sys\nsys.modules['torch'] = None\n"
        "from tlhelpers.jobs.command_line import main\nsys.exit(main(['fetch', '--dry-run']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "alexnet" in done.stdout, done.stderr


# ---- class-room mode ----------------------------------------------------------------------------


def test_a_stick_serves_a_class(tmp_path, place, server, monkeypatch, capsys):
    """Filled once; then nothing is downloaded, and nothing is written to it."""
    stick = tmp_path / "stick"
    assert main(["fetch", "net", "--to", str(stick)]) == 0
    assert f"TLHELPERS_DATA={stick} make lab" in capsys.readouterr().out
    assert not place.exists() and len(server.requests) == 1
    before = {path: path.stat().st_mtime_ns for path in stick.rglob("*")}
    monkeypatch.setenv("TLHELPERS_DATA", str(stick))
    [row] = tl.fetch_assets("net")
    assert row.state == "there" and row.path == stick / FILE
    assert row.source == server.url("good", "net"), "the note beside it came along"
    assert {path: path.stat().st_mtime_ns for path in stick.rglob("*")} == before
    assert not place.exists() and len(server.requests) == 1


@pytest.mark.parametrize("where", ["cache", "shared", "shared/weights", "torch/hub/checkpoints"])
def test_what_is_on_the_machine_fills_a_stick_without_a_download(
    where, tmp_path, server, monkeypatch
):
    (tmp_path / "shared").mkdir()
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path / "shared"))
    (tmp_path / where).mkdir(parents=True, exist_ok=True)
    (tmp_path / where / FILE).write_bytes(BODY)
    assert tl.fetch_assets("net")[0].path == tmp_path / where / FILE
    [row] = tl.fetch_assets("net", to=tmp_path / "stick")
    assert (row.state, row.source) == ("copied", "a copy made by hand")
    assert (tmp_path / "stick" / FILE).read_bytes() == BODY and server.requests == []
    facts = json.loads((tmp_path / "stick" / f"{FILE}.source.json").read_text(encoding="utf-8"))
    assert facts["sha256"] == hashlib.sha256(BODY).hexdigest()


# ---- the loaders --------------------------------------------------------------------------------


@pytest.mark.parametrize("place_of", ["TLHELPERS_CACHE", "TLHELPERS_DATA"])
def test_weights_that_were_fetched_are_loaded(place_of, tmp_path, monkeypatch):
    """Without `TLHELPERS_DATA` too. The digits in the name are those of random weights here."""
    from tlhelpers.core import assets

    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.setenv(place_of, str(folder))
    state = models.resnet18().state_dict()
    torch.save(state, folder / "resnet18-f37072fd.pth")
    monkeypatch.setattr(assets, "sha256", lambda path: "f37072fd" + "0" * 56)
    backbone = tl.load_backbone("resnet18", profile="full")
    assert backbone.source == "torchvision, ResNet18_Weights.IMAGENET1K_V1"
    assert torch.equal(backbone.model.conv1.weight, state["conv1.weight"])


def test_photographs_that_were_fetched_are_loaded(place, monkeypatch):
    monkeypatch.setenv("TLHELPERS_PROFILE", "full")
    with pytest.raises(tl.AssetError, match="python -m tlhelpers fetch ants_bees_photographs"):
        tl.load_images("ants_bees", "val")
    for name in ("ants", "bees"):
        (place / photographs.FOLDER / "val" / name).mkdir(parents=True)
        image = Image.new("RGB", (300, 240), (90, 120, 60))
        image.save(place / photographs.FOLDER / "val" / name / "1.jpg")
    assert len(tl.load_images("ants_bees", "val")) == 2


def test_larger_digits_are_several_files_of_one_folder(place, server, monkeypatch):
    """One of two comes; the next call gets the other one only."""
    parts = {"a.gz": b"a" * 5000, "b.gz": b"b" * 7000}
    server.files |= parts
    downloads = [
        catalogue.Download(
            f"digits/{name}",
            server.url("good", name),
            len(data),
            f"md5:{hashlib.md5(data).hexdigest()}",
        )
        for name, data in parts.items()
    ]
    gone = dataclasses.replace(downloads[1], address=server.url("404", "b.gz"))

    def offer(*wanted):
        asset = catalogue.Asset("digits", "digits", "digits", 12_000, "CC0", downloads=wanted)
        monkeypatch.setitem(catalogue.CATALOGUE, "digits", asset)
        return asset

    offer(downloads[0], gone)
    with pytest.raises(tl.AssetError, match="HTTP status 404"):
        tl.fetch_assets("digits")
    assert not (place / "digits").exists()
    asset = offer(*downloads)
    assert tl.fetch_assets("digits")[0].path == place / "digits"
    assert contents.difference(asset, place) == ""
    assert [path for path, _ in server.requests] == ["/good/a.gz", "/404/b.gz", "/good/b.gz"]
    (place / "digits" / "a.gz").unlink()
    assert contents.difference(asset, place) == "digits/a.gz is missing"

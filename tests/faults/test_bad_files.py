"""Files and folders that are damaged, strange or hostile, through every public way that reads them.

Each row says what the file is; the tests say what the user sees, and that nothing else has changed:
no network, no file, no process that waits. What tests/jobs/test_faults.py,
tests/data/test_listing.py and tests/models/test_weight_files.py have rows for is not repeated here.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import stat
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from bad_weights import CLASSES, FACTS, MODEL_FACTS, PROGRAMS, SAFETENSORS, TORCH, state
from bad_weights import tensors as safetensors_file
from PIL import Image

import tlhelpers as tl
from tlhelpers.core import assets
from tlhelpers.core.errors import AssetError, InputError
from tlhelpers.core.files import read_tensors
from tlhelpers.data import opening
from tlhelpers.jobs.command_line import main
from tlhelpers.jobs.prediction import load_finetuned
from tlhelpers.methods.style.preprocess import prepare_picture
from tlhelpers.models.mini import mini_resnet18
from tlhelpers.models.weight_files import read_weights

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files or names")


@pytest.fixture(autouse=True)
def no_waiting():
    """A test that waits for a pipe fails, where the system can ring."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def ring(*_):
        raise TimeoutError("it waits for something that never comes")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(100)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def seen(folder: Path) -> dict[str, int]:
    """Everything below a folder, with a checksum: what a call must leave as it was."""
    return {
        str(path.relative_to(folder)): zlib.crc32(path.read_bytes()) if path.is_file() else 0
        for path in sorted(folder.rglob("*"))
    }


def training(path: Path) -> None:
    """`fit` with its checkpoint at this path."""
    model = mini_resnet18(2)
    images = torch.zeros((8, 3, 32, 32), dtype=torch.uint8)
    loader = tl.BatchLoader(tl.ImageTensors(images, torch.arange(8) % 2, CLASSES), 4, device="cpu")
    tl.fit(
        model,
        loader,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        epochs=1,
        callbacks=[tl.TrainingCheckpoint(path)],
        progress=False,
    )


NETWORK = mini_resnet18(2)
READERS = {
    "load_backbone": lambda path: tl.load_backbone("resnet18", weights=path),
    "load_checkpoint": lambda path: tl.load_checkpoint(NETWORK, path),
    "load_finetuned": load_finetuned,
    "read_weights": read_weights,
    "read_tensors": read_tensors,
    "fit": training,
}


def refused(call, path: Path, folder: Path) -> str:
    """The message of our own error; the folder's files and the network are unchanged."""
    before, network = seen(folder), tl.fingerprint(NETWORK)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError) as raised:
            call(path)
    assert seen(folder) == before and tl.changed(network, tl.fingerprint(NETWORK)) == []
    message = str(raised.value)
    assert str(path) in message and "\x1b" not in message and len(message) < 1200, message
    return message


# ---- weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", SAFETENSORS)
@pytest.mark.parametrize("reader", ["load_backbone", "load_checkpoint", "load_finetuned"])
def test_a_safetensors_file_that_cannot_be_used(reader, fault, tmp_path):
    if (reader, fault) == ("load_checkpoint", "more classes than outputs"):
        return  # a checkpoint of any network, whose outputs need not be classes
    path = tmp_path / "x.safetensors"
    SAFETENSORS[fault](path)
    message = refused(READERS[reader], path, tmp_path)
    remedies = "another file|again|Remove|other network|another network|no whole|tl.replace_head"
    assert any(word in message for word in remedies.split("|")), message


@pytest.mark.parametrize("fault", MODEL_FACTS)
def test_a_classifier_that_lies_about_itself(fault, tmp_path, capsys):
    path = tmp_path / "model.safetensors"
    safetensors_file(state, MODEL_FACTS[fault])(path)
    before = seen(tmp_path)
    with pytest.raises(InputError):
        load_finetuned(path)
    for command in (["predict", str(path), str(tmp_path)], ["predict", str(tmp_path), str(path)]):
        assert main([*command, "--device", "cpu"]) == 1
    assert "Traceback" not in capsys.readouterr().err and seen(tmp_path) == before


def test_a_classifier_that_tells_the_truth_is_read(tmp_path):
    safetensors_file(state)(tmp_path / "model.safetensors")
    backbone = load_finetuned(tmp_path)
    assert backbone.categories == CLASSES and backbone.image_size == FACTS["image_size"]
    assert (
        tl.load_backbone("resnet18", weights=tmp_path / "model.safetensors").categories == CLASSES
    )


@pytest.mark.parametrize("fault", TORCH)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_torch_file_that_cannot_be_used(fault, tmp_path):
    path = tmp_path / "x.pth"
    TORCH[fault](path)
    message = refused(READERS["load_backbone"], path, tmp_path)
    assert "weights_only" not in message, "torch's advice is to run what is in the file"


def hide(program, path: Path, trap: Path) -> None:
    program(path, trap)
    assert not trap.exists()


def test_the_trap_works(tmp_path):
    hide(PROGRAMS[0], tmp_path / "x", tmp_path / "sprung")
    import pickle

    pickle.loads((tmp_path / "x").read_bytes())
    assert (tmp_path / "sprung").is_dir()


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", ["x.pth", "x.safetensors", "x.pt", "x.bin", "x"])
@pytest.mark.parametrize("reader", READERS)
def test_a_program_in_a_weights_file_never_runs(reader, name, program, tmp_path):
    hide(program, tmp_path / name, tmp_path / "sprung")
    refused(READERS[reader], tmp_path / name, tmp_path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_under_the_name_of_torchvisions_weights(program, tmp_path, monkeypatch):
    """In the full profile: refused by its digest, and unread even if that were right."""
    name = "resnet18-f37072fd.pth"
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    hide(program, tmp_path / "data" / name, tmp_path / "sprung")
    before = seen(tmp_path)
    with pytest.raises(AssetError, match="damaged or incomplete.*Delete it"):
        tl.load_backbone("resnet18", profile="full")
    monkeypatch.setattr(assets, "sha256", lambda path: "f37072fd" + "0" * 56)
    with pytest.raises(InputError, match=name):
        tl.load_backbone("resnet18", profile="full")
    assert seen(tmp_path) == before


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_under_the_name_of_a_stored_network(program, tmp_path, monkeypatch):
    """A file in TLHELPERS_DATA goes before the embedded one."""
    path = tmp_path / "data" / assets.registry()["weights/resnet18"]["path"]
    path.parent.mkdir(parents=True)
    hide(program, path, tmp_path / "sprung")
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path / "data"))
    with pytest.raises(AssetError, match="Remove it to use the embedded one"):
        tl.load_backbone("resnet18", profile="mini")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("fault", SAFETENSORS)
def test_a_damaged_file_in_the_place_of_a_stored_network(fault, tmp_path, monkeypatch):
    path = tmp_path / assets.registry()["weights/resnet18"]["path"]
    path.parent.mkdir(parents=True)
    SAFETENSORS[fault](path)
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path))
    with pytest.raises(AssetError, match="Remove it to use the embedded one"):
        tl.load_backbone("resnet18", profile="mini")


def test_a_training_checkpoint_without_its_parts(tmp_path):
    """The settings fit, so it is no other run; a part is missing or of another kind."""
    path = tmp_path / "run.pt"
    training(path)
    whole = torch.load(path, weights_only=True)
    for part in ("model", "optimizer", "meter", "good", "random", "seconds"):
        for value in (None, "x"):
            broken = {**whole, "run": {**whole["run"], part: value}}
            if value is None:
                del broken["run"][part]
            torch.save(broken, path)
            assert "Remove it to start again" in refused(training, path, tmp_path), part


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", ["plan.json", "metrics.json", "split.json", "model.safetensors"])
def test_a_program_in_a_run_folder_never_runs(name, program, tmp_path, capsys):
    """Files of a finished run are read by `predict`, `compare` and a `finetune` into it."""
    data, out = pictures(tmp_path / "data"), tmp_path / "out"
    out.mkdir()
    for file in ("plan.json", "metrics.json", "split.json"):
        (out / file).write_text("{}", encoding="utf-8")
    safetensors_file(state)(out / "model.safetensors")
    hide(program, out / name, tmp_path / "sprung")
    shutil.copytree(out, tmp_path / "other")
    before = seen(tmp_path)
    finetune = ["finetune", str(data), "--out", str(out), "--backbone", "resnet18"]
    for command in (finetune, ["compare", str(out), str(tmp_path / "other")]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert main([*command]) != 0
    if name == "model.safetensors":
        assert main(["predict", str(out), str(data), "--device", "cpu"]) == 1
    assert "Traceback" not in capsys.readouterr().err and seen(tmp_path) == before


# ---- the registry -------------------------------------------------------------------------------

ITEM = {"path": "x.txt", "sha256": "0" * 64, "command": "make x", "licence": "CC0", "bytes": 1}
REGISTRIES = {
    "nothing in it": "",
    "no JSON": "{",
    "cut short": json.dumps({"x": ITEM})[:-9],
    "bytes that are no text": b"\xff\xfe{}",
    "a list": "[]",
    "null": "null",
    "nested 100,000 times": "[" * 100_000,
    "an item that is text": '{"x": "y"}',
    "no path": json.dumps({"x": {k: v for k, v in ITEM.items() if k != "path"}}),
    "no digest": json.dumps({"x": {k: v for k, v in ITEM.items() if k != "sha256"}}),
    "a path that is a number": json.dumps({"x": ITEM | {"path": 5}}),
    "a path upwards": json.dumps({"x": ITEM | {"path": "../x.txt"}}),
    "a path upwards, in the middle": json.dumps({"x": ITEM | {"path": "a/../../x.txt"}}),
    "an absolute path": json.dumps({"x": ITEM | {"path": "/etc/passwd"}}),
    "a drive": json.dumps({"x": ITEM | {"path": "C:/x.txt"}}),
    "backslashes": json.dumps({"x": ITEM | {"path": "..\\x.txt"}}),
    "a zero byte": json.dumps({"x": ITEM | {"path": "x\0.txt"}}),
}


@pytest.fixture
def registry_in(tmp_path, monkeypatch):
    """Write another registry, which is then the course's."""
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    (tmp_path / "data").mkdir()

    def write(content: str | bytes) -> Path:
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "data" / "registry.json").write_bytes(content)
        monkeypatch.setattr(assets, "data_dir", lambda: tmp_path / "data")
        assets.registry.cache_clear()
        return tmp_path / "data"

    yield write
    assets.registry.cache_clear()


@pytest.mark.parametrize("fault", REGISTRIES)
def test_a_damaged_registry_says_how_to_get_it_back(fault, registry_in, tmp_path):
    (tmp_path / "x.txt").write_text("outside", encoding="utf-8")
    folder = registry_in(REGISTRIES[fault])
    with pytest.raises(AssetError, match="registry.json is damaged.*git checkout -- data"):
        assets.fetch("x")
    assert os.listdir(folder) == ["registry.json"]


def test_a_tampered_registry_or_file_is_noticed(registry_in):
    """Whoever changes an item must change its digest too; a digest in other letters is another."""
    folder = registry_in(json.dumps({"x": ITEM}))
    (folder / "x.txt").write_text("x", encoding="utf-8")
    for digest in ("0" * 64, "", "*", assets.sha256(folder / "x.txt").upper()):
        registry_in(json.dumps({"x": ITEM | {"sha256": digest}}))
        with pytest.raises(AssetError, match="is not the file the course was tested with"):
            assets.fetch("x")
    registry_in(json.dumps({"x": ITEM | {"sha256": assets.sha256(folder / "x.txt")}}))
    assert assets.fetch("x") == folder / "x.txt"


# ---- pictures that are bombs, programs, or nothing ----------------------------------------------


def png(width: int, height: int, colours: int = 2) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    about = struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", about) + chunk(b"IDAT", zlib.compress(bytes(99)))


def resized(kind: str, place, layout: str, size: tuple[int, int], **options) -> bytes:
    """A picture of Pillow's with another size written over its own, `place` bytes into it."""
    file = io.BytesIO()
    Image.new("P" if kind == "GIF" else "RGB", (64, 64)).save(file, kind, **options)
    data = bytearray(file.getvalue())
    for at in place(data):
        struct.pack_into(layout, data, at, *size)
    return bytes(data)


def jpeg(width: int, height: int, progressive: bool) -> bytes:
    marker = b"\xff\xc2" if progressive else b"\xff\xc0"
    place = lambda data: [data.index(marker) + 5]  # noqa: E731
    return resized("JPEG", place, ">HH", (height, width), progressive=progressive)


def tiff(width: int, height: int, bits: int, kind: int) -> bytes:
    """Uncompressed, without its data: kind 1 whole numbers, 3 floats."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, 1)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, 0), (339, 3, kind)]
    entries = b"".join(struct.pack("<HHII", tag, type_, 1, value) for tag, type_, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(104)


SIDE = 30_000
gif_places = lambda data: [6, data.index(b",\0\0\0\0") + 5]  # noqa: E731
BOMBS = {
    "PNG, 900 megapixels in 62 bytes": lambda: png(SIDE, SIDE),
    "PNG of 2**31 pixels a side": lambda: png(2**31 - 1, 2**31 - 1),
    "grey PNG": lambda: png(SIDE, SIDE, 0),
    "progressive JPEG": lambda: jpeg(SIDE, SIDE, True),
    "JPEG of 65,500 pixels a side": lambda: jpeg(65_500, 65_500, False),
    "GIF": lambda: resized("GIF", gif_places, "<HH", (SIDE, SIDE)),
    "BMP": lambda: resized("BMP", lambda data: [18], "<ii", (SIDE, SIDE)),
    "TIFF of 8 bits": lambda: tiff(SIDE, SIDE, 8, 1),
    "TIFF of 32-bit floats": lambda: tiff(SIDE, SIDE, 32, 3),
    "TIFF of 64-bit floats": lambda: tiff(60_000, 60_000, 64, 3),
    "TIFF of 2**32 pixels a side": lambda: tiff(2**32 - 1, 2**32 - 1, 64, 3),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_that_claims_a_huge_picture(bomb, tmp_path, monkeypatch):
    """It is refused before memory for its pixels is taken."""
    taken = []
    new = Image.core.new
    monkeypatch.setattr(
        Image.core, "new", lambda mode, size: (taken.append(size[0] * size[1]), new(mode, size))[1]
    )
    path = pictures(tmp_path) / "ants" / "bomb.png"
    path.write_bytes(BOMBS[bomb]())
    with pytest.raises(InputError, match="bomb.png cannot be read"):
        tl.load_image(path, 32)
    with pytest.warns(UserWarning, match="1 image .* left out: ants/bomb.png"):
        data = tl.load_image_folder(tmp_path, 32, on_error="skip")
    assert len(data) == 6 and max(taken, default=0) < opening.LARGE


def test_a_large_blank_page_is_no_bomb(tmp_path, monkeypatch):
    """The smallest file of so many pixels that somebody may have: a white page of one bit."""
    monkeypatch.setattr(opening, "LARGE", 1_000_000)
    Image.new("1", (6000, 6000), 1).save(tmp_path / "page.png")
    assert tl.load_image(tmp_path / "page.png", 32).min() == 255


@posix
def test_a_picture_starts_no_other_program(tmp_path, monkeypatch):
    """Pillow hands EPS to Ghostscript, which runs it. Under a picture's name it is no picture."""
    (tmp_path / "bin").mkdir()
    for name in ("gs", "gswin64c"):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n", "utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    text = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    ants = pictures(tmp_path / "data") / "ants"
    for name in ("x.jpg", "x.eps", "x"):
        (ants / name).write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="not an image"):
            tl.load_image(ants / name, 32)
        with pytest.raises(InputError, match="not an image"):
            prepare_picture(ants / name, 64, "content")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(tl.load_image_folder(tmp_path / "data", 32, on_error="skip")) == 6
    assert not (tmp_path / "sprung").exists()


# ---- names and folders --------------------------------------------------------------------------


def pictures(root: Path, classes=("ants", "bees"), n: int = 3) -> Path:
    rng = np.random.default_rng(0)
    for name in classes:
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(n):
            pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


NAMES = {
    "spaces": "my first ant .png",
    "umlauts": "Größe übel.png",
    "emoji": "🐜👩‍🔬.png",
    "255 characters": "x" * 251 + ".png",
    "255 bytes": "ä" * 125 + "x.png",
    "right to left": "נמלה نملة.png",
    "a mark that turns the direction": "ant\u202egnp.png",
    "a new line": "a\nb.png",
    "a terminal's command": "a\x1b[2Jb.png",
    "quotes and signs of the shell": "a'\"$(touch x);&|<>*?b.png",
    "a hyphen in front": "--device.png",
    "a percent sign and braces": "100%s {0} %d.png",
    "a backslash": "a\\b.png",
}
OBEYED = set("\n\r\x1b\u202e")


@posix
@pytest.mark.parametrize("kind", NAMES)
def test_names_that_people_give(kind, tmp_path, capfd):
    """As a file's, a class's and the folder's own name: read, trained on, predicted, stored."""
    name = NAMES[kind]
    root = tmp_path / name.removesuffix(".png")[:120]
    pictures(root, (root.name, "bees"), n=8)
    shutil.copy(root / "bees" / "0.png", root / "bees" / name)
    (root / "bees" / f"_{name}"[:100]).with_suffix(".jpg").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="(?s)1 image .* left out") as caught:
        data = tl.load_image_folder(root, 32, on_error="skip")
    assert f"bees/{name}" in data.paths and set(data.classes) == {root.name, "bees"}
    left_out = str(caught[0].message).split("left out")[1]
    assert not OBEYED & set(left_out), "names are shown, not obeyed"
    out = tmp_path / f"out {root.name}"
    job = ["finetune", str(root), f"--out={out}", "--backbone", "resnet18", "--method", "probe"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert main([*job, "--size", "32", "--device", "cpu", "--on-error", "skip"]) == 0
    stored = json.loads((out / "split.json").read_text(encoding="utf-8"))
    assert f"bees/{name}" in sum(stored.values(), [])
    capfd.readouterr()
    assert main(["predict", str(out), str(root), "--device", "cpu", "--json"]) == 3
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(rows) == 18 and str(root / "bees" / name) in [row["path"] for row in rows]
    assert main(["predict", str(out), str(root), "--device", "cpu"]) == 3
    text, errors = capfd.readouterr()
    assert len(text.splitlines()) == 17 and not (OBEYED - {"\n"}) & set(text + errors)


def _socket(path: Path) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as end:
        here = os.getcwd()
        os.chdir(path.parent)  # the name of a socket has 108 bytes at most
        try:
            end.bind(path.name)
        finally:
            os.chdir(here)


# What lies in ants/, and how it is told: left out by a warning, or reported as unreadable.
STRANGE = {
    "a pipe": (lambda p: os.mkfifo(p / "x.jpg"), "left out: x.jpg"),
    "a pipe without a suffix": (lambda p: os.mkfifo(p / "x"), "left out: x"),
    "a socket": (lambda p: _socket(p / "x.jpg"), "left out: x.jpg"),
    "a link to a pipe": (
        lambda p: (os.mkfifo(p.parent / "pipe"), os.symlink("../pipe", p / "x.jpg")),
        "left out: x.jpg",
    ),
    "a link to a device without an end": (
        lambda p: os.symlink("/dev/zero", p / "x.jpg"),
        "left out: x.jpg",
    ),
    "a folder called x.jpg": (lambda p: (p / "x.jpg").mkdir(), None),
    "an empty file": (lambda p: (p / "x.jpg").touch(), "ants/x.jpg (not an image"),
    "an empty file without a suffix": (lambda p: (p / "x").touch(), "left out: x"),
    "a link to nothing": (
        lambda p: os.symlink("gone", p / "x.jpg"),
        "ants/x.jpg (No such file",
    ),
    "a link to itself": (
        lambda p: os.symlink("x.jpg", p / "x.jpg"),
        "ants/x.jpg (Too many levels",
    ),
    "two links to each other": (
        lambda p: (os.symlink("b.jpg", p / "a.jpg"), os.symlink("a.jpg", p / "b.jpg")),
        "ants/a.jpg (Too many levels",
    ),
    "a link to the folder above": (lambda p: os.symlink("..", p / "x.jpg"), "used already"),
    "a link to the whole disk": (lambda p: os.symlink("/", p.parent / "wasps"), "used already"),
    "a class that is a link to itself": (
        lambda p: os.symlink("wasps", p.parent / "wasps"),
        None,
    ),
    "a class that is a pipe": (lambda p: os.mkfifo(p.parent / "wasps"), None),
    "a file that may not be read": (
        lambda p: ((p / "x.jpg").write_bytes(b"x"), (p / "x.jpg").chmod(0)),
        "ants/x.jpg (",
    ),
}


@posix
@pytest.mark.parametrize("kind", STRANGE)
def test_what_lies_in_a_folder_and_is_no_picture(kind, tmp_path, capfd):
    """Nothing waits; it is named; the six pictures are used; the folder stays as it was."""
    make, words = STRANGE[kind]
    root = pictures(tmp_path / "data")
    make(root / "ants")
    before = {entry: os.lstat(entry).st_mode for entry in sorted(root.rglob("*"))}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = tl.load_image_folder(root, 32, on_error="skip")
    said = " ".join(str(warning.message) for warning in caught)
    assert data.counts() == {"ants": 3, "bees": 3} and (words or "") in said, said
    assert bool(caught) == bool(words), said
    model = tmp_path / "model.safetensors"
    safetensors_file(state)(model)
    status = main(["predict", str(model), str(root), "--device", "cpu", "--csv"])
    rows, errors = capfd.readouterr()
    assert status in (0, 3) and rows.count(".png,") == 6 and "Traceback" not in errors
    assert {entry: os.lstat(entry).st_mode for entry in sorted(root.rglob("*"))} == before


@posix
@pytest.mark.parametrize("reader", READERS)
def test_weights_that_are_a_pipe_or_a_folder(reader, tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    for name in ("pipe.safetensors", "folder.safetensors"):
        if reader == "fit" and name.startswith("pipe"):
            continue  # it has no checkpoint yet, and a new one takes the pipe's name
        with pytest.raises(InputError):
            READERS[reader](tmp_path / name)
    assert stat.S_ISFIFO(os.lstat(tmp_path / "pipe.safetensors").st_mode)


@posix
def test_pictures_given_by_name_that_are_none(tmp_path, capfd):
    """`predict` with the names themselves: a reason for each, and it goes on."""
    model = tmp_path / "model.safetensors"
    safetensors_file(state)(model)
    good = pictures(tmp_path / "data") / "ants" / "0.png"
    os.mkfifo(tmp_path / "pipe.jpg")
    os.symlink("loop.jpg", tmp_path / "loop.jpg")
    (tmp_path / "empty.jpg").touch()
    names = ["pipe.jpg", "loop.jpg", "empty.jpg", "none.jpg"]
    files = [str(tmp_path / name) for name in names]
    assert main(["predict", str(model), *files, str(good), "/dev/null", "--device", "cpu"]) == 3
    out, err = capfd.readouterr()
    assert out.startswith(f"{good}: ") and len(out.splitlines()) == 1
    assert all(name in err for name in names) and "5 of 6 pictures could not be read" in err
    for name in names:
        with pytest.raises(InputError, match=name):
            tl.load_image(tmp_path / name, 32)


@pytest.mark.skipif(sys.platform != "linux", reason="any bytes are a name on Linux")
def test_a_run_in_a_folder_whose_name_is_no_text(tmp_path, capfd):
    """As an old zip leaves it: pictures there are used, and a run there is refused at once."""
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/fourmi\xe9"))
    data, out = pictures(root / "data", n=8), tmp_path / "out"
    job = ["finetune", str(data), "--backbone", "resnet18", "--method", "probe", "--size", "32"]
    assert main([*job, "--out", str(root / "out"), "--device", "cpu"]) == 1
    assert "Rename that folder" in capfd.readouterr().err and not (root / "out").exists()
    assert main([*job, "--out", str(out), "--device", "cpu"]) == 0
    assert main(["predict", str(out), str(data), "--device", "cpu"]) == 0
    assert (out / "README.md").is_file() and "Traceback" not in capfd.readouterr().err

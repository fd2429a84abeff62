"""Folders as people have them: every image is used once, or it is said what is left out."""

from __future__ import annotations

import io
import os
import sys
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.data.class_files import find_pictures
from tlhelpers.data.folder_splits import find_parts, given_parts
from tlhelpers.data.listing import list_images
from tlhelpers.data.split_names import role_of

NFC, NFD = (unicodedata.normalize(form, "abeille é") for form in ("NFC", "NFD"))


def write(root: Path, *names: str) -> Path:
    """A small noisy JPEG, another one each, whatever the suffix of its name says."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = sum(map(ord, name))
        noise = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        content = io.BytesIO()
        Image.fromarray(noise).save(content, "JPEG")
        path.write_bytes(content.getvalue())
    return root


def classes(root: Path, *names: str, n: int = 2) -> Path:
    return write(root, *(f"{name}/{number}.jpg" for name in names for number in range(n)))


def text(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("BM no picture", encoding="utf-8")


def link(root: Path, name: str, target: str) -> None:
    os.symlink(os.path.relpath(root / target, (root / name).parent), root / name)


def a_run(root: Path, name: str, *files: str) -> None:
    text(root, *(f"{name}/{file}" for file in files))
    write(root, f"{name}/curves.png")


# What lies beside ants/0.jpg, ants/1.jpg, bees/0.jpg and bees/1.jpg; the images used then, by
# class; words of the warning, none where nothing is to be said.
LAYOUTS = {
    "nothing": (lambda p: None, {"ants": 2, "bees": 2}, []),
    "no suffix, or an unusual one": (
        lambda p: write(p, "ants/x1", "ants/x2.jpg_large", "bees/x3.img"),
        {"ants": 4, "bees": 3},
        [],
    ),
    "a damaged JPEG's suffix is enough": (
        lambda p: text(p, "ants/x.jpg"),
        {"ants": 3, "bees": 2},
        [],
    ),
    "leading underscores": (
        lambda p: write(p, "__background__/1.jpg", "ants/__x__.jpg", "_a/1.jpg"),
        {"__background__": 1, "_a": 1, "ants": 3, "bees": 2},
        [],
    ),
    "files of other kinds": (
        lambda p: text(p, "ants/notes.txt", "ants/a.xml", "bees/b.csv", "bees/c.dng"),
        {"ants": 2, "bees": 2},
        ["2 files of ants left out: a.xml, notes.txt", "2 files of bees left out: b.csv, c.dng"],
    ),
    "many files of other kinds": (
        lambda p: text(p, *(f"ants/{number:02}.txt" for number in range(12))),
        {"ants": 2, "bees": 2},
        ["12 files of ants left out: 00.txt", "and 7 more"],
    ),
    "a hidden image": (
        lambda p: write(p, "ants/.x.jpg"),
        {"ants": 2, "bees": 2},
        ["1 file of ants left out: .x.jpg"],
    ),
    "the system's own": (
        lambda p: (
            text(p, "ants/.DS_Store", "ants/Thumbs.db", "bees/desktop.ini", ".gitkeep"),
            write(p, "ants/._0.jpg", "__MACOSX/ants/0.jpg", "ants/.ipynb_checkpoints/0.jpg"),
            write(p, "bees/@eaDir/0.jpg", ".git/0.jpg"),
        ),
        {"ants": 2, "bees": 2},
        [],
    ),
    "images beside the class folders": (
        lambda p: write(p, "stray.jpg", "stray"),
        {"ants": 2, "bees": 2},
        ["2 images beside the class folders, in no class: stray, stray.jpg"],
    ),
    "a link to a folder above": (
        lambda p: (link(p, "ants/loop", "."), link(p, "bees/loop", "bees")),
        {"ants": 2, "bees": 2},
        ["2 links to folders that are used already", "ants/loop", "bees/loop"],
    ),
    "a link to another class": (
        lambda p: (link(p, "ants/a", "bees"), link(p, "wasps", "bees")),
        {"ants": 2, "bees": 2},
        ["2 links", "ants/a", "wasps"],
    ),
    "links to a store": (
        lambda p: (
            write(p, ".store/wasps/0.jpg", ".store/1.jpg"),
            link(p, "wasps", ".store/wasps"),
            link(p, "ants/x.jpg", ".store/1.jpg"),
        ),
        {"ants": 3, "bees": 2, "wasps": 1},
        [],
    ),
    "a file reached twice": (
        lambda p: (
            link(p, "ants/00.jpg", "ants/0.jpg"),
            os.link(p / "bees/0.jpg", p / "bees/x.jpg"),
        ),
        {"ants": 2, "bees": 2},
        ["2 files reached a second time", "ants/00.jpg is ants/0.jpg", "bees/x.jpg is bees/0.jpg"],
    ),
    "a finished run": (
        lambda p: a_run(p, "out", "plan.json", "metrics.json", "model.safetensors"),
        {"ants": 2, "bees": 2},
        ["results of a fine-tuning job: out"],
    ),
    "runs below, and old figures": (
        lambda p: (a_run(p, "runs/a", "plan.json", "work/x"), write(p, "runs/old/x/1.jpg")),
        {"ants": 2, "bees": 2},
        ["results of a fine-tuning job: runs with runs/a"],
    ),
    "a run in a class folder": (
        lambda p: a_run(p, "ants/out", "plan.json", "metrics.json"),
        {"ants": 2, "bees": 2},
        ["results of a fine-tuning job: ants/out"],
    ),
    "two spellings of one name": (
        lambda p: write(p, f"{NFC}/1.jpg", f"{NFD}/2.jpg"),
        {NFC: 2, "ants": 2, "bees": 2},
        [],
    ),
    "names that differ by case": (
        lambda p: write(p, "Ants/2.jpg"),
        {"Ants": 1, "ants": 2, "bees": 2},
        ['"Ants" and "ants" are taken as two classes: are they one?'],
    ),
    "a class called train": (
        lambda p: write(p, "train/1.jpg"),
        {"ants": 2, "bees": 2, "train": 1},
        [],
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_image_once_or_named(layout, tmp_path):
    prepare, expected, words = LAYOUTS[layout]
    classes(tmp_path, "ants", "bees")
    prepare(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        listing = list_images(tmp_path)
    said = "\n".join(str(warning.message) for warning in caught)
    counts = {name: listing.labels.count(at) for at, name in enumerate(listing.classes)}
    assert counts == {name: counts[name] for name in sorted(expected)} == expected, said
    assert len(set(listing.paths)) == len(listing) and len(caught) == bool(words), said
    assert all(word in said for word in words), said


REFUSED = {
    "unknown splits": (
        lambda p: [classes(p / part, "ants", "bees") for part in ("first", "second")],
        ["first, second holds the same folders (ants, bees)", "Rename them to train, val and test"],
    ),
    "splits inside the classes": (
        lambda p: [classes(p / name, "train", "val") for name in ("ants", "bees")],
        ["splits train, val lie inside each of ants, bees", "train/ants/1.jpg"],
    ),
    "known splits": (
        lambda p: [classes(p / part, "ants", "bees") for part in ("Training", "Testing")],
        ["holds the splits ['Testing', 'Training'], not classes", "/Testing"],
    ),
    "splits of one class, and masks": (
        lambda p: classes(p, "train/good", "test/good", "test/bad", "ground_truth/bad"),
        ["holds the splits ['test', 'train'], not classes"],
    ),
    "wrapped": (
        lambda p: classes(p / "dataset", "ants", "bees"),
        ["one class only", "The folders ants, bees lie deeper", "give", "/dataset."],
    ),
    "wrapped twice, with splits": (
        lambda p: [classes(p / "a" / "b" / part, "ants", "bees") for part in ("train", "val")],
        ["The folders train, val lie deeper", "/a/b."],
    ),
    "one file in two classes": (
        lambda p: (classes(p, "ants", "bees"), link(p, "bees/x.jpg", "ants/0.jpg")),
        ["1 file", "two classes", "bees/x.jpg is ants/0.jpg", "Keep each in one class"],
    ),
    "only a run": (
        lambda p: a_run(p, "out", "plan.json", "metrics.json"),
        ["no class folders", "results of a fine-tuning job: out"],
    ),
}


@pytest.mark.parametrize("layout", REFUSED)
def test_what_cannot_be_meant_is_refused(layout, tmp_path):
    prepare, words = REFUSED[layout]
    prepare(tmp_path)
    with pytest.raises(InputError) as raised:
        list_images(tmp_path)
    message = str(raised.value).replace("\\", "/")
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("photso", 'Did you mean "photos"?'),
        ("PHOTOS/train", '("PHOTOS" is missing in'),
        ("gi", ""),
        ("pictures", ""),
    ],
)
def test_a_missing_folder_suggests_near_names_only(asked, hint, tmp_path):
    for name in ("photos", "tools", ".git", ".gi"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="There is no folder") as raised:
        tl.load_image_folder(tmp_path / asked)
    message = str(raised.value)
    assert hint in message and ".git" not in message and "tools" not in message
    assert bool(hint) or "Did you mean" not in message


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    classes(tmp_path, "ants", "bees")
    (tmp_path / "ants" / "more").mkdir()
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "more":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="more cannot be read: Permission denied"):
        list_images(tmp_path)


def test_a_link_to_nothing_is_reported_with_the_unreadable(tmp_path):
    link(classes(tmp_path, "ants", "bees"), "ants/x.jpg", "ants/gone.jpg")
    for file in (None, tmp_path / "pixels.npy"):
        with pytest.raises(InputError, match="ants/x.jpg"):
            tl.load_image_folder(tmp_path, 8, file=file)


ROLES = {
    "train": "train Training TRAINING_SET train_images training-data trn train2017 imgs_train",
    "val": "val valid Validation validation_set dev val2017 validset Val-Images",
    "test": "test Testing test_set test_images testdata eval evaluation holdout hold_out held-out "
    "test1 PublicTest",
    None: "ants trainer latest contest dataset images validated__x devices training_wheels 2017",
}


@pytest.mark.parametrize("role", ROLES)
def test_usual_names_of_splits(role):
    assert {name: role_of(name) for name in ROLES[role].split()} == dict.fromkeys(
        ROLES[role].split(), role
    )


SPLITS = {
    ("Training", "Testing"): {"train": "Training", "val": "Training", "test": "Testing"},
    ("training_set", "test_set"): {
        "train": "training_set",
        "val": "training_set",
        "test": "test_set",
    },
    ("train", "dev"): {"train": "train", "val": "train", "test": "dev"},
    ("train", "test_images"): {"train": "train", "val": "train", "test": "test_images"},
    ("trn", "valid", "holdout"): {"train": "trn", "val": "valid", "test": "holdout"},
    ("train",): {"train": "train", "val": "train", "test": "train"},
}


@pytest.mark.parametrize("names", SPLITS)
def test_a_split_under_usual_names_is_used(names, tmp_path):
    for name in names:
        classes(tmp_path / name, "ants", "bees", n=9)
    a_run(tmp_path, "runs/a", "plan.json", "metrics.json")
    parts = find_parts(tmp_path)
    assert {part: listing.root.name for part, listing in parts.items()} == SPLITS[names]
    assert all(listing.classes == ["ants", "bees"] for listing in parts.values())


def test_folders_beside_the_splits(tmp_path):
    for name in ("train", "val"):
        classes(tmp_path / name, "ants", "bees", n=4)
    text(tmp_path, "annotations/a.xml")
    write(tmp_path, "test/1.jpg", "test/2.jpg")
    with pytest.warns(UserWarning) as caught:
        parts = given_parts(tmp_path)
    said = "\n".join(str(warning.message) for warning in caught)
    assert "annotations is not used" in said and "test has no class folders" in said
    assert parts["test"].root.name == "val" and set(parts) == {"train", "test"}
    classes(tmp_path / "dev", "ants", "bees")
    with pytest.raises(InputError, match="dev, val all look like the val images"):
        given_parts(tmp_path)
    (tmp_path / "dev").rename(tmp_path / "more")
    with pytest.raises(InputError, match="more may be another split"):
        given_parts(tmp_path)


def test_splits_without_training_images(tmp_path):
    for name in ("val", "test"):
        classes(tmp_path / name, "ants", "bees")
    with pytest.raises(InputError, match="test, val and no training images. Put a folder train"):
        given_parts(tmp_path)


def test_where_a_job_will_write_is_no_class(tmp_path):
    """Another process may have made the folder already, and nothing in it yet."""
    (classes(tmp_path, "ants", "bees") / "runs" / "a" / "work").mkdir(parents=True)
    with pytest.warns(UserWarning, match="runs/a"):
        parts = given_parts(tmp_path, output=tmp_path / "runs" / "a")
    assert parts["train"].classes == ["ants", "bees"]


def test_prediction_finds_what_training_does(tmp_path):
    classes(tmp_path, "ants", n=2)
    write(tmp_path, "top.jpg", "top2", "ants/._0.jpg", "ants/.ipynb_checkpoints/0.jpg", ".x.jpg")
    text(tmp_path, "notes.txt", "ants/notes.txt")
    link(tmp_path, "bee.jpg", "ants/0.jpg")
    link(tmp_path, "ants/loop", ".")
    found = [path.relative_to(tmp_path).as_posix() for path in find_pictures(tmp_path)]
    assert found == ["top.jpg", "top2", "ants/0.jpg", "ants/1.jpg"]


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are Unicode there")
def test_a_name_that_is_no_unicode(tmp_path):
    """As an old zip leaves it: the image is used, and every message can be printed."""
    classes(tmp_path / "data", "ants", "bees", n=4)
    old = os.fsencode(tmp_path / "data" / "ants") + b"/fourmi\xe9"
    os.rename(tmp_path / "data" / "ants" / "0.jpg", old + b".jpg")
    Path(os.fsdecode(old + b".txt")).write_text("x", encoding="utf-8")
    with pytest.warns(UserWarning, match="1 file of ants left out: fourmi") as caught:
        data = tl.load_image_folder(tmp_path / "data", 8, file=tmp_path / "pixels.npy")
    assert data.counts() == {"ants": 4, "bees": 4}
    assert str(caught[0].message).encode()

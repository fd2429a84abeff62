"""Copies of one picture are found, kept in one part of a split, and out of what is reported."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.data.duplicates import split_folder
from tlhelpers.data.random_split import stratified_split
from tlhelpers.data.similarity import similar_pairs, thumbnails
from tlhelpers.jobs.finetune import finetune
from tlhelpers.jobs.settings import Settings

DRAWN = tl.data_dir() / "ants_bees" / "train"
SOURCES = [path for name in ("ants", "bees") for path in sorted((DRAWN / name).iterdir())[:30]]


def saved(image: Image.Image, quality: int) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(content).convert("RGB")


def cropped(image: Image.Image, share: float, number: int) -> Image.Image:
    """A window of 1 - share of each side, at another place for each number."""
    width, height = (round(side * (1 - share)) for side in image.size)
    left = (image.width - width) * (number % 3) // 2
    top = (image.height - height) * (number // 3 % 3) // 2
    return image.crop((left, top, left + width, top + height))


# How a copy is made of picture number i, and the share of 60 drawn pictures that is found at least.
# All that is said to be found for certain is found; of heavy crops most are.
COPIES = {
    "the same": (lambda image, i: image, 1.0),
    "quality 30": (lambda image, i: saved(image, 30), 1.0),
    "quality 95": (lambda image, i: saved(image, 95), 1.0),
    "a third of the size": (lambda image, i: image.resize((40, 40)), 1.0),
    "twice the size": (lambda image, i: image.resize((256, 256)), 1.0),
    "another shape": (lambda image, i: image.resize((160, 120)), 1.0),
    "darker": (lambda image, i: ImageEnhance.Brightness(image).enhance(0.7), 1.0),
    "brighter": (lambda image, i: ImageEnhance.Brightness(image).enhance(1.3), 1.0),
    "2 % cropped": (lambda image, i: cropped(image, 0.02, i), 1.0),
    "5 % cropped": (lambda image, i: cropped(image, 0.05, i), 0.95),
    "10 % cropped": (lambda image, i: cropped(image, 0.1, i), 0.8),
    "mirrored": (lambda image, i: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 1.0),
    "all together": (lambda image, i: saved(cropped(image, 0.04, i).resize((80, 80)), 60), 0.95),
}


def thumbs(images: list[Image.Image]) -> torch.Tensor:
    arrays = [np.array(image) for image in images]
    return torch.cat(
        [thumbnails(torch.from_numpy(a).permute(2, 0, 1)[None].contiguous()) for a in arrays]
    )


@pytest.fixture(scope="module")
def originals() -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in SOURCES]


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_found_and_nothing_else(kind, originals):
    make, least = COPIES[kind]
    copies = [make(image, number) for number, image in enumerate(originals)]
    pairs = similar_pairs(thumbs(originals + copies)).tolist()
    n = len(originals)
    right = [pair for pair in pairs if pair[1] - pair[0] == n]
    assert len(right) >= least * n, f"{len(right)} of {n}"
    assert len(right) == len(pairs), f"not copies: {[p for p in pairs if p not in right][:5]}"


@pytest.mark.parametrize("split", ["train", "val"])
def test_drawn_insects_are_no_copies_of_each_other(split, monkeypatch):
    """Insects of two kinds on plain grounds, 29,600 and 11,600 pairs."""
    monkeypatch.setenv("TLHELPERS_PROFILE", "mini")
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    data = tl.load_images("ants_bees", split)
    assert tl.find_duplicates(data).tolist() == list(range(len(data)))


@pytest.mark.parametrize(("places", "share"), [(1, 0.7), (2, 0.5)])
def test_pictures_taken_from_one_place_are_no_copies(originals, places, share):
    """Much of each picture is the same, as in X-rays; real copies are still found."""
    arrays = torch.stack([torch.from_numpy(np.array(image)).float() for image in originals])
    ground, own = arrays[:places], arrays[places:]
    mixed = share * ground[torch.arange(len(own)) % places] + (1 - share) * own
    pictures = thumbnails(mixed.permute(0, 3, 1, 2).to(torch.uint8))
    assert len(similar_pairs(pictures)) == 0
    pairs = similar_pairs(torch.cat([pictures, pictures[:10] // 5 * 4 + 20]))
    assert pairs.tolist() == [[row, len(own) + row] for row in range(10)]


def test_plain_pictures_are_copies_only_when_equal():
    images = torch.stack([torch.full((3, 16, 16), v, dtype=torch.uint8) for v in (9, 200, 9, 30)])
    assert tl.find_duplicates(images).tolist() == [0, 1, 0, 3]


def test_copies_of_copies_are_one_group(originals):
    first = [originals[0], saved(originals[0], 40), originals[0].resize((60, 60)), originals[1]]
    groups = tl.find_duplicates(thumbs([originals[2], *first]), [b"%d" % i for i in range(5)])
    assert groups.tolist() == [0, 1, 1, 1, 4]


# ---- splits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("split_seed", range(5))
def test_groups_stay_together_and_shares_are_kept(split_seed):
    generator = np.random.default_rng(split_seed)
    sizes = generator.choice([1, 1, 1, 2, 3, 5], 90)
    groups = np.repeat(np.arange(90), sizes)
    labels = groups % 3
    fractions = (0.7, 0.15, 0.15)
    parts = stratified_split(labels, ["a", "b", "c"], fractions, split_seed, groups)
    assert sorted(torch.cat(parts).tolist()) == list(range(len(groups)))
    held = [set(groups[part.numpy()].tolist()) for part in parts]
    assert sum(map(len, held)) == 90
    for label in range(3):
        n = int((labels == label).sum())
        for part, share in zip(parts, fractions, strict=True):
            assert abs(int((labels[part.numpy()] == label).sum()) - share * n) <= 2
    again = stratified_split(labels, ["a", "b", "c"], fractions, split_seed, groups)
    assert all(torch.equal(one, other) for one, other in zip(parts, again, strict=True))


def test_without_groups_nothing_changes():
    labels = torch.arange(50) % 3
    for seed in range(5):
        alone = stratified_split(labels, ["a", "b", "c"], (0.5, 0.3, 0.2), seed)
        each = stratified_split(labels, ["a", "b", "c"], (0.5, 0.3, 0.2), seed, range(50))
        assert all(torch.equal(one, other) for one, other in zip(alone, each, strict=True))


@pytest.mark.parametrize(
    ("groups", "least"),
    [
        ([0] * 8 + [1, 2], [8, 1, 1]),  # one large group
        ([0] * 4 + [1] * 4 + [2] * 4, [4, 4, 4]),  # as many groups as parts
    ],
)
def test_every_part_gets_something(groups, least):
    parts = stratified_split([0] * len(groups), ["a"], (0.7, 0.15, 0.15), 0, groups)
    assert [len(part) for part in parts] == least


def test_too_few_groups_are_refused_with_the_class():
    with pytest.raises(InputError, match='"a" has 6 images in 2 groups of copies: too few'):
        stratified_split([0] * 6, ["a"], (0.5, 0.3, 0.2), 0, [0, 0, 0, 1, 1, 1])


def test_a_set_in_memory_splits_by_groups(originals):
    images = thumbs(originals)[:, None].expand(-1, 3, -1, -1)
    data = tl.ImageTensors(torch.cat([images, images]), torch.arange(120) % 60 // 30, ["a", "b"])
    train, test = data.split(0.8, 0.2, groups=tl.find_duplicates(data))
    assert len(train) + len(test) == 120 and train.counts() == {"a": 48, "b": 48}
    joined = tl.find_duplicates(torch.cat([train.images, test.images]))
    assert not set(joined[: len(train)].tolist()) & set(joined[len(train) :].tolist())


# ---- folders and jobs ---------------------------------------------------------------------------


def folder(root: Path, *parts: str, start: int = 0, n: int = 10) -> Path:
    """n drawn ants and n bees for each part, never the same twice."""
    for part in parts or ("",):
        for name in ("ants", "bees"):
            (root / part / name).mkdir(parents=True, exist_ok=True)
            for path in sorted((DRAWN / name).iterdir())[start : start + n]:
                shutil.copy(path, root / part / name)
        start += n
    return root


def again(source: Path, target: Path, size: int = 100) -> None:
    """Another file of the same picture."""
    Image.open(source).resize((size, size)).save(target)


def test_copies_land_in_one_part(tmp_path):
    folder(tmp_path)
    for path in sorted(tmp_path.rglob("*.jpg")):
        shutil.copy(path, path.with_name(f"{path.stem} (1).jpg"))
        again(path, path.with_name(f"{path.stem}-small.png"))
    for seed in range(5):
        parts, repeats = split_folder(tmp_path, seed=seed)
        stems = [
            {path[:8] for path in part.paths}  # ants/000
            for part in parts.values()
        ]
        assert sum(map(len, stems)) == 20 and len(set.union(*stems)) == 20
        assert sum(map(len, parts.values())) == 60
        assert len(repeats.groups) == 20 and repeats.files == 60 and repeats.exact == 20
        assert not repeats.reported and not repeats.torn


def test_given_parts_that_repeat_each_other(tmp_path):
    folder(tmp_path, "train", "val", "test", n=6)
    train = sorted((tmp_path / "train" / "ants").iterdir())
    shutil.copy(train[0], tmp_path / "val" / "ants" / "a.jpg")
    again(train[1], tmp_path / "test" / "ants" / "b.png")
    again(next((tmp_path / "val" / "bees").iterdir()), tmp_path / "test" / "bees" / "c.png")
    again(train[2], tmp_path / "train" / "bees" / "wrong.png")
    parts, repeats = split_folder(tmp_path)
    assert "ants/a.jpg" not in parts["val"].paths and len(parts["val"]) == 12
    assert repeats.left_out == {"ants/a.jpg": f"train/ants/{train[0].name}"}
    assert set(repeats.reported) == {"ants/b.png", "bees/c.png"} and len(parts["test"]) == 14
    assert repeats.torn == [[f"train/ants/{train[2].name}", "train/bees/wrong.png"]]
    said = " ".join(repeats.sentences())
    assert "2 test images repeat an image" in said and "ants/b.png = train/ants/" in said
    assert "1 validation image repeats a training image" in said and "label is wrong" in said


def test_a_test_set_of_training_images_is_refused(tmp_path):
    folder(tmp_path, "train")
    shutil.copytree(tmp_path / "train", tmp_path / "test")
    with pytest.raises(InputError, match="All 20 test images.*Put other images there"):
        split_folder(tmp_path)
    (tmp_path / "test").rename(tmp_path / "val")
    folder(tmp_path, "test", start=20)
    with pytest.raises(InputError, match="All 20 images in .*val are also training images"):
        split_folder(tmp_path)


def test_a_job_reports_without_the_repeated_images(tmp_path):
    folder(tmp_path / "data", "train", "test", n=8)
    for number, path in enumerate(sorted((tmp_path / "data" / "train").rglob("*.jpg"))[:5]):
        again(path, tmp_path / "data" / "test" / "ants" / f"copy{number}.png")
    settings = Settings("resnet18", method="probe", size=32)
    finetune(tmp_path / "data", tmp_path / "out", settings, device="cpu")
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["stages"]["linear probe"]["n"] == 16
    assert metrics["with_repeats"]["linear probe"]["n"] == 21
    assert set(metrics["repeats"]["reported"]) == {f"ants/copy{number}.png" for number in range(5)}
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "Measured on 16 images" in card and "5 test images repeat" in card
    assert "With them the accuracy would read" in card and "ants/copy0.png" in card

"""Lesson 05 on the real ants and bees, where TLHELPERS_DATA holds them; figures, not pictures.

EfficientNet-Lite0 with its ImageNet weights; 244 training and 153 validation photographs.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
import torch

import tlhelpers as tl

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05_ants_and_bees.ipynb"
FOLDER = Path(os.environ.get("TLHELPERS_DATA", "."), "hymenoptera_data")

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="the photographs are not here: set TLHELPERS_DATA to the folder of hymenoptera_data/",
)
SETTINGS = {
    "TLHELPERS_PROFILE": "full",
    "TLHELPERS_BACKBONE": "efficientnet_lite0",
    "TLHELPERS_BUDGET": "0.01",  # an optimiser step or two: here only the cells are on trial
}
FEW = 16  # photographs of each class and split: the cells need 10 to learn from


@pytest.fixture
def real(monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.trained
def test_frozen_features_and_the_zero_shot_baseline(real, capsys, holds):
    """A linear head on frozen features, and ImageNet's own "ant" and "bee" beside it.

    Nothing here is drawn at random. Other processors round otherwise, which can turn an image or
    two: the bounds leave room for three.
    """
    backbone = tl.load_backbone("efficientnet_lite0")
    train, test = (tl.load_images("ants_bees", s, backbone.image_size) for s in ("train", "val"))
    loaders = [tl.BatchLoader(d, 64, device="cpu", **backbone.preprocessing) for d in (train, test)]
    cached = [tl.extract_features(backbone.model, loader) for loader in loaders]
    head = tl.linear_probe(cached[0], C=0.01)
    with torch.no_grad():
        imagenet = tl.get_head(backbone.model)[1](cached[1].features)
        answers = {"head": head(cached[1].features), "zero-shot": imagenet[:, [310, 309]]}
    assert len(test) == 153 and test.classes == ["ants", "bees"]
    found = {
        name: tl.wilson_interval((logits.argmax(1) == test.labels).sum(), len(test))
        for name, logits in answers.items()
    }
    with capsys.disabled():
        print(f"\nreal photographs: linear head {found['head']}, zero-shot {found['zero-shot']}")
    holds("accuracy of the head", found["head"].mean, above=0.92)
    holds("zero-shot accuracy", found["zero-shot"].mean, above=0.94)


@pytest.mark.slow
def test_features_cost_little_more_than_forward_passes(real):
    """At most 1.5 times as long as plain forward passes over the same pixels: the best of three."""
    backbone = tl.load_backbone("efficientnet_lite0")
    plain = tl.load_backbone("efficientnet_lite0").model.float()
    test = tl.load_images("ants_bees", "val", backbone.image_size)
    loader = tl.BatchLoader(test, 64, device="cpu", **backbone.preprocessing)
    ratios = []
    while len(ratios) < 3 and min(ratios, default=2) > 1.5:
        start = time.perf_counter()
        tl.extract_features(backbone.model, loader)
        between = time.perf_counter()
        with torch.no_grad():
            for x, _ in loader:
                plain(x)
        ratios.append((between - start) / (time.perf_counter() - between))
    assert min(ratios) <= 1.5


@pytest.fixture
def few_photographs(tmp_path) -> Path:
    """A shared folder with a few of the photographs, as the lesson's set and as a plain folder."""
    for split in ("train", "val"):
        for name in ("ants", "bees"):
            place = tmp_path / "hymenoptera_data" / split / name
            place.mkdir(parents=True)
            for photograph in sorted((FOLDER / split / name).glob("*.jpg"))[:FEW]:
                shutil.copyfile(photograph, place / photograph.name)
    shutil.copytree(tmp_path / "hymenoptera_data", tmp_path / "ants_bees")
    return tmp_path


def test_the_lesson_runs_on_them(real, few_photographs, monkeypatch):
    """The same notebook, the same cells, on 64 photographs; what it asserts holds on them too."""
    import nbformat
    from lesson_client import LessonClient

    monkeypatch.setenv("TLHELPERS_DATA", str(few_photographs))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(NOTEBOOK.parent)}}
    LessonClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
    text = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "profile   full" in text and "backbone  efficientnet_lite0" in text
    assert "train ImageTensors(26 images of 224 x 224" in text

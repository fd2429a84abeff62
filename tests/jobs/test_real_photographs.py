"""Lesson 05 on the real ants and bees, where TLHELPERS_DATA holds them; figures, not pictures.

EfficientNet-Lite0 with its ImageNet weights; 244 training and 153 validation photographs.
"""

from __future__ import annotations

import os
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
    "TLHELPERS_BUDGET": "0.03",  # 7 optimiser steps: here only the cells are on trial
}


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
def test_the_lesson_runs_on_them(real):
    """The same notebook, the same cells; what it asserts holds on photographs too."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
    text = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "profile   full" in text and "backbone  efficientnet_lite0" in text
    assert "train ImageTensors(195 images of 224 x 224" in text

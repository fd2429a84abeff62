"""One small finished run for all tests of the jobs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tlhelpers as tl
from tlhelpers.jobs.command_line import main

SMALL = ["--backbone", "resnet18", "--epochs", "2", "--batch-size", "8", "--size", "32"]


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Twenty of the drawn ants and twenty bees in one folder, without a split."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("ants", "bees"):
        (folder / name).mkdir()
        for path in sorted((tl.data_dir() / "ants_bees" / "train" / name).iterdir())[:20]:
            shutil.copy(path, folder / name)
    return folder


@pytest.fixture(scope="session")
def finished(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    assert main(["finetune", str(data), "--out", str(out), "--device", "cpu", *SMALL]) == 0
    return out

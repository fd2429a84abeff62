"""Thousands of damaged image files: each gives an image or our own error, soon, and no more noise.

A file that fails here is made again by its number: `mutated_images.mutated(1234)`.
"""

from __future__ import annotations

import io
import json
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from mutated_images import mutated, originals

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.jobs.command_line import main
from tlhelpers.models.mini import mini_resnet18

SIZE = 32
DEEP = "more than 8 bits"  # the loader's own warning: a damaged header may turn 8 bits into 16


def write(folder: Path, numbers) -> list[str]:
    """Damaged files under their number, alternating between two classes; their relative paths."""
    names = []
    for number in numbers:
        suffix, content = mutated(number)
        names.append(f"{('ants', 'bees')[number % 2]}/{number:05}.{suffix}")
        path = folder / names[-1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return names


def readable(number: int) -> bool:
    """Whether a damaged file still gives an image; anything but an image and our error fails."""
    began = time.monotonic()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            image = tl.load_image(io.BytesIO(mutated(number)[1]), SIZE)
    except InputError as error:
        text = str(error)
        assert "cannot be read" in text and "Open it in an image viewer" in text, (number, text)
        found = False
    except Exception as error:
        raise AssertionError(f"mutated({number}): {error!r}") from error
    else:
        assert image.shape == (3, SIZE, SIZE) and image.dtype == torch.uint8, number
        found = True
    assert all(DEEP in str(w.message) for w in caught), (number, [str(w.message) for w in caught])
    assert time.monotonic() - began < 20, f"mutated({number}) takes too long"
    return found


def test_the_originals_are_read():
    kinds = Counter(suffix for suffix, _ in originals())
    assert {"jpg", "png", "gif", "bmp", "tif", "webp", "ppm"} <= set(kinds)
    for suffix, content in originals():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = tl.load_image(io.BytesIO(content), SIZE)
        assert image.float().std() > 5, suffix


def test_two_thousand_damaged_files():
    found = Counter(readable(number) for number in range(2000))
    assert found[True] > 200 and found[False] > 200, "neither all harmless nor all hopeless"


@pytest.mark.slow
def test_twenty_thousand_damaged_files():
    found = Counter(readable(number) for number in range(2000, 22_000))
    assert found[True] > 2000 and found[False] > 2000


NUMBERS = [n for n in range(30_000, 30_400) if mutated(n)[0] != "jp2"]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory) -> tuple[Path, list[str], set[str]]:
    """A folder of damaged files, their paths, and those of them that are still images."""
    folder = tmp_path_factory.mktemp("damaged")
    names = write(folder, NUMBERS)
    good = {name for name, n in zip(names, NUMBERS, strict=True) if readable(n)}
    return folder, names, good


def test_a_folder_of_damaged_files(damaged):
    """`skip` uses the readable ones and names the number of the others, in one sentence."""
    folder, names, good = damaged
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = tl.load_image_folder(folder, SIZE, on_error="skip")
    assert set(data.paths) == good and len(data.paths) == len(good)
    assert data.images.shape == (len(good), 3, SIZE, SIZE) and data.images.dtype == torch.uint8
    said = [str(w.message) for w in caught]
    (left_out,) = [text for text in said if "left out" in text]
    assert left_out.startswith(f"{len(names) - len(good)} images of {folder} left out")
    assert len(said) == 1 + any(DEEP in text for text in said)
    with pytest.raises(InputError, match=f"{len(names) - len(good)} images .*Replace or remove"):
        tl.load_image_folder(folder, SIZE)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A file as a fine-tuning job writes it, untrained."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    facts = {"mean": [0.5] * 3, "std": [0.25] * 3, "image_size": SIZE, "profile": "mini"}
    classes = ["ants", "bees"]
    return tl.save_checkpoint(mini_resnet18(2), path, backbone="resnet18", classes=classes, **facts)


def test_prediction_of_damaged_files(damaged, model, capfd):
    """A row for each file: an answer or a reason. Exit status 3, and no traceback."""
    folder, names, good = damaged
    assert main(["predict", str(model), str(folder), "--json", "--device", "cpu"]) == 3
    out, err = capfd.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["path"] for row in rows] == [str(folder / name) for name in sorted(names)]
    assert {
        Path(row["path"]).relative_to(folder).as_posix() for row in rows if "class" in row
    } == good
    assert all(
        np.isfinite(list(row["probabilities"].values())).all() for row in rows if "class" in row
    )
    assert f"{len(names) - len(good)} of {len(names)} pictures could not be read" in err
    assert "Traceback" not in err and "Warning" not in err

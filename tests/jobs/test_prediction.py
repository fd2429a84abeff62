"""`predict`: the same files that training takes, in batches, as text, JSON Lines or CSV."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import torch

import tlhelpers as tl
from tlhelpers.jobs import prediction
from tlhelpers.jobs.command_line import main
from tlhelpers.jobs.prediction import classify


@pytest.fixture
def pictures(data, tmp_path) -> Path:
    """A folder as people have it: with what systems and tools leave behind, and one bad file."""
    for name in ("ants", "bees"):
        for path in sorted((data / name).iterdir())[:3]:
            target = tmp_path / "in" / name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    ants = tmp_path / "in" / "ants"
    (ants / "._000.jpg").write_bytes(b"\0\5\x16\7" + b"x" * 90)
    (ants / "notes.txt").write_text("not a picture", encoding="utf-8")
    for folder in (ants / ".ipynb_checkpoints", tmp_path / "in" / "__MACOSX" / "ants"):
        folder.mkdir(parents=True)
        shutil.copy(ants / "000.jpg", folder / "000-copy.jpg")
    return tmp_path / "in"


def test_predict_names_a_class_for_each_picture(finished, data, capsys):
    pictures = sorted((data / "bees").iterdir())[:3]
    assert main(["predict", str(finished), *map(str, pictures), "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [str(path) for path in pictures]
    for line in lines:
        shares = [float(number) for number in re.findall(r"(?:ants|bees) ([\d.]+)", line)]
        assert sum(shares) == pytest.approx(1, abs=0.002) and shares == sorted(shares)[::-1]


def test_of_a_folder_it_takes_what_training_takes(finished, pictures, capsys):
    assert main(["predict", str(finished), str(pictures)]) == 0
    said = capsys.readouterr().out.splitlines()
    with pytest.warns(UserWarning, match="notes.txt"):
        trained_on = tl.load_image_folder(pictures, 32).paths
    assert [Path(line.split(": ")[0]).relative_to(pictures).as_posix() for line in said] == (
        trained_on
    )
    assert len(said) == 6


def test_it_goes_on_past_bad_pictures_and_says_so_at_the_end(finished, pictures, capsys):
    (pictures / "ants" / "001.jpg").write_text("no picture", encoding="utf-8")
    missing = str(pictures / "nowhere.jpg")
    assert main(["predict", str(finished), str(pictures), missing]) == 3
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 5 and "ants/001.jpg" not in said.out
    assert "001.jpg: not an image" in said.err and "nowhere.jpg: there is no such file" in said.err
    assert said.err.rstrip().endswith("2 of 7 pictures could not be read")


def test_json_lines_hold_every_picture(finished, pictures, capsys):
    bad = pictures / "bees" / "000.jpg"
    bad.write_bytes(bad.read_bytes()[:200])
    assert main(["predict", str(finished), str(pictures), "--json"]) == 3
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 6
    assert [row["path"] for row in rows if "error" in row] == [str(bad)]
    for row in rows:
        if "error" not in row:
            shares = row["probabilities"]
            assert list(shares) == ["ants", "bees"] and sum(shares.values()) == pytest.approx(1)
            assert shares[row["class"]] == row["probability"] == max(shares.values())


def test_csv_is_a_table_of_the_same(finished, pictures, capsys):
    odd = pictures / "ants" / 'a "b", c.jpg'
    if os.name == "nt":
        pytest.skip("no such names on Windows")
    (pictures / "ants" / "000.jpg").rename(odd)
    (pictures / "ants" / "001.jpg").write_text("no picture", encoding="utf-8")
    assert main(["predict", str(finished), str(pictures), "--csv"]) == 3
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["path", "class", "probability", "p_ants", "p_bees", "error"]
    assert (
        str(odd) in [row["path"] for row in rows]
        and [r["error"] != "" for r in rows].count(True) == 1
    )
    assert main(["predict", str(finished), str(pictures), "--json"]) == 3
    as_json = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for row, other in zip(rows, as_json, strict=True):
        if not row["error"]:
            assert row["class"] == other["class"]
            assert float(row["p_bees"]) == other["probabilities"]["bees"]


def test_pictures_go_through_the_network_in_batches(finished, data, monkeypatch):
    """Seven at a time, with the answers that one at a time gives."""
    files = [path for name in ("ants", "bees") for path in sorted((data / name).iterdir())][:17]
    backbone = tl.load_finetuned(finished)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLHELPERS_PRECISION", "fp32")
        patch.setattr(prediction, "BATCH", 1)
        single = list(classify(backbone, files, device="cpu"))
        patch.setattr(prediction, "BATCH", 7)
        sizes = []
        hook = backbone.model.register_forward_hook(lambda m, x, y: sizes.append(len(y)))
        together = list(classify(backbone, files, device="cpu"))
        hook.remove()
    assert sizes == [7, 7, 3]
    assert [a.path for a in together] == [a.path for a in single] == files
    for one, other in zip(single, together, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


def test_a_batch_that_does_not_fit_is_halved_and_the_answers_stay_clean(
    finished, data, monkeypatch, capsys
):
    """What is said about it stands not between the lines that a program reads."""

    def small_memory(model, loader):
        if loader.batch_size > 4:
            raise torch.OutOfMemoryError("out of memory")
        return whole(model, loader)

    whole = prediction.predict
    monkeypatch.setattr(prediction, "predict", small_memory)
    monkeypatch.setattr(prediction, "BATCH", 10)
    assert main(["predict", str(finished), str(data), "--json"]) == 0
    said = capsys.readouterr()
    assert len([json.loads(line) for line in said.out.splitlines()]) == 40
    assert "a batch of 10 does not fit" in said.err


def test_many_pictures_are_counted_where_nobody_sees_the_answers(
    finished, data, monkeypatch, capsys
):
    monkeypatch.setattr(prediction, "LONG", 10)
    assert main(["predict", str(finished), str(data)]) == 0
    assert "pictures 40/40" in capsys.readouterr().err


def test_a_folder_without_pictures_is_refused(finished, tmp_path, capsys):
    assert main(["predict", str(finished), str(tmp_path)]) == 1
    assert "no pictures" in capsys.readouterr().err


def test_the_profile_of_the_run_decides_and_the_environment_stays(finished, monkeypatch):
    """A run of the mini profile is read in the full one, whose "resnet18" is another network."""
    monkeypatch.setenv("TLHELPERS_PROFILE", "full")
    before = dict(os.environ)
    backbone = tl.load_finetuned(finished)
    assert sum(p.numel() for p in backbone.model.parameters()) < 1e6 and backbone.network == ""
    assert dict(os.environ) == before

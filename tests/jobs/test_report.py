"""What a finished job leaves: metrics first, each figure on its own, a card with the facts."""

from __future__ import annotations

import html
import json
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import balanced_accuracy_score

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.jobs import card, report
from tlhelpers.jobs.card import escaped
from tlhelpers.jobs.command_line import main
from tlhelpers.jobs.report import measure

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ["confusion_matrix.png", "curves.png"]


def metrics_of(out: Path) -> dict:
    return json.loads((out / "metrics.json").read_text(encoding="utf-8"))


@pytest.fixture
def run(finished, tmp_path) -> Path:
    """A copy of the finished run, to break."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


def again(data: Path, out: Path) -> int:
    plan = json.loads((out / "plan.json").read_text(encoding="utf-8"))
    options = []
    for name in ("epochs", "batch_size", "size"):
        options += [f"--{name.replace('_', '-')}", str(plan[name])]
    return main(["finetune", str(data), "--out", str(out), "--backbone", "resnet18", *options])


@pytest.mark.parametrize("failing", ["_draw_confusion", "_draw_curves", "model_card"])
def test_a_figure_that_fails_neither_loses_nor_blocks_the_run(data, run, monkeypatch, failing):
    """It is warned of; what else there is is made; the same command makes it later."""

    def fail(*_):
        raise RuntimeError("no such glyph")

    metrics, weights = metrics_of(run), (run / "model.safetensors").read_bytes()
    names = {"_draw_confusion": FIGURES[0], "_draw_curves": FIGURES[1], "model_card": "README.md"}
    for name in names.values():
        (run / name).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(report, failing, fail)
        with pytest.warns(UserWarning, match=f"{names[failing]} could not be made.*no such glyph"):
            assert again(data, run) == 0
    there = {key: (run / name).is_file() for key, name in names.items()}
    assert there == {key: key != failing for key in names}
    assert again(data, run) == 0
    assert all((run / name).is_file() for name in names.values())
    assert metrics_of(run) == metrics and (run / "model.safetensors").read_bytes() == weights
    with pytest.raises(InputError, match="finished run"):
        tl.finetune(data, run, tl.Settings("resnet18", epochs=2, batch_size=8, size=32))


def test_figures_of_a_run_with_other_settings_are_not_made(run, data, capsys):
    (run / "curves.png").unlink()
    job = ["finetune", str(data), "--out", str(run), "--backbone", "resnet18", "--epochs", "9"]
    assert main(job) == 1 and "finished run" in capsys.readouterr().err
    assert not (run / "curves.png").exists()


def test_figures_drawn_later_are_those_drawn_at_once(data, run):
    before = {name: Image.open(run / name).convert("RGB").tobytes() for name in FIGURES}
    for name in FIGURES:
        (run / name).unlink()
    assert again(data, run) == 0
    for name, pixels in before.items():
        assert Image.open(run / name).convert("RGB").tobytes() == pixels


# A class may be called anything that a folder may be called.
ODD = [
    "$x_1$",
    r"a\frac{",
    "50% of_it^2",
    "'quote' \"d\" `c`",
    "| a | *b* _c_ <i>&amp;",
    "[link](x.png) # ~~",
    "נמלה (1)",
    "蟻",
    "n" * 100,
    "two\nlines",
]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_odd_class_names(tmp_path, caplog):
    """Trained, reported, drawn and predicted, without a warning or a line in the log."""
    rng = np.random.default_rng(0)
    for name in ODD:
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    caplog.set_level(logging.WARNING)
    out = tmp_path / "out"
    job = ["finetune", str(tmp_path / "data"), "--out", str(out), "--method", "probe"]
    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("error")
        assert main([*job, "--backbone", "resnet18", "--size", "32", "--device", "cpu"]) == 0
    assert not [r for r in caplog.records if "findfont" in r.message or "Glyph" in r.message]
    assert (out / "confusion_matrix.png").is_file()
    assert metrics_of(out)["classes"] == sorted(ODD)
    assert tl.load_finetuned(out).categories == sorted(ODD)


def test_names_in_the_card_are_text(tmp_path):
    """Read back from the HTML that a Markdown renderer makes of the card's table."""
    mistune = pytest.importorskip("mistune")  # comes with JupyterLab
    table = "| class | n |\n|---|---|\n" + "\n".join(f"| {escaped(n)} | 1 |" for n in ODD)
    page = mistune.create_markdown(escape=False, plugins=["table", "strikethrough"])(table)
    cells = re.findall(r"<tr>\s*<td[^>]*>(.*?)</td>", page, re.S)
    read = [html.unescape(cell).strip("\u2068\u2069") for cell in cells]
    assert read == [" ".join(name.split()) for name in ODD]


def test_card_and_metrics_name_what_deployment_needs(data, tmp_path):
    out = tmp_path / "out"
    job = ["finetune", str(data), "--out", str(out), "--backbone", "efficientnet_lite0"]
    assert main([*job, "--method", "probe", "--size", "64", "--device", "cpu"]) == 0
    text = (out / "README.md").read_text(encoding="utf-8")
    for word in ("tf_efficientnet_lite0` of timm", "0.498", "0.502", "64 x 64", "0 ants, 1 bees"):
        assert word in text, word
    assert "centre square" in text and "bilinear" in text
    metrics = metrics_of(out)
    assert metrics["backbone"]["network"] == "timm:tf_efficientnet_lite0"
    assert metrics["preparation"]["mean"] == pytest.approx([127 / 255] * 3)
    assert metrics["preparation"]["ranges"] == {} and "more than 8 bits" not in text
    assert metrics["preparation"]["image_size"] == 64 and metrics["classes"] == ["ants", "bees"]
    network = timm.create_model("tf_efficientnet_lite0", num_classes=2)
    network.load_state_dict(load_file(out / "model.safetensors"))


def test_pictures_of_more_than_8_bits_are_predicted_as_they_were_trained_on(tmp_path, capsys):
    """12 bits in 16: by one range, which the run keeps and the card names."""
    rng = np.random.default_rng(0)
    for label, (low, high) in {"dark": (0, 2000), "light": (1500, 4000)}.items():
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(8):
            pixels = rng.integers(low, high, (40, 40), dtype=np.uint16)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{number}.png")
    out = tmp_path / "out"
    job = ["finetune", str(tmp_path / "data"), "--out", str(out), "--method", "probe"]
    with pytest.warns(UserWarning, match="more than 8 bits"):
        assert main([*job, "--backbone", "resnet18", "--size", "32", "--device", "cpu"]) == 0
    assert metrics_of(out)["preparation"]["ranges"] == {"unsigned": [0.0, 4095.0]}
    assert "0 (black) to 4095 (white)" in (out / "README.md").read_text(encoding="utf-8")
    assert tl.load_finetuned(out).ranges == {"unsigned": (0.0, 4095.0)}
    capsys.readouterr()
    # By itself each picture would be stretched to its own range, and all would look alike.
    for label in ("dark", "light"):
        assert main(["predict", str(out), str(tmp_path / "data" / label), "--json"]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [row["class"] for row in rows] == [label] * 8


def test_test_images_that_were_trained_on_are_named_in_the_card(data, tmp_path):
    """And left out of the figures; the accuracy with them stands beside it."""
    for part, rows in (("train", slice(0, 12)), ("test", slice(10, 20))):
        for name in ("ants", "bees"):
            (tmp_path / "data" / part / name).mkdir(parents=True)
            for path in sorted((data / name).iterdir())[rows]:
                shutil.copy(path, tmp_path / "data" / part / name)
    settings = tl.Settings("resnet18", method="probe", size=32)
    said = []
    metrics = tl.finetune(tmp_path / "data", tmp_path / "out", settings, log=said.append)
    assert metrics["stages"]["linear probe"]["n"] == 16
    assert metrics["with_repeats"]["linear probe"]["n"] == 20
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "4 test images repeat" in text and "With them the accuracy would read" in text
    assert "Measured on 16 images" in text and any("repeat" in line for line in said)


def test_the_cards_command_runs_as_printed(run, data):
    """From the project's folder, in a shell, with the Python that the card names."""
    picture = sorted((data / "ants").iterdir())[0]
    text = card.model_card(metrics_of(run), run)
    line = next(line for line in text.splitlines() if " predict " in line)
    line = line.replace("PICTURE_OR_FOLDER ...", shlex.quote(str(picture)))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    if line.startswith("python "):  # this Python lies outside the project: the first one found
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        line, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0 and str(picture) in done.stdout, done.stderr


def test_the_card_names_an_interpreter_inside_the_project(monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tl.data_dir().parent / ".venv" / "bin" / "python"))
    assert card.command() == ".venv/bin/python -m tlhelpers"
    monkeypatch.setattr(sys, "executable", "/opt/python/bin/python3")
    assert card.command() == "python -m tlhelpers"  # the card says which one that is
    assert card.command("/opt/python/bin/python3") == "/opt/python/bin/python3 -m tlhelpers"


def test_measures_are_right_and_divide_nothing_by_nothing():
    """Class "c" was never named, "d" has no test image; by hand and by scikit-learn."""
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    guesses = torch.tensor([0, 0, 1, 1, 3, 0])
    logits = torch.nn.functional.one_hot(guesses, 4).float()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure(logits, labels, list("abcd"))
    assert found["correct"] == 3 and found["n"] == 6 and found["accuracy"] == 0.5
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # y_pred has classes that y_true has not
        assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, guesses))
    assert found["per_class"]["a"] == {"recall": 2 / 3, "precision": 2 / 3, "n": 3}
    assert found["per_class"]["c"] == {"recall": 0.0, "precision": None, "n": 1}
    assert found["per_class"]["d"] == {"recall": None, "precision": 0.0, "n": 0}
    assert found["majority_share"] == 0.5
    assert sorted(found["most_confused"]) == [["a", "b", 1], ["b", "d", 1], ["c", "a", 1]]
    counts = np.zeros((4, 4), int)
    for i, j, count in found["confusion"]:
        counts[i, j] = count
    assert counts.sum() == 6 and counts.trace() == 3
    json.dumps(found, allow_nan=False)

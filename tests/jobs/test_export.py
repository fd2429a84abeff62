"""Results leave the course: exported files and the card's script give what `predict` gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.jobs import export as exporting
from tlhelpers.jobs.command_line import main
from tlhelpers.jobs.export import export
from tlhelpers.jobs.finetune import finetune
from tlhelpers.jobs.prediction import classify
from tlhelpers.jobs.settings import Settings


@pytest.fixture(scope="module")
def lite(data, tmp_path_factory) -> Path:
    """A run with a network that others build, too: timm's."""
    out = tmp_path_factory.mktemp("lite") / "run"
    finetune(data, out, Settings("efficientnet_lite0", method="probe", size=96), device="cpu")
    return out


@pytest.fixture(params=["finished", "lite"])
def run(request) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture
def expected(run, data, monkeypatch) -> tuple[list[Path], np.ndarray]:
    """Some pictures and what `predict` says of them."""
    monkeypatch.setenv("TLHELPERS_PRECISION", "fp32")
    files = [path for name in ("ants", "bees") for path in sorted((data / name).iterdir())[:3]]
    answers = classify(tl.load_finetuned(run), files, device="cpu")
    return files, np.array([answer.probabilities for answer in answers])


def images(files: list[Path], size: int) -> torch.Tensor:
    return torch.stack([tl.load_image(path, size) for path in files])


def size_of(run: Path) -> int:
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))["preparation"][
        "image_size"
    ]


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")  # deprecated, and in use
def test_torchscript_gives_the_probabilities_of_predict(run, expected, tmp_path):
    files, probabilities = expected
    path = tmp_path / "model.torchscript"
    assert main(["export", str(run), "--format", "torchscript", "--out", str(path)]) == 0
    extra = {"facts.json": ""}
    model = torch.jit.load(str(path), _extra_files=extra)
    size = size_of(run)
    with torch.no_grad():
        np.testing.assert_allclose(model(images(files, size)).numpy(), probabilities, atol=1e-4)
    facts = json.loads(extra["facts.json"])
    assert facts["classes"] == ["ants", "bees"] and facts["image_size"] == size
    assert f"uint8 (N, 3, {size}, {size})" in facts["input"]


def test_onnx_gives_the_probabilities_of_predict(run, expected, tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason=f"ONNX needs {package}, which is not installed")
    import onnxruntime

    files, probabilities = expected
    path = export(run, "onnx", tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(path.read_bytes())
    pixels = images(files, size_of(run)).numpy()
    for batch in (pixels, pixels[:1]):
        (given,) = session.run(None, {"images": batch})
        np.testing.assert_allclose(given, probabilities[: len(batch)], atol=1e-4)
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["classes"]) == ["ants", "bees"] and "centre square" in facts["resize"]
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]  # one file, weights inside


def test_a_state_dict_comes_with_its_facts(run, tmp_path):
    path = export(run, "state-dict", tmp_path / "model.pth")
    content = torch.load(path, weights_only=True)
    backbone = tl.load_finetuned(run)
    own = backbone.model.state_dict()
    assert own.keys() == content["state_dict"].keys()
    assert all(torch.equal(own[name], value) for name, value in content["state_dict"].items())
    assert content["classes"] == ["ants", "bees"] and content["mean"] == list(backbone.mean)
    assert content["network"] == backbone.network


def script_of(run: Path) -> str:
    card = (run / "README.md").read_text(encoding="utf-8")
    return re.search(r"```python\n(.*?)```", card, re.S)[1]


def test_the_cards_script_classifies_without_this_library(run, expected, tmp_path):
    """At most twelve lines, run by a Python in which `import tlhelpers` fails."""
    files, probabilities = expected
    run = shutil.copytree(run, tmp_path / "run")  # the other tests' run stays as it is
    script = script_of(run)
    assert len(script.splitlines()) <= 12 and "tlhelpers" not in script
    if "torchscript" in script:
        export(run, "torchscript")
    code = "import sys; sys.modules['tlhelpers'] = None\n"
    code += "".join(script.replace('"another.jpg"', repr(str(path))) for path in files)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=run, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    for line, shares in zip(done.stdout.splitlines(), probabilities, strict=True):
        said = dict(re.findall(r"'(\w+)': ([\d.e-]+)", line))
        assert list(said) == ["ants", "bees"]
        assert [float(v) for v in said.values()] == pytest.approx(shares.tolist(), abs=1e-3)


def test_a_file_that_answers_otherwise_is_not_written(finished, tmp_path, monkeypatch):
    def wrong(classifier, facts, path):
        path.write_bytes(b"x")
        return lambda images: classifier(images).flip(1)

    monkeypatch.setattr(exporting, "_torchscript", wrong)
    with pytest.raises(InputError, match="differ from the network's by"):
        export(finished, "torchscript", tmp_path / "model.torchscript")
    assert list(tmp_path.iterdir()) == []


def test_onnx_names_what_is_not_installed(finished, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["export", str(finished), "--format", "onnx", "--out", str(tmp_path / "a")]) == 1
    assert "pip install onnx onnxruntime onnxscript" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda run, p: export(run, "onx"), 'Did you mean "onnx"'),
        (lambda run, p: export(run, "onnx", p / "no" / "a.onnx"), "cannot write"),
        (lambda run, p: export(run, "state-dict", run / "model.safetensors"), "cannot write"),
        (lambda run, p: export(p, "onnx"), "there is no model"),
    ],
)
def test_what_cannot_be_exported_is_refused(finished, tmp_path, call, words):
    before = (finished / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match=words):
        call(finished, tmp_path)
    assert (finished / "model.safetensors").read_bytes() == before

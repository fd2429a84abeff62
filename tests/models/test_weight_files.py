"""Weights of one's own and those in the libraries' caches: fitted by name, or refused with why."""

from __future__ import annotations

import json
import os
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

import tlhelpers as tl
from tlhelpers.core.errors import AssetError, InputError
from tlhelpers.jobs.command_line import main
from tlhelpers.models.backbones import load_backbone
from tlhelpers.models.weight_files import fit_weights, read_weights

SMALL = "timm:mobilenetv3_small_050"


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch, tmp_path):
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    monkeypatch.setenv("TLHELPERS_PROFILE", "mini")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf"))


def network(classes: int = 1000) -> nn.Module:
    torch.manual_seed(3)
    return timm.create_model("mobilenetv3_small_050", num_classes=classes).eval()


def same(a: dict, b: dict, but: str = "\0") -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a if not k.startswith(but))


WRAPPINGS = {
    "plain": lambda state: state,
    "DataParallel": lambda state: {f"module.{k}": v for k, v in state.items()},
    "compiled": lambda state: {"model": {f"_orig_mod.{k}": v for k, v in state.items()}},
    "Lightning": lambda state: {"state_dict": {f"model.{k}": v for k, v in state.items()}},
    "with its optimizer": lambda state: {
        "epoch": 3,
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
        "model_state_dict": state,
    },
    "part of more": lambda state: {
        **{f"student.module.backbone.{k}": v for k, v in state.items()},
        **{f"teacher.{k}": v + 1 for k, v in list(state.items())[:20]},
    },
    "half precision": lambda state: {
        k: v.half() if v.is_floating_point() else v for k, v in state.items()
    },
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_weights_are_found_under_whatever_they_were_saved_with(tmp_path, wrapping):
    state = network().state_dict()
    torch.save(WRAPPINGS[wrapping](state), tmp_path / "own.pth")
    backbone = load_backbone(SMALL, weights=tmp_path / "own.pth")
    loaded = backbone.model.state_dict()
    if wrapping == "half precision":
        state = {k: v.half().to(v.dtype) for k, v in state.items()}
    assert same(loaded, state)
    assert backbone.name == backbone.network == SMALL and backbone.image_size == 224
    assert "own.pth" in backbone.source and backbone.categories == []
    assert not backbone.model.training


def test_safetensors_and_torch_files_give_the_same(tmp_path):
    state = network().state_dict()
    save_file(state, tmp_path / "own.safetensors")
    assert same(
        load_backbone(SMALL, weights=tmp_path / "own.safetensors").model.state_dict(), state
    )


def test_a_head_of_other_classes_comes_along(tmp_path):
    torch.save(network(7).state_dict(), tmp_path / "seven.pth")
    model = load_backbone(SMALL, weights=tmp_path / "seven.pth").model
    assert same(model.state_dict(), network(7).state_dict())
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


def test_weights_without_a_head_are_enough(tmp_path):
    state = network().state_dict()
    bare = {k: v for k, v in state.items() if not k.startswith("classifier.")}
    torch.save(bare, tmp_path / "bare.pth")
    backbone = load_backbone(SMALL, weights=tmp_path / "bare.pth")
    assert same(backbone.model.state_dict(), state, but="classifier.")
    assert "no head" in backbone.source


def test_parts_the_network_does_not_have_are_left_out_and_said(tmp_path):
    state = network().state_dict() | {"projector.weight": torch.zeros(2, 2)}
    torch.save(state, tmp_path / "own.pth")
    with pytest.warns(UserWarning, match="1 entries are left out, projector.weight"):
        load_backbone(SMALL, weights=tmp_path / "own.pth")


def test_names_that_timm_renames_are_renamed(tmp_path):
    """DeiT's original files nest the weights; the original ViT's convolution may lie flat."""
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224")
    state = model.state_dict()
    flat = state["patch_embed.proj.weight"].flatten(1)
    torch.save(state | {"patch_embed.proj.weight": flat}, tmp_path / "flat.pth")
    with pytest.raises(InputError, match="patch_embed.proj.weight is"):
        fit_weights(model, torch.load(tmp_path / "flat.pth"), "flat.pth")
    backbone = load_backbone("timm:vit_tiny_patch16_224", weights=tmp_path / "flat.pth")
    assert same(backbone.model.state_dict(), state)


def _pickled(p: Path) -> Path:
    torch.save(network(2), p / "x.pth")
    return p / "x.pth"


def _saved(content):
    def make(p: Path) -> Path:
        torch.save(content(), p / "x.pth")
        return p / "x.pth"

    return make


def _bytes(name: str):
    def make(p: Path) -> Path:
        (p / name).write_bytes(b"half of a file")
        return p / name

    return make


def _deeper() -> dict:
    state = network().state_dict()
    return state | {"blocks.0.0.gamma": torch.zeros(3)}


REFUSED = {
    "no file": (lambda p: p / "x.pth", "there is no weights file"),
    "another network": (
        _saved(lambda: models.resnet18().state_dict()),
        r"does not fit MobileNetV3: \d+ of \d+ entries differ. First: ",
    ),
    "another size": (
        _saved(lambda: timm.create_model("mobilenetv3_small_075").state_dict()),
        r"is \(.*\) in the file, \(.*\) in the network",
    ),
    "more inside than the network has": (_saved(_deeper), "blocks.0.0.gamma is not in the network"),
    "a pickled network": (_pickled, "would run code.*model.state_dict"),
    "a tensor": (_saved(lambda: torch.zeros(2)), "holds a Tensor"),
    "no weights": (_saved(lambda: {"epoch": 1, "loss": 0.5}), "holds epoch, loss"),
    "cut torch file": (_bytes("x.pth"), "cannot be read as weights"),
    "cut safetensors": (_bytes("x.safetensors"), "no whole safetensors file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_files_are_refused_with_why(tmp_path, case):
    make, words = REFUSED[case]
    path = make(tmp_path)
    with pytest.raises(InputError, match=words):
        load_backbone(SMALL, weights=path)


def test_a_file_that_would_run_code_does_not(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"state_dict": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(InputError, match="cannot be read as weights"):
        read_weights(tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()


def test_a_refused_file_leaves_the_network_as_it_was():
    model = network(2)
    before = tl.fingerprint(model)
    with pytest.raises(InputError):
        fit_weights(model, models.resnet18().state_dict(), "x")
    assert tl.changed(before, tl.fingerprint(model)) == []


def test_torch_s_cache_is_looked_into(tmp_path, monkeypatch):
    """torchvision's file by its name; of several weights, whichever is there."""
    from tlhelpers.core import assets

    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    weights = models.MobileNet_V3_Small_Weights.IMAGENET1K_V1
    with pytest.raises(AssetError, match="mobilenet_v3_small-047dcff4.pth"):
        load_backbone("torchvision:mobilenet_v3_small")
    state = models.mobilenet_v3_small().state_dict()
    torch.save(state, folder / weights.url.rsplit("/", 1)[-1])
    with pytest.raises(AssetError, match="damaged or incomplete"):
        load_backbone("torchvision:mobilenet_v3_small")
    # The real file cannot be had here; its digest is the one thing this test makes up.
    monkeypatch.setattr(assets, "sha256", lambda path: "047dcff4" + "0" * 56)
    for name in ("torchvision:mobilenet_v3_small", "mobilenet_v3_small"):
        backbone = load_backbone(name)
        assert same(backbone.model.state_dict(), state) and backbone.name == name
        assert backbone.categories[309] == "bee"
        assert backbone.network == "torchvision:mobilenet_v3_small"


def test_hugging_faces_cache_is_looked_into(tmp_path):
    name = "mobilenetv3_small_050"
    repository = timm.get_pretrained_cfg(name).hf_hub_id
    with pytest.raises(AssetError, match=f"{repository} is not in Hugging Face's cache"):
        load_backbone(f"timm:{name}")
    folder = tmp_path / "hf" / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc", encoding="utf-8")
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    save_file(network().state_dict(), snapshot / "model.safetensors")
    for asked in (f"timm:{name}", name):
        backbone = load_backbone(asked)
        assert same(backbone.model.state_dict(), network().state_dict())
        assert backbone.categories[309] == "bee" and repository in backbone.source
    (snapshot / "model.safetensors").unlink()
    save_file(models.resnet18().state_dict(), snapshot / "model.safetensors")
    with pytest.raises(AssetError, match="does not fit.*Delete it"):
        load_backbone(f"timm:{name}")


@pytest.mark.parametrize(
    "name, words",
    [
        ("tim:resnet50", 'no library "tim".*Did you mean "timm"'),
        ("timm:resnet5", 'Did you mean "resnet50"'),
        ("timm:resnet50.nonsense", "no backbone"),
        ("torchvision:resnet81", 'Did you mean "resnet18"'),
        ("torchvision:vit_tiny_patch16_224", "no backbone"),
        ("timm:", "no backbone"),
    ],
)
def test_libraries_and_names_are_checked(name, words):
    with pytest.raises(InputError, match=words):
        load_backbone(name, pretrained=False)


def test_a_run_on_own_weights_is_used_without_them(tmp_path, capsys):
    """The command takes them, the run records them, and predict needs the file no more."""
    for label in ("ants", "bees"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / label).symlink_to(tl.data_dir() / "ants_bees" / "val" / label)
    file = tmp_path / "own.pth"
    torch.save({"state_dict": network(5).state_dict()}, file)
    out = tmp_path / "out"
    job = ["finetune", str(tmp_path / "data"), "--out", str(out), "--backbone", SMALL]
    job += ["--weights", str(file), "--method", "probe", "--size", "32", "--device", "cpu"]
    assert main(job) == 0
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["backbone"]["source"] == "the file own.pth"
    assert metrics["settings"]["weights"] == str(file)
    assert json.loads((out / "plan.json").read_text())["weights"] == tl.core.assets.sha256(file)
    file.unlink()
    backbone = tl.load_finetuned(out)
    assert backbone.name == SMALL and backbone.categories == ["ants", "bees"]
    trained = backbone.model.state_dict()
    assert same(  # of the probe only the head is new
        {k: v for k, v in trained.items() if "classifier" not in k},
        {k: v for k, v in network(5).state_dict().items() if "classifier" not in k},
    )
    assert main(["predict", str(out), str(tmp_path / "data")]) == 0
    assert main(job) == 1 and "no weights file" in capsys.readouterr().err

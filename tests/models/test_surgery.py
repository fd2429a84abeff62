"""Frozen is a fact: proven over parameters and buffers; heads change on every network there is."""

from __future__ import annotations

import copy
import math
import warnings

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models import regnet

from tlhelpers.core.errors import InputError
from tlhelpers.models.freezing import (
    changed,
    count_parameters,
    fingerprint,
    freeze,
    freeze_to,
    param_groups,
    train_mode,
    unfreeze,
)
from tlhelpers.models.heads import get_head, get_heads, replace_head
from tlhelpers.models.mini import mini_alexnet, mini_resnet18, mini_vgg16

TORCHVISION = models.list_models(module=models)
TIMM = [
    "resnet18",
    "vit_tiny_patch16_224",
    "tf_efficientnet_lite0",
    "convnext_atto",
    "mobilenetv3_small_050",
    "swin_tiny_patch4_window7_224",
    "deit_tiny_distilled_patch16_224",
    "densenet121",
    "vgg11",
    "inception_v3",
]
WITH_AUXILIARY = ("googlenet", "inception_v3")
INPUT_SIZE = {"inception_v3": 299}


@pytest.fixture
def on_meta(monkeypatch):
    """Build any torchvision network without allocating it."""
    # RegNet computes its widths with tensors and reads them, which a meta tensor cannot give.
    original = regnet.BlockParams.from_init_params.__func__

    def on_cpu(cls, *args, **options):
        with torch.device("cpu"):
            return original(cls, *args, **options)

    monkeypatch.setattr(regnet.BlockParams, "from_init_params", classmethod(on_cpu))

    def build(name: str) -> nn.Module:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # how GoogLeNet will be initialised
            return models.get_model(name, weights=None)

    return build


@pytest.mark.parametrize("name", TORCHVISION)
def test_replace_head_on_every_torchvision_classifier(name, on_meta):
    model = on_meta(name)
    old_name, old = get_head(model)
    freeze(model)
    head = replace_head(model, 7)

    assert get_head(model) == (old_name, head) and head is not old
    assert not any(module is old for module in model.modules())
    expected = {f"{old_name}.{entry}" for entry in dict(old.named_parameters())}
    assert {n for n, p in model.named_parameters() if p.requires_grad} == expected
    assert 1000 not in {m.out_features for m in model.modules() if isinstance(m, nn.Linear)}
    size = INPUT_SIZE.get(name, 224)
    model.train(name in WITH_AUXILIARY)  # where train mode would add outputs
    with torch.no_grad():
        assert model(torch.empty(2, 3, size, size, device="meta")).shape == (2, 7)


@pytest.mark.parametrize("name", TIMM)
def test_replace_head_on_timm(name):
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        model = timm.create_model(name)
    _, old = get_head(model)
    freeze(model)
    head = replace_head(model, 7)
    assert get_head(model)[1] is head and head is not old
    assert model.num_classes == 7
    assert all(p.requires_grad and p.device.type == "meta" for p in head.parameters())
    size = INPUT_SIZE.get(name, 224)
    with torch.no_grad():
        assert model.eval()(torch.empty(2, 3, size, size, device="meta")).shape == (2, 7)


@pytest.mark.trained
@pytest.mark.parametrize(
    "name", ["squeezenet1_1", "googlenet", "mobilenet_v3_small", "densenet121"]
)
def test_a_new_head_starts_with_even_guesses(name, seed, holds):
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = models.get_model(name, weights=None)
    replace_head(model, 5)
    labels = torch.arange(4)
    loss = nn.functional.cross_entropy(model.train()(torch.randn(4, 3, 64, 64)), labels)
    holds("distance from log 5", abs(loss.item() - math.log(5)), below=0.3)
    loss.backward()
    assert all(p.grad is not None for p in get_head(model)[1].parameters())


def test_a_new_head_keeps_precision():
    model = mini_resnet18().to(torch.bfloat16)
    assert replace_head(model, 3).weight.dtype == torch.bfloat16
    assert model(torch.zeros(2, 3, 32, 32, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("build", [mini_resnet18, mini_alexnet, mini_vgg16])
def test_a_head_of_ones_own(build):
    model = build()
    name, old = get_head(model)
    own = nn.Sequential(nn.Linear(old.in_features, 9), nn.ReLU(), nn.Linear(9, 3))
    kept = own[0].weight.detach().clone()
    assert replace_head(model, own) is own and get_head(model) == (name, own)
    assert torch.equal(own[0].weight, kept)  # a learner's own layer is not initialised again
    images = torch.zeros(1, 3, 64, 64)
    assert model.eval()(images).shape == (1, 3)
    replace_head(model, nn.Identity())
    assert model(images).shape == (1, old.in_features)
    replace_head(model, nn.Linear(old.in_features, 4))
    assert model(images).shape == (1, 4)


@pytest.mark.parametrize(
    "own", [nn.Sequential(nn.Linear(1024, 9), nn.ReLU(), nn.Linear(9, 3)), nn.Identity()]
)
def test_a_head_is_found_again_where_the_networks_form_does_not_tell(own):
    """DenseNet's head is its whole `classifier`; that of AlexNet is the last layer inside it."""
    with torch.device("meta"):
        model = models.densenet121()
    assert replace_head(model, own) is own and get_heads(model) == [("classifier", own)]
    assert get_heads(copy.deepcopy(model))[0][0] == "classifier"


@pytest.mark.parametrize("new", [3, nn.Linear(192, 3)])
def test_both_heads_of_a_distilled_network(new):
    """It averages the answers of two heads: one of 3 and one of 1000 classes cannot be averaged."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = timm.create_model("deit_tiny_distilled_patch16_224", depth=1, img_size=32)
    freeze(model)
    first = replace_head(model, new)
    (name, head), (second_name, second) = get_heads(model)
    assert (name, second_name) == ("head", "head_dist") and head is first
    assert second.weight is not head.weight
    if isinstance(new, nn.Module):
        assert first is new and torch.equal(second.weight, new.weight)
    trainable = {n for n, p in model.named_parameters() if p.requires_grad}
    assert trainable == {"head.weight", "head.bias", "head_dist.weight", "head_dist.bias"}
    groups = param_groups(model, 1e-3, 1e-4)
    assert [len(g["params"]) for g in groups] == [4] and groups[0]["name"] == "head"
    for mode in (True, False):
        assert model.train(mode)(torch.zeros(2, 3, 32, 32)).shape == (2, 3)


def test_head_of_a_sequential():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    assert get_head(model)[0] == "2"
    replace_head(model, 5)
    assert model(torch.zeros(1, 4)).shape == (1, 5)


class Headless(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda: replace_head(mini_resnet18(), 0), "at least one class"),
        (lambda: replace_head(mini_resnet18(), "two"), "number of classes or a module"),
        (lambda: replace_head(mini_resnet18(), nn.Linear(7, 2)), r"nn.Linear\(128, classes\)"),
        (lambda: get_head(Headless()), "fc, classifier, heads, head"),
        (lambda: freeze_to(mini_resnet18(), "layer44"), 'Did you mean "layer4"'),
        (lambda: freeze_to(mini_resnet18(), ""), "no layer"),
    ],
)
def test_wrong_use_is_explained(attempt, words):
    with pytest.raises(InputError, match=words):
        attempt()


def test_freeze_to_splits_the_network_at_a_layer():
    model = mini_resnet18()
    freeze_to(model, "layer3")
    trainable = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    frozen = {n.split(".")[0] for n, p in model.named_parameters() if not p.requires_grad}
    assert trainable == {"layer3", "layer4", "fc"}
    assert frozen == {"conv1", "bn1", "layer1", "layer2"}


def test_freeze_to_inside_a_block_and_at_a_layer_without_weights():
    model = mini_resnet18()
    freeze_to(model, "layer4.1.conv2")
    trainable = [n for n, p in model.named_parameters() if p.requires_grad]
    assert trainable[0] == "layer4.1.conv2.weight" and trainable[-1] == "fc.bias"
    freeze_to(model, "avgpool")
    assert [n for n, p in model.named_parameters() if p.requires_grad] == ["fc.weight", "fc.bias"]


def test_freeze_to_thaws_gradually():
    model = mini_alexnet()
    counts = []
    for layer in ("classifier.6", "classifier", "features.6", "features.0"):
        freeze_to(model, layer)
        counts.append(count_parameters(model)["trainable"])
    assert counts == sorted(counts) and counts[-1] == count_parameters(model)["total"]


def test_counts():
    model = mini_resnet18(10)
    freeze(model)
    unfreeze(model.fc)
    total = sum(p.numel() for p in model.parameters())
    assert count_parameters(model) == {
        "total": total,
        "trainable": 128 * 10 + 10,
        "frozen": total - 1290,
    }


def one_epoch(model: nn.Module, set_mode) -> None:
    """Three steps by hand, with an optimizer that would decay whatever it was given."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(param_groups(model, 1e-2, weight_decay=0.1))
    set_mode(model)
    for _ in range(3):
        images = torch.randn(8, 3, 48, 48, generator=generator)
        loss = nn.functional.cross_entropy(model(images), torch.arange(8) % 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def frozen_entries(model: nn.Module, prefixes: tuple[str, ...]) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in model.state_dict().items() if k.startswith(prefixes)}


FROZEN = ("conv1", "bn1", "layer1", "layer2", "layer3")


def test_frozen_entries_are_bit_equal_after_an_epoch():
    torch.manual_seed(0)
    model = mini_resnet18(2)
    freeze_to(model, "layer4")
    before, prints = frozen_entries(model, FROZEN), fingerprint(model)
    one_epoch(model, train_mode)
    after = frozen_entries(model, FROZEN)
    assert any("running_mean" in name for name in before)
    assert all(torch.equal(before[name], after[name]) for name in before)
    moved = changed(prints, fingerprint(model))
    assert {name.split(".")[0] for name in moved} == {"layer4", "fc"}
    assert len(moved) == len(model.layer4.state_dict()) + len(model.fc.state_dict())


def test_plain_train_moves_the_running_statistics_of_frozen_layers():
    torch.manual_seed(0)
    model = mini_resnet18(2)
    freeze_to(model, "layer4")
    prints = fingerprint(model)
    one_epoch(model, nn.Module.train)
    moved = [name for name in changed(prints, fingerprint(model)) if name.startswith(FROZEN)]
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    norms = sum(
        isinstance(module, nn.BatchNorm2d)
        for name, module in model.named_modules()
        if name.startswith(FROZEN)
    )
    assert len(moved) == 3 * norms and all(name.endswith(statistics) for name in moved)


def test_train_mode_and_dropout():
    model = mini_alexnet(2)
    freeze(model)
    train_mode(model)
    assert not any(module.training for module in model.modules())

    unfreeze(model.classifier[6])
    train_mode(model)
    assert not model.features.training and not model.classifier[1].training
    assert model.classifier[3].training  # Dropout beside a trainable layer stays on

    block = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    model = nn.Sequential(block, nn.Linear(2, 2))
    freeze(block)
    train_mode(model)
    assert not block[1].training  # Dropout within a frozen block is off


def test_train_mode_comes_back_when_thawed():
    model = mini_resnet18(2)
    freeze_to(model, "fc")
    train_mode(model)
    assert not model.bn1.training
    unfreeze(model)
    train_mode(model)
    assert all(module.training for module in model.modules())


def test_fingerprint_sees_one_bit_in_any_kind_of_tensor():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.narrow = nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
            self.register_buffer("count", torch.tensor(0))
            self.register_buffer("flags", torch.tensor([True, False]))
            self.register_buffer("hidden", torch.zeros(2), persistent=False)
            self.register_buffer("none_left", torch.zeros(0))
            self.strided = nn.Parameter(torch.arange(6.0).reshape(2, 3).T)

    net = Net()
    before = fingerprint(net)
    assert changed(before, fingerprint(copy.deepcopy(net))) == []
    with torch.no_grad():
        net.narrow[1] = 1.0078125  # the next bfloat16
        net.strided[0, 1] = torch.nextafter(net.strided[0, 1], torch.tensor(9.0))
    net.count += 1
    net.flags[1] = True
    net.hidden[0] = -0.0  # equal in value, not in bits
    assert changed(before, fingerprint(net)) == ["narrow", "strided", "count", "flags", "hidden"]


def test_changed_names_what_came_and_went():
    assert changed({"a": "1", "b": "2"}, {"a": "1", "c": "3"}) == ["c", "b"]


def flat(groups: list[dict]) -> list[nn.Parameter]:
    return [parameter for group in groups for parameter in group["params"]]


def test_param_groups_hold_every_trainable_parameter_once():
    model = mini_resnet18(2)
    freeze_to(model, "layer3")
    groups = param_groups(model, 1e-2, 1e-3, weight_decay=0.1)
    wanted = {id(p) for p in model.parameters() if p.requires_grad}
    assert {id(p) for p in flat(groups)} == wanted and len(flat(groups)) == len(wanted)
    rates = {g["name"]: (g["lr"], g["weight_decay"]) for g in groups}
    assert rates == {
        "backbone": (1e-3, 0.1),
        "backbone, no decay": (1e-3, 0.0),
        "head": (1e-2, 0.1),
        "head, no decay": (1e-2, 0.0),
    }
    for group in groups:
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] > 0}
    head = {id(p) for g in groups if g["name"].startswith("head") for p in g["params"]}
    assert head == {id(model.fc.weight), id(model.fc.bias)}
    torch.optim.SGD(groups, momentum=0.9)


def test_param_groups_are_never_empty():
    model = mini_resnet18(2)
    assert [g["name"] for g in param_groups(model, 1e-2)] == ["all"]
    freeze_to(model, "fc")
    groups = param_groups(model, 1e-2, 1e-3)
    assert [(g["name"], g["weight_decay"]) for g in groups] == [("head", 0.0)]
    freeze(model)
    with pytest.raises(InputError, match="nothing to train"):
        param_groups(model, 1e-2)

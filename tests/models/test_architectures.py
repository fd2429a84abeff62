"""The mini networks are torchvision's: same modules, same keys, thinner tensors."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision import models

from tlhelpers.models.mini import MINI, mini_alexnet, mini_resnet18, mini_vgg16

FULL = {"alexnet": models.alexnet, "vgg16": models.vgg16, "resnet18": models.resnet18}


def full_size(name: str, **options) -> nn.Module:
    with torch.device("meta"):
        return FULL[name](**options)


def outline(model: nn.Module) -> list[tuple[str, str]]:
    return [(name, type(module).__name__) for name, module in model.named_modules()]


@pytest.mark.parametrize("name", MINI)
def test_same_modules_and_keys_as_torchvision(name):
    mini, full = MINI[name](), full_size(name)
    assert type(mini) is type(full)
    assert outline(mini) == outline(full)
    assert list(mini.state_dict()) == list(full.state_dict())
    assert [n for n, _ in mini.named_parameters()] == [n for n, _ in full.named_parameters()]


@pytest.mark.parametrize("name", MINI)
def test_convolutions_are_a_quarter_as_wide_and_otherwise_alike(name):
    minis = dict(MINI[name]().named_modules())
    for path, big in full_size(name).named_modules():
        if not isinstance(big, nn.Conv2d):
            continue
        mini = minis[path]
        assert mini.out_channels * 4 == big.out_channels
        assert mini.in_channels == (3 if big.in_channels == 3 else big.in_channels // 4)
        assert (mini.kernel_size, mini.padding) == (big.kernel_size, big.padding)
        if (name, path) == ("alexnet", "features.0"):
            assert mini.stride == (2, 2) and big.stride == (4, 4)
        else:
            assert mini.stride == big.stride


def test_vgg_with_batch_norm_is_torchvisions_vgg16_bn():
    with torch.device("meta"):
        full = models.vgg16_bn()
    assert list(mini_vgg16(batch_norm=True).state_dict()) == list(full.state_dict())


def test_batch_norm_folds_into_the_plain_vgg():
    """The recipe's last step: thirteen fused convolutions fit mini_vgg16's keys exactly."""
    torch.manual_seed(0)
    trained, plain = mini_vgg16(batch_norm=True).eval(), mini_vgg16().eval()
    for module in trained.modules():
        if isinstance(module, nn.BatchNorm2d):  # as if trained
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    layers = list(trained.features)
    fused = [
        fuse_conv_bn_eval(layer, layers[i + 1]) if isinstance(layer, nn.Conv2d) else layer
        for i, layer in enumerate(layers)
        if not isinstance(layer, nn.BatchNorm2d)
    ]
    plain.features.load_state_dict(nn.Sequential(*fused).state_dict())
    plain.classifier.load_state_dict(trained.classifier.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(plain(images), trained(images), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", MINI)
@pytest.mark.parametrize("classes", [2, 24])
def test_logits(name, classes):
    model = MINI[name](classes).eval()
    with torch.no_grad():
        assert model(torch.randn(2, 3, 96, 96)).shape == (2, classes)


@pytest.mark.parametrize(
    ("build", "smallest"), [(mini_alexnet, 35), (mini_vgg16, 32), (mini_resnet18, 1)]
)
def test_smallest_image(build, smallest):
    model = build().eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, smallest, smallest)).isfinite().all()
        if smallest > 1:
            with pytest.raises(RuntimeError):
                model(torch.randn(1, 3, smallest - 1, smallest - 1))


@pytest.mark.parametrize("name", MINI)
def test_weights_fit_into_three_megabytes(name):
    values = sum(tensor.numel() for tensor in MINI[name]().state_dict().values())
    bytes_each = 2 if name == "vgg16" else 4  # VGG-16 is stored in half precision
    assert values * bytes_each < 3e6


def test_most_of_alexnet_is_in_its_classifier():
    model = mini_alexnet()
    convolutions = sum(p.numel() for p in model.features.parameters())
    assert convolutions < 0.25 * sum(p.numel() for p in model.parameters())


@pytest.mark.trained
@pytest.mark.parametrize("build", [mini_alexnet, mini_vgg16, mini_resnet18])
def test_the_signal_survives_and_first_guesses_are_even(build, seed, holds):
    torch.manual_seed(seed)
    model = build(24).eval()
    images, labels = torch.randn(16, 3, 96, 96), torch.arange(16) % 24
    activations = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _, __, out: activations.append(out.std().item()))
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(images), labels).item()
    holds("weakest activation", min(activations), above=0.05)
    holds("distance from log 24", abs(loss - math.log(24)), below=0.35)


@pytest.mark.trained
@pytest.mark.parametrize("build", [mini_alexnet, mini_resnet18, mini_vgg16])
def test_it_learns_a_batch(build, seed, holds):
    """Every layer gets a gradient, and eight images can be learned by heart.

    Without dropout, which is there to prevent just that, and measured by the loss: of eight images
    each is an eighth of the accuracy. Guessing has a loss of 1.39.
    """
    torch.manual_seed(seed)
    options = {mini_alexnet: {"dropout": 0.0}, mini_vgg16: {"batch_norm": True, "dropout": 0.0}}
    model = build(4, **options.get(build, {}))
    images, labels = torch.randn(8, 3, 64, 64), torch.arange(8) % 4
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(25):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad.abs().sum() > 0 for p in model.parameters())
        optimizer.step()
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model.eval()(images), labels)
    holds("loss", loss.item(), below=0.1)

"""Adaptation of a backbone to images of one's own: uint8, any size, normalised as it needs."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tlhelpers as tl
from tlhelpers.data.domains import Domains, Glyphs
from tlhelpers.methods.adaptation.networks import Prepare


def images(n: int, size: int = 40, shift: float = 0.0, classes=("ants", "bees")) -> tl.ImageTensors:
    """Class 1 is brighter than class 0; `shift` brightens a whole domain."""
    chance = torch.Generator().manual_seed(n)
    labels = torch.arange(n) % len(classes)
    level = 60 + 40 * labels.view(-1, 1, 1, 1) + shift
    noise = torch.randint(40, (n, 3, size, size), generator=chance)
    return tl.ImageTensors((level + noise).to(torch.uint8), labels, list(classes))


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone("resnet18")


@pytest.fixture(scope="module")
def domains():
    return Domains(images(24), images(12), images(20, shift=60), images(10, shift=60))


def test_images_are_prepared_as_a_batch_loader_does(backbone):
    data = images(5, size=130)
    expected = next(iter(tl.BatchLoader(data, 5, **backbone.preprocessing, device="cpu")))[0]
    prepare = Prepare(backbone.mean, backbone.std, backbone.image_size)
    rounding = 1 / 255 / min(backbone.std)  # the loader resizes uint8, this one floats
    torch.testing.assert_close(prepare(data.images), expected, atol=rounding, rtol=0)
    torch.testing.assert_close(prepare(data.images / 255), prepare(data.images))


def test_a_backbone_gives_features_and_a_new_head(backbone):
    before = tl.fingerprint(backbone.model)
    network = tl.domain_network(backbone, 3).eval()
    data = images(4, size=50)
    loader = tl.BatchLoader(data, 4, **backbone.preprocessing, device="cpu")
    plain = tl.domain_network(backbone, 3, feature_norm=False).eval()
    assert network.head(network.features(data.images)).shape == (4, 3)
    expected = tl.extract_features(backbone.model, loader).features
    torch.testing.assert_close(plain.features(data.images), expected, atol=0.05, rtol=0.05)
    assert tl.fingerprint(backbone.model) == before


@pytest.mark.parametrize("method", ["source", "mmd", "reversal", "confusion"])
def test_every_kind_of_method_trains_a_copy_of_the_backbone(method, backbone, domains):
    before = tl.fingerprint(backbone.model)
    options = {"steps": 2, "batch_size": 4, "penalty": 1.0}
    run = tl.adapt(domains, method, network=backbone, **options)
    again = tl.adapt(domains, method, network=backbone, **options)
    assert tl.fingerprint(run.network) == tl.fingerprint(again.network)
    assert tl.fingerprint(backbone.model) == before
    found = tl.measure_domains(run.network, domains)
    assert 0 <= found["target_accuracy"] <= 1 and 0 <= found["probe_accuracy"] <= 1


def test_a_network_of_ones_own_is_copied_and_trained(domains):
    features = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    network = nn.Sequential(OrderedDict(features=features, head=nn.Linear(12, 2)))
    before = tl.fingerprint(network)
    run = tl.adapt(domains, "mmd", network=network, steps=2, batch_size=8)
    assert tl.fingerprint(network) == before
    assert set(tl.changed(before, tl.fingerprint(run.network))) == {"head.weight", "head.bias"}


def test_target_labels_of_ones_own_are_never_read(backbone, domains):
    blind = tl.ImageTensors(domains.target.images, torch.zeros(20), ["ants", "bees"])
    lied_to = Domains(domains.source, domains.source_test, blind, domains.target_test)
    prints = [
        tl.fingerprint(tl.adapt(d, "mmd", network=backbone, steps=2, batch_size=4).network)
        for d in (domains, lied_to)
    ]
    assert prints[0] == prints[1]


# --- BatchNorm of a backbone ----------------------------------------------------------------------


def statistics(model) -> torch.Tensor:
    return torch.cat([b.flatten() for n, b in model.named_buffers() if "running" in n])


def test_batchnorm_takes_a_loader_a_backbone_or_a_domain_network(backbone):
    data = images(12, size=backbone.image_size)
    before = tl.fingerprint(backbone.model)
    loader = tl.BatchLoader(data, 12, **backbone.preprocessing, device="cpu")
    by_loader = tl.adapt_batchnorm(backbone.model, loader)
    by_backbone = tl.adapt_batchnorm(backbone, data)
    assert by_backbone.name == backbone.name and not by_backbone.model.training
    expected = statistics(by_loader)
    assert not torch.allclose(expected, statistics(backbone.model))
    torch.testing.assert_close(statistics(by_backbone.model), expected, atol=1e-3, rtol=1e-3)
    network = tl.domain_network(backbone, 2, feature_norm=False)
    torch.testing.assert_close(
        statistics(tl.adapt_batchnorm(network, data)), expected, atol=1e-3, rtol=1e-3
    )
    torch.testing.assert_close(
        statistics(tl.adapt_batchnorm(network, data.images)), expected, atol=1e-3, rtol=1e-3
    )
    assert tl.fingerprint(backbone.model) == before


def test_batchnorm_takes_a_plain_data_loader():
    model = nn.Sequential(nn.BatchNorm2d(3))
    x = 3 + torch.randn(20, 3, 4, 4)
    adapted = tl.adapt_batchnorm(model, DataLoader(TensorDataset(x, torch.zeros(20)), 10))
    torch.testing.assert_close(adapted[0].running_mean, x.mean((0, 2, 3)))


def test_batchnorm_has_no_last_batch_of_one():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3))
    x = torch.randn(11, 3, 1, 1)
    adapted = tl.adapt_batchnorm(model, x, batch_size=5)
    torch.testing.assert_close(adapted[1].running_mean, x.mean((0, 2, 3)), atol=0.2, rtol=0)


# --- what cannot be meant -------------------------------------------------------------------------


def bare_images(backbone):
    return tl.adapt_batchnorm(backbone.model, images(8))


def bare_tensor(backbone):
    return tl.adapt_batchnorm(backbone.model, images(8).images)


def one_image(backbone):
    return tl.adapt_batchnorm(backbone, images(1))


def no_network(backbone):
    return tl.adapt(Domains(*[images(4)] * 4), "mmd", steps=1)


def model_of_a_backbone(backbone):
    return tl.adapt(Domains(*[images(4)] * 4), "mmd", network=backbone.model, steps=1)


def network_of_a_model(backbone):
    return tl.domain_network(backbone.model, 2)


def other_classes(backbone):
    return Domains(images(4), images(4), images(4, classes=("bees", "ants")), images(4))


def other_sizes(backbone):
    return Domains(images(4), images(4), images(4, size=50), images(4))


def empty_part(backbone):
    return Domains(images(4), images(4)[:0], images(4), images(4))


def a_path(backbone):
    return Domains("photos/", images(4), images(4), images(4))


def digits_and_images(backbone):
    digits = Glyphs(torch.zeros(2, 1, 16, 16), torch.zeros(2).long())
    return Domains(images(4), images(4), digits, digits)


def in_train_mode(backbone):
    return tl.measure_domains(tl.domain_network(backbone, 2).train(), Domains(*[images(8)] * 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (bare_images, r"BatchLoader\(data, \*\*backbone.preprocessing\)"),
        (bare_tensor, "uint8 images"),
        (one_image, "two or more images"),
        (no_network, r"network=tl.load_backbone"),
        (model_of_a_backbone, "not its .model"),
        (network_of_a_model, "not its .model"),
        (other_classes, "classes=source.classes"),
        (other_sizes, "same size"),
        (empty_part, "source_test is empty"),
        (a_path, "load_image_folder"),
        (digits_and_images, "classes of target"),
        (in_train_mode, r"network.eval\(\)"),
    ],
)
def test_mistakes_are_refused_with_what_to_pass(call, message, backbone):
    with pytest.raises(tl.InputError, match=message):
        call(backbone)

"""Cached features: the right layer, the right order, K views, and a probe that can be a head."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.models.mini import mini_resnet18


@pytest.fixture(scope="module")
def data() -> tl.ImageTensors:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(30) % 3
    noise = torch.randint(0, 80, (30, 3, 32, 32), generator=generator)
    images = (noise + 80 * labels[:, None, None, None]).to(torch.uint8)
    return tl.ImageTensors(images, labels, ["a", "b", "c"])


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return mini_resnet18(num_classes=3)


def batches(data, **kwargs):
    return tl.BatchLoader(data, 8, device="cpu", **kwargs)


def test_features_are_what_the_head_sees(data, model):
    before = tl.fingerprint(model)
    model.train()
    cached = tl.extract_features(model, batches(data))
    assert model.training, "the network is left in the mode it was in"
    assert tl.fingerprint(model) == before, "BatchNorm's statistics moved during extraction"
    assert cached.features.shape == (30, model.fc.in_features)
    assert cached.labels.tolist() == data.labels.tolist() and cached.classes == data.classes
    logits, _ = tl.predict(model, batches(data))
    with torch.no_grad():
        assert torch.allclose(model.fc(cached.features), logits, atol=0.05)


def test_layers_by_name_are_pooled(data, model):
    assert tl.extract_features(model, batches(data), layer="layer1").features.shape == (30, 16)
    with pytest.raises(InputError, match='Did you mean "layer2"'):
        tl.extract_features(model, batches(data), layer="leyer2")


def test_views_need_augmentation_and_differ(data, model):
    with pytest.raises(InputError, match="equal copies"):
        tl.extract_features(model, batches(data), views=2)
    augmented = batches(data, augment=tl.random_affine(degrees=30))
    cached = tl.extract_features(model, augmented, views=3)
    assert cached.views == 3 and cached.features.shape[0] == 90
    assert cached.labels.tolist() == data.labels.tolist() * 3
    first, second = cached.features[:30], cached.features[30:60]
    assert not torch.allclose(first, second)


def test_a_shuffling_loader_is_refused(data, model):
    with pytest.raises(InputError, match="train=True"):
        tl.extract_features(model, batches(data, train=True))


@pytest.mark.parametrize("classes", [2, 3])
def test_the_probe_equals_logistic_regression(data, model, classes):
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    part = data[data.labels < classes]
    part.classes = part.classes[:classes]
    cached = tl.extract_features(model, batches(part))
    head = tl.linear_probe(cached, C=0.5)
    x = StandardScaler().fit_transform(cached.features.double().numpy())
    expected = LogisticRegression(C=0.5, max_iter=1000).fit(x, cached.labels).predict_proba(x)
    with torch.no_grad():
        got = head(cached.features).softmax(1)
    assert torch.allclose(got, torch.from_numpy(expected).float(), atol=1e-3)


@pytest.mark.trained
def test_a_head_trained_on_the_cache_is_the_head_of_the_network(data, seed, holds):
    """`fit` on cached features, then the head in place: the network says what the head said."""
    torch.manual_seed(seed)
    model = mini_resnet18(num_classes=3)
    cached = tl.extract_features(model, batches(data))
    head = tl.linear_probe(cached)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.01)
    tl.fit(head, tl.BatchLoader(cached, 8, train=True, device="cpu"), optimizer=optimizer, epochs=1)
    alone, _ = tl.predict(head, tl.BatchLoader(cached, 8, device="cpu"))
    tl.replace_head(model, head)
    whole, _ = tl.predict(model, batches(data))
    assert (alone.argmax(1) == whole.argmax(1)).float().mean() > 0.9
    holds("accuracy", alone.argmax(1).eq(data.labels).float().mean(), above=0.9)


def test_probe_of_one_class_is_refused(data, model):
    cached = tl.extract_features(model, batches(data))
    with pytest.raises(InputError, match="two classes"):
        tl.linear_probe(cached[cached.labels == 1])

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


def swin():
    """torchvision's Swin transformer, which keeps its channels last, at toy size."""
    from torchvision.models import SwinTransformer

    return SwinTransformer([4, 4], 16, [1, 1], [1, 2], [4, 4], num_classes=2)


def convnext():
    """LayerNorm and Linear inside, channels second outside."""
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    return ConvNeXt([CNBlockConfig(12, 20, 1), CNBlockConfig(20, None, 1)], num_classes=2)


def vit():
    from torchvision.models import VisionTransformer

    return VisionTransformer(64, 16, 1, 2, 24, 32, num_classes=2)


def timm_swin():
    import timm

    sizes = {
        "img_size": 64,
        "window_size": 4,
        "embed_dim": 16,
        "depths": (1, 1),
        "num_heads": (1, 2),
    }
    return timm.create_model("swin_tiny_patch4_window7_224", **sizes)


@pytest.mark.parametrize(
    ("make", "layer", "width"),
    [
        (swin, "features", 32),
        (swin, "features.0", 16),
        (timm_swin, "layers.1", 32),
        (convnext, "features", 20),
        (convnext, "features.1.0", 12),
        (mini_resnet18, "layer2", 32),
        (mini_resnet18, "relu", 16),
        (vit, "encoder.layers.encoder_layer_0", 24),
        (vit, "encoder.layers.encoder_layer_0.self_attention", 24),
    ],
)
def test_layouts_of_many_networks(make, layer, width):
    """(N, C, H, W), (N, H, W, C), tokens, and tuples: always one number a channel."""
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    data = tl.ImageTensors(images, torch.tensor([0, 1]), ["a", "b"])
    found = tl.extract_features(make(), tl.BatchLoader(data, 2), layer=layer)
    assert found.features.shape == (2, width)


def test_a_layout_that_nothing_tells_is_refused():
    network = nn.Sequential(nn.Upsample((6, 10)), nn.Flatten(), nn.Linear(180, 2))
    data = tl.ImageTensors(torch.zeros(2, 3, 4, 4).byte(), torch.tensor([0, 1]), ["a", "b"])
    loader = tl.BatchLoader(data, 2)
    with pytest.raises(InputError, match="where the channels"):
        tl.extract_features(network, loader, layer="0")
    with pytest.raises(InputError, match="cannot|returns"):
        tl.extract_features(nn.Sequential(Scalar(), network), loader, layer="0")


class Scalar(nn.Module):
    def forward(self, x):
        return x.mean()

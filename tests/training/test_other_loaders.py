"""Loaders and schedulers of torch, and networks that return more than logits."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import tlhelpers as tl
from tlhelpers.core.errors import InputError


@pytest.fixture
def folder(tmp_path):
    """Dark and light pictures of 24 px, 8 of each, in class folders."""
    for name, level in (("dark", 40), ("light", 200)):
        (tmp_path / name).mkdir()
        for i in range(8):
            Image.new("RGB", (24, 24), (level + i,) * 3).save(tmp_path / name / f"{i}.png")
    return tmp_path


@pytest.fixture
def dataset(folder):
    steps = [
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.5] * 3, [0.5] * 3),
    ]
    return ImageFolder(folder, v2.Compose(steps))


class Network(nn.Module):
    """A convolution and a head; `wrap` says in what its logits are returned."""

    def __init__(self, wrap=lambda logits: logits, classes=2):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.fc, self.wrap = nn.Conv2d(3, 4, 3), nn.Linear(4, classes), wrap

    def forward(self, x):
        return self.wrap(self.fc(self.conv(x).relu().mean((2, 3))))


def sgd(model, lr=0.5):
    return torch.optim.SGD(model.parameters(), lr)


def test_a_data_loader_over_an_image_folder_trains_and_measures(dataset):
    model = Network()
    generator = torch.Generator().manual_seed(0)
    train = DataLoader(dataset, 4, shuffle=True, generator=generator)
    val = DataLoader(dataset, 8)
    history = tl.fit(model, train, val, optimizer=sgd(model), epochs=8, progress=False)
    assert history.steps == 32 and history.last["val_accuracy"] == 1
    assert tl.evaluate(model, val)["n"] == 16
    logits, labels = tl.predict(model, val)
    assert logits.shape == (16, 2) and labels.tolist() == dataset.targets
    features = tl.extract_features(model, val)
    assert features.features.shape == (16, 4) and features.classes == ["dark", "light"]
    assert tl.linear_probe(features).out_features == 2


def test_both_loaders_give_the_same_numbers(folder, dataset):
    data = tl.load_image_folder(folder, 24)
    own = tl.BatchLoader(data, 8, mean=[0.5] * 3, std=[0.5] * 3)
    model = Network()
    for key, value in tl.evaluate(model, own).items():
        assert tl.evaluate(model, DataLoader(dataset, 8))[key] == pytest.approx(value, rel=1e-5)


def test_features_of_a_data_set_without_class_names(dataset):
    """Label numbers stand for the names, so that a head can be fitted."""
    x, y = next(iter(DataLoader(dataset, 16)))
    found = tl.extract_features(Network(), DataLoader(TensorDataset(x, y), 8))
    assert found.classes == ["0", "1"] and tl.linear_probe(found).out_features == 2


def test_features_of_batches_that_grow(dataset):
    model, rows = Network(), [[0], [1, 2], list(range(3, 16))]
    grown = tl.extract_features(model, DataLoader(dataset, batch_sampler=rows))
    even = tl.extract_features(model, DataLoader(dataset, 8))
    torch.testing.assert_close(grown.features, even.features)
    assert torch.equal(grown.labels, even.labels)


def test_a_shuffling_loader_gives_no_features(dataset):
    with pytest.raises(InputError, match="without shuffle=True"):
        tl.extract_features(Network(), DataLoader(dataset, 4, shuffle=True))


def test_what_a_loader_yields_is_explained(folder):
    model = Network()
    whole_numbers = TensorDataset(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.zeros(4))
    with pytest.raises(InputError, match="ToDtype"):
        tl.evaluate(model, DataLoader(whole_numbers, 2))
    with pytest.raises(InputError, match=r"pairs \(images, labels\)"):
        tl.evaluate(model, DataLoader(TensorDataset(torch.zeros(4, 3, 8, 8)), 2))
    with pytest.raises(InputError, match="no length"):
        tl.evaluate(model, iter([]))


@pytest.mark.parametrize("other", [["light", "dark"], ["dark", "grey"], ["dark"]])
def test_train_and_validation_of_other_classes_are_refused(folder, other):
    data = tl.load_image_folder(folder, 24)
    renamed = tl.ImageTensors(data.images, data.labels.clamp(max=len(other) - 1), other)
    model, train = Network(), tl.BatchLoader(data, 4, train=True)
    with pytest.raises(InputError, match="classes=train.classes"):
        tl.fit(model, train, tl.BatchLoader(renamed), optimizer=sgd(model), epochs=1)


def test_a_trained_network_is_not_measured_on_other_classes(folder):
    """The note lies on the head: a new head, or a new training, begins without it."""
    data = tl.load_image_folder(folder, 24)
    swapped = tl.BatchLoader(tl.ImageTensors(data.images, data.labels, ["light", "dark"]))
    model = Network()
    tl.fit(model, tl.BatchLoader(data, 4, train=True), optimizer=sgd(model), epochs=1)
    with pytest.raises(InputError, match="learned"):
        tl.evaluate(model, swapped)
    tl.fit(model, swapped, swapped, optimizer=sgd(model), epochs=1)
    assert tl.evaluate(model, swapped)["n"] == 16
    tl.replace_head(model, 2)
    assert tl.evaluate(model, tl.BatchLoader(data))["n"] == 16


def test_subsets_keep_the_class_names(dataset):
    from tlhelpers.data.any_loader import find_classes

    assert find_classes(Subset(Subset(dataset, range(6)), range(3))) == ["dark", "light"]
    joined = torch.utils.data.ConcatDataset([dataset, Subset(dataset, [0])])
    assert find_classes(joined) == ["dark", "light"]
    assert find_classes(TensorDataset(torch.zeros(1))) is None


class Output:
    def __init__(self, logits):
        self.logits = logits


@pytest.mark.parametrize(
    "wrap", [lambda logits: {"logits": logits}, Output], ids=["dict", "dataclass"]
)
def test_networks_that_return_more_than_logits(dataset, wrap):
    plain, model = Network(), Network(wrap)
    loader = DataLoader(dataset, 8)
    for network in (plain, model):
        tl.fit(network, loader, optimizer=sgd(network), steps=2, progress=False)
    assert tl.evaluate(model, loader) == tl.evaluate(plain, loader)
    assert torch.equal(tl.predict(model, loader)[0], tl.predict(plain, loader)[0])


def test_an_output_without_logits_is_refused(dataset):
    model = Network(lambda logits: [logits])
    with pytest.raises(InputError, match="returns list without logits"):
        tl.fit(model, DataLoader(dataset, 8), optimizer=sgd(model), steps=1)


def test_googlenet_with_its_auxiliary_outputs_trains(folder):
    from torchvision.models import googlenet

    model = googlenet(num_classes=2, aux_logits=True, init_weights=False)
    loader = tl.BatchLoader(tl.load_image_folder(folder, 96), 8, train=True)
    history = tl.fit(model, loader, optimizer=sgd(model, 1e-3), steps=1, progress=False)
    assert history.steps == 1


def test_any_scheduler_of_torch(dataset):
    """The plateau is measured on the validation loss, else on the training loss."""
    for val in (DataLoader(dataset, 8), None):
        model = Network()
        optimizer = sgd(model, 1e-12)  # nothing improves
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.1)
        history = tl.fit(
            model, DataLoader(dataset, 8), val, optimizer=optimizer, scheduler=scheduler, epochs=4
        )
        assert history.column("lr")[0] == 1e-12
        assert scheduler.last_epoch == 4
        assert scheduler.best == min(history.column("val_loss" if val else "train_loss"))

"""The training loop: frozen stays frozen, bad set-ups are refused, interrupts lose nothing."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl
from tlhelpers.core.errors import InputError

CLASSES = ["dark", "light"]


def small_network(seed: int = 0) -> nn.Sequential:
    """Convolution, BatchNorm, Dropout and a head: everything that can move while frozen."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Dropout(0.5), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


@pytest.fixture
def data() -> tl.ImageTensors:
    """48 images of 16 px: the dark ones are class 0, the light ones class 1."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(48) % 2
    noise = torch.randint(0, 120, (48, 3, 16, 16), generator=generator)
    images = (noise + 130 * labels[:, None, None, None]).to(torch.uint8)
    return tl.ImageTensors(images, labels, CLASSES)


def loader(data, train=True, **kwargs):
    generator = torch.Generator().manual_seed(1)
    return tl.BatchLoader(data, 16, train=train, generator=generator, device="cpu", **kwargs)


@pytest.mark.trained
def test_learns_and_measures(data, seed, holds):
    model = small_network(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    history = tl.fit(model, loader(data), loader(data, train=False), optimizer=optimizer, epochs=12)
    assert history.steps == 36 and len(history.rows) == 12 and history.stopped == ""
    holds("validation accuracy", history.last["val_accuracy"], above=0.9)
    assert history.column("train_loss")[0] > history.column("train_loss")[-1]
    assert not model.training
    assert "val_acc" in str(history)


def test_evaluate_is_per_sample(data):
    """The last batch of 8 counts 8, not as much as a batch of 16 (a mean of batch means would)."""
    model = small_network()
    part = data[torch.arange(40)]
    measured = tl.evaluate(model, loader(part, train=False))
    logits, labels = tl.predict(model, loader(part, train=False))
    assert measured["n"] == 40
    assert measured["loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-3)
    assert measured["accuracy"] == (logits.argmax(1) == labels).float().mean().item()
    assert measured["correct"] == (logits.argmax(1) == labels).sum().item()


def test_frozen_is_bit_equal_buffers_included(data):
    model = small_network()
    tl.freeze(model[0])
    before = tl.fingerprint(model)
    optimizer = torch.optim.AdamW(model[3].parameters(), lr=0.02, weight_decay=0.5)
    tl.fit(model, loader(data), optimizer=optimizer, epochs=2)
    moved = tl.changed(before, tl.fingerprint(model))
    assert sorted(moved) == ["3.bias", "3.weight"]


def test_steps_are_exact_and_cycle_through_the_data(data):
    model = small_network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=7)
    history = tl.fit(model, loader(data), optimizer=optimizer, steps=7, batch_scheduler=schedule)
    assert history.steps == 7
    assert [row["step"] for row in history.rows] == [3, 6, 7]


@pytest.mark.trained
def test_same_seed_same_weights(data, seed):
    def run():
        model = small_network(seed)
        tl.seed_everything(seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        tl.fit(model, loader(data), optimizer=optimizer, epochs=2, progress=False)
        return tl.fingerprint(model)

    assert run() == run()


@pytest.mark.trained
def test_keep_best_loads_the_best_epoch(data, seed):
    model = small_network(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    seen = []

    def remember(run):
        seen.append(copy.deepcopy(model.state_dict()))
        for group in optimizer.param_groups:  # ruin what follows, so that best is not last
            group["lr"] *= -3

    history = tl.fit(
        model,
        loader(data),
        loader(data, train=False),
        optimizer=optimizer,
        epochs=4,
        keep_best=True,
        callbacks=[remember],
    )
    assert history.best["epoch"] < 4
    expected = seen[history.best["epoch"] - 1]
    assert all(torch.equal(t, expected[name]) for name, t in model.state_dict().items())


def all_frozen(model):
    tl.freeze(model)
    return torch.optim.SGD(model.parameters(), 0.1)


def head_missing(model):
    return torch.optim.SGD(model[0].parameters(), 0.1)


def frozen_but_held(model):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    tl.freeze(model[0])
    return optimizer


def head_replaced_afterwards(model):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    model[3] = nn.Linear(8, 2)
    return optimizer


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (all_frozen, "nothing to train"),
        (head_missing, "3.weight, 3.bias can be trained"),
        (frozen_but_held, "is frozen and still in the optimizer"),
        (head_replaced_afterwards, "not part of this model"),
    ],
)
def test_inconsistent_optimizers_are_refused(data, prepare, words):
    model = small_network()
    optimizer = prepare(model)
    with pytest.raises(InputError, match=words):
        tl.fit(model, loader(data), optimizer=optimizer, epochs=1)


def test_wrong_number_of_outputs_names_the_remedy(data):
    model = small_network()
    model[3] = nn.Linear(8, 5)
    with pytest.raises(InputError, match=r"replace_head\(model, 2\)"):
        tl.evaluate(model, loader(data, train=False))


def test_nan_stops_with_the_last_good_weights(data):
    model = small_network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    good = {}

    def poison(run):
        good.update(tl.fingerprint(model))
        optimizer.param_groups[0]["lr"] = float("inf")

    with pytest.warns(UserWarning, match="learning rate ten times smaller"):
        history = tl.fit(model, loader(data), optimizer=optimizer, epochs=5, callbacks=[poison])
    assert "not finite in epoch 2" in history.stopped and len(history.rows) == 1
    assert tl.fingerprint(model) == good


def test_interrupt_returns_the_history_so_far(data):
    model = small_network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    class Interrupted(type(loader(data))):
        passes = 0

        def __iter__(self):
            self.passes += 1
            for batch in super().__iter__():
                if self.passes == 3:
                    raise KeyboardInterrupt
                yield batch

    batches = Interrupted(data, 16, train=True, device="cpu")
    history = tl.fit(model, batches, optimizer=optimizer, epochs=5)
    assert len(history.rows) == 2 and history.stopped == "interrupted after 6 of 15 steps"
    assert not model.training and all(t.isfinite().all() for t in model.parameters())


def test_epochs_or_steps(data):
    model = small_network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with pytest.raises(InputError, match="epochs"):
        tl.fit(model, loader(data), optimizer=optimizer)
    with pytest.raises(InputError, match="keep_best"):
        tl.fit(model, loader(data), optimizer=optimizer, epochs=1, keep_best=True)


def test_evaluation_leaves_the_modes_as_they_were(data):
    model = small_network()[0]
    tl.freeze(model)
    whole = nn.Sequential(model, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    tl.train_mode(whole)
    modes = [module.training for module in whole.modules()]
    tl.evaluate(whole, loader(data, train=False))
    assert [module.training for module in whole.modules()] == modes


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_fit_on_cuda_keeps_frozen_bit_equal(data):
    model = small_network()
    tl.freeze(model[0])
    before = tl.fingerprint(model)
    batches = tl.BatchLoader(data, 16, train=True, device="cuda")
    optimizer = torch.optim.AdamW(model[3].parameters(), lr=0.02)
    history = tl.fit(model, batches, batches, optimizer=optimizer, epochs=12)
    assert sorted(tl.changed(before, tl.fingerprint(model))) == ["3.bias", "3.weight"]
    assert history.last["val_accuracy"] > 0.8

"""Callbacks, early stopping, and runs that are interrupted and resumed with the same result."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tlhelpers as tl
from tlhelpers.core.errors import InputError


def data():
    """32 images of 8 px whose mean brightness is their class, but for noise."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(32) % 2
    noise = torch.randint(0, 156, (32, 3, 8, 8), generator=generator)
    images = (noise + 100 * labels[:, None, None, None]).to(torch.uint8)
    return tl.ImageTensors(images, labels, ["dark", "light"])


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.3), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)),
    )


def batch_loader():
    generator = torch.Generator().manual_seed(1)
    flip = tl.random_affine(flip=True)
    return tl.BatchLoader(data(), 8, train=True, augment=flip, generator=generator, device="cpu")


def plain_loader():
    """torch's, shuffled by torch's global generator, which dropout draws from, too."""
    images = data()
    return DataLoader(TensorDataset(images.images / 255, images.labels), 8, shuffle=True)


class Break(tl.Callback):
    """Raises after so many steps, as a kill would."""

    def __init__(self, after: int):
        self.after = after

    def on_step_end(self, run):
        if run.history.steps == self.after:
            raise RuntimeError("killed")


def run(loader, path=None, *, kill=None, lr=0.05, epochs=3, schedule="OneCycleLR", every=0.0):
    torch.manual_seed(2)
    model, train = network(), loader()
    torch.manual_seed(3)
    optimizer = torch.optim.AdamW(tl.param_groups(model, lr, weight_decay=0.1))
    schedulers = {}
    if schedule == "OneCycleLR":
        total = epochs * len(train)
        one_cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=total)
        schedulers["batch_scheduler"] = one_cycle
    elif schedule == "ReduceLROnPlateau":
        schedulers["scheduler"] = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    callbacks = [tl.TrainingCheckpoint(path, every=every)] if path else []
    history = tl.fit(
        model,
        train,
        tl.BatchLoader(data(), 16, device="cpu"),
        optimizer=optimizer,
        epochs=epochs,
        keep_best=True,
        callbacks=[*([Break(kill)] if kill else []), *callbacks],
        progress=False,
        **schedulers,
    )
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
    return tl.fingerprint(model), rows


@pytest.mark.parametrize("schedule", ["OneCycleLR", "ReduceLROnPlateau", None])
@pytest.mark.parametrize("loader", [batch_loader, plain_loader])
def test_a_killed_run_ends_as_a_whole_one(tmp_path, loader, schedule):
    """Killed within the first epoch, at its end, within the second, and resumed each time."""
    expected = run(loader, schedule=schedule)
    path = tmp_path / "run.pt"
    for kill in (2, 4, 7):
        with pytest.raises(RuntimeError, match="killed"):
            run(loader, path, kill=kill, schedule=schedule)
    assert run(loader, path, schedule=schedule) == expected
    assert run(loader, path, schedule=schedule) == expected  # a finished run: nothing left to do


def test_saves_at_the_end_of_an_epoch_only(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.raises(RuntimeError):
        run(batch_loader, path, kill=3, every=1e9)
    assert not path.exists()
    with pytest.raises(RuntimeError):
        run(batch_loader, path, kill=6, every=1e9)
    assert torch.load(path, weights_only=True)["run"]["steps"] == 4


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"lr": 0.5}, "learning rates"),
        ({"epochs": 5}, "steps: 12, now 20"),
        ({"schedule": None}, "schedulers"),
    ],
)
def test_another_run_is_not_resumed_in_silence(tmp_path, changed, words):
    path = tmp_path / "run.pt"
    run(batch_loader, path)
    with pytest.raises(InputError, match=f"(?s){words}.*start again, remove the file"):
        run(batch_loader, path, **changed)


def test_another_network_is_not_resumed(tmp_path):
    path = tmp_path / "run.pt"
    for outputs in (2, 5):
        model = nn.Sequential(nn.Flatten(), nn.Linear(192, outputs))
        images = data()
        named = tl.ImageTensors(images.images, images.labels, ["dark", "light", *"abc"][:outputs])
        arguments = {"optimizer": torch.optim.SGD(model.parameters(), 0.1), "epochs": 1}
        arguments["callbacks"] = [tl.TrainingCheckpoint(path)]
        loader = tl.BatchLoader(named, 8, train=True)
        if outputs == 2:
            tl.fit(model, loader, **arguments)
        else:
            with pytest.raises(InputError, match="another run .*network.*classes"):
                tl.fit(model, loader, **arguments)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "run.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="Remove it to start again"):
        run(batch_loader, path)


def test_early_stopping_honours_the_best_epoch():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    seen = []

    def spoil(run):
        seen.append(tl.fingerprint(model))
        if len(seen) == 2:
            optimizer.param_groups[0]["lr"] = -5.0  # uphill from here on

    history = tl.fit(
        model,
        batch_loader(),
        tl.BatchLoader(data(), 16, device="cpu"),
        optimizer=optimizer,
        epochs=30,
        keep_best=True,
        callbacks=[spoil, tl.EarlyStopping(patience=3)],
    )
    losses = history.column("val_loss")
    assert len(losses) < 30 and "has not improved for 3 epochs" in history.stopped
    assert min(losses[:-3]) < min(losses[-3:])
    assert tl.fingerprint(model) == seen[history.best["epoch"] - 1]


def test_a_function_may_stop_the_run():
    model = network()
    history = tl.fit(
        model,
        batch_loader(),
        optimizer=torch.optim.SGD(model.parameters(), 0.05),
        epochs=5,
        callbacks=[lambda run: run.stop("enough") if len(run.history.rows) == 2 else None],
    )
    assert len(history.rows) == 2 and history.stopped == "enough"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"metric": "train_loss"}, "cannot watch"), ({"patience": 0}, "at least one epoch")],
)
def test_early_stopping_explains_its_arguments(arguments, words):
    with pytest.raises(InputError, match=words):
        tl.EarlyStopping(**arguments)


def test_early_stopping_needs_a_validation_loader():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    with pytest.raises(InputError, match="needs a validation loader"):
        tl.fit(model, batch_loader(), optimizer=optimizer, epochs=1, callbacks=[tl.EarlyStopping()])

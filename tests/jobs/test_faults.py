"""Bad input gets a clear error that names the file and the remedy, and nothing is lost.

One row a fault: what is wrong, the call, what it raises or warns of, and the words that the message
must hold: first those that name the thing, then those that say what to do.
"""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models import VisionTransformer

import tlhelpers as tl
from tlhelpers.core.errors import AssetError, InputError
from tlhelpers.models.mini import mini_alexnet, mini_resnet18, mini_vgg16

TWO = ["ants", "bees"]


# ---- what the rows are made of ------------------------------------------------------------------


def draw(*paths: Path, size: tuple[int, int] = (40, 30)) -> None:
    """Write a noisy picture to each path; its folders are made."""
    rng = np.random.default_rng(0)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path)


def pictures(root: Path, *classes: str, n: int = 3) -> Path:
    """A folder of class folders with n JPEGs each."""
    draw(*(root / name / f"{i}.jpg" for name in classes for i in range(n)))
    return root


def cut(path: Path, share: float = 0.5) -> None:
    """Keep only the first part of a file, as a broken download does."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])


def broken(root: Path) -> Path:
    """Two classes of three; in each one file cannot be read."""
    pictures(root, *TWO)
    cut(root / "ants" / "1.jpg")
    (root / "bees" / "2.jpg").write_bytes(b"<html>404 not found</html>")
    return root


def images(side: int = 16, n: int = 12) -> tl.ImageTensors:
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=generator)
    return tl.ImageTensors(values, torch.arange(n) % 2, TWO)


def loader(side: int = 16, **options) -> tl.BatchLoader:
    return tl.BatchLoader(images(side), 4, device="cpu", **options)


def tiny() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def sgd(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=0.01)


def saved(root: Path) -> Path:
    """A checkpoint of a two-class mini ResNet-18."""
    model = mini_resnet18(num_classes=2)
    return tl.save_checkpoint(model, root / "best.safetensors", backbone="resnet18", classes=TWO)


@contextlib.contextmanager
def unchanged(model: nn.Module):
    """Whatever goes wrong inside, the network is afterwards what it was."""
    before = tl.fingerprint(model)
    try:
        yield model
    finally:
        assert tl.changed(before, tl.fingerprint(model)) == []


# ---- calls that need more than a line -----------------------------------------------------------


def rest_is_used(p: Path) -> None:
    data = tl.load_image_folder(broken(p), 8, on_error="skip")
    assert data.paths == ["ants/0.jpg", "ants/2.jpg", "bees/0.jpg", "bees/1.jpg"]
    assert data.labels.tolist() == [0, 0, 1, 1]


def all_of_a_class_unreadable(p: Path) -> None:
    pictures(p, *TWO, n=1)
    cut(p / "bees" / "0.jpg")
    with pytest.warns(UserWarning, match="bees/0.jpg"):
        tl.load_image_folder(p, 8, on_error="skip")


def split_lacks_a_class(p: Path) -> None:
    data = tl.load_image_folder(pictures(p, "bees"), 8, classes=TWO)
    assert data.classes == TWO and data.labels.tolist() == [1, 1, 1]


def nan_after_a_good_epoch(p: Path) -> None:
    model = tiny()
    optimizer, good = sgd(model), {}

    def poison(run) -> None:
        good.update(tl.fingerprint(model))
        optimizer.param_groups[0]["lr"] = math.inf

    history = tl.fit(
        model, loader(), optimizer=optimizer, epochs=5, callbacks=[poison], progress=False
    )
    assert tl.changed(good, tl.fingerprint(model)) == [] and len(history.rows) == 1


def nan_in_the_very_last_step(p: Path) -> None:
    """The loss is measured before the step, so only the weights show what the last step did."""
    model = tiny()
    optimizer = sgd(model)
    good = tl.fingerprint(model)

    explode = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: math.inf if step == len(loader()) - 1 else 1.0
    )
    tl.fit(model, loader(), optimizer=optimizer, epochs=1, batch_scheduler=explode, progress=False)
    assert tl.changed(good, tl.fingerprint(model)) == []


def wrong_checkpoint(network, **expected):
    def call(p: Path) -> None:
        path = saved(p)
        with unchanged(network()) as model:
            tl.load_checkpoint(model, path, **expected)

    return call


def cut_checkpoint(p: Path) -> None:
    cut(saved(p))
    with unchanged(mini_resnet18(num_classes=2)) as model:
        tl.load_checkpoint(model, p / "best.safetensors")


def in_profile(name: str, call):
    def inside(p: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TLHELPERS_PROFILE", name)
            patch.setenv("TLHELPERS_DATA", str(p))
            patch.setenv("TORCH_HOME", str(p))
            call()

    return inside


# ---- the table ----------------------------------------------------------------------------------

FAULTS = {
    # folders
    "missing folder": (
        lambda p: tl.load_image_folder(pictures(p / "train", *TWO).parent / "trian"),
        InputError,
        ["trian", "Check the path", 'Did you mean "train"'],
    ),
    "a file for a folder": (
        lambda p: tl.load_image_folder(pictures(p, "ants") / "ants" / "0.jpg"),
        InputError,
        ["0.jpg is a file", "Give the folder"],
    ),
    "empty folder": (
        lambda p: tl.load_image_folder(p),
        InputError,
        ["no class folders", "it is empty", "One folder for each class", "ants/1.jpg"],
    ),
    "images without class folders": (
        lambda p: tl.load_image_folder(pictures(p, "flat") / "flat"),
        InputError,
        ["flat has no class folders", "3 images lie directly", "flat/ants/1.jpg"],
    ),
    "one level too high": (
        lambda p: tl.load_image_folder(pictures(pictures(p / "train", *TWO).parent, "val")),
        InputError,
        ["['train', 'val']", "not classes", "/train"],
    ),
    "empty class folder": (
        lambda p: ((pictures(p, "ants") / "bees").mkdir(), tl.load_image_folder(p)),
        InputError,
        ["bees has no images", "Put images", "remove the folder"],
    ),
    "class folder with other files": (
        lambda p: (
            pictures(p, *TWO, n=1),
            (p / "bees" / "0.jpg").unlink(),
            (p / "bees" / "0.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(99)),
            tl.load_image_folder(p),
        ),
        InputError,
        ["bees has no images", "only .mp4", "as JPEG or PNG"],
    ),
    "one class only": (
        lambda p: tl.load_image_folder(pictures(p, "ants")),
        InputError,
        ['one class only, "ants"', "One folder for each class"],
    ),
    "extra class in another split": (
        lambda p: tl.load_image_folder(pictures(p, "ants", "bee"), classes=TWO),
        InputError,
        ['class folder "bee"', 'Did you mean "bees"', "Rename or remove"],
    ),
    "class missing in another split": (
        split_lacks_a_class,
        UserWarning,
        ["no folder for ants", "labels still follow", "Add the folder"],
    ),
    # files
    "unreadable and truncated images": (
        lambda p: tl.load_image_folder(broken(p)),
        InputError,
        ["2 images", "ants/1.jpg (cut short", "bees/2.jpg (not an image", 'on_error="skip"'],
    ),
    "the rest used on request": (
        rest_is_used,
        UserWarning,
        ["2 images", "left out", "ants/1.jpg (cut short", "bees/2.jpg (not an image"],
    ),
    "no image of a class readable": (
        all_of_a_class_unreadable,
        InputError,
        ["bees can be read", "Put readable JPEG or PNG files there"],
    ),
    "empty file": (
        lambda p: (pictures(p, *TWO), cut(p / "ants" / "0.jpg", 0), tl.load_image_folder(p)),
        InputError,
        ["1 image of", "ants/0.jpg", "Replace or remove"],
    ),
    "telephone's HEIC": (
        lambda p: (
            (pictures(p, *TWO) / "ants" / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic"),
            tl.load_image_folder(p),
        ),
        InputError,
        ["ants/IMG_1.HEIC", "pip install pillow-heif", "Replace or remove"],
    ),
    "one image, missing": (
        lambda p: tl.load_image(p / "my.jpg"),
        InputError,
        ["my.jpg", "Check the path"],
    ),
    "one image, truncated": (
        lambda p: (draw(p / "my.png"), cut(p / "my.png"), tl.load_image(p / "my.png")),
        InputError,
        ["my.png cannot be read", "cut short", "save it again as JPEG or PNG"],
    ),
    # data in memory
    "floats for images": (
        lambda p: tl.ImageTensors(torch.rand(2, 3, 8, 8), torch.tensor([0, 1]), TWO),
        InputError,
        ["float32", "uint8", "(images * 255)"],
    ),
    "labels beyond the classes": (
        lambda p: tl.ImageTensors(images().images, torch.arange(12), TWO),
        InputError,
        ["0 to 11", "2 classes", "positions in ['ants', 'bees']"],
    ),
    "too few labels": (
        lambda p: tl.ImageTensors(images().images, torch.zeros(5), TWO),
        InputError,
        ["12 images, 5 labels", "one label for each image"],
    ),
    "fractions that do not add up": (
        lambda p: images().split(0.6, 0.2),
        InputError,
        ["(0.6, 0.2)", "add up to 1", "split(0.8, 0.2)"],
    ),
    "a part without a class": (
        lambda p: images(n=4).split(0.8, 0.1, 0.1),
        InputError,
        ['"ants" has 2 images', "fewer or more even parts"],
    ),
    "more images a class than there are": (
        lambda p: images().per_class(7),
        InputError,
        ["7 images of each class", "'ants': 6", "Ask for 1 to 6"],
    ),
    # batches
    "mean of 0..255": (
        lambda p: loader(mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4)),
        InputError,
        ["123.7", "0..1 scale", "Divide by 255"],
    ),
    "mean without std": (
        lambda p: loader(mean=(0.5,) * 3),
        InputError,
        ["mean and std", "**backbone.preprocessing"],
    ),
    "an empty set": (
        lambda p: tl.BatchLoader(images()[[]], 4),
        InputError,
        ["empty", "Check how it was chosen"],
    ),
    "something else than a set": (
        lambda p: tl.BatchLoader([1, 2, 3], 4),
        InputError,
        ["not list", "ImageTensors(images, labels, classes)", "load_image_folder"],
    ),
    "preparation of features": (
        lambda p: tl.BatchLoader(
            tl.FeatureTensors(torch.rand(4, 2), torch.arange(4) % 2, TWO), size=224
        ),
        InputError,
        ["leave out size", "features are extracted from"],
    ),
    "augmentation that changes the size": (
        lambda p: next(iter(loader(augment=lambda x, generator: x[:, :, 1:, 1:]))),
        InputError,
        ["(4, 3, 15, 15) of (4, 3, 16, 16)", "size=...) do the resizing"],
    ),
    "augmentation out of range": (
        lambda p: tl.random_affine(scale=(0.1, 1.0)),
        InputError,
        ["scale=(0.1, 1.0)", "from 0.5 on"],
    ),
    # names
    "unknown backbone": (
        lambda p: tl.load_backbone("resnet81"),
        InputError,
        ['"resnet81"', 'Did you mean "resnet18"'],
    ),
    "backbone without weights": (
        lambda p: tl.load_backbone("resnet50"),
        InputError,
        ['"resnet50"', "pretrained=False"],
    ),
    "unknown layer to freeze to": (
        lambda p: tl.freeze_to(mini_resnet18(), "leyer4"),
        InputError,
        ['"leyer4"', 'Did you mean "layer4"'],
    ),
    "unknown layer for features": (
        lambda p: tl.extract_features(mini_resnet18(), loader(32), layer="layer5"),
        InputError,
        ['"layer5"', 'Did you mean "layer'],
    ),
    "unknown profile": (
        lambda p: tl.setup(profile="ful"),
        InputError,
        ['"ful"', 'Did you mean "full"'],
    ),
    "unknown profile in the environment": (
        in_profile("Mini", tl.get_profile),
        InputError,
        ['"Mini"', 'Did you mean "mini"'],
    ),
    "unknown device": (
        lambda p: tl.get_device("cpuu"),
        InputError,
        ['"cpuu"', 'Did you mean "cpu"'],
    ),
    "unknown data set": (
        lambda p: tl.load_images("ant_bees", "train"),
        InputError,
        ['"ant_bees"', 'Did you mean "ants_bees"'],
    ),
    "unknown split": (
        lambda p: tl.load_images("ants_bees", "vall"),
        InputError,
        ['"vall"', 'Did you mean "val"'],
    ),
    "unknown way to resize": (
        lambda p: tl.load_image_folder(pictures(p, *TWO), resize="croped"),
        InputError,
        ['"croped"', 'Did you mean "crop"'],
    ),
    "unknown answer to errors": (
        lambda p: tl.load_image_folder(pictures(p, *TWO), on_error="skipp"),
        InputError,
        ['"skipp"', 'Did you mean "skip"'],
    ),
    "unknown public name": (
        lambda p: tl.freez,
        AttributeError,
        ['"freez"', 'Did you mean "freeze"'],
    ),
    # things to fetch
    "unknown asset": (
        lambda p: tl.fetch("ants_bee"),
        AssetError,
        ['"ants_bee"', 'Did you mean "ants_bees"'],
    ),
    "photographs that are not there": (
        in_profile("full", lambda: tl.load_images("ants_bees", "train")),
        AssetError,
        ["hymenoptera_data", "fetch ants_bees_photographs", 'tl.setup(profile="mini")'],
    ),
    "weights that are not there": (
        in_profile("full", lambda: tl.load_backbone("resnet18")),
        AssetError,
        ["resnet18-f37072fd.pth", "python -m tlhelpers fetch resnet18", "place it in"]
        + ['tl.fetch_assets("resnet18")', 'tl.setup(profile="mini")'],
    ),
    # training
    "images too small for AlexNet": (
        lambda p: tl.evaluate(mini_alexnet(num_classes=2), loader(16)),
        InputError,
        ["16x16 px", "**backbone.preprocessing"],
    ),
    "images too small for VGG-16": (
        lambda p: tl.fit(
            (model := mini_vgg16(num_classes=2)),
            loader(16),
            optimizer=sgd(model),
            epochs=1,
            progress=False,
        ),
        InputError,
        ["16x16 px", "**backbone.preprocessing"],
    ),
    "image size a transformer was not made for": (
        lambda p: tl.predict(VisionTransformer(32, 8, 1, 2, 16, 16, num_classes=2), loader(64)),
        InputError,
        ["64x64 px", "**backbone.preprocessing"],
    ),
    "head of other classes": (
        lambda p: tl.evaluate(nn.Sequential(nn.Flatten(), nn.Linear(768, 5)), loader()),
        InputError,
        ["2 classes", "tl.replace_head(model, 2)"],
    ),
    "optimizer made before the head": (
        lambda p: (
            (model := tiny()),
            (optimizer := sgd(model)),
            model.__setitem__(3, nn.Linear(4, 2)),
            tl.fit(model, loader(), optimizer=optimizer, epochs=1, progress=False),
        ),
        InputError,
        ["not part of this model", "after the last change"],
    ),
    "NaN loss stops with the last good weights": (
        nan_after_a_good_epoch,
        UserWarning,
        ["not finite in epoch 2", "weights of the epoch before", "learning rate ten times smaller"],
    ),
    "weights lost in the last step": (
        nan_in_the_very_last_step,
        UserWarning,
        ["not finite in epoch 1", "weights of the epoch before", "learning rate ten times smaller"],
    ),
    # checkpoints
    "missing checkpoint": (
        lambda p: tl.load_checkpoint(tiny(), p / "best.safetensors"),
        InputError,
        ["best.safetensors", "Check the path"],
    ),
    "truncated checkpoint": (
        cut_checkpoint,
        InputError,
        ["best.safetensors is damaged, or not a file that tlhelpers wrote", "make it again"],
    ),
    "file that is no checkpoint of ours": (
        lambda p: (
            (p / "other.pth").write_text(json.dumps({"a": 1}), encoding="utf-8"),
            tl.load_checkpoint(tiny(), p / "other.pth"),
        ),
        InputError,
        ["other.pth is damaged, or not a file that tlhelpers wrote", "another file"],
    ),
    "checkpoint of another architecture": (
        wrong_checkpoint(lambda: mini_alexnet(num_classes=2)),
        InputError,
        ["best.safetensors (resnet18, 2 classes)", "Build the same backbone"],
    ),
    "checkpoint of another backbone": (
        wrong_checkpoint(lambda: mini_resnet18(num_classes=2), backbone="vgg16"),
        InputError,
        ['"resnet18", not a "vgg16"', 'load_backbone("resnet18")'],
    ),
    "checkpoint with other classes": (
        wrong_checkpoint(lambda: mini_resnet18(num_classes=2), classes=["bees", "ants"]),
        InputError,
        ["best.safetensors", "['bees', 'ants']", "classes=['ants', 'bees']"],
    ),
    "checkpoint with more classes": (
        wrong_checkpoint(lambda: mini_resnet18(num_classes=3)),
        InputError,
        ["best.safetensors", "2 outputs with tl.replace_head"],
    ),
    "checkpoint into a missing folder": (
        lambda p: tl.save_checkpoint(tiny(), p / "no" / "x.safetensors", backbone="x", classes=TWO),
        InputError,
        ["no does not exist", "make it first"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_gets_a_clear_answer(fault, tmp_path):
    call, kind, words = FAULTS[fault]
    if issubclass(kind, Warning):
        with pytest.warns(kind) as caught:
            call(tmp_path)
        message = "\n".join(str(w.message) for w in caught)
    else:
        with pytest.raises(kind) as raised:
            call(tmp_path)
        message = str(raised.value)
    for word in words:
        assert word in message.replace("\\", "/"), f"{word!r} is not in: {message}"

"""The same two jobs as benchmarks/public_recipe.py, done the course's way.

`fixed`: every image is decoded once, goes once through the frozen network, and the head is fitted
to the cached features. `finetune`: that head goes onto the network, and then all convolutions are
trained for a few epochs (LP-FT, Kumar et al. 2022, arXiv:2202.10054); BatchNorm, trained on a
million images, keeps its statistics. Nothing is chosen on the validation set: it is looked at once.

The settings below were chosen by threefold cross-validation within the training images.

    python -m benchmarks.course_recipe --data hymenoptera_data --backbone resnet18 --method finetune
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

if not __package__:  # run as a file: the library lies beside this folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

import tlhelpers as tl

EPOCHS, BATCH, RATE = 2, 32, 1e-3
SIZE = 224


class Clock:
    """Seconds of the parts of a job, in their order."""

    def __init__(self):
        self.parts: dict[str, float] = {}
        self.last = time.perf_counter()

    def skip(self) -> None:
        """Leave out what happened since the last lap."""
        self.last = time.perf_counter()

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self.parts[part], self.last = now - self.last, now


def run(data, backbone: str, method: str, *, epochs: int = EPOCHS, seed: int = 0) -> dict:
    """The whole job: correct answers at its end, and the seconds of its parts.

    `work` counts from files to the measured accuracy, imports apart.
    """
    import sklearn.linear_model  # noqa: F401  imports are not part of the work
    import timm  # noqa: F401

    os.environ["TLHELPERS_PROFILE"] = "full"  # torchvision's ResNet-18, not the course's small one
    tl.seed_everything(seed)
    tl.fit, tl.load_image_folder, tl.load_backbone, tl.extract_features  # noqa: B018  imports
    clock = Clock()
    train = tl.load_image_folder(Path(data, "train"), SIZE)
    val = tl.load_image_folder(Path(data, "val"), SIZE, classes=train.classes)
    clock.lap("decode")
    known = tl.load_backbone(backbone, pretrained=backbone != "resnet18")
    facts = known.preprocessing
    clock.lap("load network")
    if not known.categories:
        stand_in(known.model)
        clock.skip()
    features = tl.extract_features(known.model, tl.BatchLoader(train, **facts))
    clock.lap("features of the training images")
    head = tl.linear_probe(features)
    clock.lap("fit the head")
    if method == "fixed":
        seen = tl.extract_features(known.model, tl.BatchLoader(val, **facts))
        measured = tl.evaluate(head, tl.BatchLoader(seen, len(seen)))
    else:
        if not known.categories:  # fitted to random features it is too steep to train on
            head.reset_parameters()
        tl.replace_head(known.model, head)
        finetune(known.model, train, facts, epochs)
        clock.lap("fine-tune")
        measured = tl.evaluate(known.model, tl.BatchLoader(val, **facts))
    clock.lap("measure")
    return {
        "correct": measured["correct"],
        "n": measured["n"],
        "epochs": epochs if method == "finetune" else 0,
        "work": sum(clock.parts.values()),
        "parts": clock.parts,
    }


def stand_in(model) -> None:
    """Give random weights the BatchNorm statistics that belong to them, as trained weights have.

    Without them the activations of a deep random network overflow in the frozen layers.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.randn(16, 3, SIZE, SIZE))
    model.eval()


def finetune(model, train, facts: dict, epochs: int) -> None:
    """All layers but BatchNorm, from the head that fits them already."""
    tl.unfreeze(model)
    tl.freeze_batchnorm(model)
    loader = tl.BatchLoader(train, BATCH, train=True, augment=tl.random_resized_crop(), **facts)
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=RATE, momentum=0.9)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=epochs * len(loader), pct_start=0.2
    )
    history = tl.fit(
        model, loader, optimizer=optimizer, epochs=epochs, batch_scheduler=rate, progress=False
    )
    if history.stopped:
        raise RuntimeError(f"the run is no measurement: {history.stopped}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with train/ and val/")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--method", choices=("fixed", "finetune"), default="finetune")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    print(json.dumps(run(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()

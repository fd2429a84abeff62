"""The usual PyTorch tutorial's transfer learning, as it stands in countless copies.

Written anew from its description, nothing made better and nothing made worse: images decoded again
in every epoch by four workers, batches of four, SGD with momentum, learning rate 0.001 divided by
ten after every seven epochs, 25 epochs, each with a training and a validation phase, the weights of
the best validation epoch kept. `method="fixed"` is its "fixed feature extractor": everything frozen
but a new head, the network nevertheless in training mode, so that BatchNorm's statistics drift.

    python -m benchmarks.public_recipe --data hymenoptera_data --backbone resnet18 --method finetune
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from pathlib import Path

import torch
from torch import nn, optim
from torch.optim import lr_scheduler
from torchvision import datasets, models, transforms

if not __package__:  # run as a file: the library lies beside this folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

EPOCHS = 25  # what the tutorial trains
HEADS = {"resnet18": "fc", "efficientnet_lite0": "classifier"}
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def load_data(root: str | Path, mean, std, workers: int = 4) -> dict:
    """Loaders of the folders train/ and val/, shuffled both."""
    steps = {
        "train": [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip()],
        "val": [transforms.Resize(256), transforms.CenterCrop(224)],
    }
    end = [transforms.ToTensor(), transforms.Normalize(mean, std)]
    return {
        phase: torch.utils.data.DataLoader(
            datasets.ImageFolder(Path(root, phase), transforms.Compose([*steps[phase], *end])),
            batch_size=4,
            shuffle=True,
            num_workers=workers,
        )
        for phase in ("train", "val")
    }


def load_network(backbone: str) -> tuple[nn.Module, tuple]:
    """The network, and the mean and std its input needs.

    EfficientNet-Lite0 comes with ImageNet weights. ResNet-18's can only be downloaded, so it has
    random ones here: that costs the same seconds, and its accuracy means nothing.
    """
    if backbone == "resnet18":
        return models.resnet18(), IMAGENET
    import tlhelpers as tl

    loaded = tl.load_backbone(backbone)
    return loaded.model, (loaded.mean, loaded.std)


def prepare(model: nn.Module, head: str, method: str, classes: int = 2) -> optim.Optimizer:
    """Put a new head on; "fixed" freezes the rest. Returns the optimizer."""
    if method == "fixed":
        for parameter in model.parameters():
            parameter.requires_grad = False
    setattr(model, head, nn.Linear(getattr(model, head).in_features, classes))
    trained = getattr(model, head) if method == "fixed" else model
    return optim.SGD(trained.parameters(), lr=0.001, momentum=0.9)


def train_model(model, loaders, criterion, optimizer, scheduler, device, epochs) -> list[dict]:
    """Train in place and keep the best epoch's weights; one row an epoch."""
    best_weights, best_accuracy, rows = copy.deepcopy(model.state_dict()), 0.0, []
    for epoch in range(1, epochs + 1):
        row, start = {"epoch": epoch}, time.perf_counter()
        for phase in ("train", "val"):
            model.train(phase == "train")
            running_loss, correct, n = 0.0, 0, len(loaders[phase].dataset)
            for inputs, labels in loaders[phase]:
                inputs, labels = inputs.to(device), labels.to(device)
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    _, predicted = torch.max(outputs, 1)
                    loss = criterion(outputs, labels)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                running_loss += loss.item() * inputs.size(0)
                correct += torch.sum(predicted == labels.data)
            if phase == "train":
                scheduler.step()
            row |= {f"{phase}_loss": running_loss / n, f"{phase}_correct": int(correct)}
            row[f"{phase}_n"] = n
            if phase == "val" and int(correct) / n > best_accuracy:
                best_accuracy = int(correct) / n
                best_weights = copy.deepcopy(model.state_dict())
        row["seconds"] = time.perf_counter() - start
        rows.append(row)
        print(
            f"epoch {epoch}/{epochs}: train loss {row['train_loss']:.4f}, "
            f"val {row['val_correct']}/{row['val_n']}, {row['seconds']:.1f} s",
            file=sys.stderr,
            flush=True,
        )
    model.load_state_dict(best_weights)
    return rows


def run(data, backbone: str, method: str, *, epochs=EPOCHS, seed=0, workers=4) -> dict:
    """The whole job: correct answers of the last and of the best epoch, and the seconds it took.

    `work` counts from files to the measured accuracy, imports apart; `repeated` is the part of it
    that grows with the epochs.
    """
    if backbone == "efficientnet_lite0":
        import timm  # noqa: F401  an import, so not part of the work

        import tlhelpers  # noqa: F401
    torch.manual_seed(seed)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    start = time.perf_counter()
    model, (mean, std) = load_network(backbone)
    loaders = load_data(data, mean, std, workers)
    classes = len(loaders["train"].dataset.classes)
    optimizer = prepare(model, HEADS[backbone], method, classes)
    model = model.to(device)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    criterion = nn.CrossEntropyLoss()
    rows = train_model(model, loaders, criterion, optimizer, scheduler, device, epochs)
    work = time.perf_counter() - start
    return {
        "correct": rows[-1]["val_correct"],
        "best_correct": max(row["val_correct"] for row in rows),
        "n": rows[-1]["val_n"],
        "epochs": epochs,
        "work": work,
        "repeated": sum(row["seconds"] for row in rows),
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with train/ and val/")
    parser.add_argument("--backbone", choices=HEADS, default="resnet18")
    parser.add_argument("--method", choices=("fixed", "finetune"), default="finetune")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=4)
    options = vars(parser.parse_args())
    print(json.dumps(run(**options)))


if __name__ == "__main__":
    main()

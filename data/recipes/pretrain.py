"""Pre-train a mini network on the drawn source set and store its weights.

python -m data.recipes.pretrain resnet18        # or alexnet, vgg16

Also makes the network that the transfer table calls "unrelated source", trained on the object
classes only (not stored among the embedded weights):

python -m data.recipes.pretrain resnet18 --classes objects --out build/resnet18-objects.safetensors
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl
from tlhelpers.models.mini import mini_alexnet, mini_resnet18, mini_vgg16
from tlhelpers.models.mini_vit import mini_vit

from .catalogue import SOURCE
from .draw_source import SEED, SELECTIONS, TRAIN, source_set

MEAN, STD, SIZE = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), 96
WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
CACHE = Path("build/source-128.npy")

# Stages of (pixels a side, epochs); VGG-16 is the slowest, so most of its epochs see small images.
RECIPES = {
    "resnet18": {"stages": ((96, 10),), "rate": 4e-3},
    "alexnet": {"stages": ((96, 30),), "rate": 1e-3},
    "vgg16": {"stages": ((64, 7), (96, 2)), "rate": 2e-3},
}


def build(name: str, classes: int) -> nn.Module:
    """The network as it is trained: VGG-16 has BatchNorm until `fold_batch_norm`."""
    if name == "vgg16":
        return mini_vgg16(classes, batch_norm=True, dropout=0.2)
    return {"alexnet": mini_alexnet, "resnet18": mini_resnet18}[name](classes)


def fold_batch_norm(model: nn.Module, classes: int) -> nn.Module:
    """A plain mini VGG-16 that computes what `model`, its BatchNorm twin in eval mode, computes."""
    plain = mini_vgg16(classes)
    modules = list(model.eval().features)
    folded = [
        torch.nn.utils.fusion.fuse_conv_bn_eval(module, modules[i + 1])
        if isinstance(module, nn.Conv2d)
        else module
        for i, module in enumerate(modules)
        if not isinstance(module, nn.BatchNorm2d)
    ]
    plain.features.load_state_dict(nn.Sequential(*folded).state_dict())
    plain.classifier.load_state_dict(model.classifier.state_dict())
    return plain


def source_tensors(selection: str = "all") -> tuple[tl.ImageTensors, tl.ImageTensors]:
    """Training and held-out source images, uint8 (N, 3, 96, 96)."""
    names = SELECTIONS[selection]
    drawn = source_set(cache=CACHE)
    chosen = np.stack([drawn[SOURCE.index(name)] for name in names])
    parts = []
    for part in (chosen[:, :TRAIN], chosen[:, TRAIN:]):
        images = torch.from_numpy(np.ascontiguousarray(part)).flatten(0, 1).permute(0, 3, 1, 2)
        images = F.interpolate(images.contiguous(), (SIZE, SIZE), mode="bilinear", antialias=True)
        labels = torch.arange(len(names)).repeat_interleave(part.shape[1])
        parts.append(tl.ImageTensors(images, labels, list(names)))
    return tuple(parts)


def pretrain(name: str, selection: str = "all", seed: int = 0) -> tuple[nn.Module, dict]:
    """Train from scratch; returns the finished network and what the card says about it."""
    generator = tl.seed_everything(seed)
    train, held_out = source_tensors(selection)
    recipe, batch = RECIPES[name], 32
    model = build(name, len(train.classes))
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe["rate"], weight_decay=0.02)
    steps_an_epoch = -(-len(train) // batch)
    epochs = sum(n for _, n in recipe["stages"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe["rate"], total_steps=epochs * steps_an_epoch, pct_start=0.2
    )
    augment = tl.random_affine(degrees=15, translate=0.06, scale=(0.85, 1.2))
    preparation = {"mean": MEAN, "std": STD}
    held_out = tl.BatchLoader(held_out, 100, size=SIZE, **preparation)
    start = time.perf_counter()

    def report(run) -> None:
        accuracy = tl.evaluate(model, held_out)["accuracy"]
        row, minutes = run.history.last, (time.perf_counter() - start) / 60
        print(
            f"{name} epoch {row['epoch']}: train {row['train_accuracy']:.3f}, "
            f"held out {accuracy:.3f}, {minutes:.1f} min",
            flush=True,
        )

    for size, count in recipe["stages"]:
        loader = tl.BatchLoader(
            train, batch, train=True, augment=augment, size=size, generator=generator, **preparation
        )
        tl.fit(
            model, loader, optimizer=optimizer, epochs=count, batch_scheduler=schedule,
            loss_fn=lambda x, y: F.cross_entropy(x, y, label_smoothing=0.05),
            callbacks=[report], progress=False,
        )  # fmt: skip
    if name == "vgg16":
        model = fold_batch_norm(model, len(train.classes))
    model = model.half().float()  # measure what is stored
    facts = {
        "architecture": f"mini_{name}",
        "classes": train.classes,
        "mean": MEAN,
        "std": STD,
        "image_size": SIZE,
        "source_accuracy": round(tl.evaluate(model, held_out)["accuracy"], 4),
        "held_out_images": len(held_out.data),
        "training_images": len(train),
        "optimizer_steps": epochs * steps_an_epoch,
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "training_seed": seed,
        "drawing_seed": SEED,
    }
    return model, facts


def save(model: nn.Module, facts: dict, path: Path) -> None:
    """Write fp16 weights; every fact becomes a JSON string in the safetensors metadata."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_file(tensors, str(path), {key: json.dumps(value) for key, value in facts.items()})
    path.chmod(0o644)  # safetensors makes files that only their owner may read


def load(path: Path) -> tuple[nn.Module, dict]:
    """The network stored by `save`, in fp32 and eval mode, and its facts."""
    from safetensors import safe_open

    with safe_open(str(path), "pt") as file:
        facts = {key: json.loads(value) for key, value in file.metadata().items()}
        weights = {key: file.get_tensor(key) for key in file.keys()}
    makers = {
        "mini_alexnet": mini_alexnet,
        "mini_vgg16": mini_vgg16,
        "mini_resnet18": mini_resnet18,
        "mini_vit": mini_vit,
    }
    model = makers[facts["architecture"]](len(facts["classes"]), width=facts.get("width", 1 / 4))
    model.load_state_dict(weights)  # copies into fp32 parameters
    return model.eval(), facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--classes", choices=SELECTIONS, default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="default: data/weights/NAME.safetensors")
    args = parser.parse_args()
    model, facts = pretrain(args.name, args.classes, args.seed)
    path = args.out or WEIGHTS / f"{args.name}.safetensors"
    save(model, facts, path)
    print(
        f"{path}: {path.stat().st_size / 1e6:.2f} MB, held-out accuracy {facts['source_accuracy']}"
    )


if __name__ == "__main__":
    main()

"""Pre-train the sources that lesson 08 chooses from: one small network, eight things to learn.

python -m data.recipes.source_networks        # -> data/weights/sources/NAME.safetensors

All eight are the same ResNet-18 with an eighth of its channels, start from the same random weights
and get the same number of optimiser steps, the same rate and the same schedule. They differ in the
pictures and labels only, so that what differs afterwards comes from these.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import tlhelpers as tl
from tlhelpers.models.source_networks import MEAN, SIZE, STD, WIDTH, file_name

from .catalogue import CRITTERS, OBJECTS, SOURCE
from .draw_source import SEED, TRAIN, source_set
from .pretrain import CACHE, WEIGHTS, save

FOLDER = WEIGHTS / "sources"
BATCH, STEPS, RATE = 32, 2500, 4e-3
SMALL = Path("build/source-64.npy")
# Letters that cannot be taken for a digit or for each other, as many as there are drawn classes.
LETTERS = "ABDEFGHJKLMNPQRTY" + "abdefghnqrt"
FEW = ("beetle", "flower", "key", "car")
# Name -> (classes, what is done to them). One class short: a network that should be as good as the
# first, so that the difference of these two shows what is chance.
SOURCES = {
    "drawn": (SOURCE, ""),
    "one class short": (tuple(name for name in SOURCE if name != "hammer"), ""),
    "critters": (CRITTERS, ""),
    "objects": (OBJECTS, ""),
    "few classes": (FEW, ""),
    "letters": (tuple(LETTERS), "letters"),
    "permuted pixels": (SOURCE, "permuted"),
    "shuffled labels": (SOURCE, "shuffled"),
}


def path_of(name: str) -> Path:
    """Where the weights of a source lie."""
    return FOLDER / file_name(name)


def drawn(names: tuple[str, ...]) -> tuple[tl.ImageTensors, tl.ImageTensors]:
    """Training and held-out pictures of some drawn classes, uint8 (N, 3, 64, 64)."""
    if not SMALL.exists():
        np.save(SMALL, np.stack([_small(pixels) for pixels in source_set(cache=CACHE)]))
    pixels = np.load(SMALL, mmap_mode="r")[[SOURCE.index(name) for name in names]]
    return tuple(
        tl.ImageTensors(
            torch.from_numpy(np.ascontiguousarray(part)).flatten(0, 1),
            torch.arange(len(names)).repeat_interleave(part.shape[1]),
            list(names),
        )
        for part in (pixels[:, :TRAIN], pixels[:, TRAIN:])
    )


def _small(pixels: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, 3) to (N, 3, 64, 64)."""
    x = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).contiguous()
    return F.interpolate(x, (SIZE, SIZE), mode="bilinear", antialias=True).numpy()


def coloured(count: int, characters: str, seed: int) -> tl.ImageTensors:
    """Characters in 21 fonts; ink and paper have random, unlike colours."""
    glyphs = tl.font_glyphs(count, characters, seed=seed)
    return tl.glyph_images(glyphs, characters, size=SIZE, coloured=True, seed=seed)


def pictures(name: str) -> tuple[tl.ImageTensors, tl.ImageTensors]:
    """Training and held-out pictures of a source."""
    classes, change = SOURCES[name]
    if change == "letters":
        return tuple(
            coloured(count * len(classes), LETTERS, SEED + i) for i, count in enumerate((TRAIN, 50))
        )
    train, held_out = drawn(classes)
    if change == "shuffled":
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(SEED))
        train = tl.ImageTensors(train.images, train.labels[order], train.classes)
    if change == "permuted":
        held_out = tl.ImageTensors(
            permuted(held_out.images).contiguous(), held_out.labels, held_out.classes
        )
    return train, held_out


def permuted(x: torch.Tensor, generator=None) -> torch.Tensor:
    """Put the pixels of every picture in one and the same random order."""
    order = torch.randperm(SIZE * SIZE, generator=torch.Generator().manual_seed(SEED))
    return x.flatten(2)[:, :, order].unflatten(2, (SIZE, SIZE))


def pretrain(name: str, steps: int = STEPS, seed: int = 0) -> tuple[torch.nn.Module, dict]:
    """The network of a source, and what its card says about it."""
    train, held_out = pictures(name)
    change = SOURCES[name][1]
    generator = tl.seed_everything(seed)
    model = tl.load_source("random").model
    tl.replace_head(model, len(train.classes))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, pct_start=0.2
    )
    moved = tl.random_affine(15, 0.06, (0.85, 1.2), flip=change != "letters")
    loader = tl.BatchLoader(
        train, BATCH, train=True, generator=generator, device="cpu", mean=MEAN, std=STD,
        augment=[moved, permuted] if change == "permuted" else moved,
    )  # fmt: skip
    start = time.process_time()
    tl.fit(
        model, loader, optimizer=optimizer, steps=steps, batch_scheduler=schedule, progress=False,
        loss_fn=lambda x, y: F.cross_entropy(x, y, label_smoothing=0.05),
    )  # fmt: skip
    model = model.half().float()  # measure what is stored
    judge = tl.BatchLoader(held_out, 100, device="cpu", mean=MEAN, std=STD)
    facts = {
        "architecture": "mini_resnet18",
        "width": WIDTH,
        "classes": train.classes,
        "mean": MEAN,
        "std": STD,
        "image_size": SIZE,
        "source_accuracy": round(tl.evaluate(model, judge)["accuracy"], 4),
        "training_images": len(train),
        "optimizer_steps": steps,
        "seconds": round(time.process_time() - start),
        "training_seed": seed,
    }
    return model, facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SOURCES)}; none: all of them")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.names or SOURCES:
        model, facts = pretrain(name)
        save(model, facts, path_of(name))
        print(
            f"{name}: held-out accuracy {facts['source_accuracy']}, {facts['seconds']} s, "
            f"{path_of(name).stat().st_size / 1e6:.2f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Pre-train the small vision transformer of lesson 13 on the drawn source set.

python -m data.recipes.vit                       # -> data/weights/vit.safetensors
python -m data.recipes.vit --plain --out build/vit-plain.safetensors

A transformer knows nothing of neighbouring pixels at first, so that few pictures teach it less than
they teach a convolutional network. By default it therefore learns from the mini ResNet-18 as well:
half of its loss is the distance from that network's soft answers on the same moved picture
(Hinton et al., 2015, arXiv:1503.02531; Touvron et al., 2021, arXiv:2012.12877).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import tlhelpers as tl
from tlhelpers.core.runtime import autocast
from tlhelpers.models.mini_vit import SIZE, mini_vit

from .catalogue import SOURCE
from .draw_source import SEED
from .pretrain import MEAN, STD, WEIGHTS, save
from .source_networks import drawn

BATCH, RATE, DECAY, TEMPERATURE, SMOOTHING = 64, 2e-3, 0.05, 2.0, 0.05


def teacher_loss(logits: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """Hinton's: cross-entropy with the teacher's probabilities, both at one temperature."""
    soft = F.softmax(taught / TEMPERATURE, 1)
    return F.cross_entropy(logits / TEMPERATURE, soft) * TEMPERATURE**2


def pretrain(epochs: int, distil: bool, seed: int = 0) -> tuple[torch.nn.Module, dict]:
    """Train from random weights; returns the network and what its card says about it."""
    generator = tl.seed_everything(seed)
    train, held_out = drawn(SOURCE)
    preparation = {"mean": MEAN, "std": STD, "device": "cpu"}
    judge = tl.BatchLoader(held_out, 100, **preparation)
    loader = tl.BatchLoader(
        train, BATCH, train=True, generator=generator, **preparation,
        augment=[tl.random_affine(20, 0.1, (0.75, 1.25)), tl.color_jitter()],
    )  # fmt: skip
    teacher = tl.load_backbone("resnet18")
    model = mini_vit(len(SOURCE))
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=epochs * len(loader), pct_start=0.15
    )
    start = time.process_time()
    for epoch in range(epochs):
        model.train()
        for x, y in loader:
            with autocast(x.device):
                logits = model(x)
                if distil:
                    with torch.no_grad():
                        taught = teacher.model(
                            F.interpolate(x, teacher.preprocessing["size"], mode="bilinear")
                        )
            loss = F.cross_entropy(logits.float(), y, label_smoothing=SMOOTHING)
            if distil:
                loss = (loss + teacher_loss(logits.float(), taught.float())) / 2
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        accuracy = tl.evaluate(model.eval(), judge)["accuracy"]
        minutes = (time.process_time() - start) / 60
        print(f"epoch {epoch + 1}: held out {accuracy:.3f}, {minutes:.1f} min", flush=True)
    model = model.half().float()  # measure what is stored
    facts = {
        "architecture": "mini_vit",
        "width": 1 / 2,
        "classes": train.classes,
        "mean": MEAN,
        "std": STD,
        "image_size": SIZE,
        "source_accuracy": round(tl.evaluate(model, judge)["accuracy"], 4),
        "held_out_images": len(held_out),
        "training_images": len(train),
        "optimizer_steps": epochs * len(loader),
        "teacher": "mini_resnet18" if distil else "none",
        "minutes": round((time.process_time() - start) / 60, 1),
        "training_seed": seed,
        "drawing_seed": SEED,
    }
    return model, facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--plain", action="store_true", help="without the teacher")
    parser.add_argument("--out", type=Path, default=WEIGHTS / "vit.safetensors")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, facts = pretrain(args.epochs, not args.plain)
    save(model, facts, args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, {facts}")


if __name__ == "__main__":
    main()

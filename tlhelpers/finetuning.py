"""A whole fine-tuning job: a folder of images in, a classifier with its figures out.

    python -m tlhelpers finetune DATA --backbone efficientnet_lite0 --out runs/mine
    torchrun --nproc-per-node=2 -m tlhelpers finetune DATA --backbone ... --out runs/mine

Every stage leaves what it made in OUT/work, so that a job that was killed goes on from there. What
is reported comes from images that played no part in training or in choosing the epoch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import outputs
from .backbones import load_backbone
from .batches import BatchLoader
from .distributed import SOLO, World
from .errors import InputError, nearest
from .heads import replace_head
from .images import ImageTensors
from .listing import Listing
from .partition import find_parts
from .reporting import write_report
from .runtime import get_device, get_profile, seed_everything
from .stages import decode, features_of, fit_probe, train_network
from .training import predict

METHODS = ("probe", "lp-ft", "full")


@dataclass(frozen=True)
class Settings:
    """How a job trains.

    Attributes:
        method: "probe" fits a linear head on frozen features (logistic regression); "lp-ft" then
            trains the whole network from there (Kumar et al. 2022, arXiv:2202.10054); "full" trains
            all of it from a random head. Normalisation layers stay frozen.
        lr, backbone_lr: of the head and of all other layers (AdamW, one cycle).
        val_share, test_share: what is split off where DATA has no such folders.
        size: side of the images in pixels; None is what the backbone was trained on.
    """

    backbone: str
    method: str = "lp-ft"
    epochs: int = 4
    batch_size: int = 32
    lr: float = 1e-3
    backbone_lr: float = 1e-4
    weight_decay: float = 1e-2
    val_share: float = 0.15
    test_share: float = 0.15
    size: int | None = None
    seed: int = 0
    on_error: str = "raise"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f'no method "{self.method}".{nearest(self.method, METHODS)}')
        if self.epochs < 1 or self.batch_size < 2 or min(self.lr, self.backbone_lr) <= 0:
            raise InputError(
                f"epochs={self.epochs}, batch_size={self.batch_size}, lr={self.lr}, backbone_lr="
                f"{self.backbone_lr}: at least 1 epoch, batches of 2, and rates above 0."
            )


def finetune(
    data: str | Path,
    out: str | Path,
    settings: Settings,
    *,
    device: str | None = None,
    overwrite: bool = False,
    save_every: float = 30.0,
    threads: int = 2,
    world: World = SOLO,
    say: Callable[[str], None] = print,
) -> dict:
    """Train a classifier on the images in `data` and write it, with its figures, to `out`.

    Args:
        data: one folder of class folders, which is split at random class by class, or a folder with
            `train` and `val` and/or `test` inside. With only one of the two, that one is reported
            and validation images are split off the training ones.
        out: model.safetensors, metrics.json, README.md (the model card), curves.png,
            confusion_matrix.png, split.json. An unfinished run of the same settings goes on.
        save_every: seconds between saves while the network trains.

    Returns the metrics. Raises `InputError` for what cannot be used, `KeyboardInterrupt` when it
    was stopped; it can be gone on with then.
    """
    out, clock = Path(out), _Clock()
    work = out / outputs.WORK
    device = get_device(device)
    seed_everything(settings.seed)
    parts = find_parts(data, settings.val_share, settings.test_share, settings.seed)
    backbone = load_backbone(settings.backbone)
    plan = _plan(settings, parts)
    if world.writer and outputs.prepare(out, plan, overwrite):
        say(f"{out}: going on with the run that was interrupted")
    world.wait()
    images = decode(parts, work, settings, backbone, threads, world)
    parts = {name: _kept(parts[name], images[name]) for name in parts}
    clock.lap("decoding")

    model, steps = backbone.model, {}
    prepare = {**backbone.preprocessing, "device": device}
    prepare["size"] = settings.size or backbone.image_size
    if settings.method != "full":
        features = {
            name: features_of(name, model, images[name], prepare, work, world) for name in images
        }
        clock.lap("features")
        head = fit_probe(features["train"], model, world)
        logits = head(features["test"].features).detach()
        steps["linear probe"] = (logits, features["test"].labels)
        replace_head(model, head)
        clock.lap("linear probe")
    else:
        replace_head(model, len(images["train"].classes))
    history = None
    if settings.method != "probe":
        history = train_network(model, images, prepare, settings, work, save_every, world)
        clock.lap("training")
        test = BatchLoader(images["test"], 64, **prepare, world=world)
        steps["fine-tuned"] = predict(model, test)
        clock.lap("evaluation")
    facts = {"settings": dataclasses.asdict(settings), "profile": get_profile()}
    facts |= {"processes": world.size, "device": str(device), "seconds": clock.laps}
    metrics = {}
    if world.writer:
        metrics = write_report(out, backbone, model, parts, steps, history, facts)
        shutil.rmtree(work, ignore_errors=True)
    world.wait()
    return metrics


def _plan(settings: Settings, parts: dict[str, Listing]) -> dict:
    digest = hashlib.sha256()
    for name, part in parts.items():
        digest.update(f"{name} {part.paths} {part.labels} {part.classes}".encode())
    data = digest.hexdigest()[:16]
    return dataclasses.asdict(settings) | {"profile": get_profile(), "images": data}


def _kept(part: Listing, images: ImageTensors) -> Listing:
    return Listing(part.root, images.paths, images.labels.tolist(), part.classes)


class _Clock:
    def __init__(self):
        self.laps, self._last = {}, time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._last = round(now - self._last, 3), now

"""A whole fine-tuning job: a folder of images in, a classifier with its figures out.

    python -m tlhelpers finetune DATA --backbone efficientnet_lite0 --out runs/mine
    torchrun --nproc-per-node=2 -m tlhelpers finetune DATA --backbone ... --out runs/mine

Every stage leaves what it made in OUT/work, so that a job that was killed goes on from there. What
is reported comes from images that played no part in training or in choosing the epoch, and neither
did copies of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from ..core.process_group import SINGLE_PROCESS, ProcessGroup
from ..core.runtime import get_device, get_profile, seed_everything
from ..data.duplicates import split_folder
from ..data.image_tensors import ImageTensors
from ..data.listing import Listing
from ..data.loader import BatchLoader
from ..models.backbones import load_backbone
from ..models.heads import replace_head
from ..training.loop import predict
from . import run_folder as outputs
from .report import write_report
from .settings import Settings
from .stages import decode, features_of, fit_probe, train_network


def finetune(
    data: str | Path,
    out: str | Path,
    settings: Settings,
    *,
    device: str | None = None,
    overwrite: bool = False,
    save_every: float = 30.0,
    threads: int = 2,
    processes: ProcessGroup = SINGLE_PROCESS,
    say: Callable[[str], None] = print,
) -> dict:
    """Train a classifier on the images in `data` and write it, with its figures, to `out`.

    Args:
        data: one folder of class folders, which is split at random class by class, or a folder with
            `train` and `val` and/or `test` inside (other usual names will do, such as Training and
            Testing). With only one of the two, that one is reported and validation images are split
            off the training ones. Copies of one picture stay in one part (see `split_folder`).
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
    shares = (settings.val_share, settings.test_share)
    parts, repeats = split_folder(
        data, *shares, settings.seed, output=out, threads=threads, processes=processes
    )
    backbone = load_backbone(settings.backbone)
    plan = _plan(settings, parts)
    if processes.is_main and outputs.prepare(out, plan, overwrite):
        say(f"{out}: going on with the run that was interrupted")
    if processes.is_main:
        for sentence in repeats.sentences():
            say(sentence)
    processes.barrier()
    clock.lap("looking for copies")
    images = decode(parts, work, settings, backbone, threads, processes)
    parts = {name: _kept(parts[name], images[name]) for name in parts}
    clock.lap("decoding")

    model, steps = backbone.model, {}
    prepare = {**backbone.preprocessing, "device": device}
    prepare["size"] = settings.size or backbone.image_size
    if settings.method != "full":
        features = {
            name: features_of(name, model, images[name], prepare, work, processes)
            for name in images
        }
        clock.lap("features")
        head = fit_probe(features["train"], model, processes)
        logits = head(features["test"].features).detach()
        steps["linear probe"] = (logits, features["test"].labels)
        replace_head(model, head)
        clock.lap("linear probe")
    else:
        replace_head(model, len(images["train"].classes))
    history = None
    if settings.method != "probe":
        history = train_network(model, images, prepare, settings, work, save_every, processes)
        clock.lap("training")
        test = BatchLoader(images["test"], 64, **prepare, processes=processes)
        steps["fine-tuned"] = predict(model, test)
        clock.lap("evaluation")
    facts = {"settings": dataclasses.asdict(settings), "profile": get_profile()}
    facts |= {"ranges": images["train"].ranges}
    facts |= {"processes": processes.size, "device": str(device), "seconds": clock.laps}
    metrics = {}
    if processes.is_main:
        metrics = write_report(out, backbone, model, parts, repeats, steps, history, facts)
        shutil.rmtree(work, ignore_errors=True)
    processes.barrier()
    return metrics


def _plan(settings: Settings, parts: dict[str, Listing]) -> dict:
    digest = hashlib.sha256()
    for name, part in parts.items():
        digest.update(f"{name} {part.paths} {part.labels} {part.classes}".encode(errors="replace"))
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

"""A whole fine-tuning job: a folder of images in, a classifier with its figures out.

    python -m tlhelpers finetune DATA --backbone efficientnet_lite0 --out runs/mine
    torchrun --nproc-per-node=2 -m tlhelpers finetune DATA --backbone ... --out runs/mine

Every stage leaves what it made in OUT/work, so that a job that was killed resumes there. What is
reported comes from images that played no part in training or in choosing the epoch, and neither did
copies of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path

import torch

from ..core.allocator import keep_freed_memory
from ..core.assets import sha256
from ..core.process_group import SINGLE_PROCESS, ProcessGroup
from ..core.runtime import get_device, get_profile, seed_everything
from ..data.duplicates import split_folder
from ..data.image_tensors import ImageTensors
from ..data.listing import Listing
from ..data.loader import BatchLoader
from ..models.backbones import load_backbone
from ..models.heads import get_heads, replace_head
from ..training.evaluate import predict
from . import run_folder as outputs
from .report import illustrate, is_illustrated, write_report
from .settings import Settings
from .stages import decode, features_of, fit_probe, train_network


def finetune(
    data: str | Path,
    out: str | Path,
    settings: Settings,
    *,
    device: str | None = None,
    overwrite: bool = False,
    leave_out: Collection[str] = (),
    save_every: float = 30.0,
    threads: int = 2,
    processes: ProcessGroup = SINGLE_PROCESS,
    log: Callable[[str], None] = print,
) -> dict:
    """Train a classifier on the images in `data` and write it, with its figures, to `out`.

    Args:
        data: one folder of class folders, which is split at random class by class, or a folder with
            `train` and `val` and/or `test` inside (other usual names will do, such as Training and
            Testing). With only one of the two, that one is reported and validation images are split
            off the training ones. Copies of one picture stay in one part (see `split_folder`).
        out: model.safetensors, metrics.json, README.md (the model card), curves.png,
            confusion_matrix.png, split.json, digests.json, predictions.csv. An unfinished run of
            the same settings is resumed, a finished one gets the figures that could not be drawn.
        leave_out: training and validation images that are not to be used, by path (`split_folder`).
        save_every: seconds between saves while the network trains.
        log: is given what the job has to say.

    Returns the metrics. Raises `InputError` for what cannot be used, `KeyboardInterrupt` when it
    was stopped; the same call resumes it then.
    """
    out, clock = Path(out), _Clock()
    work = out / outputs.WORK
    device = get_device(device)
    keep_freed_memory()
    seed_everything(settings.seed)
    shares = (settings.val_share, settings.test_share)
    parts, repeats = split_folder(
        data,
        *shares,
        settings.seed,
        output=out,
        leave_out=leave_out,
        threads=threads,
        processes=processes,
    )
    clock.lap("looking for copies")
    backbone = load_backbone(settings.backbone, weights=settings.weights)
    finished = torch.zeros(1)
    if processes.is_main:
        begun = outputs.prepare(out, _plan(settings, parts), overwrite, complete=is_illustrated)
        finished.fill_(begun == "finished")
        if begun == "interrupted":
            log(f"{out}: resuming the run that was interrupted")
        for sentence in repeats.sentences():
            log(sentence)
    processes.broadcast(finished)
    if finished:
        return _illustrate(out, log) if processes.is_main else {}
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
        replace_head(model, head)
        if len(get_heads(model)) == 1:
            logits = head(features["test"].features).detach()
            steps["linear probe"] = (logits, features["test"].labels)
        else:  # a distilled network: its answer is a mean over two heads on two features
            steps["linear probe"] = _predictions(model, images["test"], prepare, processes)
        clock.lap("linear probe")
    else:
        replace_head(model, len(images["train"].classes))
    history = None
    if settings.method != "probe":
        history = train_network(model, images, prepare, settings, work, save_every, processes)
        clock.lap("training")
        steps["fine-tuned"] = _predictions(model, images["test"], prepare, processes)
        clock.lap("evaluation")
    facts = {"settings": dataclasses.asdict(settings), "profile": get_profile()}
    facts |= {"ranges": images["train"].ranges, "left_out": sorted(leave_out)}
    facts |= {"processes": processes.size, "device": str(device), "seconds": clock.laps}
    metrics = {}
    if processes.is_main:
        metrics = write_report(out, backbone, model, parts, repeats, steps, history, facts)
        shutil.rmtree(work, ignore_errors=True)
    processes.barrier()
    return metrics


def _predictions(model, images: ImageTensors, prepare: dict, processes: ProcessGroup):
    return predict(model, BatchLoader(images, 64, **prepare, processes=processes))


def _illustrate(out: Path, log: Callable[[str], None]) -> dict:
    log(f"{out}: the run is finished; making the figures and the card that are missing")
    metrics = json.loads((out / outputs.METRICS).read_text(encoding="utf-8"))
    illustrate(out, metrics)
    shutil.rmtree(out / outputs.WORK, ignore_errors=True)
    return metrics


def _plan(settings: Settings, parts: dict[str, Listing]) -> dict:
    digest = hashlib.sha256()
    for name, part in parts.items():
        digest.update(f"{name} {part.paths} {part.labels} {part.classes}".encode(errors="replace"))
    data = digest.hexdigest()[:16]
    plan = dataclasses.asdict(settings) | {"profile": get_profile(), "images": data}
    if settings.weights:  # the file itself, wherever it lies
        plan["weights"] = sha256(Path(settings.weights).expanduser())
    return plan


def _kept(part: Listing, images: ImageTensors) -> Listing:
    row = {path: number for number, path in enumerate(part.paths)}
    return part[[row[path] for path in images.paths]]


class _Clock:
    def __init__(self):
        self.laps, self._last = {}, time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._last = round(now - self._last, 3), now

"""The stages of a fine-tuning job; each leaves what it made in the job's folder of work."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import nn

from ..core.errors import InputError
from ..core.files import read_tensors, write_tensors
from ..core.memory import available_memory, with_smaller_batches
from ..core.process_group import ProcessGroup
from ..data.augmentation import random_resized_crop
from ..data.image_folder import decode_listing
from ..data.image_tensors import ImageTensors
from ..data.listing import Listing
from ..data.loader import BatchLoader
from ..models.backbone import Backbone
from ..models.freezing import freeze_batchnorm, freeze_to, param_groups
from ..models.heads import get_head
from ..training.features import FeatureTensors, extract_features, linear_probe
from ..training.loop import fit
from ..training.metrics import History
from ..training.resuming import TrainingCheckpoint
from .settings import Settings


def decode(
    parts: dict[str, Listing],
    work: Path,
    settings: Settings,
    backbone: Backbone,
    threads: int,
    processes: ProcessGroup,
) -> dict[str, ImageTensors]:
    """Decode every part: in memory where it fits, else, or for several processes, in a file."""
    size = settings.size or backbone.image_size
    needed = sum(len(part) for part in parts.values()) * 3 * size * size
    in_file = processes.local_size > 1 or needed > available_memory() / 2
    images = {}
    for turn in (True, False):  # on every machine one process decodes, then the others map its file
        if turn == (processes.local_rank == 0):
            for name, part in parts.items():
                file = (
                    work / f"{name}-{processes.rank // processes.local_size}.npy"
                    if in_file
                    else None
                )
                ranges = images["train"].ranges if "train" in images else None
                images[name] = decode_listing(
                    part, size, settings.on_error, threads, file=file, ranges=ranges
                )
        processes.barrier()
    return images


def features_of(
    name: str,
    model: nn.Module,
    images: ImageTensors,
    prepare: dict,
    work: Path,
    processes: ProcessGroup,
) -> FeatureTensors:
    """The frozen network's features of one part, from the file of an earlier try if there is one.

    `prepare` is what `BatchLoader` does to the images: size, mean, std, device.
    """
    file = work / f"features-{name}.safetensors"
    there = torch.tensor(int(file.is_file()))
    processes.broadcast(there)  # all do the same, whatever each sees of a slow network drive
    if there:
        tensors, _ = read_tensors(file)
        return FeatureTensors(tensors["features"], tensors["labels"], images.classes)

    def extract(batch_size: int) -> FeatureTensors:
        loader = BatchLoader(images, batch_size, **prepare, processes=processes)
        return extract_features(model, loader)

    # Of several processes each would halve by itself, and they would no longer agree.
    batch_size = max(64, processes.size)
    found = (
        with_smaller_batches(extract, batch_size) if processes.size == 1 else extract(batch_size)
    )
    if processes.is_main:
        write_tensors(file, {"features": found.features, "labels": found.labels}, {})
    return found


def fit_probe(features: FeatureTensors, model: nn.Module, processes: ProcessGroup) -> nn.Linear:
    """A linear head on frozen features, fitted by one process and given to all."""
    if not isinstance(get_head(model)[1], (nn.Linear, nn.Identity)):  # Identity: made without one
        raise InputError(
            f"the last layer of {type(model).__name__} is no Linear layer, which a linear probe "
            "needs. Take --method full, or another backbone."
        )
    head = nn.Linear(features.features.shape[1], len(features.classes))
    if processes.is_main:
        with warnings.catch_warnings():  # far from converged is good enough to start from
            warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
            head = linear_probe(features)
    processes.broadcast(head.weight.data, head.bias.data)
    return head


def train_network(
    model: nn.Module,
    images: dict[str, ImageTensors],
    prepare: dict,
    settings: Settings,
    work: Path,
    save_every: float,
    processes: ProcessGroup,
) -> History:
    """Train all layers but the normalisation, in one cycle; an interrupted run is resumed.

    With `settings.train_from` the layers before that one stay as they are, too.
    """
    begin = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if settings.train_from:
        freeze_to(model, settings.train_from)
    freeze_batchnorm(model)

    def run(batch_size: int) -> History:
        torch.manual_seed(settings.seed)
        train = BatchLoader(
            images["train"],
            batch_size,
            train=True,
            augment=random_resized_crop(),
            generator=torch.Generator().manual_seed(settings.seed),
            processes=processes,
            **prepare,
        )
        val = BatchLoader(images["val"], 64, **prepare, processes=processes)
        groups = param_groups(model, settings.lr, settings.backbone_lr, settings.weight_decay)
        optimizer = torch.optim.AdamW(groups)
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            [group["lr"] for group in groups],
            total_steps=settings.epochs * len(train),
            cycle_momentum=False,
        )
        checkpoint = TrainingCheckpoint(
            work / f"training-{batch_size}.pt", every=save_every, writes=processes.is_main
        )
        return fit(
            model,
            train,
            val,
            optimizer=optimizer,
            epochs=settings.epochs,
            batch_scheduler=cycle,
            keep_best=True,
            callbacks=[checkpoint],
            progress=processes.is_main,
        )

    def restore() -> None:
        model.load_state_dict(begin)

    if processes.size > 1:
        history = run(settings.batch_size)
    else:
        history = with_smaller_batches(run, settings.batch_size, restore=restore)
    if history.stopped.startswith("interrupted"):
        raise KeyboardInterrupt(history.stopped)
    return history

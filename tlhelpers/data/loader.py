"""Batches from tensors in memory: no worker processes, and no image is decoded twice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import InputError, remedy
from ..core.memory import explain_batch_memory
from ..core.process_group import SINGLE_PROCESS, ProcessGroup
from ..core.runtime import get_device
from .augmentation import Augment, Shard


class BatchLoader:
    """Yields (x, labels) on the device; `len()` is the number of batches.

    From `ImageTensors`, x is float32 (B, 3, size, size), channels_last: resized, scaled to 0..1,
    augmented, normalised, in this order. From `FeatureTensors`, x is the features as they are.
    The data are moved to the device once and stay there as uint8.

    batch_size: with train=True a last batch of one sample would break BatchNorm, so it joins the
        batch before.
    train: shuffle again in every epoch.
    augment: function (x, generator) -> x on (B, 3, H, W) in 0..1, or a list of them in order; see
        `random_affine`, `random_resized_crop`, `color_jitter`. Used with train=False too: one can
        extract features of several views.
    mean, std: three numbers each on the 0..1 scale, those of the backbone:
        `BatchLoader(data, **backbone.preprocessing)`. None leaves x in 0..1.
    size: side in pixels, antialiased; None keeps the stored size.
    generator: of the shuffling and the augmentation; None seeds one from torch's global generator.
    processes: the processes of a job (see `connect`). With train=True each gets its share of every
        batch, from generators seeded alike; else its share of the data, `processes.shard(n)`.

    Raises `InputError` for settings that do not fit the data.
    """

    def __init__(
        self,
        data,
        batch_size: int = 32,
        *,
        train: bool = False,
        augment: Augment | Sequence[Augment] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        size: int | None = None,
        device: str | torch.device | None = None,
        generator: torch.Generator | None = None,
        processes: ProcessGroup = SINGLE_PROCESS,
    ):
        _check(data, batch_size, augment, mean, std, size, processes)
        self.processes, self.batch_total = processes, 0
        self.data, self.batch_size, self.train = data, batch_size, train
        self.augment, self.size = augment, size
        self.classes = list(data.classes)
        self.device = get_device(device)
        if generator is None and (train or augment is not None):
            generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        self.generator = generator
        inputs = data.features if hasattr(data, "features") else data.images
        # What fills a GPU by itself stays where it is; then batches travel one by one.
        self._inputs = inputs.to(self.device) if _fits(inputs, self.device) else inputs
        self._labels = data.labels.to(self.device)
        if mean is not None:
            self._scale = 1 / torch.tensor(std, device=self.device)[:, None, None]
            self._shift = -torch.tensor(mean, device=self.device)[:, None, None] * self._scale
        self._normalise = mean is not None

    def __len__(self) -> int:
        n = len(self.data) if self.train else len(self.processes.shard(len(self.data)))
        # Too few for a batch of their own: one sample, or less than one for each process.
        few = self.train and n > self.batch_size > 1
        few = few and 0 < n % self.batch_size < max(2, self.processes.size)
        return math.ceil(n / self.batch_size) - few

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self.train:
            source = self.generator.device
            order = torch.randperm(len(self.data), generator=self.generator, device=source)
        else:
            share = self.processes.shard(len(self.data))
            order = torch.arange(share.start, share.stop)
        order = order.to(self._inputs.device, non_blocking=True)
        starts = range(0, len(self) * self.batch_size, self.batch_size)
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            rows, draws = order[start:end], self.generator
            self.batch_total = len(rows)
            if self.train and self.processes.size > 1:
                own = slice(self.processes.rank, None, self.processes.size)
                rows, draws = rows[own], Shard(self.generator, len(rows), own)
            with explain_batch_memory(self.device, len(rows)):
                batch = self._batch(rows, draws)
            yield batch

    def _batch(self, rows: Tensor, draws) -> tuple[Tensor, Tensor]:
        x = self._inputs[rows].to(self.device, non_blocking=True)
        x = x if hasattr(self.data, "features") else self._prepare(x, draws)
        return x, self._labels[rows.to(self.device, non_blocking=True)]

    def _prepare(self, x: Tensor, draws) -> Tensor:
        if self.size is not None and x.shape[2:] != (self.size, self.size):
            # Antialiased resizing of uint8 exists for CPUs only, where it is ten times faster.
            x = x if x.device.type == "cpu" else x.float()
            x = F.interpolate(x, (self.size, self.size), mode="bilinear", antialias=True)
        x = x.float().div_(255)
        steps = self.augment if isinstance(self.augment, Sequence) else [self.augment]
        for step in steps if self.augment is not None else []:
            shape, x = x.shape, step(x, draws)
            if x.shape != shape:
                raise InputError(
                    f"augment made {tuple(x.shape)} of {tuple(shape)}; it must keep the shape. "
                    "Let BatchLoader(size=...) do the resizing."
                )
        if self._normalise:
            x = torch.addcmul(self._shift, x, self._scale)
        return x.contiguous(memory_format=torch.channels_last)


def _fits(inputs: Tensor, device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return inputs.nbytes < free / 2


def _check(data, batch_size, augment, mean, std, size, processes) -> None:
    features = hasattr(data, "features")
    if not features and not hasattr(data, "images"):
        raise InputError(
            f"BatchLoader takes ImageTensors or FeatureTensors, not {type(data).__name__}. Make "
            "them of tensors: ImageTensors(images, labels, classes), or use load_image_folder."
        )
    if len(data) == 0:
        raise InputError("The data set is empty. Check how it was chosen or split.")
    if batch_size < 1:
        raise InputError(f"batch_size={batch_size} must be 1 or more, for example 32.")
    if processes.size > min(len(data), batch_size):
        raise InputError(
            f"{processes.size} processes cannot share batches of {batch_size} out of {len(data)} "
            "samples. Start fewer processes, or take a larger "
            f"{remedy('batch_size', '--batch-size')}."
        )
    given = {"augment": augment, "mean": mean, "std": std, "size": size}
    if features and (unused := [name for name, value in given.items() if value is not None]):
        raise InputError(
            f"Features are past the images' preparation: leave out {', '.join(unused)} here, and "
            "give them to the loader that the features are extracted from."
        )
    if (mean is None) != (std is None):
        raise InputError(
            "mean and std belong together: BatchLoader(data, **backbone.preprocessing)"
        )
    if mean is not None and (len(mean) != 3 or len(std) != 3 or max(*mean, *std) > 1):
        raise InputError(
            f"mean={tuple(mean)}, std={tuple(std)} must be three numbers each on the 0..1 scale. "
            "Divide by 255 if they are on the 0..255 scale."
        )
    if size is not None and size < 1:
        raise InputError(f"size={size} must be a number of pixels, for example 224.")

"""Any loader of (images, labels), such as torch's `DataLoader`, for `fit` and its relatives."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, RandomSampler, Subset

from ..core.errors import InputError
from ..core.process_group import SINGLE_PROCESS
from ..core.runtime import get_device
from .loader import BatchLoader


class AnyLoader:
    """A loader of (x, labels) with what the training loop asks of a `BatchLoader`.

    Batches are moved to the device. `classes` are those of the data set underneath (`ImageFolder`
    and most of torchvision's have them), or None where it has no names.
    """

    processes = SINGLE_PROCESS

    def __init__(self, loader, device: str | torch.device | None = None):
        try:
            len(loader)
        except TypeError as error:
            raise InputError(
                f"{type(loader).__name__} has no length, so the end of an epoch is unknown. Give "
                "a BatchLoader or a torch DataLoader over a data set with a length."
            ) from error
        self.loader = loader
        self.device = get_device(device)
        self.generator = getattr(loader, "generator", None)
        self.classes = find_classes(getattr(loader, "dataset", loader))

    @property
    def shuffles(self) -> bool:
        """Whether the order of the samples is random."""
        return isinstance(getattr(self.loader, "sampler", None), RandomSampler)

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self.loader:
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise InputError(
                    f"the loader yields {type(batch).__name__}; pairs (images, labels) are needed, "
                    "as torch's DataLoader makes them of a data set of pairs."
                )
            x, labels = batch
            if not (torch.is_tensor(x) and x.is_floating_point() and torch.is_tensor(labels)):
                kind = f"{x.dtype}" if torch.is_tensor(x) else type(x).__name__
                raise InputError(
                    f"the loader yields images as {kind}; float tensors (B, C, H, W) are needed. "
                    "Give the data set transforms that end in ToImage(), ToDtype(torch.float32, "
                    "scale=True) and Normalize(mean, std)."
                )
            x = x.to(self.device, non_blocking=True)
            if x.ndim == 4:
                x = x.contiguous(memory_format=torch.channels_last)
            yield x, labels.to(self.device, non_blocking=True).long()


def as_loader(loader) -> BatchLoader | AnyLoader:
    """`loader` itself where it is one of the course's, else wrapped in `AnyLoader`."""
    return loader if hasattr(loader, "processes") else AnyLoader(loader)


def find_classes(dataset) -> list[str] | None:
    """Class names of a data set, also through `Subset` and `ConcatDataset`; None if unknown."""
    if isinstance(dataset, Subset):
        return find_classes(dataset.dataset)
    if isinstance(dataset, ConcatDataset):
        found = [find_classes(part) for part in dataset.datasets]
        return found[0] if all(names == found[0] for names in found) else None
    classes = getattr(dataset, "classes", None)
    return [str(name) for name in classes] if classes is not None else None

"""Two domains with the same classes: a labelled source, and a target to be adapted to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from ..core.errors import InputError
from .image_tensors import ImageTensors


@dataclass(frozen=True)
class Glyphs:
    """Small grey images with their classes.

    Attributes:
        images: float32 (N, 1, 16, 16), from 0 (paper) to 1 (ink).
        labels: int64 (N,), positions in the characters asked for.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index) -> Glyphs:
        """The glyphs at `index` (a mask, a slice or positions)."""
        return Glyphs(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Domains:
    """A labelled source and a target whose labels may only be used to report.

    Attributes:
        source, source_test: to train on, and to see whether the source is still known.
        target: images of the new domain to train on *without their labels*, which only an oracle
            reads. Where you have none, give zeros.
        target_test: never trained on in any way; what a result is reported on.

    All four are `Glyphs`, or `ImageTensors` with one list of classes and one size in pixels. Raises
    `InputError` for parts that differ in these, or are empty.
    """

    source: Glyphs | ImageTensors
    source_test: Glyphs | ImageTensors
    target: Glyphs | ImageTensors
    target_test: Glyphs | ImageTensors

    def __post_init__(self) -> None:
        for name, part in vars(self).items():
            if not isinstance(part, (Glyphs, ImageTensors)):
                raise InputError(
                    f"{name} is {type(part).__name__}; ImageTensors are needed, for example from "
                    "tl.load_image_folder(folder, size=128), then .split(...)."
                )
            if len(part) == 0:
                raise InputError(f"{name} is empty: every part needs images.")
            if _classes(part) != _classes(self.source):
                raise InputError(
                    f"the classes of {name} are {_classes(part)}, those of source "
                    f"{_classes(self.source)}: load it with classes=source.classes, so that the "
                    "same label means the same class."
                )
            if _kind(part) != _kind(self.source):
                raise InputError(
                    f"the images of {name} are {_kind(part)}, those of source "
                    f"{_kind(self.source)}: load all four parts with the same size."
                )

    @property
    def class_count(self) -> int:
        """How many classes a head needs."""
        return len(_classes(self.source) or range(int(self.source.labels.max()) + 1))

    def to(self, device) -> Domains:
        """The same domains on another device."""
        return Domains(
            *(
                replace(part, images=part.images.to(device), labels=part.labels.to(device))
                for part in vars(self).values()
            )
        )


def _classes(part) -> list[str] | None:
    return getattr(part, "classes", None)


def _kind(part) -> str:
    return f"{str(part.images.dtype).removeprefix('torch.')} {tuple(part.images.shape[1:])}"

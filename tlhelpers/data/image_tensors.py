"""A labelled image set in memory: decoded once, kept as uint8 tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from ..core.errors import InputError
from .file_kinds import nfc
from .random_split import rows_by_class, stratified_split


@dataclass(eq=False, repr=False)
class ImageTensors:
    """A labelled image set in memory.

    images: uint8 (N, 3, H, W); labels: int64 (N,), positions in `classes`, the names (composed,
    NFC); paths: where each image came from, relative to its folder (empty for images that were
    never files); ranges: which values of files with more than 8 bits became 0 and 255, by kind of
    number (see `deep_pixels`).
    """

    images: torch.Tensor
    labels: torch.Tensor
    classes: list[str]
    paths: list[str] = field(default_factory=list)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = tuple(self.images.shape)
        if self.images.dtype != torch.uint8 or len(shape) != 4 or shape[1] != 3:
            raise InputError(
                f"images are {self.images.dtype} {shape}; uint8 (N, 3, H, W) with values 0..255 is "
                "needed. Grey images: images.expand(-1, 3, -1, -1); floats in 0..1: "
                "(images * 255).round().to(torch.uint8)."
            )
        if len(self.labels) != len(self) or (self.paths and len(self.paths) != len(self)):
            raise InputError(
                f"{len(self)} images, {len(self.labels)} labels and {len(self.paths)} paths do not "
                "belong together: give one label for each image, and one path or no paths at all."
            )
        self.labels = self.labels.long()
        self.classes = [nfc(name) if isinstance(name, str) else name for name in self.classes]
        if len(self) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise InputError(
                f"labels run from {self.labels.min()} to {self.labels.max()}, but there are "
                f"{len(self.classes)} classes: labels are positions in {self.classes}."
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        height, width = self.images.shape[2:]
        counts = ", ".join(f"{name} {n}" for name, n in self.counts().items())
        return f"ImageTensors({len(self)} images of {height} x {width} px: {counts})"

    def __getitem__(self, index: int | slice | Sequence[int] | torch.Tensor) -> ImageTensors:
        """Return the chosen images, always as a set (an int gives a set of one)."""
        rows = torch.arange(len(self))[index.cpu() if torch.is_tensor(index) else index].reshape(-1)
        paths = [self.paths[row] for row in rows.tolist()] if self.paths else []
        at = rows.to(self.images.device)
        return ImageTensors(self.images[at], self.labels[at], self.classes, paths, self.ranges)

    def counts(self) -> dict[str, int]:
        """Return how many images each class has, in the order of `classes`."""
        numbers = torch.bincount(self.labels, minlength=len(self.classes)).tolist()
        return dict(zip(self.classes, numbers, strict=True))

    def split(
        self,
        *fractions: float,
        seed: int = 0,
        groups: Sequence[int] | torch.Tensor | None = None,
    ) -> tuple[ImageTensors, ...]:
        """Split at random into disjoint parts, each with the class shares of the whole.

        Example: `train, val, test = data.split(0.6, 0.2, 0.2)`. groups: a number for each image;
        images of one number stay in one part, as `find_duplicates(data)` gives them.

        Raises `InputError` when the fractions do not add up to 1 or a class has too few images, or
        groups of them, to be in every part.
        """
        parts = stratified_split(self.labels, self.classes, fractions, seed, groups)
        return tuple(self[part] for part in parts)

    def per_class(self, n: int, seed: int = 0) -> ImageTensors:
        """Return `n` images of each class, drawn at random; `InputError` when a class has fewer."""
        short = {name: count for name, count in self.counts().items() if count < n}
        if n < 1 or short:
            raise InputError(
                f"{n} images of each class were asked for; there are {self.counts()}. "
                f"Ask for 1 to {min(self.counts().values())}."
            )
        chosen = [rows[:n] for rows in rows_by_class(self.labels, len(self.classes), seed)]
        return self[torch.cat(chosen).sort().values]

"""Random parts of a labelled set, class by class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import InputError


def rows_by_class(labels: Sequence[int] | Tensor, classes: int, seed: int) -> list[Tensor]:
    """The row numbers of each class, in random order."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.as_tensor(labels).cpu()
    by_class = [(labels == label).nonzero().flatten() for label in range(classes)]
    return [rows[torch.randperm(len(rows), generator=generator)] for rows in by_class]


def stratified_split(
    labels: Sequence[int] | Tensor, classes: Sequence[str], fractions: Sequence[float], seed: int
) -> list[Tensor]:
    """Disjoint sorted row numbers, one tensor a fraction, each with the class shares of the whole.

    Raises `InputError` when the fractions do not add up to 1 or a class has too few images to be in
    every part.
    """
    if not fractions or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise InputError(
            f"Fractions {tuple(fractions)} must be above 0 and add up to 1, as in split(0.8, 0.2)."
        )
    shares = torch.tensor(fractions, dtype=torch.float64).cumsum(0)
    parts: list[list[Tensor]] = [[] for _ in fractions]
    for name, rows in zip(classes, rows_by_class(labels, len(classes), seed), strict=True):
        ends = (shares * len(rows)).round().long()[:-1]
        if len(rows) >= len(fractions):  # one at least in every part, however small its share
            first = torch.arange(1, len(fractions))
            ends = ends.clamp(first, first + len(rows) - len(fractions))
        pieces = rows.tensor_split(ends)
        if len(rows) and not all(len(piece) for piece in pieces):
            raise InputError(
                f'Class "{name}" has {len(rows)} images: too few to be in each of '
                f"{len(fractions)} parts {tuple(fractions)}. Give fewer or more even parts."
            )
        for part, piece in zip(parts, pieces, strict=True):
            part.append(piece)
    return [torch.cat(part).sort().values for part in parts]

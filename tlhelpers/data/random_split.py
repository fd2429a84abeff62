"""Random parts of a labelled set, class by class; images that belong together stay together."""

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
    labels: Sequence[int] | Tensor,
    classes: Sequence[str],
    fractions: Sequence[float],
    seed: int,
    groups: Sequence[int] | Tensor | None = None,
) -> list[Tensor]:
    """Disjoint sorted row numbers, one tensor a fraction, each with the class shares of the whole.

    groups: a number for each row; rows of one number come into one part. If every number is another
    one, the parts are those without groups. (scikit-learn's StratifiedGroupKFold makes parts of
    equal size only, and may leave a class out of one.)

    Raises `InputError` when the fractions do not add up to 1 or a class has too few images, or too
    few groups of them, to be in every part.
    """
    if not fractions or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise InputError(
            f"Fractions {tuple(fractions)} must be above 0 and add up to 1, as in split(0.8, 0.2)."
        )
    together = _rows_of_groups(groups)
    part_of = torch.full((len(labels),), -1)
    for name, rows in zip(classes, rows_by_class(labels, len(classes), seed), strict=True):
        if len(rows):
            _divide(name, rows.tolist(), fractions, together, part_of)
    return [(part_of == part).nonzero().flatten() for part in range(len(fractions))]


def _rows_of_groups(groups: Sequence[int] | Tensor | None) -> dict[int, list[int]]:
    """For each row that is not alone in its group all rows of the group."""
    members: dict[int, list[int]] = {}
    for row, group in enumerate([] if groups is None else torch.as_tensor(groups).tolist()):
        members.setdefault(group, []).append(row)
    return {row: rows for rows in members.values() if len(rows) > 1 for row in rows}


def _divide(name: str, rows: list[int], fractions, together, part_of: Tensor) -> None:
    """Give each row of a class, and the rows that belong to one of them, a part."""
    held = [0] * len(fractions)  # images of this class in each part so far
    units: list[list[int]] = []  # what is not divided, in random order
    seen: set[int] = set()
    for row in rows:
        if part_of[row] >= 0:  # it came with an image of a class before
            held[int(part_of[row])] += 1
        elif row not in seen:
            units.append(together.get(row, [row]))
            seen.update(units[-1])
    if len(units) < held.count(0):
        alike = "" if len(units) == len(rows) else f" in {len(units)} groups of copies"
        raise InputError(
            f'Class "{name}" has {len(rows)} images{alike}: too few to be in each of '
            f"{len(fractions)} parts {tuple(fractions)}. Give fewer or more even parts."
        )
    left = [size - there for size, there in zip(_sizes(len(rows), fractions), held, strict=True)]
    own = set(rows)
    counts = [sum(row in own for row in unit) for unit in units]
    order = sorted(range(len(units)), key=lambda at: -counts[at])  # large ones first
    for number, at in enumerate(order):
        parts = [part for part, there in enumerate(held) if not there]
        if len(order) - number > len(parts):  # else each part without this class needs one
            parts = list(range(len(held)))
        fitting = [part for part in parts if left[part] >= counts[at]]
        if not fitting:
            part = max(parts, key=left.__getitem__)
        elif counts[at] > 1:  # where the largest share is still missing
            part = max(fitting, key=lambda p: left[p] / fractions[p])
        else:  # in order: without groups the parts are consecutive pieces of the random order
            part = fitting[0]
        part_of[units[at]] = part
        held[part] += counts[at]
        left[part] -= counts[at]


def _sizes(n: int, fractions: Sequence[float]) -> list[int]:
    """How many of n images each part gets: one at least, however small its share."""
    ends = (torch.tensor(fractions, dtype=torch.float64).cumsum(0) * n).round().long()[:-1]
    if n >= len(fractions):
        first = torch.arange(1, len(fractions))
        ends = ends.clamp(first, first + n - len(fractions))
    edges = [0, *ends.tolist(), n]
    return [after - before for before, after in zip(edges[:-1], edges[1:], strict=True)]

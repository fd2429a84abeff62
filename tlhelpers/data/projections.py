"""A second way to look at a picture: sums along its lines, as a scanner measures them."""

from __future__ import annotations

import numpy as np

from ..core.errors import InputError


def line_sums(images: np.ndarray, directions: int = 4) -> np.ndarray:
    """Ink along the lines of square pictures: rows, columns, then both kinds of diagonals.

    A computed-tomography scanner measures such sums, in many more directions.

    Args:
        images: (N, S, S).
        directions: 2 for rows and columns, (N, 2 S); 4 for the diagonals of two pixels or more as
            well, (N, 2 S + 2 (2 S - 3)). Pictures of 8 x 8 have 16 sums, or 42.

    Raises:
        InputError: pictures that are not square, or another number of directions.
    """
    images = np.asarray(images, dtype=float)
    if images.ndim != 3 or images.shape[1] != images.shape[2] or directions not in (2, 4):
        raise InputError(
            f"line_sums takes square pictures (N, S, S) and 2 or 4 directions; got "
            f"{images.shape} and {directions}."
        )
    sums = [*images.sum(2).T, *images.sum(1).T]
    if directions == 4:
        reach = range(2 - images.shape[1], images.shape[1] - 1)
        for turned in (images, images[:, :, ::-1]):
            sums += [np.trace(turned, offset, 1, 2) for offset in reach]
    return np.column_stack(sums)

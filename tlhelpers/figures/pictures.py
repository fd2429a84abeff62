"""Image tensors as pictures on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..core.errors import InputError
from .names import PLAIN, drawable
from .theme import BAD, GOOD, new_axes


def show_images(
    images,
    titles: Sequence[str] | None = None,
    *,
    correct: Sequence[bool] | None = None,
    columns: int | None = None,
    size: float = 1.6,
):
    """Show pictures in a grid; returns a 1-D array of their Axes, one a picture.

    Args:
        images: `ImageTensors`, a tensor (N, C, H, W), or a sequence of tensors (C, H, W) of any
            sizes;
            C is 3 or 1 (grey); uint8, or floats in [0, 1]. Not more than 64.
        titles: a line above each picture; `ImageTensors` show their class names without it.
        correct: frames each picture in green with a tick or in red with a cross.
        columns: pictures a row, by default rows of equal length that fit the page.
        size: width of one picture in inches.

    Raises:
        InputError: no images or too many, another shape or range, lists of other lengths.
    """
    import numpy as np

    if titles is None and hasattr(images, "classes"):
        names = drawable(images.classes, width=max(8, round(size * 9)))
        titles = [names[label] for label in images.labels.tolist()]
    pictures = [_to_picture(image) for image in getattr(images, "images", images)]
    n = len(pictures)
    if not 1 <= n <= 64:
        raise InputError(f"show_images shows 1 to 64 pictures, got {n}: choose some, data[:12].")
    for name, values in (("titles", titles), ("correct", correct)):
        if values is not None and len(values) != n:
            raise InputError(f"show_images got {n} images but {len(values)} {name}.")
    columns = columns or math.ceil(n / math.ceil(n * size / 8.6))  # rows of equal length
    rows = math.ceil(n / columns)
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    lines = 0 if titles is None else max(title.count("\n") + 1 for title in titles)
    heading = 0.24 * max(lines, correct is not None)
    axes = np.atleast_1d(
        new_axes(columns * size, rows * (size * tallest + heading), rows, columns)
    ).ravel()
    for ax in axes[n:]:
        ax.remove()
    for index, (ax, picture) in enumerate(zip(axes, pictures, strict=False)):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        title, frame = "" if titles is None else titles[index], "black"
        if correct is not None:
            title = f"{'✔' if correct[index] else '✘'} {title}".strip()
            frame = GOOD if correct[index] else BAD
        ax.set_title(title, fontsize=11, color="black", pad=4, **PLAIN)  # the colours: too pale
        for spine in ax.spines.values():
            spine.set(visible=correct is not None, color=frame, linewidth=4)
    return axes[:n]


def _to_picture(image):
    """uint8 array (H, W, 3) or (H, W) of a tensor (C, H, W)."""
    import torch

    image = torch.as_tensor(image).detach().cpu()
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise InputError(
            f"a picture is a tensor (3, H, W) or (1, H, W), not {tuple(image.shape)}."
            + (" Put the channels first: image.permute(2, 0, 1)." if image.shape[-1] == 3 else "")
        )
    if image.dtype != torch.uint8:
        low, high = image.min().item(), image.max().item()
        if not -0.01 <= low <= high <= 1.01:
            raise InputError(
                f"float pictures lie in [0, 1], this one in [{low:.2f}, {high:.2f}]: "
                "undo the normalisation first, x * std + mean."
            )
        image = (image.float().clamp(0, 1) * 255).round().to(torch.uint8)
    image = image.permute(1, 2, 0)
    return (image[..., 0] if image.shape[-1] == 1 else image).numpy()

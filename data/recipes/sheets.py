"""Contact sheets: many images in one, to look at what a recipe draws."""

from __future__ import annotations

import numpy as np
from PIL import Image


def contact_sheet(images: np.ndarray, columns: int, gap: int = 4) -> Image.Image:
    """Arrange images uint8 (N, H, W, 3) row by row on white."""
    n, height, width, _ = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        sheet[y : y + height, x : x + width] = image
    return Image.fromarray(sheet)

"""Files of more than 8 bits: 10 and 12 bits, 16 bits, signed and floating-point values.

Which value is black and which is white? What a file says counts (bits of a sample, largest value),
else the values that are there: the range is rounded up to 8, 10, 12, 14 or 16 bits, or to 1.0 for
fractions; where less than a quarter of that is used, and for signed values, it is the range itself.
All pictures of a set have one range for each kind of number, or their brightness could not be
compared. `ImageTensors.ranges` keeps it: the same is needed for prediction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

Ranges = dict[str, tuple[float, float]]  # "unsigned", "signed" or "float": black, white

_WHITES = tuple(float(2**bits - 1) for bits in (8, 10, 12, 14, 16))
_ORIENTATION = 274  # the tag of EXIF and TIFF


@dataclass
class DeepImage:
    """Values of a picture as stored: (H, W), or (H, W, 3); alpha in 0..1 or None.

    low, high: the range this file asks for; nothing: where there is no measurement.
    """

    values: np.ndarray
    kind: str
    low: float
    high: float
    alpha: np.ndarray | None = None
    negative: bool = False
    orientation: int = 1

    def to_8_bit(self, ranges: Ranges | None = None) -> Image.Image:
        """Grey, or RGB(A), with black and white as `ranges` says, else by this file alone."""
        low, high = (ranges or {}).get(self.kind) or fit_range(self.low, self.high, self.kind)
        values = self.values if high - low < 1e38 else self.values.astype(np.float64)
        number = values.dtype.type  # a range that float32 cannot hold comes from a damaged file
        share = np.nan_to_num((values - number(low)) / number(max(high - low, 1e-30)))
        share = 1 - share if self.negative else share
        levels = (share.clip(0, 1) * 255).round().astype(np.uint8)
        if self.alpha is not None:
            levels = levels if levels.ndim == 3 else np.repeat(levels[..., None], 3, 2)
            alpha = (self.alpha.clip(0, 1) * 255).round().astype(np.uint8)
            levels = np.concatenate([levels, alpha[..., None]], 2)
        image = Image.fromarray(levels)
        if self.orientation != 1:
            image.getexif()[_ORIENTATION] = self.orientation
            image = ImageOps.exif_transpose(image)
        return image


def fit_range(low: float, high: float, kind: str) -> tuple[float, float]:
    """Black and white for values from `low` to `high`."""
    if kind == "bytes":
        return 0.0, 255.0
    if low < 0:
        return low, max(high, low + 1e-6)
    whites = (1.0, *_WHITES) if kind == "float" else _WHITES
    white = next((white for white in whites if high <= white), high)
    return (low, high) if 0 < high - low < white / 4 else (0.0, white)


def merge_ranges(seen: Iterable[tuple[str, float, float]]) -> Ranges:
    """One range for each kind of number in a set."""
    kinds: dict[str, list[tuple[float, float]]] = {}
    for kind, low, high in seen:
        kinds.setdefault(kind, []).append((low, high))
    return {
        kind: fit_range(min(low for low, _ in all_), max(high for _, high in all_), kind)
        for kind, all_ in sorted(kinds.items())
    }


def describe_ranges(ranges: Ranges) -> str:
    """What was done, where it is not what everybody expects (full 16 bits, 0.0 to 1.0)."""
    return "; ".join(
        f"{kind} values from {low:g} (black) to {high:g} (white)"
        for kind, (low, high) in ranges.items()
        if (low, high) not in ((0.0, 65535.0), (0.0, 255.0), (0.0, 1.0))
    )

"""What a finished job answered on each test image, and by what its images are recognised.

predictions.csv has a row for each test image that counts in the figures: image, class, predicted,
probability (of the class that was predicted). digests.json has the SHA-256 of each file, 64 bits of
it as 16 letters, in the order of split.json.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from torch import Tensor

from ..core.errors import InputError
from ..core.files import write_text
from ..data.listing import Listing

PREDICTIONS, DIGESTS = "predictions.csv", "digests.json"
COLUMNS = ["image", "class", "predicted", "probability"]


def write(
    out: Path,
    parts: dict[str, Listing],
    images: list[str],
    logits: Tensor,
    labels: Tensor,
    classes: list[str],
) -> None:
    """Write both files. `images` are the N test images that count; logits (N, K), labels (N,)."""
    digests = {part: listing.digests for part, listing in parts.items()}
    write_text(out / DIGESTS, json.dumps(digests, indent=1))
    probabilities, guesses = logits.float().softmax(1).max(1)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    columns = images, labels.tolist(), guesses.tolist(), probabilities.tolist()
    for image, true, guess, probability in zip(*columns, strict=True):
        row = [image, classes[true], classes[guess]]
        table.writerow([*map(writable, row), f"{probability:.4f}"])
    write_text(out / PREDICTIONS, text.getvalue())


def read(out: Path) -> dict[str, bool] | None:
    """Whether each test image was taken for what it is; None for a run that has not stored it."""
    path = out / PREDICTIONS
    if not path.is_file():
        return None
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        return {row["image"]: row["class"] == row["predicted"] for row in rows}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Put the file back as "
            "`finetune` wrote it, or leave this run out."
        ) from error


def writable(name: str) -> str:
    """A file's name as UTF-8 can hold it, with `\\udc..` for bytes that are no UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()

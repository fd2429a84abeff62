"""Where decoded pixels lie: in memory while they fit, else in a file that is mapped into it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np

from ..core.errors import InputError
from ..core.files import write_text
from ..core.memory import check_memory
from .deep_pixels import Ranges
from .listing import Listing


def new_pixels(count: int, size: int) -> np.ndarray:
    """An empty uint8 array (count, size, size, 3) in memory; `InputError` if it would not fit."""
    check_memory(
        count * size * size * 3,
        f"{count:,} images of {size} x {size} pixels",
        "Give load_image_folder(..., file=...) a file to keep them in, or a smaller size=",
    )
    return np.empty((count, size, size, 3), dtype=np.uint8)


class PixelFile:
    """Pixels of a listing in a `.npy` file, with a note beside it of what they were made from.

    The note is written last, and only it makes the file valid: decoding that was killed halfway is
    begun again. Pages of a mapped file that are not in use cost no memory: the system drops them
    when others need the room, and reads them again.
    """

    def __init__(
        self,
        path: str | Path,
        listing: Listing,
        size: int,
        resize: str,
        ranges: Ranges | None = None,
    ):
        self.path = Path(path).with_suffix(".npy")
        self.note = self.path.with_suffix(".json")
        self.shape = (len(listing), size, size, 3)
        digest = hashlib.sha256(f"{size} {resize} {listing.classes} {ranges or {}}".encode())
        for path, label in zip(listing.paths, listing.labels, strict=True):
            about = "missing"
            with contextlib.suppress(OSError):  # a link to nothing: decoding reports it by name
                file = (listing.root / path).stat()
                about = f"{file.st_size} {file.st_mtime_ns}"
            digest.update(os.fsencode(path) + f" {label} {about}\n".encode())
        self.digest = digest.hexdigest()

    def read(self) -> tuple[np.ndarray, list[int], Ranges] | None:
        """The pixels, the rows of the listing they belong to, and the ranges of deep files.

        None unless all is as it was.
        """
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
            if note["digest"] != self.digest:
                return None
            # Copy on write: nobody who changes a pixel changes the file.
            pixels = np.load(self.path, mmap_mode="c")
            ranges = {kind: tuple(range_) for kind, range_ in note["ranges"].items()}
            return pixels, note["kept"], ranges
        except (OSError, ValueError, KeyError):
            return None

    def create(self) -> np.ndarray:
        """The file, empty, mapped into memory. `InputError` when the disk has no room for it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.note.unlink(missing_ok=True)
            pixels = np.lib.format.open_memmap(self.path, "w+", np.uint8, self.shape)
            # The file is sparse so far, and a full disk would show as a crash (SIGBUS) while
            # decoding: take the room now.
            with open(self.path, "r+b") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
            return pixels
        except OSError as error:
            self.path.unlink(missing_ok=True)
            raise InputError(
                f"cannot keep {self.shape[0]:,} decoded images "
                f"({math.prod(self.shape) / 1e9:.1f} GB) in {self.path}: "
                f"{error.strerror or error}. Choose a folder on a disk with more room."
            ) from error

    def finish(self, kept: list[int], ranges: Ranges) -> None:
        """Say that the file is whole."""
        note = {"digest": self.digest, "kept": kept, "ranges": ranges}
        write_text(self.note, json.dumps(note))

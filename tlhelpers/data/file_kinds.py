"""Which files are images, which are the system's own, and which folders a job has written."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from pathlib import Path

from .opening import is_heif, open_image, quiet

# HEIC and HEIF are listed although Pillow alone cannot read them: a telephone's photographs should
# be reported with a remedy, not passed over in silence.
IMAGE_SUFFIXES = frozenset(
    ".avif .bmp .gif .heic .heif .jfif .jpe .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split()
)
# Raw files of cameras begin as TIFF does, and what Pillow reads of them is a small preview.
_RAW_SUFFIXES = frozenset(".3fr .arw .cr2 .dng .iiq .nef .nrw .orf .pef .raf .rw2 .srw".split())
_SYSTEM_FILES = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"))
_SYSTEM_FOLDERS = frozenset(
    ("__macosx", "__pycache__", "@eadir", "#recycle", "$recycle.bin", "lost+found")
    + ("system volume information",)
)


def is_image(path: Path) -> bool:
    """Whether a file is an image: by its suffix, or, with another suffix or none, by its content.

    A file with an image's suffix counts as one even when it is damaged, so that it is reported.
    """
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return True
    if suffix in _RAW_SUFFIXES:
        return False
    try:
        if is_heif(path):
            return True
        with quiet(), open_image(path):
            return True
    except Exception:  # whatever Pillow raises on a file that is no image
        return False


def is_system_file(name: str) -> bool:
    """Whether a file is the system's own: .DS_Store, ._photo.jpg, Thumbs.db."""
    hidden = name.startswith(".") and Path(name).suffix.lower() not in IMAGE_SUFFIXES
    return hidden or name.startswith("._") or name.lower() in _SYSTEM_FILES


def is_system_folder(name: str) -> bool:
    """Whether a folder is hidden or the system's own: .git, .ipynb_checkpoints, __MACOSX."""
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS


def is_run_folder(names: Collection[str]) -> bool:
    """Whether files of these names are what a fine-tuning job writes, finished or not."""
    done = {"metrics.json", "model.safetensors"}
    return done <= set(names) or ("plan.json" in names and not {*done, "work"}.isdisjoint(names))


def nfc(name: str) -> str:
    """The composed spelling of a name: macOS keeps the letter and the accent of "é" apart."""
    return unicodedata.normalize("NFC", name)


def subfolders(root: Path) -> list[Path]:
    """The folders in a folder by name, without hidden ones and the system's own."""
    return sorted(p for p in root.iterdir() if p.is_dir() and not is_system_folder(p.name))

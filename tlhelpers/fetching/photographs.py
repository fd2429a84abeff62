"""The photographs of ants and bees: verified image by image against a list of digests."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from ..core.archives import extract_zip
from ..core.assets import data_dir, sha256
from ..core.errors import AssetError

FOLDER = "hymenoptera_data"
MANIFEST = data_dir() / "manifests" / f"{FOLDER}.txt"
MANIFEST_SHA256 = "ed5c29da93340c525d6a6a72edd8db3c804cf9899d946fc2ac967955741824c0"
COUNTS = {"train/ants": 123, "train/bees": 121, "val/ants": 70, "val/bees": 83}
NO_IMAGE = "imageNotFound.gif"  # the picture that its source shows in place of a lost one
MOST_BYTES = 200_000_000  # four times what the archive holds


def manifest() -> dict[str, str]:
    """Relative path -> SHA-256 of each photograph.

    Raises `AssetError` where the list is missing or was changed: then nothing can be verified.
    """
    try:
        text = MANIFEST.read_bytes()
    except OSError as error:
        raise AssetError(f"{MANIFEST} cannot be read ({error.strerror}). {_GET_IT_BACK}") from error
    if hashlib.sha256(text).hexdigest() != MANIFEST_SHA256:
        raise AssetError(
            f"{MANIFEST}, the list of the photographs' digests, was changed: with it nothing can "
            f"be verified. {_GET_IT_BACK}"
        )
    lines = text.decode("utf-8").splitlines()
    return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}


_GET_IT_BACK = "Get it back with `git checkout -- data`, then fetch again."


def images(root: Path) -> list[str]:
    """The relative paths of the images in the four class folders, sorted; nothing hidden."""
    return sorted(
        path.relative_to(root).as_posix()
        for part in COUNTS
        for path in (root / part).glob("*")
        if path.is_file() and path.name != NO_IMAGE and not path.name.startswith(".")
    )


def differences(root: Path) -> str:
    """How a folder differs from the set, in a sentence; empty where it is the set."""
    known, there = manifest(), set(images(root))
    missing = sorted(known.keys() - there)
    other = sorted(there - known.keys())
    changed = [path for path in sorted(known.keys() & there) if sha256(root / path) != known[path]]
    found = {"missing": missing, "not of the set": other, "changed": changed}
    said = [f"{len(paths)} {how} ({paths[0]})" for how, paths in found.items() if paths]
    return f"of its {len(known)} photographs {', '.join(said)}" if said else ""


def unpack(archive: Path, work: Path, target: Path) -> None:
    """Unpack the official archive, and move the photographs that the list names to `target`.

    Whatever else the archive holds is left out. Raises `AssetError` for an archive that is damaged,
    that no careful person would unpack, or that lacks a photograph.
    """
    known = manifest()
    unpacked = work / "unpacked"
    for left in (unpacked, target):  # by a call that was killed
        shutil.rmtree(left, ignore_errors=True)
    extract_zip(archive, unpacked, max_bytes=MOST_BYTES)
    for path in known:
        source = unpacked / FOLDER / path
        if source.is_file():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target / path)
    shutil.rmtree(unpacked, ignore_errors=True)

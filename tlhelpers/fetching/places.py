"""Folders that assets lie in: which are searched, and one that is written to by one process."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from ..core.assets import data_folders, shared_dir
from ..core.errors import AssetError
from .catalogue import Asset
from .contents import ABSENT, difference
from .download import MEGABYTE
from .explain import cannot_write

PATIENCE = 3600  # seconds that a process waits for another one that fetches the same


def find(asset: Asset, but: Path | None = None) -> Path | None:
    """The first folder that holds the asset, verified; `but` is not looked into.

    Raises `AssetError` where the folder of `TLHELPERS_DATA` holds something else under its name:
    lessons would read that, and nothing is ever changed there.
    """
    shared = shared_dir()
    for place in searched(asset):
        said = ABSENT if place == but else difference(asset, place)
        if not said:
            return place
        if said != ABSENT and shared in (place, place.parent):
            raise AssetError(
                f"{place / asset.path} is not what the course was tested with: {said}. It is in "
                "the folder of TLHELPERS_DATA, which is never changed here: have it replaced, "
                "remove it, or unset TLHELPERS_DATA; then fetch again."
            )
    return None


def searched(asset: Asset) -> list[Path]:
    """The folders in which lessons look for it, in order."""
    folders = data_folders()
    if _is_weights(asset):
        if (shared := shared_dir()) is not None:
            folders.insert(1, shared / "weights")
        folders += _torch_cache()
    return folders


@contextlib.contextmanager
def locked(asset: Asset, folder: Path) -> Iterator[None]:
    """Inside, no other process fetches this asset into this folder; the folder is made.

    The system lets go of the lock of a process that is killed. Raises `AssetError` where the folder
    cannot be written, or another process takes longer than `PATIENCE`.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / f".{asset.name}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=1)
        except Timeout:
            print(f"another process fetches {asset.name}; waiting", file=sys.stderr, flush=True)
            lock.acquire(timeout=PATIENCE)
    except Timeout as error:
        raise AssetError(
            f"another process has been fetching {asset.name} into {folder} for an hour. End it, "
            "then call this again."
        ) from error
    except (OSError, NotImplementedError) as error:
        raise AssetError(no_writing(folder, error)) from error
    try:
        yield
    finally:
        lock.release()


def check_room(asset: Asset, folder: Path) -> None:
    """Raise `AssetError` where the disk has not enough room for the download and the result."""
    downloads = sum(wanted.bytes for wanted in asset.downloads) or asset.bytes
    needed = downloads if asset.kind == "files" else downloads + 2 * asset.bytes
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise AssetError(
            f"the disk of {folder} is full: {asset.name} needs {needed / MEGABYTE:.0f} MB, and "
            f"{free / MEGABYTE:.0f} MB are free. {cannot_write(folder)}"
        )


def publish(asset: Asset, new: Path, folder: Path, work: Path) -> None:
    """Give the verified asset in `new` its final name in `folder`, in one step."""
    target, old = folder / asset.path, work / "old"
    if target.is_dir():  # a folder with something in it cannot be replaced in one step
        shutil.rmtree(old, ignore_errors=True)
        os.replace(target, old)
    os.replace(new / asset.path, target)


def no_writing(folder: Path, error: BaseException) -> str:
    """What to say of a folder that could not be written."""
    reason = getattr(error, "strerror", None) or error
    return f"{folder} cannot be written: {reason}. {cannot_write(folder)}"


def _torch_cache() -> list[Path]:
    """Where torchvision keeps what it downloads, without importing torch."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser(), "torch")
    return [Path(os.environ.get("TORCH_HOME") or cache).expanduser() / "hub" / "checkpoints"]


def _is_weights(asset: Asset) -> bool:
    return asset.path.endswith(".pth")

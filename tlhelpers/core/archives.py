"""Zip archives unpacked whole or not at all, and never outside their folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from .archive_checks import check_members, shown
from .errors import AssetError, InputError

_BLOCK = 2**20


def extract_zip(
    archive: str | Path, folder: str | Path, *, max_bytes: int, max_ratio: float = 100
) -> list[Path]:
    """Unpack a zip archive into the new folder `folder`, whole or not at all; its files in order.

    Everything is looked at before anything is written. Then the files are unpacked beside `folder`
    and renamed at once: a process that is killed leaves nothing under the final name, and the next
    call removes what it left elsewhere.

    max_bytes: of all files together. max_ratio: of that sum to the size of the archive.

    Raises `AssetError` for a file that is no whole archive, and for one that a careful person would
    not unpack: names that lead out of the folder or mean something else on another system, links,
    names that are equal but for case, encryption, more bytes than these limits. Raises `InputError`
    when `folder` is there already or cannot be written. Nothing is left behind then.
    """
    archive, folder = Path(archive), Path(folder)
    if not archive.is_file():
        raise AssetError(f"there is no archive {archive}. Check the path, or get the file again.")
    _remove_leftovers(folder)
    if os.path.lexists(folder):
        raise InputError(
            f"{folder} is there already, and nothing in it was touched. Remove it or choose "
            "another folder, then unpack again."
        )
    with _opened(archive) as file:
        members = check_members(archive, file, max_bytes, max_ratio)
        with _beside(folder) as partial:
            for info, name in members:
                _write(file, info, partial / name)
            _publish(partial, folder)
    return [folder / name for info, name in members if not info.is_dir()]


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; whatever its library says of a damaged one becomes an `AssetError`."""
    try:
        with zipfile.ZipFile(archive) as file:
            yield file
    except InputError:
        raise
    except Exception as error:  # BadZipFile, zlib.error, struct.error, EOFError, ...
        reason = str(error) or type(error).__name__
        raise AssetError(
            f"{archive} is no whole zip archive ({reason}): perhaps a broken download. Delete it "
            "and get it again."
        ) from error


def _write(file: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """One member; its checksum is compared at the end, and no more is read than was promised."""
    with _writing(path):
        (path if info.is_dir() else path.parent).mkdir(parents=True, exist_ok=True)
    if info.is_dir():
        return
    with _writing(path):
        target = open(path, "xb")  # noqa: SIM115  (closed below)
    with target, file.open(info) as member:
        while block := member.read(_BLOCK):
            with _writing(path):
                target.write(block)
        with _writing(path):
            target.flush()
    if path.stat().st_size != info.file_size:
        raise zipfile.BadZipFile(f"{shown(info.orig_filename)} has another size than it says")


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A new folder to unpack into, on the same disk; removed with whatever is still in it.

    The lock in it tells the next call that its process is alive. The system drops it with a killed
    process.
    """
    from filelock import FileLock

    with _writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=_prefix(folder), suffix=".part", dir=folder.parent))
    lock = FileLock(room / "lock")
    try:
        with _writing(folder):
            lock.acquire()
            (room / "files").mkdir()  # with the permissions of the umask; `room` is private
        yield room / "files"
    finally:
        lock.release()
        shutil.rmtree(room, ignore_errors=True)


def _publish(partial: Path, folder: Path) -> None:
    try:
        # On POSIX systems a rename would replace an empty folder that came in between, no other.
        os.rename(partial, folder)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be made of what was unpacked: {error.strerror or error}. If another "
            "process has just made it, use that; else choose another folder."
        ) from error


def _remove_leftovers(folder: Path) -> None:
    """Remove what calls for this folder left that were killed; of those that run, nothing."""
    from filelock import FileLock, Timeout

    for room in folder.parent.glob("*.part"):
        if not room.name.startswith(_prefix(folder)) or not (room / "lock").exists():
            continue
        with contextlib.suppress(OSError, Timeout):
            with FileLock(room / "lock", timeout=0):
                pass
            shutil.rmtree(room, ignore_errors=True)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}. Make room or choose another folder; "
            "nothing was unpacked."
        ) from error


def _prefix(folder: Path) -> str:
    return f".{folder.name[:40]}."

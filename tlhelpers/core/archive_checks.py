"""What a careful person would not unpack: looked for in an archive's list of contents."""

from __future__ import annotations

import re
import stat
import unicodedata
import zipfile
from pathlib import Path

from .errors import AssetError

MOST_MEMBERS = 100_000
# In bytes of UTF-8: one name, and the whole path in the archive.
LONGEST_PART, LONGEST_NAME = 255, 1000
# Windows reads these in other ways than as letters of a name, so that an archive which is harmless
# here would not be there: drives, streams of a file, patterns, devices, dropped dots and spaces.
_LETTERS = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others unpack a block to any size at once


def check_members(
    archive: Path, file: zipfile.ZipFile, max_bytes: int, max_ratio: float
) -> list[tuple[zipfile.ZipInfo, str]]:
    """Each member with its path relative to the folder; `AssetError` for anything unusual."""
    members = [(info, info.orig_filename.rstrip("/")) for info in file.infolist()]
    if len(members) > MOST_MEMBERS:
        raise AssetError(_unsafe(archive, f"it has {len(members):,} entries"))
    known = _Names()
    for info, name in members:
        if reason := _refusal(info, name) or known.add(name, info.is_dir()):
            raise AssetError(_unsafe(archive, f"{shown(name)} {reason}"))
    total = sum(info.file_size for info, _ in members)
    ratio = total / max(1, archive.stat().st_size)
    if not known.files:
        raise AssetError(f"{archive} holds no files. Delete it and get it again.")
    if total > max_bytes:
        raise AssetError(
            _unsafe(archive, f"it unpacks to {total:,} bytes, and {max_bytes:,} are allowed")
        )
    if ratio > max_ratio:
        raise AssetError(
            _unsafe(
                archive, f"it unpacks to {ratio:,.0f} times its size, as one made to fill a disk"
            )
        )
    return members


def _refusal(info: zipfile.ZipInfo, name: str) -> str:
    """Why a member is not unpacked, by itself; empty where it is in order."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (kind == stat.S_IFDIR) > info.is_dir():
        return "is a link or a special file"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "is an absolute path"
    if _LETTERS.search(name) or not _is_utf8(name):
        return "has a character that not every system takes in a name"
    parts = name.split("/")
    if ".." in parts:
        return "leads out of the folder"
    if any(part in ("", ".") or part[-1] in ". " or _DEVICE.fullmatch(part) for part in parts):
        return "is a name that not every system takes"
    if max(map(_length, parts)) > LONGEST_PART or _length(name) > LONGEST_NAME:
        return "is too long a name"
    if info.flag_bits & 0x41:
        return "is encrypted"
    if info.compress_type not in _METHODS:
        return "is compressed in an unusual way"
    return ""


class _Names:
    """The names so far, by what Windows and macOS compare: neither case nor composed accents."""

    def __init__(self):
        self.files: set[str] = set()
        self._folders: dict[str, str] = {}

    def add(self, name: str, is_folder: bool) -> str:
        """Take a name up; why it would take another's place, or an empty text."""
        parts = name.split("/")
        above = ["/".join(parts[:end]) for end in range(1, len(parts) + is_folder)]
        for path in above:
            if (first := self._folders.setdefault(_folded(path), path)) != path:
                return f"differs from {shown(first)} in spelling only"
            if _folded(path) in self.files:
                return f"lies in {shown(path)}, which is a file"
        whole = _folded(name)
        if is_folder:
            return ""
        if whole in self.files or whole in self._folders:
            return "is there twice, perhaps in another spelling"
        self.files.add(whole)
        return ""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _length(name: str) -> int:
    return len(name.encode("utf-8"))


def _is_utf8(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def shown(name: str) -> str:
    name = name if len(name) <= 80 else f"{name[:50]}...{name[-20:]}"
    return (
        '"' + name.encode("unicode_escape").decode() + '"' if not name.isprintable() else repr(name)
    )


def _unsafe(archive: Path, what: str) -> str:
    return (
        f"{archive} was not unpacked: {what}. Do not trust it: delete it, and get it again from "
        "where the course names it."
    )

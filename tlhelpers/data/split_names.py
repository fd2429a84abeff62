"""Folders that are splits of a data set, told from class folders by their names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..core.errors import InputError
from .class_files import some
from .file_kinds import IMAGE_SUFFIXES, is_run_folder, is_system_folder, nfc, subfolders

_WORDS = {
    "train": "train|training|trn|learn|learning",
    "val": "val|valid|validation|validate|validating|vali|dev|devel|development",
    "test": "test|testing|tst|eval|evaluate|evaluation|holdout|heldout",
}
_FILLERS = (
    "set|sets|data|dataset|datasets|images|image|imgs|img|pictures|pics|photos|photographs|samples"
    "|files|split|subset|folder|public|private"
)
_PATTERNS = {
    role: re.compile(f"(?:{_FILLERS})*(?:{words})(?:{_FILLERS})*") for role, words in _WORDS.items()
}


def role_of(name: str) -> str | None:
    """ "train", "val" or "test" for the usual names of split folders, None for others.

    Case, punctuation and digits do not matter: Training, training_set, test-images, val2017.
    """
    letters = "".join(letter for letter in nfc(name).casefold() if letter.isalpha())
    return next((role for role, p in _PATTERNS.items() if p.fullmatch(letters)), None)


def find_splits(root: Path) -> dict[str, list[Path]]:
    """The folders of each role, where a folder holds splits; empty where it holds classes.

    A class may be called "train" too, beside "bus" and "plane": folders are splits when all of them
    have such names, or when the one for training holds folders and no images.
    """
    if not root.is_dir():
        return {}
    folders = [p for p in subfolders(root) if not is_run_folder(os.listdir(p))]
    roles: dict[str, list[Path]] = {}
    for folder in folders:
        if role := role_of(folder.name):
            roles.setdefault(role, []).append(folder)
    all_named = sum(map(len, roles.values())) == len(folders)
    least = 2 if set(roles) == {"train"} else 1
    if all_named or any(holds_class_folders(folder, least) for folder in roles.get("train", [])):
        return roles
    return {}


def holds_class_folders(folder: Path, least: int = 2) -> bool:
    """Whether there are so many folders, and no images, directly in a folder."""
    entries = list(os.scandir(folder))
    if any(e.is_file() and Path(e.name).suffix.lower() in IMAGE_SUFFIXES for e in entries):
        return False
    return sum(e.is_dir() and not is_system_folder(e.name) for e in entries) >= least


def refuse_unknown_splits(root: Path, images: dict[str, list[str]]) -> None:
    """Raise `InputError` when the folders hold the same folders: splits of names we do not know."""
    inner = {name: {p.split("/")[1] for p in paths} for name, paths in images.items() if paths}
    direct = any(path.count("/") == 1 for paths in images.values() for path in paths)
    if direct or len(inner) < 2:
        return
    largest = max(inner.values(), key=len)
    if any(len(names & largest) < 2 for names in inner.values()):
        return
    within = sorted(set.intersection(*inner.values()) or largest)
    outer = some(sorted(inner))
    if all(map(role_of, within)):
        raise InputError(
            f"{root}: the splits {some(within)} lie inside each of {outer}. If these are classes, "
            f"put the splits outside: {within[0]}/{sorted(inner)[0]}/1.jpg, ... If each is a data "
            f"set of its own, give one: {(root / sorted(inner)[0]).as_posix()}."
        )
    raise InputError(
        f"{root}: each of {outer} holds the same folders ({some(within)}), so these look like the "
        "splits of one data set and not like classes. Rename them to train, val and test. If they "
        "are the classes, put their images directly into them."
    )

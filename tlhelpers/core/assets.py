"""Data sets and weights by name: the learner's own data folder first, then what is embedded.

`data/registry.json` lists every item with path, size, SHA-256 and licence. Nothing is downloaded
here: `tlhelpers/fetching/` does so, when it is asked to.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from pathlib import Path, PurePosixPath

from .errors import AssetError, nearest, remedy

_FIELDS = ("path", "sha256", "command")


def data_dir() -> Path:
    """The course's embedded `data/` folder."""
    return Path(__file__).resolve().parents[2] / "data"


def shared_dir() -> Path | None:
    """The folder named by the environment variable `TLHELPERS_DATA`, or None if it is unset.

    Raises `AssetError` when the variable names a folder that does not exist.
    """
    value = os.environ.get("TLHELPERS_DATA")
    if not value:
        return None
    folder = Path(value).expanduser()
    if not os.path.isdir(folder):  # Path.is_dir raises where it may not be looked
        raise AssetError(
            f"TLHELPERS_DATA names {folder}, and there is no such folder that you may read. "
            "Correct the variable, or unset it to use the embedded data."
        )
    return folder


def user_dir() -> Path:
    """The folder of this user account that `fetch_assets` fills; it may not exist yet.

    The environment variable `TLHELPERS_CACHE` names another one. Else it is where programs keep
    what they can get again: `~/.cache/tlhelpers` on Linux, `~/Library/Caches/tlhelpers` on macOS,
    `%LOCALAPPDATA%\\tlhelpers\\Cache` on Windows.
    """
    if value := os.environ.get("TLHELPERS_CACHE"):
        return Path(value).expanduser()
    import pooch

    return Path(pooch.os_cache("tlhelpers"))


def data_folders() -> list[Path]:
    """Where things that are not embedded are looked for: `TLHELPERS_DATA`, then `user_dir()`."""
    shared = shared_dir()
    return [user_dir()] if shared is None else [shared, user_dir()]


@functools.cache
def registry() -> dict[str, dict]:
    """Name -> {path, bytes, sha256, licence, description} of every embedded item."""
    path = data_dir() / "registry.json"
    if not path.is_file():
        raise AssetError(
            f"{path} is missing, so the package was installed without the course's data. "
            "Clone the whole course and install it in place: pip install -e ."
        )
    try:
        return parse_registry(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AssetError(
            f"{path} is damaged ({error}). Get it back with `git checkout -- data`, or make it "
            "again: `python -m data.recipes.make_registry`."
        ) from error


def parse_registry(text: str) -> dict[str, dict]:
    """The items of a registry's text; `ValueError` for what cannot be one.

    A path stays below the data folder, whatever the file says.
    """
    try:
        items = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(items, dict):
        raise ValueError(f"a {type(items).__name__} for a list of items")
    for name, item in items.items():
        fields = [item.get(field) for field in _FIELDS] if isinstance(item, dict) else [None]
        if not all(isinstance(field, str) for field in fields):
            raise ValueError(f'"{name}" lacks one of {", ".join(_FIELDS)}')
        path = PurePosixPath(item["path"])
        if path.is_absolute() or ".." in path.parts or set(item["path"]) & set("\\:\0"):
            raise ValueError(f'"{name}" lies at {item["path"]!r}, outside the data folder')
    return items


def fetch(name: str) -> Path:
    """Path of the item `name`, for example "ants_bees" or "weights/resnet18".

    An item of that relative path in the `TLHELPERS_DATA` folder is taken first. Embedded files are
    checked against their SHA-256, once a process. Raises `AssetError` for an unknown name, a
    missing file, and a file that has changed.
    """
    items = registry()
    if name not in items:
        raise AssetError(f'there is no embedded item "{name}".{nearest(name, items)}')
    item = items[name]
    shared = shared_dir()
    if shared is not None and (shared / item["path"]).exists():
        return shared / item["path"]
    path = data_dir() / item["path"]
    if not path.exists():
        raise AssetError(
            f'"{name}" should be at {path} and is not. '
            "Get it back with `git checkout -- data`, or make it again: " + item["command"]
        )
    if _digest_once(path) != item["sha256"]:
        raise AssetError(
            f'"{name}" at {path} is not the file the course was tested with (other SHA-256). '
            "Get it back with `git checkout -- data`. If you changed it on purpose: "
            "`python -m data.recipes.make_registry`."
        )
    return path


def sha256(path: Path) -> str:
    """SHA-256 of a file; of a folder: over each file's relative path and digest, sorted."""
    if path.is_file():
        digest = hashlib.sha256()
        with open(path, "rb") as file:  # weights may be larger than the memory that is left
            while block := file.read(2**20):
                digest.update(block)
        return digest.hexdigest()
    lines = (
        f"{file.relative_to(path).as_posix()} {sha256(file)}\n"
        for file in sorted(path.rglob("*"), key=lambda f: f.relative_to(path).as_posix())
        if file.is_file() and not file.name.startswith(".")
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@functools.cache
def _digest_once(path: Path) -> str:
    return sha256(path)


def find_shared(relative: str, *, what: str, name: str) -> Path:
    """Path of `relative` in the first of `data_folders()` that has it.

    what, name: what it is, and the name by which it is fetched. Raises `AssetError`, which says so
    and how to go on without it, where it is in none of them.
    """
    folders = data_folders()
    path = next((f / relative for f in folders if os.path.exists(f / relative)), None)
    if path is None:
        places = " nor in ".join(map(str, folders))
        mini = remedy('tl.setup(profile="mini")', "TLHELPERS_PROFILE=mini")
        raise AssetError(
            f"{what} is not on this machine: {relative} is not in {places}. {how_to_fetch(name)} "
            f"Or go on with what is embedded: {mini}."
        )
    return path


def how_to_fetch(name: str) -> str:
    """A sentence with the command that fetches this, on the command line and in a notebook."""
    command = f"python -m tlhelpers fetch {name}"
    in_python = f'{command} in a terminal, or tl.fetch_assets("{name}") in a cell'
    return f"Get it: {remedy(in_python, command)}."

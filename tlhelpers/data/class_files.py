"""The files below a folder of class folders: each once, and what is left out by name."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from ..core.errors import InputError, printable
from .file_kinds import (
    IMAGE_SUFFIXES,
    is_image,
    is_run_folder,
    is_system_file,
    is_system_folder,
    nfc,
    subfolders,
)


class ClassFiles:
    """The image files of every class folder, found by one walk.

    A link to a folder is followed unless it leads back to a folder of this tree or to one above it.
    A file that is reached twice, by a link of either kind, is taken once.

    Attributes:
        images: for each class (its name composed, NFC) the paths relative to the root, with forward
            slashes, in the order of torchvision's `ImageFolder`.
        others: for each class the names of the files that are no images.
        notes: sentences on everything else that is left out.

    whole: take everything, files directly in the root too, as one class "".
    """

    def __init__(
        self,
        root: Path,
        ignore: Collection[str] = (),
        output: Path | None = None,
        *,
        whole: bool = False,
    ):
        self.root, self.ignore = root, ignore
        self.output = None if output is None else Path(output).resolve()
        self.images: dict[str, list[str]] = {}
        self.others: dict[str, list[str]] = defaultdict(list)
        self.notes: list[str] = []
        self._files: dict[str, list[Path]] = {}
        self._folders: set[tuple[int, int]] = set()
        self._links: list[tuple[str, Path]] = []
        self._runs: dict[str, list[str]] = defaultdict(list)
        if whole:
            self._files[""] = []
            self._walk("", root)
        for folder in [] if whole else subfolders(root):
            name = nfc(folder.name)
            self._files.setdefault(name, [])
            if folder.is_symlink():
                self._links.append((name, folder))
            else:
                self._walk(name, folder)
        self._follow_links()
        self._leave_out_runs()
        self._take_each_once()

    def _walk(self, name: str, top: Path) -> None:
        folders = [top]
        while folders:
            folder = folders.pop()
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
                about = os.stat(folder)
            except OSError as error:
                raise InputError(
                    f"The folder {folder} cannot be read: {error.strerror or error}. Change its "
                    "permissions, or move it away."
                ) from error
            here = (about.st_dev, about.st_ino)
            if about.st_ino and here in self._folders:
                continue
            self._folders.add(here)
            if folder.resolve() == self.output or is_run_folder([entry.name for entry in entries]):
                self._runs[name].append(self._relative(folder))
                continue
            for entry in entries:
                path = folder / entry.name
                if _is_folder(entry):
                    if is_system_folder(entry.name):
                        continue
                    if entry.is_symlink():
                        self._links.append((name, path))
                    else:
                        folders.append(path)
                elif entry.name not in self.ignore and not is_system_file(entry.name):
                    self._files[name].append(path)

    def _follow_links(self) -> None:
        """After all folders that are no links, so that a link never takes a folder's place."""
        root, back = self.root.resolve(), []
        while self._links:
            name, link = self._links.pop(0)
            target = link.resolve()
            about = os.stat(target)
            seen = about.st_ino and (about.st_dev, about.st_ino) in self._folders
            if seen or target == root or target in root.parents:
                back.append(self._relative(link))
                if not self._files.get(name):
                    self._files.pop(name, None)
            else:
                self._files.setdefault(name, [])
                self._walk(name, link)
        if back:
            self.notes.append(
                f"{count(back, 'link')} to folders that are used already: {some(back)}"
            )

    def _leave_out_runs(self) -> None:
        for name, runs in self._runs.items():
            direct = any(path.parent.parent == self.root for path in self._files[name])
            if (
                name and not direct
            ):  # a folder of outputs; whatever else lies in it is no class either
                del self._files[name]
                runs = [name] if runs == [name] else [f"{name} with {some(runs)}"]
            self.notes.append(f"results of a fine-tuning job: {some(runs)}")

    def _take_each_once(self) -> None:
        taken: dict[tuple[int, int], tuple[str, Path]] = {}
        twice, torn = [], []
        for name, files in self._files.items():
            kept = []
            # Files first, links to them last, so that a link never takes a file's place.
            for path in sorted(files, key=lambda path: path.is_symlink()):
                try:
                    about = os.stat(path)
                except OSError:  # a link to nothing: decoding reports it by name
                    about = None
                regular = about is None or stat.S_ISREG(about.st_mode)
                if not regular or path.name.startswith(".") or not self._is_image(path, about):
                    self.others[name].append(path.name)
                    continue
                if about and about.st_ino:
                    key = (about.st_dev, about.st_ino)
                    other, first = taken.setdefault(key, (name, path))
                    if first is not path and (about.st_nlink > 1 or os.path.samefile(first, path)):
                        pair = f"{self._relative(path)} is {self._relative(first)}"
                        (twice if other == name else torn).append(pair)
                        continue
                kept.append(path)
            kept.sort(key=lambda path: (str(path.parent), path.name))
            self.images[name] = [self._relative(path) for path in kept]
        if torn:
            raise InputError(
                f"{count(torn, 'file')} of {self.root} lie in two classes by way of a link: "
                f"{some(torn)}. Keep each in one class."
            )
        if twice:
            self.notes.append(f"{count(twice, 'file')} reached a second time: {some(twice)}")

    def _is_image(self, path: Path, about: os.stat_result | None) -> bool:
        return path.suffix.lower() in IMAGE_SUFFIXES if about is None else is_image(path)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: decoding reports it by name
        return False


def find_pictures(folder: Path) -> list[Path]:
    """Every image in a folder and below, by the rules of `ClassFiles`: what training reads too."""
    return [folder / path for path in ClassFiles(folder, whole=True).images.get("", ())]


def some(items: list[str], limit: int = 5) -> str:
    """The first items of a list and the number of the rest."""
    rest = len(items) - limit
    shown = ", ".join(items[:limit]) + (f" and {rest} more" if rest > 0 else "")
    return printable(shown)


def count(items: Collection, noun: str) -> str:
    """How many there are, of what: "1 file", "3 files"."""
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"

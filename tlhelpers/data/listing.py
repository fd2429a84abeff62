"""What lies in a folder of class folders, before any of it is decoded."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import InputError, nearest
from .decoding import IMAGE_SUFFIXES
from .random_split import stratified_split

ARRANGE = (
    "One folder for each class is needed, with its images inside: "
    "{root}/ants/1.jpg, {root}/bees/1.jpg, ..."
)


@dataclass
class Listing:
    """Image files and their classes.

    Attributes:
        root: the folder; paths: the files, relative to it, with forward slashes.
        labels: one position in `classes` for each path.
    """

    root: Path
    paths: list[str]
    labels: list[int]
    classes: list[str]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Sequence[int]) -> Listing:
        paths, labels = [self.paths[r] for r in rows], [self.labels[r] for r in rows]
        return Listing(self.root, paths, labels, self.classes)

    def split(self, *fractions: float, seed: int = 0) -> tuple[Listing, ...]:
        """Split at random into disjoint parts, each with the class shares of the whole."""
        parts = stratified_split(self.labels, self.classes, fractions, seed)
        return tuple(self[part.tolist()] for part in parts)


def list_images(
    root: str | Path, classes: Sequence[str] | None = None, ignore: Collection[str] = ()
) -> Listing:
    """List a folder of class folders in the order of torchvision's `ImageFolder`.

    classes, ignore, errors: as in `load_image_folder`.
    """
    root = Path(root)
    files = _find_files(root, ignore)
    names = list(files) if classes is None else list(classes)
    _check_classes(root, files, names, alone=classes is None)
    return Listing(
        root,
        [path.relative_to(root).as_posix() for paths in files.values() for path in paths],
        [names.index(name) for name, paths in files.items() for _ in paths],
        names,
    )


def _find_files(root: Path, ignore: Collection[str]) -> dict[str, list[Path]]:
    """List the image files of each class folder, in the order of torchvision's `ImageFolder`."""
    if not root.is_dir():
        if root.exists():
            raise InputError(f"{root} is a file. Give the folder that holds the class folders.")
        beside = [p.name for p in root.parent.glob("*") if p.is_dir()]
        hint = nearest(root.name, sorted(beside)) if beside else ""
        raise InputError(
            f"There is no folder {root}, looked for from {Path.cwd()}. Check the path.{hint}"
        )
    folders = sorted(p.name for p in root.iterdir() if p.is_dir() and not _hidden(p.name))
    loose = [p.name for p in root.iterdir() if p.is_file() and _is_image(p.name, ignore)]
    if not folders:
        found = f"{len(loose)} images lie directly in it" if loose else "it is empty"
        raise InputError(f"{root} has no class folders; {found}. {ARRANGE.format(root=root.name)}")
    if {name.lower() for name in folders} <= {"train", "val", "valid", "validation", "test"}:
        raise InputError(
            f"{root} holds the splits {folders}, not classes. Load each by itself, "
            f'for example load_image_folder("{(root / folders[0]).as_posix()}").'
        )
    if loose:
        warnings.warn(
            f"{len(loose)} images lie beside the class folders of {root} and are not used "
            f"({some(sorted(loose))}); move them into a class folder.",
            stacklevel=4,
        )
    files: dict[str, list[Path]] = {}
    for name in folders:
        files[name] = []
        for folder, _, found_here in sorted(os.walk(root / name, followlinks=True)):
            if not any(_hidden(part) for part in Path(folder).relative_to(root).parts):
                files[name] += [Path(folder, f) for f in sorted(found_here) if _is_image(f, ignore)]
    return files


def _check_classes(root: Path, files: dict[str, list[Path]], names: list[str], alone: bool) -> None:
    for name in files:
        if name not in names:
            raise InputError(
                f'{root} has a class folder "{name}" that the given classes lack.'
                f"{nearest(name, names)} Rename or remove the folder, or train with this class too."
            )
    for name, paths in files.items():
        if not paths:
            others = sorted({p.suffix or p.name for p in (root / name).rglob("*") if p.is_file()})
            held = f" (it holds only {some(others)})" if others else ""
            raise InputError(
                f'The class folder {root / name} has no images{held}. Put images of "{name}" there '
                "as JPEG or PNG, or remove the folder."
            )
    if len(names) < 2:
        raise InputError(
            f'{root} has one class only, "{names[0]}": there is nothing to tell apart. '
            + ARRANGE.format(root=root.name)
        )
    if not alone and (lacking := [name for name in names if name not in files]):
        warnings.warn(
            f"{root} has no folder for {some(lacking)}; labels still follow the given classes "
            f"{names}. Add the folder, or leave it so if there are no such images.",
            stacklevel=4,
        )


def _hidden(name: str) -> bool:
    """Say whether a name is a system's own: .ipynb_checkpoints, ._photo.jpg, __MACOSX."""
    return name.startswith((".", "__"))


def _is_image(name: str, ignore: Collection[str]) -> bool:
    return Path(name).suffix.lower() in IMAGE_SUFFIXES and not _hidden(name) and name not in ignore


def some(items: list[str], limit: int = 5) -> str:
    rest = len(items) - limit
    return ", ".join(items[:limit]) + (f" and {rest} more" if rest > 0 else "")

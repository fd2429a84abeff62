"""What lies in a folder of class folders, before any of it is decoded."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from ..core.errors import InputError, nearest
from .class_files import ClassFiles, count, some
from .file_kinds import is_image, is_system_folder, nfc
from .random_split import stratified_split
from .split_names import find_splits, refuse_unknown_splits

ARRANGE = (
    "One folder for each class is needed, with its images inside: "
    "{root}/ants/1.jpg, {root}/bees/1.jpg, ..."
)


@dataclass
class Listing:
    """Image files and their classes.

    Attributes:
        root: the folder; paths: the files, relative to it, with forward slashes.
        labels: one position in `classes` for each path; class names are composed (NFC).
        digests: of the content of each file, where somebody has read them; else empty.
    """

    root: Path
    paths: list[str]
    labels: list[int]
    classes: list[str]
    digests: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Sequence[int]) -> Listing:
        paths, labels = [self.paths[r] for r in rows], [self.labels[r] for r in rows]
        digests = [self.digests[r] for r in rows] if self.digests else []
        return Listing(self.root, paths, labels, self.classes, digests)

    def split(
        self, *fractions: float, seed: int = 0, groups: Sequence[int] | Tensor | None = None
    ) -> tuple[Listing, ...]:
        """Split at random into disjoint parts, each with the class shares of the whole.

        groups: a number for each image; images of one number stay in one part.
        """
        parts = stratified_split(self.labels, self.classes, fractions, seed, groups)
        return tuple(self[part.tolist()] for part in parts)


def list_images(
    root: str | Path,
    classes: Sequence[str] | None = None,
    ignore: Collection[str] = (),
    output: Path | None = None,
) -> Listing:
    """List a folder of class folders in the order of torchvision's `ImageFolder`.

    Results of a fine-tuning job are no class, and neither is `output`, where a job will write.
    classes, ignore, errors: as in `load_image_folder`.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(_missing(root))
    if splits := find_splits(root):
        names = [folder.name for folders in splits.values() for folder in folders]
        first = (root / sorted(names)[0]).as_posix()
        raise InputError(
            f"{root} holds the splits {sorted(names)}, not classes. Load each by itself, "
            f'for example load_image_folder("{first}").'
        )
    found = ClassFiles(root, ignore, output)
    loose = [p.name for p in sorted(root.iterdir()) if p.is_file() and p.name not in ignore]
    loose = [name for name in loose if not name.startswith(".") and is_image(root / name)]
    if not found.images:
        held = f"{len(loose)} images lie directly in it" if loose else "it is empty"
        held = "; ".join([held, *found.notes])
        raise InputError(f"{root} has no class folders; {held}. {ARRANGE.format(root=root.name)}")
    names = sorted(found.images) if classes is None else [nfc(name) for name in classes]
    if classes is None:
        refuse_unknown_splits(root, found.images)
    _check_classes(root, found, names, alone=classes is None)
    _tell(root, found, loose)
    return Listing(
        root,
        [path for paths in found.images.values() for path in paths],
        [names.index(name) for name, paths in found.images.items() for _ in paths],
        names,
    )


def _missing(root: Path) -> str:
    if root.exists():
        return f"{root} is a file. Give the folder that holds the class folders."
    first = root  # the first folder on the way that is not there
    while not first.parent.exists():
        first = first.parent
    beside = [p.name for p in first.parent.glob("*") if p.is_dir() and not is_system_folder(p.name)]
    folded = {name.casefold(): name for name in sorted(beside, reverse=True)}
    match = difflib.get_close_matches(first.name.casefold(), folded, n=1, cutoff=0.7)
    hint = f' Did you mean "{folded[match[0]]}"?' if match else ""
    where = "" if first == root else f' ("{first.name}" is missing in {first.parent})'
    return f"There is no folder {root}{where}, looked for from {Path.cwd()}. Check the path.{hint}"


def _check_classes(root: Path, found: ClassFiles, names: list[str], alone: bool) -> None:
    files = found.images
    for name in files:
        if name not in names:
            raise InputError(
                f'{root} has a class folder "{name}" that the given classes lack.'
                f"{nearest(name, names)} Rename or remove the folder, or train with this class too."
            )
    for name, paths in files.items():
        if not paths:
            others = sorted({Path(other).suffix or other for other in found.others[name]})
            held = f" (it holds only {some(others)})" if others else ""
            raise InputError(
                f'The class folder {root / name} has no images{held}. Put images of "{name}" there '
                "as JPEG or PNG, or remove the folder."
            )
    if len(names) < 2:
        raise InputError(
            f'{root} has one class only, "{names[0]}": there is nothing to tell apart. '
            + "".join(f"Not used: {note}. " for note in found.notes)
            + (_inner(root, files[names[0]]) or ARRANGE.format(root=root.name))
        )
    if not alone and (lacking := [name for name in names if name not in files]):
        warnings.warn(
            f"{root} has no folder for {some(lacking)}; labels still follow the given classes "
            f"{names}. Add the folder, or leave it so if there are no such images.",
            stacklevel=4,
        )


def _inner(root: Path, paths: list[str]) -> str:
    """A hint at the folder that holds the class folders, where a zip has wrapped them in others."""
    parts = [path.split("/")[:-1] for path in paths]
    depth = 1
    while len(heads := {tuple(p[: depth + 1]) for p in parts}) == 1 and len(parts[0]) > depth:
        depth += 1
    if len(heads) < 2 or any(len(head) <= depth for head in heads):
        return ""
    within = some(sorted(head[-1] for head in heads))
    folder = root.joinpath(*parts[0][:depth]).as_posix()
    return f"The folders {within} lie deeper: if these are the classes, give {folder}."


def _tell(root: Path, found: ClassFiles, loose: list[str]) -> None:
    """One warning that names whatever is not used."""
    notes = []
    if loose:
        notes.append(
            f"{count(loose, 'image')} beside the class folders, in no class: {some(loose)}"
        )
    for name, others in found.others.items():
        if name in found.images and others:
            notes.append(f"{count(others, 'file')} of {name} left out: {some(sorted(others))}")
    folded: dict[str, str] = {}
    for name in found.images:
        if (other := folded.setdefault(name.casefold().strip(), name)) != name:
            notes.append(f'"{other}" and "{name}" are taken as two classes: are they one?')
    if notes + found.notes:
        warnings.warn(f"{root}: " + "; ".join([*notes, *found.notes]) + ".", stacklevel=4)

"""A folder of class folders, read into tensors; what is wrong with it is said by name."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from .assets import fetch, find_shared
from .decoding import IMAGE_SUFFIXES, check_resize, decode, why
from .errors import InputError, nearest
from .images import ImageTensors
from .runtime import get_profile

DRAWING_SIZE, PHOTOGRAPH_SIZE = 128, 224
ARRANGE = (
    "One folder for each class is needed, with its images inside: "
    "{root}/ants/1.jpg, {root}/bees/1.jpg, ..."
)


def load_image_folder(
    root: str | Path,
    size: int = 256,
    classes: Sequence[str] | None = None,
    on_error: str = "raise",
    threads: int = 2,
    resize: str = "crop",
    ignore: Collection[str] = (),
) -> ImageTensors:
    """Decode a folder of class folders into `ImageTensors` of `size` x `size` pixels.

    The order is that of torchvision's `ImageFolder`: classes by name, files by path.

    classes: the training set's list for any other split, so that labels mean the same; a class
        that this split lacks gives a warning, a class that the list lacks an error.
    on_error: "raise" names the files that cannot be read; "skip" warns and uses the rest.
    resize: "crop" brings the shorter side to `size` and keeps the centre; "squash" distorts.
    ignore: names of files to pass over; hidden files and files of other kinds always are.

    Raises `InputError` for a missing folder, a missing or empty class, one class only, and files
    that cannot be read.
    """
    check_resize(size, resize)
    if on_error not in ("raise", "skip"):
        raise InputError(f'Unknown on_error="{on_error}".{nearest(on_error, ("raise", "skip"))}')
    root = Path(root)
    files = _find_files(root, ignore)
    names = list(files) if classes is None else list(classes)
    _check_classes(root, files, names, alone=classes is None)

    samples = [(path, names.index(name)) for name, paths in files.items() for path in paths]
    pixels = np.empty((len(samples), size, size, 3), dtype=np.uint8)

    def decode_into(row: int) -> str | None:
        try:
            pixels[row] = decode(samples[row][0], size, resize)
        except Exception as error:  # Pillow raises a dozen kinds on damaged files
            return why(error)
        return None

    with ThreadPoolExecutor(max(1, threads)) as pool:  # decoding releases Python's lock
        reasons = list(pool.map(decode_into, range(len(samples))))

    relative = [path.relative_to(root).as_posix() for path, _ in samples]
    _report(root, {p: r for p, r in zip(relative, reasons, strict=True) if r}, on_error)
    kept = [row for row, reason in enumerate(reasons) if reason is None]
    if len(kept) < len(samples):
        pixels = pixels[kept]
        for label in {label for _, label in samples} - {samples[row][1] for row in kept}:
            raise InputError(
                f"None of the images in {root / names[label]} can be read, so that class would be "
                "empty. Put readable JPEG or PNG files there."
            )
    # The channels stay innermost in memory (channels_last), as the decoder wrote them.
    return ImageTensors(
        torch.from_numpy(pixels).permute(0, 3, 1, 2),
        torch.tensor([samples[row][1] for row in kept]),
        names,
        [relative[row] for row in kept],
    )


def load_images(name: str, split: str, size: int | None = None) -> ImageTensors:
    """Load a data set of the course: "ants_bees", split "train" (244 images) or "val" (153).

    Profile "mini" gives the drawn set embedded in the course, "full" the photographs, from
    `hymenoptera_data/` in the folder that `TLHELPERS_DATA` names. size: side in pixels; None is 128
    for the drawings (as stored) and 224 for the photographs (what ImageNet's networks see).

    Raises `InputError` for an unknown name or split, `AssetError` when the set is not there.
    """
    for value, known in ((name, ("ants_bees",)), (split, ("train", "val"))):
        if value not in known:
            raise InputError(f'There is no "{value}" here.{nearest(value, known)}')
    if get_profile() == "full":
        folder = find_shared(
            "hymenoptera_data",
            what="The set of ants and bees photographs",
            remedy="Put the unpacked folder hymenoptera_data, with train/ and val/, there; or use "
            'the drawn set: tl.setup(profile="mini").',
        )
        size = size or PHOTOGRAPH_SIZE
    else:
        folder = fetch("ants_bees")
        size = size or DRAWING_SIZE
    # The set's GIF is no photograph but its source's "not found" picture; ImageFolder passes it
    # over too, hence the 244.
    classes, ignore = ["ants", "bees"], ["imageNotFound.gif"]
    return load_image_folder(folder / split, size, classes, ignore=ignore)


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
            f"({_some(sorted(loose))}); move them into a class folder.",
            stacklevel=3,
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
            held = f" (it holds only {_some(others)})" if others else ""
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
            f"{root} has no folder for {_some(lacking)}; labels still follow the given classes "
            f"{names}. Add the folder, or leave it so if there are no such images.",
            stacklevel=3,
        )


def _report(root: Path, bad: dict[str, str], on_error: str) -> None:
    if not bad:
        return
    shown = _some([f"{path} ({reason})" for path, reason in bad.items()])
    verb = "image" if len(bad) == 1 else "images"
    if on_error == "skip":
        warnings.warn(f"{len(bad)} {verb} of {root} left out: {shown}.", stacklevel=3)
        return
    raise InputError(
        f"{len(bad)} {verb} of {root} cannot be read: {shown}. Replace or remove the file, "
        'or pass on_error="skip" to use the rest.'
    )


def _hidden(name: str) -> bool:
    """Say whether a name is a system's own: .ipynb_checkpoints, ._photo.jpg, __MACOSX."""
    return name.startswith((".", "__"))


def _is_image(name: str, ignore: Collection[str]) -> bool:
    return Path(name).suffix.lower() in IMAGE_SUFFIXES and not _hidden(name) and name not in ignore


def _some(items: list[str], limit: int = 5) -> str:
    rest = len(items) - limit
    return ", ".join(items[:limit]) + (f" and {rest} more" if rest > 0 else "")

"""Which images train, which choose the epoch, which are reported on."""

from __future__ import annotations

import warnings
from pathlib import Path

from torch import Tensor

from ..core.errors import InputError, arguments
from .class_files import some
from .file_kinds import is_run_folder, subfolders
from .listing import Listing, list_images
from .split_names import find_splits, holds_class_folders


def find_parts(
    data: str | Path, val_share: float = 0.15, test_share: float = 0.15, seed: int = 0
) -> dict[str, Listing]:
    """The parts "train", "val" and "test" of a folder, by its own split where it has one.

    A folder with `train` and one of `val` and `test` (or other usual names, see `role_of`) is
    reported on the latter; the validation images are then split off the training ones, so that what
    chooses is not what is reported. Any other folder is split three ways, class by class. Images
    are not looked at: `split_folder` keeps copies of one picture together.

    Raises `InputError` for shares that leave nothing, and for a class with too few images.
    """
    check_shares(val_share, test_share)
    return divide(given_parts(data), val_share, test_share, seed)


def check_shares(val_share: float, test_share: float) -> None:
    """Raise `InputError` for shares that leave nothing."""
    if not (0 < val_share < 1 and 0 < test_share < 1 and val_share + test_share < 1):
        raise InputError(
            f"{arguments(val_share=val_share, test_share=test_share)}: both must be above 0 and "
            "leave something to train on, such as 0.15 each."
        )


def given_parts(data: str | Path, output: Path | None = None) -> dict[str, Listing]:
    """The parts a folder comes in: "train", and where it is split "test", and perhaps "val".

    output: where the job will write; if that is inside `data` it is left out. A split without class
    folders (images without labels) is left out with a warning.
    """
    data = Path(data)
    splits = find_splits(data)
    if not splits:
        return {"train": list_images(data, output=output)}
    if "train" not in splits:
        named = some(sorted(folder.name for folders in splits.values() for folder in folders))
        raise InputError(
            f"{data} holds {named} and no training images. Put a folder train with class folders "
            "beside, or give a folder of class folders, which is split at random."
        )
    flat = [
        folder
        for role in ("val", "test")
        for folder in splits.get(role, [])
        if not any(subfolders(folder))
    ]
    if flat:
        warnings.warn(
            f"{some([str(folder) for folder in flat])} has no class folders, so its images have no "
            "labels and are not used. To classify them, give the folder to `predict`.",
            stacklevel=3,
        )
    folders = {}
    for role, found in splits.items():
        labelled = [folder for folder in found if folder not in flat]
        if len(labelled) > 1:
            raise InputError(
                f"{data}: {some([f.name for f in labelled])} all look like the {role} images. "
                "Move all but one away, or put them together."
            )
        if labelled:
            folders[role] = labelled[0]
    used = {*folders.values(), *flat}
    others = [f.name for f in subfolders(data) if f not in used and not _is_run(f, output)]
    if others:
        alike = [name for name in others if holds_class_folders(data / name)]
        if alike:
            raise InputError(
                f"{data}: {some(alike)} may be another split of this data set. Rename it to val or "
                "test, or move it away."
            )
        warnings.warn(f"{data}: beside the splits, {some(others)} is not used.", stacklevel=3)
    train = list_images(folders["train"])
    parts = {role: list_images(f, train.classes) for role, f in folders.items() if role != "train"}
    if "test" not in parts and "val" in parts:
        parts = {"test": parts["val"]}
    return {"train": train, **parts}


def divide(
    given: dict[str, Listing],
    val_share: float,
    test_share: float,
    seed: int,
    groups: Tensor | None = None,
) -> dict[str, Listing]:
    """Split off the training images what is not given; `groups` numbers the training images."""
    if "val" in given:
        return {name: given[name] for name in ("train", "val", "test")}
    train = given["train"]
    if "test" in given:
        train, val = train.split(1 - val_share, val_share, seed=seed, groups=groups)
        return {"train": train, "val": val, "test": given["test"]}
    shares = (1 - val_share - test_share, val_share, test_share)
    parts = train.split(*shares, seed=seed, groups=groups)
    return dict(zip(("train", "val", "test"), parts, strict=True))


def _is_run(folder: Path, output: Path | None) -> bool:
    if output is not None and output.resolve().is_relative_to(folder.resolve()):
        return True
    inside = [folder, *subfolders(folder)]
    return any(is_run_folder([path.name for path in each.iterdir()]) for each in inside)

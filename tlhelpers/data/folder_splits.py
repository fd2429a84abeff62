"""Which images train, which choose, which are reported on."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import InputError, arguments
from .listing import Listing, list_images

_VALIDATION = ("val", "valid", "validation")


def find_parts(
    data: str | Path, val_share: float = 0.15, test_share: float = 0.15, seed: int = 0
) -> dict[str, Listing]:
    """The parts "train", "val" and "test" of a folder, by its own split where it has one.

    A folder with `train` and one of `val` and `test` is reported on the latter; the validation
    images are then split off the training ones, so that what chooses is not what is reported. Any
    other folder is split three ways, class by class. Raises `InputError` for shares that leave
    nothing, and for a class with too few images.
    """
    if not (0 < val_share < 1 and 0 < test_share < 1 and val_share + test_share < 1):
        raise InputError(
            f"{arguments(val_share=val_share, test_share=test_share)}: both must be above 0 and "
            "leave something to train on, such as 0.15 each."
        )
    data = Path(data)
    inside = {p.name.lower(): p for p in data.iterdir() if p.is_dir()} if data.is_dir() else {}
    val = next((inside[name] for name in _VALIDATION if name in inside), None)
    test = inside.get("test")
    if "train" not in inside or (val is None and test is None):
        whole = list_images(inside["train"] if set(inside) == {"train"} else data)
        shares = (1 - val_share - test_share, val_share, test_share)
        return dict(zip(("train", "val", "test"), whole.split(*shares, seed=seed), strict=True))
    train = list_images(inside["train"])
    if val is not None and test is not None:
        return {
            "train": train,
            "val": list_images(val, train.classes),
            "test": list_images(test, train.classes),
        }
    train_part, val_part = train.split(1 - val_share, val_share, seed=seed)
    reported = list_images(test or val, train.classes)
    return {"train": train_part, "val": val_part, "test": reported}

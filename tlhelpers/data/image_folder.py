"""Folders of images, decoded once into tensors; what is wrong with them is said by name."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from ..core.assets import fetch, find_shared
from ..core.errors import InputError, arguments, nearest
from ..core.progress import Progress
from ..core.runtime import get_profile
from .class_files import some
from .decoding import check_resize, decode, why
from .deep_pixels import Ranges, describe_ranges, merge_ranges
from .image_tensors import ImageTensors
from .listing import Listing, list_images
from .opening import quiet
from .pixel_file import PixelFile, new_pixels

DRAWING_SIZE, PHOTOGRAPH_SIZE = 128, 224
LONG = 2000  # images: from here on decoding takes long enough to be watched


def load_image_folder(
    root: str | Path,
    size: int = 256,
    classes: Sequence[str] | None = None,
    on_error: str = "raise",
    threads: int = 2,
    resize: str = "crop",
    ignore: Collection[str] = (),
    file: str | Path | None = None,
    ranges: Ranges | None = None,
) -> ImageTensors:
    """Decode a folder of class folders into `ImageTensors` of `size` x `size` pixels.

    The order is that of torchvision's `ImageFolder`: classes by name, files by path.

    classes: the training set's list for any other split, so that labels mean the same; a class
        that this split lacks gives a warning, a class that the list lacks an error.
    on_error: "raise" names the files that cannot be read; "skip" warns and uses the rest.
    resize: "crop" brings the shorter side to `size` and keeps the centre; "squash" distorts.
    ignore: names of files to pass over. A system's own files always are; what else is no image
        (its content counts, not only its suffix) is named in a warning.
    file: keep the pixels in this file (.npy, 3 * size**2 bytes an image) instead of in memory: for
        sets larger than that, and for several processes on one machine. A second call with the
        same files and settings maps it without decoding anything.
    ranges: black and white of files with more than 8 bits; those of the training set
        (`train.ranges`) for any other split. None: what the files say or the range they fill, one
        for the whole set, which is said in a warning.

    Raises `InputError` for a missing folder, a missing or empty class, one class only, files that
    cannot be read, and a set that does not fit into memory.
    """
    listing = list_images(root, classes, ignore)
    return decode_listing(listing, size, on_error, threads, resize, file, ranges)


def decode_listing(
    listing: Listing,
    size: int,
    on_error: str = "raise",
    threads: int = 2,
    resize: str = "crop",
    file: str | Path | None = None,
    ranges: Ranges | None = None,
) -> ImageTensors:
    """Decode listed files; arguments and errors as in `load_image_folder`."""
    check_resize(size, resize)
    if on_error not in ("raise", "skip"):
        raise InputError(f'Unknown on_error="{on_error}".{nearest(on_error, ("raise", "skip"))}')
    stored = PixelFile(file, listing, size, resize, ranges) if file is not None else None
    if stored and (found := stored.read()):
        pixels, kept, ranges = found
    else:
        pixels = stored.create() if stored else new_pixels(len(listing), size)
        kept, ranges = _decode_all(listing, pixels, size, on_error, threads, resize, ranges)
        for row, old in enumerate(kept):
            if row != old:
                pixels[row] = pixels[old]  # close the gaps without a second copy of the set
        if stored:
            stored.finish(kept, ranges)
    labels = torch.tensor([listing.labels[row] for row in kept])
    for label in set(listing.labels) - set(labels.tolist()):
        raise InputError(
            f"None of the images in {listing.root / listing.classes[label]} can be read, so that "
            "class would be empty. Put readable JPEG or PNG files there."
        )
    # The channels stay innermost in memory (channels_last), as the decoder wrote them.
    return ImageTensors(
        torch.from_numpy(pixels[: len(kept)]).permute(0, 3, 1, 2),
        labels,
        listing.classes,
        [listing.paths[row] for row in kept],
        ranges,
    )


def load_images(name: str, split: str, size: int | None = None) -> ImageTensors:
    """Load a data set of the course: "ants_bees", split "train" (244 images) or "val" (153).

    Profile "mini" gives the drawn set embedded in the course, "full" the photographs, from
    `hymenoptera_data/` in the folder that `TLHELPERS_DATA` names, or in the one that
    `python -m tlhelpers fetch ants_bees_photographs` fills. size: side in pixels; None is 128
    for the drawings (as stored) and 224 for the photographs (what ImageNet's networks see).

    Raises `InputError` for an unknown name or split, `AssetError` when the set is not there.
    """
    for value, known in ((name, ("ants_bees",)), (split, ("train", "val"))):
        if value not in known:
            raise InputError(f'There is no "{value}" here.{nearest(value, known)}')
    if get_profile() == "full":
        folder = find_shared(
            "hymenoptera_data",
            what="The set of ants and bees photographs, with train/ and val/,",
            name="ants_bees_photographs",
        )
        size = size or PHOTOGRAPH_SIZE
    else:
        folder = fetch("ants_bees")
        size = size or DRAWING_SIZE
    # The set's GIF is no photograph but its source's "not found" picture; ImageFolder passes it
    # over too, hence the 244.
    classes, ignore = ["ants", "bees"], ["imageNotFound.gif"]
    return load_image_folder(folder / split, size, classes, ignore=ignore)


def _decode_all(
    listing: Listing, pixels: np.ndarray, size, on_error, threads, resize, ranges: Ranges | None
) -> tuple[list[int], Ranges]:
    """Fill `pixels`; return the rows that could be read, and the ranges of deep files."""
    given = ranges or {}
    seen: dict[int, list[tuple[str, float, float]]] = {}

    def decode_into(row: int, ranges: Ranges = given) -> str | None:
        found: list[tuple[str, float, float]] = []
        try:
            pixels[row] = decode(listing.root / listing.paths[row], size, resize, ranges, found)
        except Exception as error:  # Pillow raises a dozen kinds on damaged files
            return why(error)
        if found:
            seen[row] = found
        return None

    reasons = []
    progress = Progress(len(listing), "decoding") if len(listing) >= LONG else None
    # Decoding releases Python's lock.
    with quiet(), ThreadPoolExecutor(max(1, threads)) as pool:
        for reason in pool.map(decode_into, range(len(listing))):
            reasons.append(reason)
            if progress:
                progress.update(len(reasons))
        # Files of more than 8 bits once more, now that the range of the whole set is known.
        own = merge_ranges(found[0] for found in seen.values() if found[0][0] not in given)
        again = [row for row, found in seen.items() if found[0][0] in own]
        list(pool.map(lambda row: decode_into(row, own), again))
    if progress:
        progress.close()
    bad = {path: reason for path, reason in zip(listing.paths, reasons, strict=True) if reason}
    _report(listing.root, bad, on_error)
    if said := describe_ranges(own):
        warnings.warn(
            f"{len(again)} images of {listing.root} have more than 8 bits: {said}, the same for "
            "all. For another split, and to predict, give ranges= the `.ranges` of this set.",
            stacklevel=4,
        )
    kept = [row for row, reason in enumerate(reasons) if reason is None]
    return kept, {**given, **own}


def _report(root: Path, bad: dict[str, str], on_error: str) -> None:
    if not bad:
        return
    shown = some([f"{path} ({reason})" for path, reason in bad.items()])
    verb = "image" if len(bad) == 1 else "images"
    if on_error == "skip":
        warnings.warn(f"{len(bad)} {verb} of {root} left out: {shown}.", stacklevel=5)
        return
    raise InputError(
        f"{len(bad)} {verb} of {root} cannot be read: {shown}. Replace or remove the file, "
        f"or pass {arguments(on_error='skip')} to use the rest."
    )

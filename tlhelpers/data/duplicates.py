"""The same picture twice in a data set: found, kept in one part, and out of what is reported."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.errors import InputError
from ..core.process_group import SINGLE_PROCESS, ProcessGroup
from ..core.progress import Progress
from .decoding import decode
from .folder_splits import check_shares, divide, given_parts
from .listing import Listing
from .opening import quiet
from .repeats import Repeats
from .similarity import GREY, SIDE, linked_groups, similar_pairs, thumbnails

LONG = 2000  # images: from here on reading takes long enough to be watched


def find_duplicates(images, digests: Sequence[bytes] | None = None) -> Tensor:
    """A number for each image, the same for copies of one picture: its first image's row.

    images: `ImageTensors`, or uint8 (N, 3, H, W), or thumbnails, uint8 (N, 64, 64). Copies may be
    of another size, quality or brightness, mirrored, or up to about 10 % cropped; see `similarity`
    for what is found and what is not. digests: of the files; equal ones are copies too.

    Example: `train, test = data.split(0.8, 0.2, groups=find_duplicates(data))`.
    """
    images = getattr(images, "images", images)
    thumbs = images if images.ndim == 3 else thumbnails(images)
    pairs = similar_pairs(thumbs)
    if digests is None:
        digests = [hashlib.sha256(np.ascontiguousarray(image)).digest() for image in images]
    first: dict[bytes, int] = {}
    equal = [[first.setdefault(digest, row), row] for row, digest in enumerate(digests)]
    pairs = torch.cat([pairs, torch.tensor(equal, dtype=torch.long).reshape(-1, 2)])
    return linked_groups(pairs, len(digests))


def split_folder(
    data: str | Path,
    val_share: float = 0.15,
    test_share: float = 0.15,
    seed: int = 0,
    *,
    output: Path | None = None,
    leave_out: Collection[str] = (),
    threads: int = 2,
    processes: ProcessGroup = SINGLE_PROCESS,
) -> tuple[dict[str, Listing], Repeats]:
    """The parts of a folder as `find_parts` makes them, with the copies of a picture in one part.

    Where the folder comes with its own test images, those that repeat a training or validation
    image are named in `Repeats.reported`; validation images that repeat a training image are left
    out. Several processes agree: the main one looks at the images, and has their digests.

    output: where the job will write, to be left out if it is inside `data`.
    leave_out: paths, as in `Listing.paths`, of training and validation images that are not to be
        used (a wrong label, say). All other images stay in the part that they are in without it.

    Raises `InputError` as `find_parts` does, when no test or validation image is left, and when
    `leave_out` names a test image or none at all.
    """
    check_shares(val_share, test_share)
    given = given_parts(data, output)
    names = [f"{part}/{path}" for part, listing in given.items() for path in listing.paths]
    found = torch.zeros((2, len(names)), dtype=torch.long)
    if processes.is_main:
        thumbs, digests = _look_at(given, threads)
        shortened = iter(digest[:8].hex() for digest in digests)  # 64 bits tell them apart
        for listing in given.values():
            listing.digests = list(itertools.islice(shortened, len(listing)))
        found[0] = find_duplicates(thumbs, digests)
        first: dict[bytes, int] = {}
        found[1] = torch.tensor([first.setdefault(d, row) for row, d in enumerate(digests)])
    processes.broadcast(found)
    groups, exact = found
    sizes = [len(listing) for listing in given.values()]
    by_part = dict(zip(given, groups.split(sizes), strict=True))
    if len(given) == 1:
        names = [name.removeprefix("train/") for name in names]
    repeats = Repeats(exact=int((exact != torch.arange(len(names))).sum()))
    _name_groups(repeats, groups.tolist(), names, sum((p.labels for p in given.values()), []))
    where = {name: dict() for name in given}  # group -> a path, in each part
    for name, listing in given.items():
        for path, group in zip(listing.paths, by_part[name].tolist(), strict=True):
            where[name].setdefault(group, f"{name}/{path}")
    if "val" in given:
        given["val"], rows = _without(given["val"], by_part["val"], where["train"], repeats)
        by_part["val"] = by_part["val"][rows]
    if "test" in given:
        seen = {**where.get("val", {}), **where["train"]}
        for path, group in zip(given["test"].paths, by_part["test"].tolist(), strict=True):
            if group in seen:
                repeats.reported[path] = seen[group]
        if len(repeats.reported) == len(given["test"]):
            raise InputError(
                f"All {len(given['test'])} test images in {given['test'].root} are also training "
                "or validation images, so nothing can be measured with them. Put other images "
                "there, or move the folder away: then test images are split off the training ones."
            )
    parts = divide(given, val_share, test_share, seed, by_part["train"])
    return _use(parts, leave_out), repeats


def _use(parts: dict[str, Listing], leave_out: Collection[str]) -> dict[str, Listing]:
    """The parts without the images that are left out."""
    known = {name: set(part.paths) for name, part in parts.items()}
    if tests := sorted(known["test"].intersection(leave_out)):
        raise InputError(
            f"{tests[0]} is a test image. Without the test images that a model finds hard the "
            "result would be too good: leave out training and validation images only."
        )
    if strange := sorted(set(leave_out).difference(*known.values())):
        raise InputError(
            f"leave_out names {strange[0]}, and there is no such image. Give paths like "
            f"{parts['train'].paths[0]}."
        )
    rows = {
        name: [row for row, path in enumerate(part.paths) if path not in leave_out]
        for name, part in parts.items()
    }
    return {name: part[rows[name]] for name, part in parts.items()}


def _without(val: Listing, groups: Tensor, train: dict[int, str], repeats: Repeats):
    """The validation images that repeat no training image."""
    rows = []
    for row, (path, group) in enumerate(zip(val.paths, groups.tolist(), strict=True)):
        if group in train:
            repeats.left_out[path] = train[group]
        else:
            rows.append(row)
    if not rows:
        raise InputError(
            f"All {len(val)} images in {val.root} are also training images, so they cannot choose "
            "the epoch. Put other images there, or move the folder away: then validation images "
            "are split off the training ones."
        )
    return val[rows], rows


def _name_groups(repeats: Repeats, groups: list[int], names: list[str], labels: list[int]) -> None:
    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    for rows in members.values():
        if len(rows) > 1:
            repeats.groups.append([names[row] for row in rows])
            if len({labels[row] for row in rows}) > 1:
                repeats.torn.append(repeats.groups[-1])


def _look_at(given: dict[str, Listing], threads: int) -> tuple[Tensor, list[bytes]]:
    """Thumbnails and digests of every file; one that cannot be read has a flat thumbnail."""
    files = [listing.root / path for listing in given.values() for path in listing.paths]
    thumbs = np.zeros((len(files), SIDE, SIDE), dtype=np.uint8)

    def look(row: int) -> bytes:
        try:
            content = files[row].read_bytes()
            thumbs[row] = (decode(BytesIO(content), SIDE, "squash") @ GREY).round()
        except Exception:  # decoding the whole set reports it by name
            return row.to_bytes(8, "big")
        return hashlib.sha256(content).digest()

    digests = []
    progress = Progress(len(files), "looking for copies") if len(files) >= LONG else None
    with quiet(), ThreadPoolExecutor(max(1, threads)) as pool:
        for digest in pool.map(look, range(len(files))):
            digests.append(digest)
            if progress:
                progress.update(len(digests))
    if progress:
        progress.close()
    return torch.from_numpy(thumbs), digests

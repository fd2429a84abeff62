"""What several runs answered on the same images: stored by them, or predicted now."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import InputError, remedy
from ..core.progress import Progress
from ..data.class_files import count, some
from ..data.listing import Listing, list_images
from ..data.split_names import find_splits
from .finished import Finished

# What decides which images are tested on where a folder is split at random.
SPLITTING = {"seed": "--seed", "val_share": "--val-share", "test_share": "--test-share"}


@dataclass(frozen=True)
class Common:
    """For each run, by its name, whether it was right on each of the images.

    Attributes:
        images: their paths. what: the same in words. notes: what a reader must know of them.
    """

    images: list[str]
    correct: dict[str, list[bool]]
    what: str
    notes: list[str]


def again_on(folder: str) -> str:
    """How to ask for predictions on the images of a folder."""
    return remedy(f'compare_runs(runs, test="{folder}")', f"--test {folder}")


def stored(runs: list[Finished]) -> Common:
    """What the runs answered on their own test images; `InputError` if these are not the same."""
    again = again_on("FOLDER")
    for run in runs:
        if run.correct is None:
            raise InputError(
                f"{run.name} is of before `finetune` stored its answers (predictions.csv). Predict "
                f"again: {again}, with the folder that its test images lie in."
            )
    first = runs[0]
    for run in runs[1:]:
        if set(run.correct) != set(first.correct):
            raise InputError(_other_images(first, run, again))
        mine, others = run.digest_of("test"), first.digest_of("test")
        if other := sorted(p for p in mine if others.get(p, mine[p]) != mine[p]):
            raise InputError(
                f"The test images of {first.name} and {run.name} have the same names, and "
                f"{count(other, 'file')} of {len(mine)} have another content: {some(other, 3)}. "
                f"Predict all runs on the same images: {again}."
            )
    images = list(first.correct)
    correct = {run.name: [run.correct[image] for image in images] for run in runs}
    notes = []
    if not all(run.digests for run in runs):
        notes.append("Only the names of the test images were compared, not their content.")
    return Common(images, correct, f"{count(images, 'test image')}, the same for all runs", notes)


def _other_images(first: Finished, run: Finished, again: str) -> str:
    mine, others = set(run.correct), set(first.correct)
    both = len(mine & others)
    alone = "; ".join(
        f"only {owner.name} has {some(sorted(only), 3)}"
        for owner, only in ((first, others - mine), (run, mine - others))
        if only
    )
    other = ", ".join(
        f"{remedy(name, option)} {first.metrics['settings'][name]}, {run.metrics['settings'][name]}"
        for name, option in SPLITTING.items()
        if first.metrics["settings"][name] != run.metrics["settings"][name]
    )
    return (
        f"{first.name} and {run.name} were not tested on the same images: of {len(others)} and "
        f"{len(mine)}, {both} are the same; {alone}. Either predict all runs on a folder of images "
        f"that none of them was trained on: {again}. Or train again from the same folder with the "
        "same seed and shares" + (f" (now {other})." if other else ".")
    )


def predicted(runs: list[Finished], folder: str | Path, device: str | None, threads: int) -> Common:
    """Let every run predict the images of a folder that none of the runs was trained on.

    Raises `InputError` for a folder without class folders or with other classes, and when no image
    is left.
    """
    from .prediction import LONG, classify, load_finetuned

    folder = Path(folder)
    if splits := find_splits(folder):
        names = sorted(path.name for paths in splits.values() for path in paths)
        raise InputError(
            f"{folder} holds {some(names)}: give the folder of the images to be predicted, "
            f"such as {(folder / names[-1]).as_posix()}."
        )
    classes = runs[0].metrics["classes"]
    listing = list_images(folder, classes)
    rows, notes = _unseen(runs, listing)
    listing = listing[rows]
    files = [listing.root / path for path in listing.paths]
    progress = Progress(len(runs) * len(files), "pictures") if len(files) >= LONG else None
    named: dict[str, list[str]] = {}
    errors: dict[str, str] = {}
    for number, run in enumerate(runs):
        backbone, named[run.name] = load_finetuned(run.out), []
        for done, answer in enumerate(classify(backbone, files, device=device, threads=threads), 1):
            if answer.error:
                errors[answer.path.relative_to(folder).as_posix()] = answer.error
            shares = answer.probabilities or [0.0]
            named[run.name].append(backbone.categories[shares.index(max(shares))])
            if progress:
                progress.update(number * len(files) + done)
    if progress:
        progress.close()
    kept = [row for row, path in enumerate(listing.paths) if path not in errors]
    if errors:
        listed = some([f"{path} ({why})" for path, why in errors.items()], 3)
        notes.append(f"{count(errors, 'image')} cannot be read and do not count: {listed}.")
    if not kept:
        raise InputError(f"No image in {folder} can be read. Put JPEG or PNG files there.")
    correct = {
        name: [answers[row] == classes[listing.labels[row]] for row in kept]
        for name, answers in named.items()
    }
    what = f"{count(kept, 'image')} of {folder}, predicted now by all runs"
    return Common([listing.paths[row] for row in kept], correct, what, notes)


def _unseen(runs: list[Finished], listing: Listing) -> tuple[list[int], list[str]]:
    """The rows of the images that no run was trained on or chose its epoch by, and notes."""
    digests = [_digest(listing.root / path) for path in listing.paths]
    seen: set[int] = set()
    notes, unknown = [], []
    for run in runs:
        used = [path for part in ("train", "val") for path in run.split[part]]
        if run.digests:
            known = {*run.digest_of("train").values(), *run.digest_of("val").values()}
            seen |= {row for row, digest in enumerate(digests) if digest in known}
        elif set(used) <= set(listing.paths):  # the folder that this run's images were split from
            seen |= {row for row, path in enumerate(listing.paths) if path in set(used)}
        else:
            unknown.append(run.name)
    rows = [row for row in range(len(listing)) if row not in seen]
    if not rows:
        raise InputError(
            f"All {len(listing)} images in {listing.root} were used to train one of the runs or to "
            "choose its epoch, so nothing can be measured with them. Give a folder of other images."
        )
    if seen:
        notes.append(
            f"{count(seen, 'image')} of the folder do not count: one of the runs was trained on "
            "them, or chose its epoch by them."
        )
    if unknown:
        notes.append(
            f"Trained before finetune stored digests of its images: {some(unknown)}. So it is not "
            "known whether images of this folder were among those."
        )
    return rows, notes


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:  # predicting it says why
        return ""

"""A fine-tuned classifier from its file, used on pictures."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from ..core.errors import InputError, printable
from ..core.files import read_tensors
from ..core.memory import with_smaller_batches
from ..core.progress import Progress
from ..data.class_files import find_pictures
from ..data.decoding import decode, why
from ..data.image_tensors import ImageTensors
from ..data.loader import BatchLoader
from ..data.opening import quiet
from ..models.backbone import Backbone
from ..models.backbones import load_backbone
from ..models.heads import replace_head
from ..training.checkpoints import load_checkpoint
from ..training.evaluate import predict
from .model_facts import what_is_wrong

BATCH = 64
LONG = 200  # pictures: from here on it takes long enough to be watched
UNREADABLE = 3  # exit status


@dataclass(frozen=True)
class Answer:
    """What the classifier says of one picture: a probability for each class, or why not."""

    path: Path
    probabilities: list[float]
    error: str = ""


def load_finetuned(path: str | Path) -> Backbone:
    """The classifier a fine-tuning job wrote: network, preparation, and its classes as categories.

    path: the file, or the job's folder. Raises `InputError` for another file.
    """
    path = Path(path)
    path = path / "model.safetensors" if path.is_dir() else path
    if not path.is_file():
        raise InputError(
            f"there is no model {path}. `finetune` writes model.safetensors into --out."
        )
    _, facts = read_tensors(path)
    needed = ("backbone", "classes", "profile", "mean", "std", "image_size")
    if missing := [name for name in needed if name not in facts]:
        raise InputError(f"{path} does not say its {', '.join(missing)}: no model of `finetune`.")
    if wrong := what_is_wrong(facts):
        raise InputError(f"{path} is damaged or was changed: {wrong}. Train the model again.")
    # "resnet18" is another network in each profile.
    backbone = load_backbone(facts["backbone"], pretrained=False, profile=facts["profile"])
    replace_head(backbone.model, len(facts["classes"]))
    load_checkpoint(backbone.model, path)
    return Backbone(
        facts["backbone"],
        backbone.model.eval(),
        tuple(facts["mean"]),
        tuple(facts["std"]),
        facts["image_size"],
        facts["classes"],
        f"fine-tuned, {path}",
        backbone.network,
        {kind: tuple(ends) for kind, ends in facts.get("ranges", {}).items()},
    )


def classify(
    backbone: Backbone, files: list[Path], *, device: str | None = None, threads: int = 2
) -> Iterator[Answer]:
    """An answer for each picture file, in order, batch by batch."""
    size = backbone.image_size

    def read(path: Path) -> torch.Tensor | str:
        try:
            if not path.is_file():
                return f"there is no such file, looked for from {Path.cwd()}"
            return torch.from_numpy(decode(path, size, "crop", backbone.ranges)).permute(2, 0, 1)
        except Exception as error:  # Pillow raises a dozen kinds on damaged files
            return why(error)

    def probabilities(images: list[torch.Tensor]) -> list[list[float]]:
        data = ImageTensors(torch.stack(images), torch.zeros(len(images)), backbone.categories)

        def run(batch_size: int) -> list[list[float]]:
            loader = BatchLoader(data, batch_size, **backbone.preprocessing, device=device)
            return predict(backbone.model, loader)[0].float().softmax(1).tolist()

        with contextlib.redirect_stdout(sys.stderr):  # of the answers, nothing else may be between
            return with_smaller_batches(run, BATCH)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        for start in range(0, len(files), BATCH):
            chunk = files[start : start + BATCH]
            with quiet():
                decoded = list(pool.map(read, chunk))
            good = [image for image in decoded if not isinstance(image, str)]
            rows = iter(probabilities(good) if good else [])
            for path, image in zip(chunk, decoded, strict=True):
                if isinstance(image, str):
                    yield Answer(path, [], image)
                else:
                    yield Answer(path, next(rows))


def predict_files(
    model: str,
    pictures: list[str],
    *,
    form: str | None = None,
    top: int = 3,
    device: str | None = None,
    threads: int = 2,
) -> int:
    """Print what is in each picture; `UNREADABLE` if one could not be read, else 0.

    form: None prints a line of text with the `top` likeliest classes; "json" an object a line with
    path, class, probability and all probabilities; "csv" a table of the same.
    """
    backbone, files = load_finetuned(model), _files(pictures)
    write = _writer(form, backbone.categories, top)
    bad = []
    # On a terminal the answers themselves show how far it has come.
    watched = len(files) >= LONG and not sys.stdout.isatty()
    progress = Progress(len(files), "pictures") if watched else None
    for done, answer in enumerate(classify(backbone, files, device=device, threads=threads), 1):
        if answer.error:
            bad.append(answer)
        write(answer)
        if progress:
            progress.update(done)
    if progress:
        progress.close()
    for answer in bad:
        print(printable(f"{answer.path}: {answer.error}"), file=sys.stderr)
    if bad:
        print(f"{len(bad)} of {len(files)} pictures could not be read", file=sys.stderr)
    return UNREADABLE if bad else 0


def _writer(form: str | None, classes: list[str], top: int) -> Callable[[Answer], None]:
    def best(answer: Answer) -> tuple[str, float]:
        probability = max(answer.probabilities)
        return classes[answer.probabilities.index(probability)], probability

    def text(answer: Answer) -> None:
        if answer.error:
            return
        ranked = sorted(zip(answer.probabilities, classes, strict=True), key=lambda pair: -pair[0])
        named = ", ".join(f"{name} {share:.3f}" for share, name in ranked[: max(1, top)])
        print(printable(f"{answer.path}: {named}"))

    def as_json(answer: Answer) -> None:
        row: dict = {"path": str(answer.path)}
        if answer.error:
            row["error"] = answer.error
        else:
            row["class"], row["probability"] = best(answer)
            row["probabilities"] = dict(zip(classes, answer.probabilities, strict=True))
        print(json.dumps(row))  # ASCII with escapes: right in every terminal and file

    table = csv.writer(sys.stdout, lineterminator="\n")

    def as_csv(answer: Answer) -> None:
        if answer.error:
            table.writerow([answer.path, "", "", *[""] * len(classes), answer.error])
        else:
            table.writerow([answer.path, *best(answer), *answer.probabilities, ""])

    if form == "csv":
        # "p_" so that a class called "path" is another column.
        table.writerow(["path", "class", "probability", *(f"p_{c}" for c in classes), "error"])
    return {None: text, "json": as_json, "csv": as_csv}[form]


def _files(pictures: list[str]) -> list[Path]:
    """The files, and of folders those that training would take too."""
    files = []
    for path in map(Path, pictures):
        inside = find_pictures(path) if path.is_dir() else []
        if path.is_dir() and not inside:
            raise InputError(f"there are no pictures in {path}.")
        files += inside if path.is_dir() else [path]
    return files

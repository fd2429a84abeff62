"""What a fine-tuning job leaves behind: checkpoint and metrics first, then figures and card."""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.files import write_text
from ..data.listing import Listing
from ..data.repeats import Repeats
from ..evaluation.statistics import wilson_interval
from ..figures.show import save
from ..models.backbone import Backbone
from ..training.checkpoints import save_checkpoint
from ..training.metrics import History
from . import answers
from . import run_folder as outputs
from .card import RESIZE, model_card

UNEVEN = 10  # the largest class over the smallest, from where on accuracy alone misleads


def write_report(
    out: Path,
    backbone: Backbone,
    model: nn.Module,
    parts: dict[str, Listing],
    repeats: Repeats,
    steps: dict[str, tuple[Tensor, Tensor]],
    history: History | None,
    facts: dict,
) -> dict:
    """Write every file of a finished job. The job is done with the metrics; figures come after.

    steps: logits and labels on the test images, by stage of the job ("linear probe", "fine-tuned").
    Test images that repeat a training image are left out of the figures; "with_repeats" has them.
    """
    everything = steps
    clean = [row for row, path in enumerate(parts["test"].paths) if path not in repeats.reported]
    steps = {step: (logits[clean], labels[clean]) for step, (logits, labels) in steps.items()}
    classes, result = parts["train"].classes, list(steps)[-1]
    preparation = {
        "mean": list(backbone.mean),
        "std": list(backbone.std),
        "image_size": facts["settings"]["size"] or backbone.image_size,
        "resize": RESIZE,
        "ranges": facts["ranges"],
    }
    metrics = {
        "images": {part: _counts(listing) for part, listing in parts.items()},
        "classes": classes,
        "backbone": {
            "name": backbone.name,
            "network": backbone.network,
            "source": backbone.source,
        },
        "preparation": preparation,
        "warnings": _warnings(parts["train"]),
        "stages": {step: measure(*pair, classes) for step, pair in steps.items()},
        "result": result,
        "repeats": dataclasses.asdict(repeats),
        "history": history.rows if history else [],
        "stopped": history.stopped if history else "",
    } | facts
    metrics |= {key: metrics["stages"][result][key] for key in ("accuracy", "balanced_accuracy")}
    if repeats.reported:
        metrics["with_repeats"] = {
            step: measure(*pair, classes) for step, pair in everything.items()
        }
    save_checkpoint(
        model,
        out / "model.safetensors",
        backbone=backbone.name,
        network=backbone.network,
        source=backbone.source,
        classes=classes,
        profile=facts["profile"],
        accuracy=metrics["accuracy"],
        **preparation,
    )
    rows = {part: listing.paths for part, listing in parts.items()}
    write_text(out / "split.json", json.dumps(rows, indent=1))
    answers.write(out, parts, [parts["test"].paths[row] for row in clean], *steps[result], classes)
    write_text(out / outputs.METRICS, json.dumps(metrics, indent=1))
    illustrate(out, metrics)
    return metrics


def illustrate(out: Path, metrics: dict) -> None:
    """Draw the figures and write the card of a finished job, from its metrics.

    One that fails gives a warning and is tried again when the same command is given again.
    """

    def card() -> None:
        write_text(out / "README.md", model_card(metrics, out))

    makers = {"README.md": card, "confusion_matrix.png": lambda: _draw_confusion(out, metrics)}
    if metrics["history"]:
        makers["curves.png"] = lambda: _draw_curves(out, metrics)
    for name, make in makers.items():
        try:
            make()
        except Exception as error:  # whatever it is, the classifier and its metrics are there
            warnings.warn(
                f"{out / name} could not be made ({type(error).__name__}: {error}). Model and "
                "metrics are written; the same command again tries this once more.",
                stacklevel=2,
            )


def is_illustrated(out: Path, metrics: dict) -> bool:
    """Whether figures and card are all there."""
    names = ["README.md", "confusion_matrix.png", *(["curves.png"] if metrics["history"] else [])]
    return all((out / name).is_file() for name in names)


def measure(logits: Tensor, labels: Tensor, classes: list[str]) -> dict:
    """Accuracy with its interval (Wilson, 95 %), and what accuracy hides.

    Balanced accuracy is the mean recall of the classes that have test images; the majority share is
    what naming the most frequent class every time would reach. Where nothing is divided by nothing,
    the recall of a class without test images and the precision of one that was never named, stands
    None.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    true, guessed = labels.numpy(), logits.argmax(1).numpy()
    numbers = range(len(classes))
    precision, recall, _, support = precision_recall_fscore_support(
        true, guessed, labels=numbers, zero_division=np.nan
    )
    counts = confusion_matrix(true, guessed, labels=numbers)
    right, n = int(counts.trace()), len(true)
    interval = wilson_interval(right, n)
    cells = [[int(i), int(j), int(counts[i, j])] for i, j in zip(*counts.nonzero(), strict=True)]
    wrong = sorted((cell for cell in cells if cell[0] != cell[1]), key=lambda cell: -cell[2])
    return {
        "accuracy": interval.mean,
        "interval": [interval.low, interval.high],
        "correct": right,
        "n": n,
        "loss": float(F.cross_entropy(logits.float(), labels)),
        "balanced_accuracy": float(recall[support > 0].mean()),
        "majority_share": float(support.max() / n),
        "most_confused": [[classes[i], classes[j], count] for i, j, count in wrong[:10]],
        "per_class": {
            name: {"recall": _or_none(r), "precision": _or_none(p), "n": int(s)}
            for name, r, p, s in zip(classes, recall, precision, support, strict=True)
        },
        "confusion": cells,  # [true class, named class, images] where there are any
    }


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _counts(listing: Listing) -> dict[str, int]:
    numbers = np.bincount(listing.labels, minlength=len(listing.classes)).tolist()
    return dict(zip(listing.classes, numbers, strict=True))


def _warnings(train: Listing) -> list[str]:
    counts = _counts(train)
    few, many = min(counts, key=counts.get), max(counts, key=counts.get)
    if counts[many] < UNEVEN * counts[few]:
        return []
    return [
        f'the classes are uneven: {counts[many]} training images of "{many}", {counts[few]} of '
        f'"{few}". Accuracy hides how the rare ones fare: read the balanced accuracy and the table '
        "of classes."
    ]


def _draw_confusion(out: Path, metrics: dict) -> None:
    from ..figures.curves import plot_confusion_matrix

    true, guessed, counts = np.array(metrics["stages"][metrics["result"]]["confusion"]).T
    labels, guesses = np.repeat(true, counts), np.repeat(guessed, counts)
    axes = plot_confusion_matrix(labels, guesses, metrics["classes"])
    save(axes, out / "confusion_matrix.png")


def _draw_curves(out: Path, metrics: dict) -> None:
    from ..figures.curves import plot_history

    save(plot_history(History(metrics["history"]))[0], out / "curves.png")

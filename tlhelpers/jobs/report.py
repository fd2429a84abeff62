"""What a fine-tuning job leaves behind: checkpoint, metrics, figures, model card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import InputError
from ..data.duplicates import Repeats
from ..data.listing import Listing
from ..evaluation.statistics import wilson_interval
from ..models.backbones import Backbone
from ..training.checkpoints import save_checkpoint
from ..training.history import History
from . import run_folder as outputs

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
    """Write every file of a finished job; the metrics come last and mean that all are there.

    steps: logits and labels on the test images, by stage of the job ("linear probe", "fine-tuned").
    Test images that repeat a training image are left out of the figures; "with_repeats" has them.
    """
    everything = steps
    clean = [row for row, path in enumerate(parts["test"].paths) if path not in repeats.reported]
    steps = {step: (logits[clean], labels[clean]) for step, (logits, labels) in steps.items()}
    classes = parts["train"].classes
    name, (logits, labels) = list(steps.items())[-1]
    metrics = {
        "images": {part: _counts(listing) for part, listing in parts.items()},
        "classes": classes,
        "warnings": _warnings(parts["train"]),
        "stages": {step: measure(*pair, classes) for step, pair in steps.items()},
        "result": name,
        "repeats": dataclasses.asdict(repeats),
        "history": history.rows if history else [],
        "stopped": history.stopped if history else "",
    } | facts
    metrics |= {key: metrics["stages"][name][key] for key in ("accuracy", "balanced_accuracy")}
    if repeats.reported:
        metrics["with_repeats"] = {
            step: measure(*pair, classes) for step, pair in everything.items()
        }
    save_checkpoint(
        model,
        out / "model.safetensors",
        backbone=backbone.name,
        classes=classes,
        profile=facts["profile"],
        mean=list(backbone.mean),
        std=list(backbone.std),
        image_size=facts["settings"]["size"] or backbone.image_size,
        accuracy=metrics["accuracy"],
        ranges=facts["ranges"],
    )
    rows = {part: listing.paths for part, listing in parts.items()}
    outputs.write_text(out / "split.json", json.dumps(rows, indent=1))
    _draw(out, logits, labels, classes, history)
    outputs.write_text(out / "README.md", _card(backbone, metrics, repeats))
    outputs.write_text(out / outputs.METRICS, json.dumps(metrics, indent=1))
    return metrics


def measure(logits: Tensor, labels: Tensor, classes: list[str]) -> dict:
    """Accuracy with its interval (Wilson, 95 %), and what accuracy hides.

    Balanced accuracy is the mean recall of the classes that have test images; the majority share is
    what naming the most frequent class every time would reach.
    """
    guesses, n = logits.argmax(1), len(labels)
    counts = torch.zeros(len(classes), len(classes), dtype=torch.long)
    counts.index_put_((labels, guesses), torch.ones(n, dtype=torch.long), accumulate=True)
    right, true, guessed = counts.diagonal(), counts.sum(1), counts.sum(0)
    recall, precision = right / true.clamp_min(1), right / guessed.clamp_min(1)
    interval = wilson_interval(int(right.sum()), n)
    wrong = counts - torch.diag(right)
    worst = wrong.flatten().topk(min(10, wrong.numel()))
    pairs = [
        [classes[int(at) // len(classes)], classes[int(at) % len(classes)], int(count)]
        for count, at in zip(worst.values, worst.indices, strict=True)
        if count
    ]
    return {
        "accuracy": interval.mean,
        "interval": [interval.low, interval.high],
        "correct": int(right.sum()),
        "n": n,
        "loss": float(F.cross_entropy(logits.float(), labels)),
        "balanced_accuracy": float(recall[true > 0].mean()),
        "majority_share": float(true.max() / n),
        "most_confused": pairs,
        "per_class": {
            name: {"recall": float(recall[i]), "precision": float(precision[i]), "n": int(true[i])}
            for i, name in enumerate(classes)
        },
    }


def _counts(listing: Listing) -> dict[str, int]:
    numbers = torch.bincount(torch.tensor(listing.labels), minlength=len(listing.classes)).tolist()
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


def _draw(out: Path, logits, labels, classes, history: History | None) -> None:
    import matplotlib.pyplot as plt

    from ..figures.curves import plot_confusion_matrix, plot_history

    figures = {"confusion_matrix.png": plot_confusion_matrix(labels, logits.argmax(1), classes)}
    if history and history.rows:
        figures["curves.png"] = plot_history(history)[0]
    for name, axes in figures.items():
        try:
            axes.figure.savefig(out / name, dpi=120, bbox_inches="tight")
        except OSError as error:
            raise InputError(
                f"cannot write {out / name}: {error}. Make room, then again."
            ) from error
        finally:
            plt.close(axes.figure)


def _card(backbone: Backbone, metrics: dict, repeats: Repeats) -> str:
    settings, classes = metrics["settings"], metrics["classes"]
    images = {part: sum(counts.values()) for part, counts in metrics["images"].items()}
    stages = "\n".join(
        f"| {name} | {m['accuracy']:.3f} [{m['interval'][0]:.3f}, {m['interval'][1]:.3f}] "
        f"| {m['balanced_accuracy']:.3f} | {m['correct']} of {m['n']} |"
        for name, m in metrics["stages"].items()
    )
    final = metrics["stages"][metrics["result"]]
    shown = sorted(final["per_class"].items(), key=lambda item: item[1]["recall"])[:20]
    table = "\n".join(
        f"| {name} | {m['recall']:.3f} | {m['precision']:.3f} | {m['n']} |" for name, m in shown
    )
    confused = "; ".join(f"{a} taken for {b}: {n}" for a, b, n in final["most_confused"][:5])
    notes = "".join(f"\n> Mind: {text}\n" for text in metrics["warnings"])
    copies = repeats.sentences()
    if "with_repeats" in metrics:
        m = metrics["with_repeats"][metrics["result"]]
        copies.append(
            f"With them the accuracy would read {m['accuracy']:.3f} ({m['correct']} of {m['n']})."
        )
    copies = copies or ["No picture was found twice: neither as the same file nor as a near copy."]
    copies = "\n".join(f"- {sentence}" for sentence in copies)
    curves = "\n![Loss and accuracy by epoch](curves.png)\n" if metrics["history"] else ""
    return f"""# Classifier of {len(classes)} classes, fine-tuned from {backbone.name}
{notes}
| stage | accuracy [95 % interval] | balanced accuracy | correct |
|---|---|---|---|
{stages}

Measured on {final["n"]} images that played no part in training or in choosing the epoch. Naming
the most frequent class every time would reach {final["majority_share"]:.3f}.

- Use: `python -m tlhelpers predict model.safetensors PICTURE ...`
- Weights it started from: {backbone.source}
- Method: {settings["method"]}, {settings["epochs"]} epochs, batches of {settings["batch_size"]},
  learning rates {settings["lr"]} (head) and {settings["backbone_lr"]} (rest)
- Seed {settings["seed"]}
- Images: {images["train"]} to train, {images["val"]} to choose the epoch, {images["test"]} to
  report; which ones says split.json
- Classes: {", ".join(classes[:30])}{" ..." if len(classes) > 30 else ""}

## Copies of pictures

{copies}

## Limits

It answers with one of its classes whatever it is shown. The interval says how far chance in the
choice of test images reaches, and nothing about pictures of another kind: another camera, season or
place.
Most often confused: {confused or "nothing"}.

| {"lowest recall" if len(classes) > 20 else "class"} | recall | precision | images |
|---|---|---|---|
{table}

![Which class was taken for which](confusion_matrix.png)
{curves}"""

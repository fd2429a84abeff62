"""A fine-tuned classifier from its file, used on pictures."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from ..core.errors import InputError
from ..core.files import read_tensors
from ..data.decoding import IMAGE_SUFFIXES, load_image
from ..data.image_tensors import ImageTensors
from ..data.loader import BatchLoader
from ..models.backbones import Backbone, load_backbone
from ..models.heads import replace_head
from ..training.checkpoints import load_checkpoint
from ..training.evaluate import predict


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
    # "resnet18" is another network in each profile.
    before = os.environ.get("TLHELPERS_PROFILE")
    os.environ["TLHELPERS_PROFILE"] = facts["profile"]
    try:
        model = load_backbone(facts["backbone"], pretrained=False).model
    finally:
        if before is None:
            del os.environ["TLHELPERS_PROFILE"]
        else:
            os.environ["TLHELPERS_PROFILE"] = before
    replace_head(model, len(facts["classes"]))
    load_checkpoint(model, path)
    return Backbone(
        facts["backbone"],
        model.eval(),
        tuple(facts["mean"]),
        tuple(facts["std"]),
        facts["image_size"],
        facts["classes"],
        f"fine-tuned, {path}",
    )


def predict_files(model: str, pictures: list[str], top: int, device: str | None) -> int:
    """Print the likeliest classes of each picture; 1 if one could not be read, else 0."""
    backbone = load_finetuned(model)
    bad = 0
    for path in _files(pictures):
        try:
            image = load_image(path, backbone.image_size)
        except InputError as error:
            print(f"{path}: {error}", file=sys.stderr)
            bad += 1
            continue
        one = ImageTensors(image[None], torch.zeros(1), backbone.categories)
        logits, _ = predict(
            backbone.model, BatchLoader(one, **backbone.preprocessing, device=device)
        )
        shares = logits[0].softmax(0).topk(min(max(1, top), len(backbone.categories)))
        named = [
            f"{backbone.categories[i]} {share:.3f}"
            for share, i in zip(shares.values.tolist(), shares.indices.tolist(), strict=True)
        ]
        print(f"{path}: {', '.join(named)}")
    return 1 if bad else 0


def _files(pictures: list[str]) -> list[Path]:
    files = []
    for path in map(Path, pictures):
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        if path.is_dir() and not inside:
            raise InputError(f"there are no pictures in {path}.")
        files += inside if path.is_dir() else [path]
    return files

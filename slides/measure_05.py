"""Run lesson 05 and keep what its slides show: `OMP_NUM_THREADS=1 python slides/measure_05.py`.

The code cells run as they stand in the notebook, up to "Your own picture"; what they measured goes
to slides/measured_05.json. Measure again when the lesson or the embedded data change. The figures
on the public photographs are measured anew where TLHELPERS_DATA holds hymenoptera_data/, and kept
where it does not.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from lesson_run import HERE, keep, run_lesson

MEASURED = HERE / "measured_05.json"
SKIPPED = {"transfer-table", "quiz-mcnemar"}  # a stored result, and a question to the reader


def facts(lesson: dict) -> dict:
    """What the slides show of it; shares and losses to four digits, all else exact."""
    tl, torch = lesson["tl"], lesson["torch"]
    right, runs, broken = lesson["right"], lesson["runs"], lesson["broken"]
    compared = {f"{a} / {b}": tl.mcnemar(right[a], right[b]) for a, b in lesson["pairs"]}
    smooth = {
        name: torch.tensor(loss).unfold(0, 5, 1).mean(1) for name, (loss, _) in broken.items()
    }
    best, answers, labels = lesson["best"], lesson["answers"], lesson["labels"]
    classes = lesson["test"].classes
    pairs = list(zip(labels.tolist(), answers[best].tolist(), strict=True))
    return {
        "torch": torch.__version__.split("+")[0],
        "piles": {pile: len(lesson[pile]) for pile in ("train", "val", "test")},
        "steps": lesson["STEPS"],
        "right": {name: int(answer.sum()) for name, answer in right.items()},
        "mcnemar": {
            name: [found.only_a, found.only_b, float(f"{found.p_value:.3g}")]
            for name, found in compared.items()
        },
        "curves": {
            name: [[row["step"], round(row["val_accuracy"], 4)] for row in run.rows]
            for name, run in runs.items()
        },
        "test_by_epoch": [round(value, 4) for value in lesson["watched"]],
        "reported": {name: round(value, 4) for name, value in lesson["told"].items()},
        "best": best,
        "confusion": [[pairs.count((t, said)) for said in (0, 1)] for t in (0, 1)],
        "mistakes": [
            [i, classes[answers[best][i]], round(float(lesson["sure"][i]), 2)]
            for i in lesson["worst"].tolist()
        ],
        "milliseconds": {name: round(value, 3) for name, value in lesson["cost"].items()},
        "recipe_minutes": round(lesson["minutes"], 1),
        "recipe_step_ms": round(1000 * lesson["train_step"]),
        "date": time.strftime("%Y-%m-%d"),
        "seconds_are": f"of the processor, {torch.get_num_threads()} thread",
        "c18": {"target": round(lesson["target"], 3), "reached": lesson["reached"]},
        "broken": {
            name: {"val": round(broken[name][1], 4), "loss": [round(v, 4) for v in loss.tolist()]}
            for name, loss in smooth.items()
        },
    }


def photographs() -> dict:
    """Right answers on the 153 public photographs: no training, and a head on frozen features."""
    import torch

    import tlhelpers as tl

    backbone, profile = tl.load_backbone("efficientnet_lite0"), os.environ.get("TLHELPERS_PROFILE")
    os.environ["TLHELPERS_PROFILE"] = "full"
    try:
        sets = [tl.load_images("ants_bees", part, backbone.image_size) for part in ("train", "val")]
    finally:
        os.environ["TLHELPERS_PROFILE"] = profile or "mini"
    loaders = [tl.BatchLoader(data, 64, device="cpu", **backbone.preprocessing) for data in sets]
    logits, labels = tl.predict(backbone.model, loaders[1])
    train, test = (tl.extract_features(backbone.model, loader) for loader in loaders)
    with torch.no_grad():
        fixed = tl.linear_probe(train, C=0.01)(test.features).argmax(1)
    return {
        "network": "EfficientNet-Lite0, ImageNet",
        "date": time.strftime("%Y-%m-%d"),
        "n": len(labels),
        "zero training": int((logits[:, [310, 309]].argmax(1) == labels).sum()),
        "fixed": int((fixed == labels).sum()),
    }


def main() -> None:
    found = facts(
        run_lesson("05_ants_and_bees.ipynb", "broken-figure", lambda cell: cell["id"] in SKIPPED)
    )
    if Path(os.environ.get("TLHELPERS_DATA", "."), "hymenoptera_data").is_dir():
        found["photographs"] = photographs()
    elif MEASURED.exists():
        found["photographs"] = json.loads(MEASURED.read_text(encoding="utf-8"))["photographs"]
    keep(MEASURED, found)


if __name__ == "__main__":
    main()

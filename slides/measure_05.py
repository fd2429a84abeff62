"""Run lesson 05 and keep what its slides show: `OMP_NUM_THREADS=1 python slides/measure_05.py`.

The code cells run as they stand in the notebook, up to "Your own picture"; what they measured goes
to slides/measured_05.json, and so do the same experiments over more seeds. Measure again when the
lesson or the embedded data change. The figures on the public photographs are measured anew where
TLHELPERS_DATA holds hymenoptera_data/, and kept where it does not.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

from lesson_run import HERE, keep, run_lesson

MEASURED = HERE / "measured_05.json"
SKIPPED = {"quiz-mcnemar", "files", "files-fit"}  # a question to the reader, and another loader


def facts(lesson: dict) -> dict:
    """What one run of the lesson gave; shares to four digits, all else exact."""
    tl, torch = lesson["tl"], lesson["torch"]
    right, runs, answers = lesson["right"], lesson["runs"], lesson["answers"]
    compared = {f"{a} / {b}": tl.mcnemar(right[a], right[b]) for a, b in lesson["pairs"]}
    best, labels, classes = lesson["best"], lesson["labels"], lesson["test"].classes
    pairs = list(zip(labels.tolist(), answers[best].tolist(), strict=True))
    return {
        "torch": torch.__version__.split("+")[0],
        "splits": {name: len(lesson[name]) for name in ("train", "val", "test")},
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
        "choosing": {
            name: {n: ends(value) for n, value in points.items()}
            for name, points in lesson["lines"].items()
        },
        "too_high": ends(lesson["too_high"][1]),
        "leak": {name: ends(value) for name, value in lesson["leak"].items()},
        "best": best,
        "confusion": [[pairs.count((t, said)) for said in (0, 1)] for t in (0, 1)],
        "mistakes": [
            [i, classes[answers[best][i]], round(float(lesson["sure"][i]), 2)]
            for i in lesson["worst"].tolist()
        ],
        "c18": {"target": round(lesson["target"], 3), "reached": lesson["reached"]},
        "recipe_minutes": round(lesson["minutes"], 1),
        "recipe_step_ms": round(1000 * lesson["train_step"]),
        "fixed_seconds": round(lesson["seconds_fixed"], 1),
        "date": time.strftime("%Y-%m-%d"),
        "seconds_are": f"of the processor, {torch.get_num_threads()} thread",
    }


def ends(interval) -> list[float]:
    return [round(value, 4) for value in (interval.mean, interval.low, interval.high)]


def best_epochs(lesson: dict, seeds: int = 8) -> dict:
    """Fine-tuning over seeds: test accuracy of its best epoch on the test set, minus that of the
    epoch which validation chooses, in points."""
    tl, torch, gaps = lesson["tl"], lesson["torch"], []
    test = lesson["batches"](lesson["test"])
    for seed in range(seeds):
        torch.manual_seed(seed)
        model, watched = tl.load_backbone(lesson["runtime"].backbone).model, []
        tl.replace_head(model, 2)

        def watch(run, watched=watched):
            watched.append(tl.evaluate(run.model, test)["accuracy"])

        history = lesson["train_all_layers"](model, 1e-3, seed=seed, callbacks=[watch])
        gaps.append(100 * (max(watched) - watched[history.best["epoch"] - 1]))
    return {"points": ends(tl.mean_interval(gaps)), "seeds": seeds}


def broken(lesson: dict, seeds: int = 5) -> dict:
    """Accuracy of the broken loops over seeds, on dusk pictures; and on bright ones, where they
    agree with those of the source."""
    tl, nn, short_run = lesson["tl"], lesson["nn"], lesson["short_run"]
    dusk, found = lesson["dusk"], {}
    for light, change in (("dusk", dusk), ("bright", lambda data: data)):
        train, loader = change(lesson["train"]), lesson["batches"](change(lesson["test"]))
        loops = {"as it should be": {}, "trained in eval mode": {"mode": nn.Module.eval}}
        if light == "dusk":
            loops["no zero_grad"] = {"zero_grad": False}
        shares: dict[str, list] = {name: [] for name in [*loops, "measured in train mode"]}
        for seed in range(seeds):
            for name, fault in loops.items():
                net = short_run(train, seed=seed, **fault)[0]
                shares[name].append(lesson["accuracy"](net, loader))
                if not fault:
                    wrong = lesson["accuracy"](net, loader, mode=nn.Module.train)
                    shares["measured in train mode"].append(wrong)
        found[light] = {name: ends(tl.mean_interval(values)) for name, values in shares.items()}
    return found


def photographs() -> dict:
    """Right answers on the 153 public photographs: zero-shot, and a head on frozen features."""
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
        "zero-shot": int((logits[:, [310, 309]].argmax(1) == labels).sum()),
        "fixed": int((fixed == labels).sum()),
    }


def count_processor_time(lesson: dict) -> None:
    """Let `tl.race` count the processor's seconds, as run_lesson does with the lesson's own."""
    from tlhelpers.evaluation import timing

    timing.time = SimpleNamespace(perf_counter=time.process_time)


def main() -> None:
    lesson = run_lesson(
        "05_ants_and_bees.ipynb",
        "broken-runs",
        lambda cell: cell["id"] in SKIPPED,
        after={"imports": count_processor_time},
    )
    found = facts(lesson) | {"best_epochs": best_epochs(lesson), "broken": broken(lesson)}
    if Path(os.environ.get("TLHELPERS_DATA", "."), "hymenoptera_data").is_dir():
        found["photographs"] = photographs()
    elif MEASURED.exists():
        found["photographs"] = json.loads(MEASURED.read_text(encoding="utf-8"))["photographs"]
    keep(MEASURED, found)


if __name__ == "__main__":
    main()

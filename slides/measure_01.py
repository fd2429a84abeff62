"""Run lesson 01 and keep what its slides show: `OMP_NUM_THREADS=1 python slides/measure_01.py`.

The code cells run as they stand in the notebook, up to the claim's arithmetic; what they measured
goes to slides/measured_01.json. Measure again when the lesson or the embedded data change.
"""

from __future__ import annotations

import time

from lesson_run import HERE, keep, run_lesson

MEASURED = HERE / "measured_01.json"
SKIPPED = {"attempt", "check"}  # untouched exercises; what their solutions measure is kept
MOVED = ("parameters", "buffers")


def skipped(cell: dict) -> bool:
    tags = set(cell["metadata"].get("tags", []))
    return bool(tags & SKIPPED) or "interact(" in "".join(cell["source"])


def first_epoch(names: dict) -> None:
    names["first_epoch"] = {key: len(names[key]) for key in ("before", *MOVED)}


def intervals(names: dict) -> None:
    names["intervals"] = names["accuracies"]


def old_job(lesson: dict, pictures: int = 12, epochs: int = 3) -> dict:
    """Accuracy on fresh pictures of the network's own classes, before and after leaky epochs."""
    import numpy as np
    import torch

    import tlhelpers as tl
    from data.recipes.draw_source import draw_one_class

    backbone, classes = lesson["backbone"], lesson["backbone"].categories
    drawn = np.concatenate([draw_one_class(name, pictures, 77777, 128) for name in classes])
    images = torch.from_numpy(drawn).permute(0, 3, 1, 2).contiguous()
    labels = torch.arange(len(classes)).repeat_interleave(pictures)
    fresh = tl.BatchLoader(tl.ImageTensors(images, labels, classes), 64, **backbone.preprocessing)
    net = lesson["head_only"]()
    lesson["train"].generator.manual_seed(0)
    optimizer = torch.optim.SGD(net.fc.parameters(), lr=0.01, momentum=0.9)
    for _ in range(epochs):
        lesson["one_epoch"](net, optimizer)
    net.fc = lesson["old_head"]
    before, after = (tl.evaluate(model, fresh) for model in (backbone.model, net))
    return {
        "n": before["n"],
        "epochs": epochs,
        "before": round(before["accuracy"], 4),
        "after": round(after["accuracy"], 4),
    }


def facts(lesson: dict) -> dict:
    """What the deck shows, rounded."""
    import torch

    def rounded(values: dict, digits: int = 4) -> dict:
        return {name: round(value, digits) for name, value in values.items()}

    counts = lesson["first_epoch"]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "seconds_are": f"of the processor, {torch.get_num_threads()} thread",
        "batches": len(lesson["train"]),
        "entries": counts["before"],
        "moved": {name: counts[name] for name in MOVED},
        "drift": {"mean": rounded(lesson["means"]), "deviation": rounded(lesson["stds"])},
        "features_moved": round(lesson["moved_by"], 3),
        "old_answers_differ": round(lesson["differ"], 3),
        "old_job": old_job(lesson),
        "head_accuracy": {name: [round(v, 3) for v in s] for name, s in lesson["scores"].items()},
        "gain": [round(v, 4) for v in lesson["gains"]],
        "change": {name: rounded(stages) for name, stages in lesson["change"].items()},
        "accuracy": {
            name: [round(v, 3) for v in (found.mean, found.low, found.high)]
            for name, found in lesson["intervals"].items()
        },
        "soft_sharing": {str(k): round(v, 3) for k, v in lesson["distances"].items()},
        "walked_on": {name: [round(v, 4) for v in pair] for name, pair in lesson["walked"].items()},
        "milliseconds": {
            network: rounded({n: 1000 * lesson["median"](t) for n, t in times.items()}, 3)
            for network, times in lesson["seconds"].items()
        },
        "ratios": {network: rounded(table) for network, table in lesson["ratios"].items()},
    }


def main() -> None:
    after = {"compare-bits": first_epoch, "change-proof": intervals}
    lesson = run_lesson("01_weight_freezing.ipynb", "epoch-arithmetic", skipped, after)
    keep(MEASURED, facts(lesson))


if __name__ == "__main__":
    main()

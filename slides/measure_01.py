"""Run lesson 01 and keep what its slides show: `OMP_NUM_THREADS=1 python slides/measure_01.py`.

The code cells run as they stand in the notebook, up to the claim's arithmetic; what they measured
goes to slides/measured_01.json. Measure again when the lesson or the embedded data change.
"""

from __future__ import annotations

import time

from lesson_run import HERE, keep, run_lesson

MEASURED = HERE / "measured_01.json"
MOVED = ("parameters", "buffers")


def skipped(cell: dict) -> bool:
    tags = cell["metadata"].get("tags", [])
    return bool({"check", "quiz"} & set(tags)) or "interact(" in "".join(cell["source"])


def first_epoch(names: dict) -> None:
    names["first_epoch"] = {key: len(names[key]) for key in ("before", *MOVED)}


def old_task(lesson: dict, pictures: int = 12, epochs: int = 3, runs: int = 5) -> dict:
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

    def after(order: int) -> float:
        net = lesson["head_only"]()
        lesson["train"].generator.manual_seed(order)
        optimizer = torch.optim.SGD(net.fc.parameters(), lr=0.01, momentum=0.9)
        for _ in range(epochs):
            lesson["one_epoch"](net, optimizer)
        net.fc = lesson["old_head"]
        return round(tl.evaluate(net, fresh)["accuracy"], 4)

    before = tl.evaluate(backbone.model, fresh)
    return {
        "n": before["n"],
        "epochs": epochs,
        "before": round(before["accuracy"], 4),
        "after": [after(order) for order in range(runs)],
    }


def facts(lesson: dict) -> dict:
    """What the deck shows, rounded."""
    import torch

    def rounded(values: dict, digits: int = 4) -> dict:
        return {str(name): round(value, digits) for name, value in values.items()}

    counts = lesson["first_epoch"]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "seconds_are": f"of the processor, {torch.get_num_threads()} thread",
        "batches": len(lesson["train"]),
        "entries": counts["before"],
        "moved": {name: counts[name] for name in MOVED},
        "drift": rounded(lesson["drift"]),
        "features_moved": round(lesson["moved_by"], 3),
        "old_answers_differ": round(lesson["differ"], 3),
        "old_task": old_task(lesson),
        "gain": [round(v, 4) for v in lesson["gains"]],
        "change_epochs": lesson["runs"]["all layers"][1].last["epoch"],
        "change": {name: rounded(stages) for name, stages in lesson["change"].items()},
        "soft_sharing": rounded(lesson["solution_distances"], 3),
        "moved_when_frozen": {
            name: [round(v, 4) for v in pair] for name, pair in lesson["moved"].items()
        },
        "milliseconds": {name: rounded(row, 3) for name, row in lesson["milliseconds"].items()},
        "ratios": {network: rounded(table) for network, table in lesson["ratios"].items()},
    }


def main() -> None:
    after = {"compare-bits": first_epoch}
    keep(
        MEASURED, facts(run_lesson("01_weight_freezing.ipynb", "epoch-arithmetic", skipped, after))
    )


if __name__ == "__main__":
    main()

"""Run lesson 09's door, keep what slides show: `OMP_NUM_THREADS=1 python slides/measure_09.py`.

The code cells in NEEDED run as they stand in the notebook; numbers go to slides/measured_09.json.
Measure again when the lesson or the embedded data change.
"""

from __future__ import annotations

from lesson_run import HERE, keep, run_lesson

MEASURED = HERE / "measured_09.json"
NEEDED = "imports setup look untrained batches train train-siamese threshold interval".split()
SHARES = [i / 50 for i in range(51)]
THRESHOLDS = [i / 50 for i in range(76)]


def facts(lesson: dict) -> dict:
    """What the slides say, rounded as they say it."""
    import tlhelpers as tl

    honest, low, high = (lesson[name] for name in ("honest", "low", "high"))
    d, same = lesson["distances"]["Siamese"]
    door = {}
    for name, pairs in {"other people": lesson["other_people"], "test people": (d, same)}.items():
        door[name] = [round(float(rate), 3) for rate in tl.error_rates(*pairs, lesson["threshold"])]
    return {
        "threshold": round(lesson["threshold"], 2),
        "door": door,
        "eer": {
            name: round(tl.equal_error_rate(*pairs).rate, 3)
            for name, pairs in lesson["distances"].items()
        },
        "persons": [round(honest.mean, 3), round(honest.low, 3), round(honest.high, 3)],
        "pairs": [round(low, 3), round(high, 3)],
        "roc": {name: roc(*pairs) for name, pairs in lesson["distances"].items()},
        "rates": {
            f"{t:g}": [round(float(rate), 4) for rate in tl.error_rates(d, same, t)]
            for t in THRESHOLDS
        },
    }


def roc(distances, same) -> list[float]:
    """Share of the right persons let in where the share of strangers is 0, .02, ... 1."""
    import numpy as np
    from sklearn.metrics import roc_curve

    strangers, right, _ = roc_curve(same, -distances)
    return [round(float(share), 4) for share in np.interp(SHARES, strangers, right)]


def main() -> None:
    lesson = run_lesson(
        "09_one_example_or_none.ipynb", "interval", lambda cell: cell["id"] not in NEEDED
    )
    keep(MEASURED, facts(lesson))


if __name__ == "__main__":
    main()

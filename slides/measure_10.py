"""Run lesson 10 up to its pretexts, keep what slides show: `python slides/measure_10.py`.

Its code cells run as they stand in the notebook; numbers go to slides/measured_10.json. Measure
again when the lesson or the embedded data change.
"""

from __future__ import annotations

from lesson_run import HERE, keep, run_lesson

MEASURED = HERE / "measured_10.json"
SKIPPED = {"attempt", "check", "solution", "quiz", "verdict"}


def facts(lesson: dict) -> dict:
    """What the slides say, rounded as they say it."""
    first = float(lesson["ink"].square().mean())
    return {
        "ink": {name: round(value, 3) for name, value in lesson["broken"].items()},
        "first loss of the ink": float(f"{first:.1e}"),
        "turns told right": {c: round(share, 3) for c, share in lesson["by_letter"].items()},
    }


def main() -> None:
    lesson = run_lesson(
        "10_many_tasks.ipynb",
        "which-turn",
        lambda cell: SKIPPED & set(cell["metadata"].get("tags", ())),
    )
    keep(MEASURED, facts(lesson))


if __name__ == "__main__":
    main()

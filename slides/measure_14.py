"""Run lesson 14 up to its mistake on purpose, keep what slides show: `python slides/measure_14.py`.

Its code cells run as they stand in the notebook; numbers go to slides/measured_14.json. Measure
again when the lesson or the embedded data change.
"""

from __future__ import annotations

from lesson_run import HERE, keep, run_lesson

MEASURED = HERE / "measured_14.json"
SKIPPED = {"attempt", "check", "solution", "quiz", "verdict"}


def rounded(interval) -> list[float]:
    """Mean, low, high."""
    return [round(float(value), 4) for value in (interval.mean, interval.low, interval.high)]


def main() -> None:
    facts: dict = {}

    def intervals(kind: str):
        def note(names: dict) -> None:
            facts[kind] = {name: rounded(value) for name, value in names["intervals"].items()}

        return note

    def copies(names: dict) -> None:
        facts["leaked"] = rounded(names["tl"].mean_interval(names["found"][False]))
        # The first two pictures of four groups: a picture and its copy.
        facts["copies"] = [[names["names"][i] for i in rows[:2].tolist()] for rows in names["sets"]]

    def suspects(names: dict) -> None:
        rows, paths = names["suspects"], names["paths"]
        facts["suspects"] = [[paths[row], round(float(names["p_given"][row]), 2)] for row in rows]

    lesson = run_lesson(
        "14_your_own_job.ipynb",
        "optimism",
        lambda cell: SKIPPED & set(cell["metadata"].get("tags", ())),
        {
            "copies-figure": copies,
            "suspects": suspects,
            "baselines-figure": intervals("baselines"),
            "layers-figure": intervals("layers"),
            "result": intervals("result"),
        },
    )
    facts["counts"] = {name: len(data) for name, data in lesson["images"].items()}
    facts["sides"] = {name: rounded(value) for name, value in lesson["sides"].items()}
    facts["only"] = [int(lesson["against"].only_a), int(lesson["against"].only_b)]
    facts["refused"] = rounded(lesson["answered"])
    facts["auroc"] = round(float(lesson["auroc"]), 2)
    facts["told"] = {name: rounded(value) for name, value in lesson["told"].items()}
    facts["optimism"] = rounded(lesson["optimism"])
    facts["score"] = str(lesson["score"]).splitlines()[0]
    keep(MEASURED, facts)


if __name__ == "__main__":
    main()

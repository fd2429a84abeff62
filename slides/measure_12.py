"""Run lesson 12 and keep what its slides show: `OMP_NUM_THREADS=1 python slides/measure_12.py`.

The code cells run as they stand in the notebook, up to the six digits that relations have mended.
Measure again when the lesson or its word vectors change.
"""

from __future__ import annotations

from lesson_run import HERE, keep, run_lesson

MEASURED = HERE / "measured_12.json"


def facts(lesson: dict) -> dict:
    """What the slides say, rounded as they say it."""
    part = lesson["part_shown"]
    return {
        "ppmi": {
            word: {
                other: round(float(v), 1) for other, v in zip(lesson["beside"], row, strict=True)
            }
            for word, row in zip(lesson["shown"], part, strict=True)
        },
        "near": {
            word: [other for other, _ in lesson["tl"].nearest_words(word, lesson["glove"], 5)]
            for word in ("tea", "physics", "awful", "good")
        },
        "analogies": {
            way: {name: round(value, 2) for name, value in values.items()}
            for way, values in lesson["analogy_bars"].items()
        },
        "pull": {name: rows for name, rows in lesson["pulls"].items()},
        "jobs": {job: round(value, 2) for job, value in lesson["ordered"].items()},
        "mended": [len(lesson["mended"]), len(lesson["spoilt"]), len(lesson["truth"])],
    }


def keep_part(lesson: dict) -> None:
    lesson["part_shown"] = lesson["part"]


def keep_bars(lesson: dict) -> None:
    lesson["analogy_bars"] = lesson["bars"]


def keep_pulls(lesson: dict) -> None:
    """For frozen and tuned vectors: how far each kind of word pulls, on average."""
    lesson["pulls"] = {}
    for name in ("frozen", "tuned at 0.03"):
        head, moved = lesson["tuned"][name]
        weight = ((moved - moved.mean(0)) @ head.weight[0]).detach()
        means = {
            group: float(weight[[lesson["row"][word] for word in members]].mean())
            for group, members in lesson["groups"].items()
        }
        lesson["pulls"][name] = {g: round(m / means["seen +"], 2) for g, m in means.items()}


def main() -> None:
    after = {"ppmi-figure": keep_part, "analogy-figure": keep_bars, "tune-figure": keep_pulls}
    lesson = run_lesson(
        "12_words_and_relations.ipynb", "mended", lambda cell: cell["id"].startswith("quiz"), after
    )
    keep(MEASURED, facts(lesson))


if __name__ == "__main__":
    main()

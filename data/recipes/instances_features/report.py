"""The Markdown page: a table for each part, and for each learner, feature or sensor in it."""

from __future__ import annotations

from ..tables import cell, made_by, table
from . import DIGIT_SEEDS, SEEDS
from .alignment import DIMENSIONS, METHODS
from .bridges import PAIRS, SENSORS
from .cohort import LABELS, ORACLE


def by_arm(rows: list[dict], title: str, arms, columns: dict[str, dict]) -> list[str]:
    """Accuracies: a line an arm, a column for each set of conditions."""
    lines = {
        arm: [cell(rows, "accuracy", arm=arm, **where) for where in columns.values()]
        for arm in arms
    }
    return ["", *table(title, columns, lines)]


def markdown(rows: list[dict], facts: dict) -> str:
    """All tables, made of the rows as they are stored."""
    parts = {
        part: [row for row in rows if row["part"] == part]
        for part in dict.fromkeys(row["part"] for row in rows)
    }
    arms = {part: list(dict.fromkeys(row["arm"] for row in found)) for part, found in parts.items()}
    lines = [
        "# Instances, features, mismatched spaces",
        "",
        f"Accuracy on the target, mean [95 % t-interval]: over {len(SEEDS)} seeds for the cohorts "
        f"and shifts, {len(DIGIT_SEEDS)} for the digits.",
    ]
    for kind in ("linear", "quadratic", "tree"):
        columns = {f"{n} labels": {"learner": kind, "labels": n} for n in (0, *LABELS, ORACLE)}
        used = {r["arm"] for r in parts["cohort"] if r.get("learner") == kind}
        names = [arm for arm in arms["cohort"] if arm in used]
        lines += by_arm(parts["cohort"], f"cohort, {kind} learner", names, columns)
    best = cell(parts["cohort"], "accuracy", arm="true rule")
    lines += ["", f"The true rule itself: {best}.", ""]
    real = {arm: [cell(parts["diabetes"], "r2", arm=arm)] for arm in arms["diabetes"]}
    lines += table("diabetes, by age", ["R² on the target"], real)
    kinds = ("covariate", "labels", "concept")
    lines += by_arm(parts["shifts"], "shift", arms["shifts"], {k: {"shift": k} for k in kinds})
    for kind, sizes in DIMENSIONS.items():
        columns = {f"d = {d}": {"features": kind, "d": d} for d in sizes}
        lines += by_arm(parts["features"], f"fonts to handwriting, {kind}", METHODS, columns)
    for sensor in SENSORS:
        columns = {
            f"{n} pairs" if n else "all": {"sensor": sensor, "pairs": n} for n in (*PAIRS, 0)
        }
        lines += by_arm(parts["bridges"], f"bridges, {sensor}", arms["bridges"], columns)
    return "\n".join([*lines, "", made_by(facts)]) + "\n"

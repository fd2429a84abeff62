"""Twenty points for a job of one's own: a program scores what it can check, a teacher the rest.

The program reads what the job has left: report.json of a `DecisionLog`, and the folder of the
fine-tuning run that it names. It cannot know whether a person looked at a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .rubric_checks import (
    Missing,
    Run,
    baseline,
    copies_together,
    counted,
    difference_tested,
    exported,
    interval_right,
    labels_looked_at,
    layers_compared,
    models_compared,
    parts_apart,
    scope_tested,
    selection_apart,
)

MACHINE, TEACHER = "program", "teacher"


@dataclass(frozen=True)
class Criterion:
    """One point: what it is given for, and the check, or the step whose note a teacher reads."""

    text: str
    check: Callable[[Run], str] | None = None
    step: str = ""

    @property
    def by(self) -> str:
        return MACHINE if self.check else TEACHER


@dataclass(frozen=True)
class Line:
    """One point of a score: `earned` is None where a teacher decides."""

    criterion: Criterion
    earned: bool | None
    reason: str


@dataclass(frozen=True)
class Score:
    """All points of a job, with reasons; prints itself, in a notebook as a table."""

    lines: tuple[Line, ...]

    @property
    def earned(self) -> int:
        """Points that the program gives."""
        return sum(line.earned is True for line in self.lines)

    @property
    def open(self) -> int:
        """Points that a teacher gives."""
        return sum(line.earned is None for line in self.lines)

    @property
    def heading(self) -> str:
        """`12 of 13 points by the program; 7 of 20 wait for a teacher`"""
        said = len(self.lines) - self.open
        return (
            f"{self.earned} of {said} points by the program; {self.open} of {len(self.lines)} wait "
            "for a teacher"
        )

    def __str__(self) -> str:
        marks = {True: "[+]", False: "[-]", None: "[ ]"}
        rows = [f"{marks[n.earned]} {n.criterion.text}: {n.reason}" for n in self.lines]
        return "\n".join([self.heading, *rows])

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        marks = {True: "✔ 1", False: "✘ 0", None: "○ teacher"}
        rows = [
            f"| {marks[n.earned]} | {n.criterion.text} | {n.reason.replace('|', '/')} |"
            for n in self.lines
        ]
        head = ["| point | given for | why |", "|---|---|---|"]
        return "\n".join([f"**{self.heading}**", "", *head, *rows])


RUBRIC = (
    Criterion("The images are counted by class, and the count fits the split", counted),
    Criterion("What the pictures show, and what differs besides the class", step="look"),
    Criterion("No picture is in two parts", parts_apart),
    Criterion("Copies of one picture are in one part", copies_together),
    Criterion("Leaks that no program sees: one place, day, animal or person", step="copies"),
    Criterion(
        "Suspicious labels are looked at, and no test picture is removed",
        labels_looked_at,
    ),
    Criterion("A guess without any picture, on the same test images", baseline("majority")),
    Criterion("A classical method, on the same test images", baseline("classical")),
    Criterion(
        "A probe that cannot see the subject, on the same test images",
        baseline("background"),
    ),
    Criterion(
        "Two pre-trained networks and random weights compared, not on the test",
        models_compared,
    ),
    Criterion("Why this network fits the job: speed, size, licence, origin", step="model"),
    Criterion("Two depths compared in equal steps, each with its own rate", layers_compared),
    Criterion("Selection apart from report; one result", selection_apart),
    Criterion("The accuracy has its interval, and it is the run's own", interval_right),
    Criterion(
        "The difference to the classical method is tested on the same images",
        difference_tested,
    ),
    Criterion("What the figure does not say", step="result"),
    Criterion("The failures are named in groups, with what to do next", step="failures"),
    Criterion(
        "Pictures out of scope: a threshold from validation, measured elsewhere",
        scope_tested,
    ),
    Criterion("The classifier is exported, and has a model card", exported),
    Criterion("Who may use it, for what, and what an error would cost", step="export"),
)


def grade(folder: str | Path) -> Score:
    """Score the report in `folder`, point by point, with reasons.

    A point is lost for what is missing, and for a figure that does not follow from the files of the
    run. A teacher's points show the note that waits to be read.

    Raises `InputError` when there is no report, or a file of it is damaged.
    """
    run = Run(Path(folder))
    return Score(tuple(_line(criterion, run) for criterion in RUBRIC))


def _line(criterion: Criterion, run: Run) -> Line:
    try:
        if criterion.check:
            return Line(criterion, True, criterion.check(run))
        notes = [made.note for made in run.step(criterion.step) if made.note]
        return Line(criterion, None, " ".join(notes) or f"no note on {criterion.step} yet")
    except Missing as why:
        return Line(criterion, False if criterion.check else None, str(why))
    except (KeyError, TypeError, ValueError) as error:  # a record that was edited by hand
        return Line(criterion, False, f"the record cannot be read here: {error!r}")


def rubric_table() -> str:
    """The rubric as a Markdown table: twenty points, and who gives each."""
    rows = [f"| {n} | {c.text} | {c.by} |" for n, c in enumerate(RUBRIC, 1)]
    return "\n".join(["| point | given for | by |", "|---|---|---|", *rows])

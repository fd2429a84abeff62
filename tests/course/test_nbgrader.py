"""The class-room release under nbgrader itself: what students hand in gets the points it deserves.

Needs instructors/requirements-nbgrader.txt. The lessons in WHOLE are handed in as they are, by six
students. The others are handed in by three, without the cells that teach: all that an exercise
needs is the cell of imports. TLHELPERS_RELEASE_LESSONS="00 05" names some lessons instead of all.
"""

from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import make_release
import nbformat
import pytest
from bs4 import BeautifulSoup
from lesson_contract import NOTEBOOKS

from tlhelpers.teaching.checks import exercises

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("nbgrader") is None,
        reason="nbgrader is not installed: pip install -r instructors/requirements-nbgrader.txt",
    ),
]

WHOLE = {"00", "11"}  # quick ones, with every kind of exercise
NAMED = os.environ.get("TLHELPERS_RELEASE_LESSONS", "").split()
LESSONS = [p.stem for p in sorted(NOTEBOOKS.glob("*.ipynb")) if not NAMED or p.stem[:2] in NAMED]
EXERCISES = exercises()
HANDED_IN = {"header", "imports", "exercise", "attempt", "check"}


def students(name: str) -> list[str]:
    """Who hands in a lesson; the last three do mischief in its first exercise."""
    return ["right", "wrong", "untouched", *["broken", "endless", "cheat"] * (name[:2] in WHOLE)]


def nbgrader(course: Path, *arguments: str) -> str:
    """Call nbgrader in the course's folder, as an instructor does in an activated environment."""
    here = Path(sys.executable).parent  # nbgrader calls alembic by its name
    environment = os.environ | {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    command = [str(here / "nbgrader"), *arguments]
    done = subprocess.run(
        command, cwd=course, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stderr


def hand_in(course: Path, student: str, name: str, notebook) -> None:
    folder = course / "submitted" / student / name
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")


def attempts(notebook) -> list:
    return [c for c in notebook.cells if "attempt" in c.metadata.get("tags", [])]


def answered(notebook, student: str, tasks: list) -> None:
    """Fill in a student's attempts; the first exercise alone is broken, endless or cheated."""
    for number, (cell, task) in enumerate(zip(attempts(notebook), tasks, strict=True)):
        if student == "right" or (student in {"broken", "endless"} and number > 0):
            cell.source = task.solved()
        elif student == "wrong":
            mistake = next(iter(EXERCISES[task.id].wrong))
            cell.source += (
                "\n\nfrom tlhelpers.teaching.checks import exercises\n\n"
                f"{', '.join(task.answers)}, = exercises()[{task.id!r}].wrong_answers({mistake!r})"
            )
        elif student == "broken":
            cell.source += "\n1 / 0"
        elif student == "endless":
            cell.source += "\nwhile True:\n    pass"
    if student == "cheat":  # one check overwritten, one deleted, one worth more
        checks = [c for c in notebook.cells if "check" in c.metadata.get("tags", [])]
        checks[0].source = "print('fine')"
        checks[0].metadata.nbgrader.points = 100
        if len(checks) > 1:
            notebook.cells.remove(checks[1])


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> make_release.Release:
    paths = [NOTEBOOKS / f"{name}.ipynb" for name in LESSONS]
    table = make_release.ROOT / "instructors" / "points.csv"
    made = make_release.Release(paths, table, tmp_path_factory.mktemp("release"))
    made.write_student()
    made.write_course()
    return made


@pytest.fixture(scope="module")
def graded(release) -> Path:
    """The course's folder after an instructor's whole round."""
    course = release.out / "nbgrader"
    for name in LESSONS:
        nbgrader(course, "generate_assignment", name)
        for student in students(name):
            handed_out = release.out / "student" / "notebooks" / f"{name}.ipynb"
            notebook = nbformat.read(handed_out, as_version=4)
            if name[:2] not in WHOLE:
                notebook.cells = [
                    c for c in notebook.cells if HANDED_IN & {*c.metadata.get("tags", [])}
                ]
            answered(notebook, student, release.tasks[name])
            hand_in(course, student, name, notebook)
        if "endless" in students(name):  # alone, so that a slow machine waits for the others
            nbgrader(course, "autograde", name, "--student", "endless", "--Execute.timeout=120")
        nbgrader(course, "autograde", name, "--Execute.timeout=900")  # graded ones are skipped
        nbgrader(course, "generate_feedback", name)
    nbgrader(course, "export")
    return course


def test_what_nbgrader_releases_is_what_students_have(release, graded):
    for name in LESSONS:
        released = nbformat.read(graded / "release" / name / f"{name}.ipynb", as_version=4)
        student = nbformat.read(
            release.out / "student" / "notebooks" / f"{name}.ipynb", as_version=4
        )
        code = [
            [c.source.rstrip() for c in nb.cells if c.cell_type == "code"]
            for nb in (released, student)
        ]
        assert code[0] == code[1]


def test_grades_are_as_expected(release, graded):
    with (graded / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["student_id"], row["assignment"]): row for row in csv.DictReader(file)}
    for name in LESSONS:
        first, *_ = release.tasks[name]
        total = release.total(name)
        rest = total - release.points[first.id]
        expected = {"right": total, "broken": rest, "endless": rest}
        for student in students(name):
            row = rows[student, name]
            assert float(row["max_score"]) == total
            assert float(row["score"]) == expected.get(student, 0), f"{student} in {name}"


def test_feedback_says_why(graded):
    for name in LESSONS:
        page = (graded / "feedback" / "wrong" / name / f"{name}.html").read_text(encoding="utf-8")
        words = BeautifulSoup(page, "html.parser").get_text()
        assert f"Exercise {name[:2]}-1: wrong" in words
        page = (graded / "feedback" / "right" / name / f"{name}.html").read_text(encoding="utf-8")
        assert f"Exercise {name[:2]}-1: right" in BeautifulSoup(page, "html.parser").get_text()


def test_grading_leaves_no_record_of_progress(graded):
    assert not list(graded.rglob("progress.json"))


def test_a_second_release_keeps_the_grades(release, graded):
    before = (graded / "gradebook.db").read_bytes()
    release.write_course()
    assert (graded / "gradebook.db").read_bytes() == before
    assert (graded / "submitted" / "right").is_dir()

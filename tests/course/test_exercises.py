"""Exercises as a learner meets them: untouched scaffolds are open, solutions are right.

An exercise runs in a namespace that holds the notebook's import cell only: who opens one exercise,
or a class-room release of it, needs nothing else from the notebook.
"""

from __future__ import annotations

import ast

import nbformat
import pytest
from lesson_contract import NOTEBOOKS, closing_assertion, exercise_cells, tagged

import tlhelpers as tl

EXERCISES = {
    exercise.id: (tagged(notebook, "imports")[0].source, exercise)
    for path in sorted(NOTEBOOKS.glob("*.ipynb"))
    for notebook in [nbformat.read(path, as_version=nbformat.NO_CONVERT)]
    for exercise in exercise_cells(notebook)
}


@pytest.fixture(autouse=True)
def where_notebooks_run(monkeypatch):
    monkeypatch.chdir(NOTEBOOKS)


def run(*sources: str):
    """Execute cells in one fresh namespace; returns what the last line would show."""
    namespace = {"__name__": "__main__"}
    *before, last = ast.parse("\n".join(sources)).body
    exec(compile(ast.Module(before, []), "<cells>", "exec"), namespace)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "<cells>", "eval"), namespace)
    exec(compile(ast.Module([last], []), "<cells>", "exec"), namespace)


@pytest.mark.parametrize("id", EXERCISES)
def test_untouched_attempt_is_not_attempted(id):
    imports, exercise = EXERCISES[id]
    result = run(imports, exercise.attempt.source, exercise.check.source)
    assert (result.exercise, result.status) == (id, "not attempted")
    assert not result


@pytest.mark.parametrize("id", EXERCISES)
def test_solution_is_right_and_leaves_the_attempt_alone(id):
    """As "Run all" does: the attempt, its solution, and then the check of the attempt once more."""
    imports, exercise = EXERCISES[id]
    closing = closing_assertion(exercise)
    cells = [imports, exercise.attempt.source, exercise.solution.source]
    right = run(*cells, closing.removeprefix("assert "))
    assert (right.exercise, right.status) == (id, "right"), right.message
    assert run(*cells, exercise.check.source).status == "not attempted"


def test_every_check_belongs_to_an_exercise_and_back():
    from tlhelpers.teaching.checks import exercises

    assert set(exercises()) == set(EXERCISES)


def test_a_scaffold_with_the_solution_missing_fails_its_assertion():
    """The tests above can fail: an untouched answer under the check's assertion does."""
    for imports, exercise in (EXERCISES[id] for id in EXERCISES if id.endswith("-1")):
        with pytest.raises(AssertionError):
            run(imports, exercise.attempt.source, f"assert {exercise.check.source}")


def test_results_name_their_exercise():
    for id in EXERCISES:
        with pytest.raises(tl.InputError, match=id):
            tl.check(id)  # no answer at all is the notebook's fault, and said so

"""A lesson as its class-room versions: for students, and as the master copy of nbgrader.

Both come from the tags of the lesson's cells. The student's version has no solution; its attempts
and checks carry nbgrader's metadata, so that the same file can be handed in and graded. The master
copy has the solution inside the attempt and a hidden test inside the check, between the marks that
`nbgrader generate_assignment` cuts out: what it releases is the student's version.
"""

from __future__ import annotations

import ast
import copy
import csv
import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

NOT_IN_CLASS = "not-in-class"  # a cell about solutions
LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(([^()\s#]+)(#[^()\s]*)?\)")
HIDDEN_TEST = """{check}
### BEGIN HIDDEN TESTS
graded = {check}
display(graded)
assert graded, graded.message
### END HIDDEN TESTS"""
SOLVED_ATTEMPT = """{scaffold}
### BEGIN SOLUTION
{solution}
{answers} = {solutions}
### END SOLUTION"""


@dataclass
class Task:
    """One exercise, as cells of a notebook; `text` is the cell that states it."""

    id: str
    text: NotebookNode
    attempt: NotebookNode
    check: NotebookNode
    solution: NotebookNode

    @property
    def kind(self) -> str:
        """`investigation` where the text says so, `function` to write, or one `line`."""
        if re.search(r"\binvestigation\b", self.text.source):
            return "investigation"
        tree = ast.parse(self.attempt.source)
        return "function" if any(isinstance(s, ast.FunctionDef) for s in tree.body) else "line"

    @property
    def answers(self) -> list[str]:
        """The names that the check takes."""
        return _arguments(ast.parse(self.check.source).body[0].value, self.id)

    def solved(self) -> str:
        """The attempt with the solution in it: the names of the check are bound to its answers."""
        *lines, assertion = ast.parse(self.solution.source).body
        cut = assertion.lineno - 1
        source = "\n".join(self.solution.source.splitlines()[1:cut]).strip()
        return SOLVED_ATTEMPT.format(
            scaffold=self.attempt.source,
            solution=source,
            answers=", ".join(self.answers),
            solutions=", ".join(_arguments(assertion.test, self.id)),
        )


def tasks(notebook: NotebookNode) -> list[Task]:
    """The exercises of a lesson, from the tags exercise, attempt, check and solution in turn.

    Raises:
        ValueError: an exercise lacks one of its four cells.
    """
    order = ["exercise", "attempt", "check", "solution"]
    found = [(tag, cell) for cell in notebook.cells for tag in _tags(cell) if tag in order]
    made = []
    for start in range(0, len(found), 4):
        group = found[start : start + 4]
        if [tag for tag, _ in group] != order:
            raise ValueError(f"cell {group[0][1].get('id')}: not the four cells of an exercise")
        cells = [cell for _, cell in group]
        made.append(Task(cells[1].metadata["tl"]["exercise"], *cells))
    return made


def points(found: list[Task], table: Path) -> dict[str, int]:
    """Points of each exercise: its own row of the table, or the row of its kind.

    Raises:
        ValueError: a row that is neither, or points that are no whole number above 0.
    """
    with table.open(encoding="utf-8", newline="") as file:
        rows = {
            row["exercise or kind"].strip(): row["points"].strip() for row in csv.DictReader(file)
        }
    for key, value in rows.items():
        if not re.fullmatch(r"[1-9]\d*", value):
            raise ValueError(f"{table}: {key} has {value!r} points; write a whole number above 0")
        if key not in {"line", "function", "investigation"} and not re.fullmatch(r"\d\d-\d+", key):
            raise ValueError(f"{table}: {key} is neither an exercise (05-2) nor a kind of exercise")
    missing = {task.kind for task in found if task.id not in rows} - set(rows)
    if missing:
        raise ValueError(f"{table} has no row for {', '.join(sorted(missing))}")
    return {task.id: int(rows.get(task.id) or rows[task.kind]) for task in found}


def student_version(notebook: NotebookNode, scores: dict[str, int]) -> NotebookNode:
    """The lesson without solutions, ready to be handed in to nbgrader."""
    notebook = copy.deepcopy(notebook)
    for task in tasks(notebook):
        _mark(task.attempt, f"attempt-{task.id}", solution=True)
        _mark(task.check, f"check-{task.id}", grade=True, locked=True, points=scores[task.id])
        task.check.metadata.update(editable=False, deletable=False)
    for cell in notebook.cells:
        if "imports" in _tags(cell):  # all that an exercise needs: graded as it was released
            _mark(cell, "imports", locked=True)
            cell.metadata.update(editable=False, deletable=False)
    out = {"solution", NOT_IN_CLASS}
    notebook.cells = [cell for cell in notebook.cells if not out & set(_tags(cell))]
    return notebook


def master_copy(notebook: NotebookNode, scores: dict[str, int]) -> NotebookNode:
    """The same with solutions and hidden tests, for nbgrader's folder `source`."""
    solved = {task.id: task.solved() for task in tasks(notebook)}
    master = student_version(notebook, scores)
    for cell in master.cells:
        id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if id.startswith("attempt-"):
            cell.source = solved[id.removeprefix("attempt-")]
        elif id.startswith("check-"):
            cell.source = HIDDEN_TEST.format(check=cell.source.strip())
    return master


def relink(text: str, address) -> str:
    """Markdown with each local link's target put through `address`; None leaves the words alone."""

    def change(match: re.Match) -> str:
        mark, words, target, anchor = match[1], match[2], match[3], match[4] or ""
        if re.match(r"[a-z]+:", target):
            return match[0]
        new = address(target)
        return words if new is None else f"{mark}[{words}]({new}{anchor})"

    return LINK.sub(change, text)


def _mark(cell: NotebookNode, grade_id: str, points: int | None = None, **roles: bool) -> None:
    """nbgrader's metadata, schema 3."""
    facts = {"grade": False, "solution": False, "locked": False, "task": False} | roles
    facts |= {"grade_id": grade_id, "schema_version": 3}
    if points is not None:
        facts["points"] = points
    cell.metadata["nbgrader"] = NotebookNode(facts)


def _tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _arguments(call: ast.expr, id: str) -> list[str]:
    """The answers in `tl.check("05-2", answer)`, which must be names."""
    answers = call.args[1:] if isinstance(call, ast.Call) else []
    if not answers or not all(isinstance(answer, ast.Name) for answer in answers):
        raise ValueError(f"exercise {id}: {ast.unparse(call)} does not check plain names")
    return [answer.id for answer in answers]

"""What every lesson owes its reader, as a function from a notebook to a list of faults.

CONTRIBUTING.md tells authors the same in words. `tests/test_notebook_contract.py` holds every
notebook to it, and proves on broken ones that each rule bites.
"""

from __future__ import annotations

import ast
import copy
import re
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from lesson_header import FIELDS, header_fields, plain_title
from nbformat import NotebookNode
from typeset import typeset

from tlhelpers.teaching.sources import PAPERS, SOURCES

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
MAX_LINES = 25
READABLE_ID = re.compile(r"(?![0-9a-f]{8}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|Users|root|tmp|mnt|opt|work|content)/\w|\b[A-Z]:\\")
CLAIM = re.compile(r"\*\*Claim (C\d+)\b")
RUN_TIME = re.compile(r"about \d+ s on 2 CPU cores with AVX-512, \d+ s with AVX2")
# An accuracy or an interval in a text cell, and where such a number may come from.
MEASURED = re.compile(r"(?<![\w.])0?\.\d{3}\b|\[-?0?\.\d+, ")
STORED = re.compile(r"\b(stored|table|log)\b|\.(json|md)`")
# A folded cell still shows its first line in JupyterLab: these lines give nothing away.
SOLUTION_LINE = "# Solution"
QUIZ_LINE = "# A quiz: run this cell and choose an answer"
FIGURE_CALLS = re.compile(
    r"(tl|plots)\.(plot_\w+|show_images|show)$"
    r"|plt\.(figure|subplots|plot|imshow|bar|hist|scatter)$"
    r"|\.(imshow|scatter|hist|barh?|errorbar|pcolormesh|contourf?)$"
)


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def tagged(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if tag in tags(cell)]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@dataclass
class ExerciseCells:
    """The four cells of an exercise, in the order a reader meets them."""

    id: str
    text: NotebookNode
    attempt: NotebookNode
    check: NotebookNode
    solution: NotebookNode


def exercise_cells(notebook: NotebookNode) -> list[ExerciseCells]:
    """The notebook's exercises; ValueError where one lacks a cell or has them in another order."""
    exercises = []
    order = ["exercise", "attempt", "check", "solution"]
    found = [(tag, cell) for cell in notebook.cells for tag in tags(cell) if tag in order]
    for start in range(0, len(found), 4):
        group = found[start : start + 4]
        if [tag for tag, _ in group] != order:
            where = group[0][1].get("id", "?")
            raise ValueError(
                f"cell {where}: an exercise is four cells tagged {', '.join(order)}, in this "
                f"order; found {', '.join(tag for tag, _ in group)}"
            )
        cells = [cell for _, cell in group]
        id = cells[1].metadata.get("tl", {}).get("exercise", "")
        exercises.append(ExerciseCells(id, *cells))
    return exercises


def closing_assertion(exercise: ExerciseCells) -> str:
    """The last statement of an exercise's solution, as ``ast.unparse`` writes it."""
    return ast.unparse(ast.parse(exercise.solution.source).body[-1:])


def faults(notebook: NotebookNode, name: str) -> list[str]:
    """Everything in which ``notebook`` breaks the contract; ``name`` is its file's, sans suffix.

    The start page ``00_...`` owes no claim, no mistake made on purpose, and as many exercises as
    it likes.
    """
    found = list(_format(notebook)) + list(_text(notebook))
    for cell in code_cells(notebook):
        try:
            ast.parse(cell.source)
        except SyntaxError as error:  # the other rules read the code: stop here
            where = f"cell {cell.get('id')}, line {error.lineno}"
            return [*found, f"{where}: not plain Python; no %magics, no !commands"]
    found += [*_frame(notebook, name), *_code(notebook), *_figures(notebook)]
    found += [*_exercises(notebook, name), *_quizzes(notebook)]
    if not name.startswith("00"):
        found += [*_claims(notebook), *_sections(notebook)]
    return found


def _format(notebook: NotebookNode) -> Iterator[str]:
    """A clean, valid file: what git should see."""
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        yield f"format {notebook.nbformat}.{notebook.nbformat_minor}, not 4.5"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nbformat.validate(copy.deepcopy(notebook))  # it repairs what it finds
    except Exception as error:  # a ValidationError or a warning of any class
        yield f"nbformat: {str(error).splitlines()[0]}"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "metadata: kernelspec is not python3"
    if "widgets" in notebook.metadata:
        yield "metadata: saved widget state"
    ids = [cell.get("id", "") for cell in notebook.cells]
    for id in ids:
        if not READABLE_ID.fullmatch(id):
            yield f'cell id "{id}" is not readable: lower-case words joined by "-"'
        elif ids.count(id) > 1:
            yield f'cell id "{id}" is used {ids.count(id)} times'
    for cell in code_cells(notebook):
        if cell.outputs or cell.execution_count is not None:
            yield f"cell {cell.get('id')}: saved outputs or a count; clear them"
        if "raises-exception" in tags(cell):
            yield f"cell {cell.get('id')}: raises-exception means *may* raise; use try and assert"


def _text(notebook: NotebookNode) -> Iterator[str]:
    """Nothing of one machine or one run; formulas that a page can show; described images."""
    for cell in notebook.cells:
        if path := MACHINE_PATH.search(cell.source):
            yield f"cell {cell.get('id')}: path of a machine ({path[0]}...)"
        if cell.cell_type == "markdown":
            if (number := MEASURED.search(cell.source)) and not STORED.search(cell.source):
                yield (
                    f"cell {cell.get('id')}: text states {number[0]}, which a run may overturn: "
                    "print it, or name the stored table"
                )
            if re.search(r"!\[\s*\]\(|<img(?![^>]*\balt=\"[^\"]+\")", cell.source):
                yield f"cell {cell.get('id')}: a picture without alternative text"
            try:
                typeset(re.sub(r"`[^`]*`", "", cell.source))
            except ValueError as error:
                yield f"cell {cell.get('id')}: {error}"


def _frame(notebook: NotebookNode, name: str) -> Iterator[str]:
    """Header, one import cell, one setup call, recap."""
    header = notebook.cells[0]
    if header.cell_type != "markdown" or "header" not in tags(header):
        yield "the first cell is not Markdown with the tag header"
    if not plain_title(header.source):
        yield "the header has no title (# ...)"
    elif "?" not in plain_title(header.source) and not name.startswith("00"):
        yield "the header's title is not a question"
    for field in FIELDS:
        if not header_fields(header.source).get(field):
            yield f'the header does not state "{field}"'
    run_time = header_fields(header.source).get("Run time", "")
    if run_time and not RUN_TIME.search(run_time):
        yield f'the header\'s run time says "{run_time}", not "about 20 s on 2 CPU cores with ..."'

    if len(tagged(notebook, "imports")) != 1:
        yield f"{len(tagged(notebook, 'imports'))} cells tagged imports, not 1"
    for cell in code_cells(notebook):
        statements = ast.parse(cell.source).body
        if "imports" not in tags(cell) and any(
            isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in statements
        ):
            yield f"cell {cell.get('id')}: imports outside the import cell"
    setups = [
        call for cell in code_cells(notebook) for call in _calls(cell) if call[0] == "tl.setup"
    ]
    if len(setups) != 1:
        yield f"{len(setups)} calls of tl.setup, not 1"
    if not tagged(notebook, "recap"):
        yield "no recap (tag recap)"


def _code(notebook: NotebookNode) -> Iterator[str]:
    for cell in code_cells(notebook):
        id = cell.get("id")
        if (lines := len(cell.source.splitlines())) > MAX_LINES and "quiz" not in tags(cell):
            yield f"cell {id}: {lines} lines, more than {MAX_LINES}"
        for call, _ in _calls(cell):
            if call == "input":
                yield f"cell {id}: input() waits for ever where nobody types"
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, (ast.If, ast.IfExp)) and "profile" in ast.unparse(node.test):
                yield f"cell {id}: branches on the profile; cells are the same in both"


def _figures(notebook: NotebookNode) -> Iterator[str]:
    """A figure comes with alternative text, given where it is shown."""
    for cell in code_cells(notebook):
        calls = _calls(cell)
        draws = any(FIGURE_CALLS.search(call) for call, _ in calls)
        alts = [keyword for _, keywords in calls for keyword in keywords if keyword.arg == "alt"]
        empty = [
            k for k in alts if isinstance(k.value, ast.Constant) and not str(k.value.value).strip()
        ]
        if draws and (not alts or empty):
            yield f"cell {cell.get('id')}: a figure without alt=... that says what it shows"


def _claims(notebook: NotebookNode) -> Iterator[str]:
    """Claim -> predict -> verdict, in this order, for every claim."""
    publishers = "|".join([*SOURCES, *PAPERS])
    claims: dict[str, int] = {}
    verdicts: dict[str, int] = {}
    predictions = []
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            for claim in CLAIM.findall(cell.source):
                claims[claim] = position
                if not re.search(rf"\(source: \[?({publishers})\b", cell.source):
                    yield f"claim {claim}: which source says so? (source: LeewayHertz)"
            if re.search(r"predict before you run", cell.source, re.IGNORECASE):
                predictions.append(position)
        elif "verdict" in tags(cell):
            for call, _ in _calls(cell, with_arguments=True):
                if match := re.match(r"tl\.verdict\(['\"](C\d+)['\"]", call):
                    verdicts[match[1]] = position
    if not claims:
        yield "no claim (**Claim Cn** (source: ...) ...)"
    for claim, position in claims.items():
        end = verdicts.get(claim)
        if end is None or end < position:
            yield f"claim {claim}: no verdict cell after it (tag verdict, tl.verdict)"
        elif not any(position <= place < end for place in predictions):
            yield f"claim {claim}: nobody is asked to predict before the verdict"
    for claim in verdicts.keys() - claims.keys():
        yield f"verdict on {claim}, which no text cell states"


def _exercises(notebook: NotebookNode, name: str) -> Iterator[str]:
    try:
        exercises = exercise_cells(notebook)
    except ValueError as error:
        yield str(error)
        return
    if len(exercises) < 3 and not name.startswith("00"):
        yield f"{len(exercises)} exercises, fewer than 3"
    for number, exercise in enumerate(exercises, start=1):
        id = f"{name[:2]}-{number}"
        for fault in (*_task(exercise, id), *_check_cell(exercise, id), *_solution(exercise, id)):
            yield f"exercise {id}: {fault}"


def _task(exercise: ExerciseCells, id: str) -> Iterator[str]:
    """The text and the scaffold."""
    if exercise.id != id:
        yield f"the attempt's metadata tl.exercise says {exercise.id!r}"
    if exercise.text.source.count("<details>") < 2 or "<summary>" not in exercise.text.source:
        yield "fewer than two hints in <details><summary>"
    if id not in exercise.text.source:
        yield "its text does not show its number"
    if "..." not in exercise.attempt.source:
        yield "the attempt has no ... to replace"


def _check_cell(exercise: ExerciseCells, id: str) -> Iterator[str]:
    """One call and nothing else: so `tl.check` knows whether the attempt before it failed."""
    body = ast.parse(exercise.check.source).body
    if not ast.unparse(body[:1]).startswith(f"tl.check('{id}',"):
        yield f'the check cell does not call tl.check("{id}", ...)'
    if len(body) > 1:
        yield "the check cell holds more than the call of tl.check"
    for answer in sorted(_loaded(body) - {"tl"} - _bound(exercise.attempt.source)):
        yield f"the check takes {answer}, which the attempt does not define"


def _solution(exercise: ExerciseCells, id: str) -> Iterator[str]:
    """Folded, silent in its first line, and apart from the learner's answer."""
    source = exercise.solution.source
    if not closing_assertion(exercise).startswith(f"assert tl.check('{id}',"):
        yield f'the solution does not end with assert tl.check("{id}", ...)'
    if not _is_folded(exercise.solution):
        yield "the solution is not folded (jupyter.source_hidden)"
    if source.splitlines()[:1] != [SOLUTION_LINE]:
        yield f'the solution\'s first line is not "{SOLUTION_LINE}": a folded cell shows that line'
    for name in sorted(name for name in _bound(source) if not name.startswith("solution")):
        yield f"the solution binds {name}: its names begin with solution, an attempt keeps its own"
    answers = _loaded(ast.parse(exercise.check.source).body) - {"tl"}
    if used := sorted(answers & _loaded(ast.parse(source).body[-1:])):
        yield f"the solution checks the attempt's {', '.join(used)}, not its own answer"


def _quizzes(notebook: NotebookNode) -> Iterator[str]:
    """The source of a quiz says which choice is right: it is folded, and its first line silent."""
    for cell in code_cells(notebook):
        asks = any(call == "tl.quiz" for call, _ in _calls(cell))
        if asks and "quiz" not in tags(cell):
            yield f"cell {cell.get('id')}: a quiz without the tag quiz"
        if asks and not _is_folded(cell):
            yield f"cell {cell.get('id')}: the quiz is not folded (jupyter.source_hidden)"
        if asks and cell.source.splitlines()[0] != QUIZ_LINE:
            yield f'cell {cell.get("id")}: the quiz\'s first line is not "{QUIZ_LINE}"'


def _is_folded(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def _loaded(statements: list[ast.stmt]) -> set[str]:
    """The names that these statements read."""
    return {
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _bound(source: str) -> set[str]:
    """The names that a cell leaves behind."""
    symbols = symtable.symtable(source, "<cell>", "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned()}


def _sections(notebook: NotebookNode) -> Iterator[str]:
    if not any(cell.cell_type == "markdown" for cell in tagged(notebook, "break-it")):
        yield "no mistake made on purpose (a Markdown cell tagged break-it)"
    recap = "\n".join(cell.source for cell in tagged(notebook, "recap"))
    if not re.search(r"\b(19|20)\d\d\b", recap) or not re.search(r"arXiv \d{4}\.\d{4,5}", recap):
        yield "the recap names nothing to read next (year, arXiv id)"
    if not re.search(r"\]\([\w./-]+\.ipynb\)", recap):
        yield "the recap does not link to the next lesson"


def _calls(cell: NotebookNode, with_arguments: bool = False) -> list[tuple[str, list[ast.keyword]]]:
    """What a code cell calls, as written (``tl.show``), with each call's keywords."""
    return [
        (ast.unparse(node if with_arguments else node.func), node.keywords)
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Call)
    ]

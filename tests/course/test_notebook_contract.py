"""Every notebook keeps the contract of a lesson; each rule of it catches the fault it is for."""

from __future__ import annotations

import copy
import re

import nbformat
import pytest
from lesson_contract import NOTEBOOKS, exercise_cells, faults, tagged
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_keeps_the_contract(path):
    found = faults(nbformat.read(path, as_version=nbformat.NO_CONVERT), path.stem)
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'(?:href|src)="([^"#]+)"', text)
    local = {target for target in targets if not re.match(r"[a-z]+:", target)}
    missing = sorted(target for target in local if not (path.parent / target).exists())
    assert not missing, f"links to files that do not exist: {missing}"


def code(id, source, tag=None, **metadata):
    return new_code_cell(source, id=id, metadata={**({"tags": [tag]} if tag else {}), **metadata})


def text(id, source, tag=None):
    return new_markdown_cell(source, id=id, metadata={"tags": [tag]} if tag else {})


HEADER = """# Does it hold?

| | |
|---|---|
| **You will be able to** | tell |
| **Needs** | nothing |
| **Minutes** | 10 + 10 |
| **Run time** | about 1 s on 2 CPU cores with AVX-512, 2 s with AVX2 |
| **Downloads** | nothing |
"""
HINTS = "<details><summary>Hint 1</summary>a</details><details><summary>Hint 2</summary>b</details>"


def sound_lesson():
    """The smallest notebook that keeps the contract, as lesson 07."""
    cells = [
        text("header", HEADER, "header"),
        code("imports", "import matplotlib.pyplot as plt\n\nimport tlhelpers as tl", "imports"),
        code("setup", "tl.setup(seed=0)"),
        text(
            "claim",
            "**Claim C3** (source: LeewayHertz) freeze more. **Predict before you run** $x^2$.",
        ),
        code("measure", 'figure, ax = plt.subplots()\ntl.show(figure, alt="A line that rises.")'),
        code("verdict", 'tl.verdict("C3", "holds", "1 against 2")', "verdict"),
    ]
    for number in (1, 2, 3):
        id = f"07-{number}"
        cells += [
            text(f"exercise-{number}", f"### Exercise {id}\n{HINTS}", "exercise"),
            code(f"attempt-{number}", "answer = ...", "attempt", tl={"exercise": id}),
            code(f"check-{number}", f'tl.check("{id}", answer)', "check"),
            code(
                f"solution-{number}",
                f'# Solution\nsolution = 1\nassert tl.check("{id}", solution)',
                "solution",
                jupyter={"source_hidden": True},
            ),
        ]
    quiz = "# A quiz: run this cell and choose an answer\ntl.quiz('1 + 1?', [])"
    cells += [
        code("quiz", quiz, "quiz", jupyter={"source_hidden": True}),
        text("break-it", "## Break it on purpose", "break-it"),
        text("recap", "Yosinski 2014 (arXiv 1411.1792). Next: [08](08_next.ipynb)", "recap"),
    ]
    notebook = new_notebook(cells=cells)
    notebook.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    return notebook


def test_a_sound_lesson_has_no_faults():
    notebook = sound_lesson()
    assert faults(notebook, "07_sound") == []
    assert [exercise.id for exercise in exercise_cells(notebook)] == ["07-1", "07-2", "07-3"]


def test_a_stored_number_may_stand_in_the_text():
    notebook = sound_lesson()
    source("claim", lambda old: f"{old} The table has .95 [.91, .98]. About .95 here.")(notebook)
    assert faults(notebook, "07_sound") == []


def test_the_start_page_owes_less():
    notebook = sound_lesson()
    notebook.cells = [c for c in notebook.cells if c.id in ("header", "imports", "setup", "recap")]
    assert faults(notebook, "00_start_here") == []
    assert len(faults(notebook, "07_sound")) >= 3


def source(id, new):
    def change(notebook):
        cell = next(cell for cell in notebook.cells if cell.id == id)
        cell.source = new(cell.source) if callable(new) else new

    return change


def drop(id):
    def change(notebook):
        notebook.cells = [cell for cell in notebook.cells if cell.id != id]

    return change


def cell(which, **values):
    def change(notebook):
        next(cell for cell in notebook.cells if cell.id == which).update(values)

    return change


def replaced(old, new):
    return lambda text: text.replace(old, new)


FAULTS = {
    "old format": (lambda nb: nb.update(nbformat_minor=4), "not 4.5"),
    "invalid": (cell("setup", surplus=1), "nbformat:"),
    "kernel": (lambda nb: nb.metadata.kernelspec.update(name="py39"), "kernelspec"),
    "widget state": (lambda nb: nb.metadata.update(widgets={}), "widget state"),
    "random id": (cell("setup", id="0a1b2c3d"), '"0a1b2c3d" is not readable'),
    "id twice": (cell("setup", id="measure"), "used 2 times"),
    "outputs": (
        cell("setup", outputs=[nbformat.v4.new_output("stream", text="x")]),
        "saved outputs",
    ),
    "count": (cell("setup", execution_count=3), "saved outputs or a count"),
    "may raise": (cell("setup", metadata={"tags": ["raises-exception"]}), "*may* raise"),
    "machine path": (source("setup", 'tl.setup()\nopen("/home/me/x")'), "path of a machine"),
    "Windows path": (source("setup", 'tl.setup()\nopen("C:\\\\x")'), "path of a machine"),
    "number of one run": (source("claim", lambda old: f"{old} It got .954."), "text states .954"),
    "interval of one run": (
        source("claim", lambda old: f"{old} Fixed .95 [.91, .98]."),
        "text states [.91, ",
    ),
    "mute picture": (source("claim", lambda old: old + "\n![](a.png)"), "alternative text"),
    "formula": (source("claim", replaced("$x^2$", r"$\nosuch{x}$")), r"cannot draw \nosuch"),
    "no header": (cell("header", metadata={}), "tag header"),
    "no title": (source("header", replaced("# Does", "Does")), "no title"),
    "no question": (source("header", replaced("hold?", "hold")), "not a question"),
    "no minutes": (source("header", replaced("| **Minutes** | 10 + 10 |\n", "")), '"Minutes"'),
    "empty field": (source("header", replaced("| nothing |", "| |")), '"Downloads"'),
    "one kind of processor": (
        source("header", replaced(" with AVX-512, 2 s with AVX2", "")),
        'run time says "about 1 s on 2 CPU cores"',
    ),
    "no imports": (cell("imports", metadata={}), "0 cells tagged imports"),
    "late import": (source("setup", "import os\ntl.setup()"), "outside the import cell"),
    "no setup": (drop("setup"), "0 calls of tl.setup"),
    "magic": (source("setup", "%matplotlib inline\ntl.setup()"), "not plain Python"),
    "shell": (source("setup", "!ls\ntl.setup()"), "not plain Python"),
    "long cell": (source("setup", "tl.setup()\n" + "x = 1\n" * 25), "26 lines"),
    "input": (source("setup", "tl.setup()\ninput()"), "input()"),
    "profile": (
        source("setup", 'r = tl.setup()\nif r.profile == "full":\n    pass'),
        "branches on the profile",
    ),
    "mute figure": (source("measure", "ax = plt.subplots()[1]\nax.plot([1])"), "without alt"),
    "empty alt": (source("measure", 'tl.show(tl.plot_bars({}), alt=" ")'), "without alt"),
    "no claim": (source("claim", "Freeze more."), "no claim"),
    "unstated claim": (source("claim", "Freeze more."), "verdict on C3"),
    "no source": (source("claim", replaced(" (source: LeewayHertz)", "")), "which source"),
    "no prediction": (source("claim", replaced("Predict", "Look")), "asked to predict"),
    "no verdict": (drop("verdict"), "no verdict cell"),
    "untagged verdict": (cell("verdict", metadata={}), "no verdict cell"),
    "other verdict": (source("verdict", 'tl.verdict("C4", "holds", "x")'), "no verdict cell"),
    "two exercises": (
        lambda nb: [drop(f"{part}-3")(nb) for part in ("exercise", "attempt", "check", "solution")],
        "2 exercises",
    ),
    "no check cell": (drop("check-2"), "an exercise is four cells"),
    "wrong number": (cell("attempt-2", metadata={"tags": ["attempt"]}), "tl.exercise says ''"),
    "one hint": (source("exercise-1", "07-1 <details><summary>h</summary></details>"), "two hints"),
    "unnumbered": (source("exercise-1", replaced("07-1", "")), "does not show its number"),
    "no scaffold": (source("attempt-1", "answer = 1"), "no ... to replace"),
    "checks another": (source("check-1", 'tl.check("07-2", answer)'), "does not call tl.check"),
    "busy check": (source("check-1", lambda old: f"print(1)\n{old}"), "does not call tl.check"),
    "check and more": (source("check-1", lambda old: f"{old}\nprint(1)"), "holds more than"),
    "unknown answer": (source("check-1", replaced("answer", "reply")), "takes reply, which"),
    "no assertion": (source("solution-1", "# Solution\nsolution = 1"), "does not end with assert"),
    "open solution": (
        cell("solution-1", metadata={"tags": ["solution"]}),
        "the solution is not folded",
    ),
    "solution in the first line": (
        source("solution-1", replaced("# Solution\n", "")),
        "first line is not",
    ),
    "overwritten attempt": (
        source("solution-1", replaced("solution = 1", "solution = answer = 1")),
        "binds answer",
    ),
    "helper of a solution": (
        source("solution-1", replaced("solution = 1", "def one(): ...\n\n\nsolution = 1")),
        "binds one",
    ),
    "borrowed answer": (
        source("solution-1", replaced(", solution)", ", answer)")),
        "checks the attempt's answer",
    ),
    "untagged quiz": (cell("quiz", metadata={"jupyter": {"source_hidden": True}}), "the tag quiz"),
    "open quiz": (cell("quiz", metadata={"tags": ["quiz"]}), "the quiz is not folded"),
    "quiz that tells": (source("quiz", "tl.quiz('1 + 1?', [])"), "the quiz's first line is not"),
    "nothing broken": (drop("break-it"), "on purpose"),
    "no recap": (drop("recap"), "no recap"),
    "nothing to read": (source("recap", replaced("arXiv 1411.1792", "")), "to read next"),
    "no next lesson": (source("recap", replaced("](08_next.ipynb)", "]")), "next lesson"),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_the_contract_catches(change, message):
    notebook = copy.deepcopy(sound_lesson())
    change(notebook)
    found = faults(notebook, "07_sound")
    assert any(message in fault for fault in found), found or "no fault found"


def test_tags_are_found_by_name():
    assert [cell.id for cell in tagged(sound_lesson(), "attempt")] == [
        "attempt-1",
        "attempt-2",
        "attempt-3",
    ]

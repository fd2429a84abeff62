"""`make release`: no solution leaves, every exercise is graded, and the students' folder works."""

from __future__ import annotations

import copy
import csv
import re
import subprocess
import sys
from pathlib import Path

import make_release
import nbformat
import pytest
from lesson_contract import NOTEBOOKS, exercise_cells
from make_release import ROOT, Release, chosen, questions_only
from release_notebooks import HIDDEN_TEST, NOT_IN_CLASS, points, relink, tasks

TABLE = ROOT / "instructors" / "points.csv"
LESSONS = {p.stem: nbformat.read(p, as_version=4) for p in sorted(NOTEBOOKS.glob("*.ipynb"))}
KEYS = {"grade", "solution", "locked", "task", "grade_id", "schema_version", "points"}


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Release:
    """All lessons, written once; tests only read."""
    made = Release(chosen([], NOTEBOOKS), TABLE, tmp_path_factory.mktemp("release"))
    made.write_student()
    made.write_course()
    made.write_points()
    return made


def student(release: Release, name: str):
    path = release.out / "student" / "notebooks" / f"{name}.ipynb"
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def master(release: Release, name: str):
    path = release.out / "nbgrader" / "source" / name / f"{name}.ipynb"
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def released(source: str) -> str:
    """What `nbgrader generate_assignment` leaves of a cell."""
    return re.sub(r"### BEGIN ([A-Z ]+)\n.*?### END \1", "", source, flags=re.DOTALL).rstrip()


def graded(notebook) -> dict:
    cells = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    return {cell.metadata.nbgrader.grade_id: cell for cell in cells}


@pytest.mark.parametrize("name", LESSONS)
def test_students_get_no_solution(release, name):
    notebook = student(release, name)
    sources = {cell.source for cell in notebook.cells}
    for exercise in exercise_cells(LESSONS[name]):
        assert exercise.attempt.source in sources and exercise.check.source in sources
        lines = exercise.solution.source.splitlines()
        assert exercise.solution.source not in sources
        own = [line for line in lines if "solution" in line]  # lines that a lesson cannot have
        code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
        assert own and not [line for line in own if line in code.splitlines()]
    for cell in notebook.cells:
        assert not {"solution", NOT_IN_CLASS} & set(cell.metadata.get("tags", []))
        assert "# Solution" not in cell.source and "BEGIN " not in cell.source


def test_every_exercise_of_every_lesson_is_graded_once(release):
    from tlhelpers.teaching.checks import exercises

    found = [
        id.removeprefix("check-")
        for name in LESSONS
        for id, cell in graded(student(release, name)).items()
        if cell.metadata.nbgrader.grade
    ]
    assert sorted(found) == sorted(exercises())


@pytest.mark.parametrize("make", [student, master], ids=["student", "master"])
@pytest.mark.parametrize("name", LESSONS)
def test_the_notebooks_are_valid_for_jupyter_and_nbgrader(release, name, make):
    notebook = make(release, name)
    nbformat.validate(copy.deepcopy(notebook))
    cells = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    ids = [cell.metadata.nbgrader.grade_id for cell in cells]
    assert len(ids) == len(set(ids)) == 1 + 2 * len(release.tasks[name])
    for cell in cells:
        facts = cell.metadata.nbgrader
        assert re.fullmatch(r"[\w-]+", facts.grade_id) and facts.schema_version == 3
        assert KEYS - {"points"} <= set(facts) <= KEYS and ("points" in facts) == facts.grade
        assert facts.solution != facts.locked and cell.cell_type == "code"
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("name", LESSONS)
def test_what_nbgrader_cuts_out_of_the_master_copy_leaves_the_students_version(release, name):
    ours, theirs = graded(master(release, name)), graded(student(release, name))
    assert ours.keys() == theirs.keys()
    for id, cell in ours.items():
        assert released(cell.source) == theirs[id].source.rstrip()
        assert cell.metadata.nbgrader == theirs[id].metadata.nbgrader
        if id.startswith("check-"):
            check = theirs[id].source
            assert cell.source == HIDDEN_TEST.format(check=check) and "assert graded" in cell.source


def test_points_add_up(release):
    with (release.out / "points.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for name in LESSONS:
        told = sum(int(row["points"]) for row in rows if row["lesson"] == name)
        cells = graded(student(release, name)).values()
        assert told == sum(c.metadata.nbgrader.get("points", 0) for c in cells) > 0
        readme = (release.out / "student" / "README.md").read_text(encoding="utf-8")
        assert re.search(
            rf"^\| {name[:2]} .+ \| {len(release.tasks[name])} \| {told} \|$", readme, re.M
        )


def test_the_questions_leave_without_their_answers(release):
    text = release.write_questions().read_text(encoding="utf-8")
    assert re.findall(r"^### (\d+)\. ", text, re.M) == [str(n) for n in range(1, 21)]
    for letter in "ABCD":
        assert len(re.findall(rf"^- \*\*{letter}\*\* ", text, re.M)) == 20
    for word in ("<details>", "Answer", "Taught in", "Numbers:", "](", "## Map"):
        assert word not in text
    assert not list((release.out / "student").rglob("assessment*"))


def test_only_folded_blocks_are_cut_out_of_the_questions():
    text = "# T\n\nkey\n\n## Questions\n"
    for name in ("1. A", "2. B"):
        text += f"\n### {name}\n\n- **A** x\n\n<details>\n\n**A.**\n</details>\n"
    text += "\n## Map\n\n| 1 |\n"
    kept = "# Questions\n\n### 1. A\n\n- **A** x\n\n### 2. B\n\n- **A** x\n"
    assert questions_only(text) == kept


def test_the_table_of_points_can_be_edited(tmp_path):
    found = tasks(LESSONS["05_ants_and_bees"])
    table = tmp_path / "points.csv"
    table.write_text(TABLE.read_text(encoding="utf-8") + "05-2,10\n", encoding="utf-8")
    assert points(found, table) == {"05-1": 1, "05-2": 10, "05-3": 2, "05-4": 3}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("5-2,3", "5-2 is neither an exercise"),
        ("05-2,0", "05-2 has '0' points"),
        ("05-2,some", "05-2 has 'some' points"),
        (None, "no row for function"),
    ],
)
def test_a_wrong_table_of_points_is_named(tmp_path, row, message):
    text = TABLE.read_text(encoding="utf-8")
    text = text.replace("function,2\n", "") if row is None else f"{text}{row}\n"
    table = tmp_path / "points.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        points(tasks(LESSONS["05_ants_and_bees"]), table)


def test_students_get_no_tests_no_decks_and_no_master_copies(release):
    folder = release.out / "student"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert not [n for n in names if n.split("/")[0] in {"tests", "slides", "instructors", "build"}]
    assert not [n for n in names if "__pycache__" in n or n.endswith(("progress.json", ".part"))]
    assert {"LICENSE", "pyproject.toml", "tlhelpers/__init__.py", "data/README.md"} <= names
    assert len([n for n in names if n.startswith("notebooks/")]) == len(LESSONS)


def test_every_link_of_the_students_folder_leads_somewhere(release):
    folder = release.out / "student"
    texts = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.md")}
    for name in LESSONS:
        cells = [c.source for c in student(release, name).cells if c.cell_type == "markdown"]
        texts[folder / "notebooks" / name] = "\n".join(cells)
    dead = [
        f"{path.name}: {target}"
        for path, text in texts.items()
        for target in re.findall(r"\]\(([^)#\s]+)", text)
        if not re.match(r"[a-z]+:", target) and not (path.parent / target).exists()
    ]
    assert len(texts) > len(LESSONS) and not dead


def test_links_between_the_assignments_of_the_course(release):
    folder = release.out / "nbgrader" / "source" / "04_style_transfer"
    text = "\n".join(c.source for c in master(release, "04_style_transfer").cells)
    assert "](../01_weight_freezing/01_weight_freezing.ipynb)" in text
    pictures = re.findall(r"!\[[^]]*\]\((pictures/[^)]+)\)", text)
    assert pictures and all((folder / picture).is_file() for picture in pictures)


@pytest.mark.skipif(sys.platform == "win32", reason="make is not part of Windows")
def test_the_students_makefile_offers_what_is_there(release):
    folder = release.out / "student"
    makefile = (folder / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE)
    assert targets == ["help", "lab", "test", "env", "run", "clean"]
    for target in targets:
        done = subprocess.run(
            ["make", "--dry-run", target], cwd=folder, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
    called = set(re.findall(r"tools/[\w.]+", makefile))
    assert called and all((folder / tool).is_file() for tool in called)


def test_the_students_folder_runs_on_its_own(release, tmp_path):
    """Its own library, its own copies, its own pages: nothing of the repository is imported."""
    folder = release.out / "student"
    code = (
        "import sys; sys.path[:0] = ['tools', '.']\n"
        "import open_lab, build_pages, tlhelpers as tl\n"
        "assert open_lab.ROOT == open_lab.Path.cwd(), open_lab.ROOT\n"
        "assert open_lab.Path(tl.__file__).is_relative_to(open_lab.ROOT), tl.__file__\n"
        f"open_lab.copy_lessons(open_lab.ROOT / 'notebooks', open_lab.Path({str(tmp_path)!r}))\n"
        "assert tl.check('02-1', 46085) and (tl.data_dir() / 'results').is_dir()\n"
    )
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert len(list(Path(tmp_path).glob("*.ipynb"))) == len(LESSONS)


def test_chosen_lessons_come_with_the_start_page():
    paths = chosen(["05", "01_weight_freezing"], NOTEBOOKS)
    assert [path.stem[:2] for path in paths] == ["00", "01", "05"]
    with pytest.raises(ValueError, match="no lesson 77"):
        chosen(["77"], NOTEBOOKS)


def test_a_second_run_keeps_what_it_did_not_write(tmp_path):
    paths = chosen(["00"], NOTEBOOKS)
    for _ in range(2):
        made = Release(paths, TABLE, tmp_path)
        made.write_student()
        made.write_course()
        (tmp_path / "nbgrader" / "gradebook.db").touch()
        (tmp_path / "student" / "my_notebooks").mkdir(exist_ok=True)
    assert (tmp_path / "nbgrader" / "gradebook.db").is_file()
    assert (tmp_path / "student" / "my_notebooks").is_dir()


def test_an_exercise_that_cannot_be_released_is_named():
    notebook = copy.deepcopy(LESSONS["00_start_here"])
    [task] = tasks(notebook)
    task.check.source = 'tl.check("00-1", family.lower())'
    with pytest.raises(ValueError, match="00-1: .* does not check plain names"):
        make_release.master_copy(notebook, {"00-1": 1})
    notebook.cells.remove(task.check)
    with pytest.raises(ValueError, match="not the four cells of an exercise"):
        tasks(notebook)


def test_links_keep_their_words():
    text = "See [lesson 02](02.ipynb#part), ![a cat](cat.png), [a paper](https://arxiv.org)."
    assert (
        relink(text, lambda target: None) == "See lesson 02, a cat, [a paper](https://arxiv.org)."
    )
    assert relink(text, lambda target: f"x/{target}") == (
        "See [lesson 02](x/02.ipynb#part), ![a cat](x/cat.png), [a paper](https://arxiv.org)."
    )

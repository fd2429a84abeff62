"""`tl.progress()`: a learner's own checks are counted, and nothing about it can stop a lesson."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from lesson_client import LessonClient
from nbformat.v4 import new_code_cell, new_notebook

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.teaching import record
from tlhelpers.teaching.checks import exercises

TOTAL = len(exercises())


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    """The record of a learner who works in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLHELPERS_PROGRESS", str(tmp_path / record.NAME))
    monkeypatch.setattr(record, "fault", "")
    return tmp_path / record.NAME


def entries(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))["exercises"]


def run_kernel(folder: Path, *sources: str) -> list[str]:
    """Run cells in a kernel of their own, as JupyterLab does; what each shows as plain text."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    resources = {"metadata": {"path": str(folder)}}
    options = {"kernel_name": "python3", "allow_errors": True, "timeout": 600}
    LessonClient(notebook, resources=resources, **options).execute()
    return [
        "".join(o.get("data", {}).get("text/plain", "") for o in cell.outputs)
        for cell in notebook.cells
    ]


def test_a_notebook_counts_the_checks_of_its_learner_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("TLHELPERS_PROGRESS")
    *_, shown = run_kernel(
        tmp_path,
        "import tlhelpers as tl\nfamily = ...",
        'tl.check("00-1", family)',  # not attempted
        '# Solution\nsolution = "Transductive"\nassert tl.check("00-1", solution)',
        'family = "Inductive"',
        'tl.check("00-1", family)',
        "gigabytes = ",  # an error: the next check is not run
        'tl.check("02-2", 1)',
        "trainable = 46085",
        'tl.check("02-1", trainable)',
        'tl.check("02-1", 1)',  # solved stays solved
        "tl.progress()",
    )
    found = entries(tmp_path / record.NAME)
    assert {id: (e["solved"], e["checks"]) for id, e in found.items()} == {
        "00-1": (False, 1),
        "02-1": (True, 2),
    }
    assert set(found["02-1"]) == {"solved", "checks", "time", "version"}
    assert f"1 of {TOTAL} exercises solved on this machine. Stored in progress.json" in shown
    assert "00-1 (tried)" in shown


def test_running_all_of_an_untouched_lesson_stores_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("TLHELPERS_PROGRESS")
    run_kernel(
        tmp_path,
        "import tlhelpers as tl\nfamily = ...",
        'tl.check("00-1", family)',
        'solution = "Transductive"\nassert tl.check("00-1", solution)',
    )
    assert list(tmp_path.iterdir()) == []


def test_no_test_of_the_course_writes_a_record(tmp_path, monkeypatch):
    assert os.environ["TLHELPERS_PROGRESS"] == "off"  # by conftest.py: kernels inherit it
    *_, shown = run_kernel(
        tmp_path, "import tlhelpers as tl", 'tl.check("02-1", 46085)', "tl.progress()"
    )
    assert list(tmp_path.iterdir()) == [] and "Nothing is stored here" in shown


def test_several_kernels_lose_nothing(file):
    code = "from tlhelpers.teaching.record import note\n"
    code += "for n in range({}, {}): note(f'05-{{n}}', 'right')"
    jobs = [
        subprocess.Popen([sys.executable, "-c", code.format(k, k + 15)]) for k in (100, 115, 130)
    ]
    assert [job.wait(timeout=600) for job in jobs] == [0, 0, 0]
    assert len(entries(file)) == 45
    assert not list(file.parent.glob("*.part"))


def test_one_call_empties_the_record_and_stops(file):
    record.note("02-1", "right")
    shown = repr(tl.progress(keep=False))
    assert "Nothing is stored, as you asked" in shown and f"0 of {TOTAL}" in shown
    record.note("02-1", "right")
    assert entries(file) == {}
    tl.progress(keep=True)
    record.note("02-1", "right")
    assert list(entries(file)) == ["02-1"]
    tl.progress(keep=True)
    assert list(entries(file)) == ["02-1"]


@pytest.mark.parametrize("setting", ["off", "OFF", "0", "no"])
def test_the_environment_switches_it_off(file, monkeypatch, setting):
    monkeypatch.setenv("TLHELPERS_PROGRESS", setting)
    record.note("02-1", "right")
    assert list(file.parent.iterdir()) == [] and record.place() is None


def test_outside_notebooks_nothing_is_stored(file, monkeypatch):
    monkeypatch.delenv("TLHELPERS_PROGRESS")
    record.note("02-1", "right")
    assert list(file.parent.iterdir()) == []


def test_a_folder_that_cannot_be_written_stops_no_lesson(file, monkeypatch):
    file.touch()  # a file where the folder should be
    monkeypatch.setenv("TLHELPERS_PROGRESS", str(file / "progress.json"))
    record.note("02-1", "right")
    assert "The last result could not be stored: " in repr(tl.progress())


def test_a_full_disk_keeps_what_was_stored(file, monkeypatch):
    record.note("02-1", "right")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    record.note("02-2", "right")
    assert list(entries(file)) == ["02-1"] and "No space left" in repr(tl.progress())


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 2}', '{"format": 1, "keep": true, "exercises": {"02-1": 3}}']
)
def test_a_damaged_or_foreign_file_is_left_alone_and_named(file, text):
    file.write_text(text, encoding="utf-8")
    record.note("02-1", "right")
    assert file.read_text(encoding="utf-8") == text
    with pytest.raises(InputError, match="Rename or delete it"):
        record.read(file)
    assert "Rename or delete it" in repr(tl.progress())


def lesson(folder: Path, name: str, title: str) -> None:
    cell = nbformat.v4.new_markdown_cell(title)
    nbformat.write(new_notebook(cells=[cell]), folder / name)


def test_the_table_names_the_lessons_that_lie_beside_it(file):
    lesson(file.parent, "02_alexnet.ipynb", "# AlexNet: `keep` <what>?")
    lesson(file.parent, "03_no_title.ipynb", "nothing")
    record.note("02-1", "right")
    record.note("02-2", "wrong")
    record.note("05-1", "right")  # solved earlier, its notebook is gone
    table = tl.progress()
    assert [row.title for row in table.lessons] == [
        "02 AlexNet: keep <what>?",
        "03 no title",
        "Lesson 05",
    ]
    alexnet = table.lessons[0]
    assert (alexnet.solved, alexnet.tried) == (["02-1"], ["02-2"])
    assert alexnet.left[:2] == ["02-2 (tried)", "02-3"]
    assert f"1 of {alexnet.count}" in repr(table)


def test_the_table_on_a_page_says_the_same_in_words(file):
    from bs4 import BeautifulSoup

    lesson(file.parent, "02_alexnet.ipynb", "# AlexNet: `keep` <what>?")
    record.note("02-1", "right")
    page = BeautifulSoup(tl.progress()._repr_html_(), "html.parser")
    [link] = page.select("a")
    assert (link["href"], link.text) == ("02_alexnet.ipynb", "02 AlexNet: keep <what>?")
    cells = [cell.get_text().strip() for cell in page.select("tbody td")]
    assert cells[1:] == ["1 of 4", "02-2, 02-3, 02-4"]
    assert [head.text for head in page.select("th[scope=col]")] == [
        "lesson",
        "solved",
        "still open",
    ]

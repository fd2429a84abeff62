"""`make lab` works on copies: git sees no change, and a learner's work is never overwritten."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import nbformat
import open_lab
import pytest
from open_lab import RECORD, ROOT, copy_lessons


def lessons(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.ipynb").write_text(text, encoding="utf-8")
    return folder


def read(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.ipynb")}


def test_lessons_are_copied_once_and_new_ones_arrive(tmp_path):
    originals, copies = lessons(tmp_path / "notebooks", a="one"), tmp_path / "mine"
    assert copy_lessons(originals, copies) == [] and read(copies) == {"a": "one"}
    lessons(originals, b="two")
    assert copy_lessons(originals, copies) == [] and read(copies) == {"a": "one", "b": "two"}


def test_work_is_kept_and_the_newer_version_is_named(tmp_path):
    originals, copies = lessons(tmp_path / "notebooks", a="one"), tmp_path / "mine"
    copy_lessons(originals, copies)
    lessons(copies, a="my work")
    assert copy_lessons(originals, copies) == [] and read(copies) == {"a": "my work"}
    lessons(originals, a="version 2")
    assert copy_lessons(originals, copies) == ["a.ipynb"] and read(copies) == {"a": "my work"}
    (copies / "a.ipynb").unlink()
    assert copy_lessons(originals, copies) == [] and read(copies) == {"a": "version 2"}


def test_an_untouched_copy_follows_the_course(tmp_path):
    originals, copies = lessons(tmp_path / "notebooks", a="one"), tmp_path / "mine"
    copy_lessons(originals, copies)
    lessons(originals, a="version 2")
    assert copy_lessons(originals, copies) == [] and read(copies) == {"a": "version 2"}


def test_a_file_of_the_learners_own_is_kept_without_a_record(tmp_path):
    originals = lessons(tmp_path / "notebooks", a="one")
    copies = lessons(tmp_path / "mine", a="own")
    assert copy_lessons(originals, copies) == ["a.ipynb"] and read(copies) == {"a": "own"}
    assert (copies / RECORD).is_file()


def test_git_ignores_the_copies():
    command = ["git", "check-ignore", "my_notebooks/00_start_here.ipynb", "my_notebooks/" + RECORD]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    if done.returncode == 128:
        pytest.skip("not a git checkout")
    assert len(done.stdout.split()) == 2


def test_links_of_the_lessons_work_from_the_copies():
    names = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        for target in re.findall(r"""(?:\]\(|href="|src=")(?![a-z]+:|#)([^)#"\s]+)""", text):
            up, _, rest = target.partition("../")
            assert target in names or not up and (ROOT / rest).exists(), f"{path.name}: {target}"


def test_a_folder_that_cannot_be_written_is_explained(tmp_path, monkeypatch, capsys):
    lessons(tmp_path / "notebooks", a="one")
    (tmp_path / "my_notebooks").write_text("a file is in the way", encoding="utf-8")
    monkeypatch.setattr(open_lab, "ROOT", tmp_path)
    assert open_lab.main([]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "my_notebooks") in said and "give that folder to your account" in said

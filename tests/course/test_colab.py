"""`make colab`: the cell at the top gets the course from its repository, and the lesson then runs.

Colab itself was not at hand: the test plays it, in an empty folder, with a Python that does not
find the library by itself.
"""

from __future__ import annotations

import os
import subprocess
import sys

import make_colab
import nbformat
import pytest
from make_release import ROOT


def test_the_first_cell_brings_the_course_into_an_empty_folder(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is nothing to clone")
    assert make_colab.main(["01", "--repository", ROOT.as_uri(), "--out", str(tmp_path)]) == 0
    notebook = nbformat.read(tmp_path / "01_weight_freezing.ipynb", as_version=4)
    first, header, imports = notebook.cells[:3]
    assert (header.id, imports.id) == ("header", "imports")
    home = tmp_path / "content"
    home.mkdir()
    # What an editable install puts on the path must not help.
    hide = "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in str(f)]\n"
    hide += f"sys.path[:] = [p for p in sys.path if p not in ('', {str(ROOT)!r})]\n"
    proof = "\nassert tl.__file__.startswith(FOLDER), tl.__file__\ntl.load_backbone('resnet18')"
    setup = next(cell.source for cell in notebook.cells if "tl.setup(" in cell.source)
    code = "\n".join([hide, first.source, imports.source, setup, proof])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=home, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "The course is in" in done.stdout and (home / "course" / "README.md").is_file()


def test_colabs_own_packages_are_left_alone():
    named = {line.split(">")[0].strip() for line in make_colab.packages()}
    assert {"timm", "safetensors", "pooch"} <= named and not named & make_colab.COLABS_OWN


def test_folded_cells_are_folded_there():
    notebook = nbformat.read(ROOT / "notebooks" / "01_weight_freezing.ipynb", as_version=4)
    folded = {c.id for c in notebook.cells if c.metadata.get("jupyter", {}).get("source_hidden")}
    made = make_colab.for_colab(notebook, "https://example.org/course")
    assert folded and folded <= {c.id for c in made.cells if c.metadata.get("cellView") == "form"}


def test_without_an_address_it_asks_for_one(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(make_colab, "origin", lambda: None)
    with pytest.raises(SystemExit):
        make_colab.main(["01", "--out", str(tmp_path)])
    assert "--repository" in capsys.readouterr().err

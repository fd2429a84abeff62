"""The lessons' stopwatch: seconds land with the work that took them, and add up to the whole."""

from __future__ import annotations

import importlib.util
import json
import threading
import time

import nbformat
import pytest

from benchmarks import measuring, notebooks
from benchmarks.notebook_clock import METHODS, PLACES, Clock, kind_of


def write_notebook(path, *sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_a_notebooks_seconds_go_where_they_were_spent(tmp_path):
    path = write_notebook(
        tmp_path / "tiny.ipynb",
        "import time\nimport torch\nfrom torch import nn\nimport matplotlib.pyplot as plt\n"
        "import tlhelpers as tl",
        "images = tl.load_images('ants_bees', 'val')",
        "class Slow(nn.Module):\n    def forward(self, x):\n        time.sleep(0.4)\n"
        "        return x\n\n\nx = Slow()(torch.ones(1))",
        "axes = tl.plot_bars({'a': {'b': 1.0}}, 'seconds')\ntl.show(axes, alt='One bar.')",
        "time.sleep(0.7)",
    )
    result = notebooks.measure(path)
    kinds = result["kinds"]
    assert result["failure"] is None and list(result["cells"]) == [f"cell-{n}" for n in range(5)]
    assert kinds.keys() == notebooks.KINDS.keys()
    assert sum(kinds.values()) == pytest.approx(result["seconds"])
    assert 0.7 <= kinds["own"] < 2 and 0.4 <= kinds["training"] < 1.5
    assert min(kinds[kind] for kind in ("kernel", "imports", "data", "plots")) > 0.01
    assert kinds["weights"] == 0
    assert result["cells"]["cell-4"] == pytest.approx(0.7, abs=0.3)


def test_a_failure_is_told_and_not_timed(tmp_path):
    path = write_notebook(tmp_path / "broken.ipynb", "1 / 0", "x = 1")
    result = notebooks.measure(path)
    assert result["failure"] == "ZeroDivisionError: division by zero" and not result["kinds"]
    assert notebooks.summary([result]) == {"failure": result["failure"]}


def test_the_clock_knows_the_modules_of_the_library():
    assert kind_of("tlhelpers.data.loader") == "data"
    assert kind_of("tlhelpers.training.checkpoints") == "weights"
    assert kind_of("tlhelpers.teaching.claims") is None and kind_of("tlhelpers.database") is None
    places = [*PLACES, *(module for module, _, _ in METHODS if module.startswith("tlhelpers"))]
    assert not [place for place in places if importlib.util.find_spec(place) is None]


def test_a_function_that_calls_other_work_stops_its_own_clock():
    clock = Clock()
    load = clock.wrap(lambda: time.sleep(0.05), "data")

    def train():
        load()
        time.sleep(0.1)
        clock.wrap(lambda: time.sleep(0.02), "training")()  # the same kind stays one piece
        other = threading.Thread(target=load)  # another thread's time is its waiter's
        other.start()
        other.join()

    clock.begin_cell()
    clock.wrap(train, "training")()
    time.sleep(0.03)
    clock.end_cell()
    spent = clock.cells[0]
    assert spent.keys() == {"data", "training", "own"}
    assert spent["data"] == pytest.approx(0.05, abs=0.04)
    assert spent["training"] == pytest.approx(0.17, abs=0.06)
    assert spent["own"] == pytest.approx(0.03, abs=0.03)


def test_an_error_gives_the_clock_back():
    clock = Clock()

    def fail():
        raise ValueError

    clock.begin_cell()
    with pytest.raises(ValueError):
        clock.wrap(fail, "data")()
    assert clock.stack == ["own"]


def run(seconds: float, **kinds: float) -> dict:
    rest = {kind: kinds.get(kind, 0.0) for kind in notebooks.KINDS}
    return {"seconds": seconds, "failure": None, "kinds": rest, "cells": {"a": 1.0, "b": 2.0}}


def test_the_middle_run_stands_for_all_and_the_table_adds_up(tmp_path):
    runs = [run(70.0, training=70.0), run(62.0, training=50.0, own=12.0), run(10.0, own=10.0)]
    lesson = notebooks.summary(runs)
    assert lesson["seconds"]["median"] == 62.0 and lesson["kinds"]["training"] == 50.0
    assert list(lesson["slowest_cells"]) == ["b", "a"]
    lessons = {"01_one": lesson, "02_two": notebooks.summary([run(8.0, own=8.0)])}
    lines = notebooks.table(lessons).splitlines()
    assert "62.0 (over)" in lines[2] and "8.0 |" in lines[3]
    assert lines[4].startswith("| all | 70.0 |") and lines[4].endswith("20.0 |")
    picture = tmp_path / "figure.png"
    notebooks.plot({"notebooks": {**lessons, "03_broken": {"failure": "no"}}}, picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_one_lesson_again_keeps_the_others_unless_the_machine_is_another(monkeypatch, tmp_path):
    monkeypatch.setattr("benchmarks.measuring.RESULTS", tmp_path)
    monkeypatch.setattr(notebooks, "FIGURE", tmp_path / "figure.png")
    monkeypatch.setattr(notebooks, "plot", lambda result: None)
    monkeypatch.setattr(notebooks, "measure", lambda path: run(5.0, own=5.0))
    monkeypatch.setenv("TLHELPERS_PROFILE", "mini")  # main sets it
    before = {name: notebooks.summary([run(9.0, own=9.0)]) for name in ("00_start_here", "gone")}
    measuring.write_result("notebooks", {"notebooks": before})
    assert notebooks.main(["--only", "01", "--repeats", "2"]) == 0
    found = measuring.read_result("notebooks")["notebooks"]
    assert found["00_start_here"] == before["00_start_here"] and "gone" not in found
    assert found["01_weight_freezing"]["seconds"]["n"] == 2
    stored = json.loads((tmp_path / "notebooks.json").read_text(encoding="utf-8"))
    stored["machine"]["torch"] = "1.0"
    (tmp_path / "notebooks.json").write_text(json.dumps(stored), encoding="utf-8")
    assert notebooks.main(["--only", "01"]) == 0
    assert list(measuring.read_result("notebooks")["notebooks"]) == ["01_weight_freezing"]

"""The report that writes itself: a line at once, a cell that runs again, figures beside it."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import pytest

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.jobs.decisions import read_record

LINE = ("look", "What is there?", "two classes", "40 images")


def test_a_decision_is_written_at_once(tmp_path):
    log = tl.DecisionLog(tmp_path / "new" / "run", "A job")
    log.add(*LINE, on="train", interval=tl.Interval(0.9, 0.8, 0.95), images=40)
    [made] = read_record(log.out)["decisions"]
    assert (made.step, made.choice, made.on) == ("look", "two classes", "train")
    assert made.interval == [0.9, 0.8, 0.95] and made.facts == {"images": 40}
    assert "| look | What is there? | two classes | 40 images | train images |" in (
        log.out / "report.md"
    ).read_text(encoding="utf-8")


def test_a_cell_that_runs_again_replaces_its_line(tmp_path):
    log = tl.DecisionLog(tmp_path, "A job")
    log.add(*LINE, on="train")
    log.add("result", "How good?", ".9", "of 40", on="test")
    log.add(*LINE[:2], "three classes", "60 images", on="train")
    assert [made.choice for made in log.decisions] == ["three classes", ".9"]


def test_lines_stand_in_the_order_of_the_steps(tmp_path):
    log = tl.DecisionLog(tmp_path, "A job")
    log.add("result", "How good?", ".9", "of 40", on="test")
    log.add(*LINE, on="train", note="Dark pictures | all of them")
    text = log.markdown()
    assert text.index("What is there?") < text.index("How good?")
    assert r"Dark pictures \| all of them" in text, "a bar would end a cell of the table"


def test_a_figure_is_kept_and_described(tmp_path):
    log = tl.DecisionLog(tmp_path, "A job")
    log.add(*LINE, on="train", figure=plt.subplots()[1], alt="An empty frame.")
    assert (tmp_path / "figures" / "01_look.png").stat().st_size > 500
    assert "![An empty frame.](figures/01_look.png)" in log.markdown()
    with pytest.raises(InputError, match="alt"):
        log.add(*LINE, on="train", figure=plt.subplots()[1])


def test_a_new_log_forgets_the_earlier_report(tmp_path):
    tl.DecisionLog(tmp_path, "A job").add(*LINE, on="train")
    tl.DecisionLog(tmp_path, "Another job")
    with pytest.raises(InputError, match="lesson 14"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [({"step": "looks"}, "look"), ({"on": "tests"}, "test"), ({"evidence": " "}, "evidence")],
)
def test_wrong_input_says_what_to_do(tmp_path, change, told):
    given = dict(zip(("step", "question", "choice", "evidence"), LINE, strict=True)) | {"on": "all"}
    with pytest.raises(InputError, match=told):
        tl.DecisionLog(tmp_path, "A job").add(**given | change)


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="folder that you may write to"):
        tl.DecisionLog(tmp_path / "file" / "run", "A job")


def test_a_damaged_record_is_named(tmp_path):
    for text in ("{", json.dumps({"decisions": [{"step": "look"}]}), "[]"):
        (tmp_path / "report.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="no record"):
            read_record(tmp_path)

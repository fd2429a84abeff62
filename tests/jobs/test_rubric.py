"""Twenty points: a sound job gets the program's, and each fault loses its own and no other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from scipy.stats import binomtest

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.jobs.command_line import main
from tlhelpers.jobs.rubric import RUBRIC, rubric_table

ROOT = Path(__file__).resolve().parents[2]
POINTS = {  # a word of the criterion -> its number
    "counted": 1, "parts": 3, "copies": 4, "labels": 6, "majority": 7, "classical": 8,
    "background": 9, "networks": 10, "depths": 12, "selection": 13, "interval": 14,
    "difference": 15, "scope": 18, "export": 19,
}  # fmt: skip


@pytest.fixture
def job(finished, tmp_path) -> Path:
    """A finished run with a sound report, to break."""
    out = tmp_path / "capstone"
    shutil.copytree(finished, out / "model")
    metrics = json.loads((out / "model" / "metrics.json").read_text(encoding="utf-8"))
    final = metrics["stages"][metrics["result"]]
    n, right = final["n"], final["correct"]
    b = 1  # right alone: the baseline; the model so many more as it is better
    a = b + right - n // 2
    baselines = {
        name: {"name": name, "correct": n // 2, "n": n}
        for name in ("majority", "classical", "background")
    }
    (out / "model" / "model.torchscript").write_bytes(b"exported")
    log = tl.DecisionLog(out, "Ants and bees")

    def add(step, on, **more):
        log.add(step, "Which?", "this one", "so it is", on=on, **more)

    add("look", "train", note="Ants are dark.", images=40)
    add("copies", "all", **{"own split": False})
    add("labels", "train", **{"looked at": 12, "left out": []})
    add("model", "train", scores={"resnet18": 1, "alexnet": 0, "random": -1})
    options = {"head": {"rate": 0, "steps": 0}, "all": {"rate": 1e-3, "steps": 8}}
    add("layers", "validation", options=options)
    add("training", "validation", job="model")
    against = {"only model": a, "only baseline": b, "p": binomtest(a, a + b).pvalue}
    add(
        "result",
        "test",
        interval=tl.wilson_interval(right, n),
        baselines=baselines,
        **{"against baseline": against},
    )
    add("failures", "test")
    add("out of scope", "validation", refused=7, pictures=20)
    add("export", "none", file="model/model.torchscript")
    return out


def lost(folder: Path) -> list[int]:
    return [n for n, line in enumerate(tl.grade(folder).lines, 1) if line.earned is False]


def edit(folder: Path, step: str, change) -> None:
    """Change a decision of the record as a text editor would."""
    path = folder / "report.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    [made] = [made for made in record["decisions"] if made["step"] == step]
    change(made)
    path.write_text(json.dumps(record), encoding="utf-8")


def edit_run(folder: Path, name: str, change) -> None:
    path = folder / "model" / name
    found = json.loads(path.read_text(encoding="utf-8"))
    change(found)
    path.write_text(json.dumps(found), encoding="utf-8")


def test_a_sound_job_gets_all_points_of_the_program(job):
    score = tl.grade(job)
    assert not lost(job), score
    assert (score.earned, score.open, len(score.lines)) == (14, 6, 20)
    assert "14 of 14 points by the program; 6 of 20 wait for a teacher" in str(score)
    assert "Ants are dark." in score._repr_markdown_(), "the note waits to be read"
    assert "no note on failures yet" in str(score)


def facts(**values):
    return lambda made: made["facts"].update(values)


DECISIONS = {
    "more used than counted": ("look", facts(images=3), "counted"),
    "labels: others than the run": ("labels", facts(**{"left out": ["ants/0.jpg"]}), "labels"),
    "no random weights": ("model", facts(scores={"a": 1, "b": 2, "c": 3}), "networks"),
    "one depth": ("layers", facts(options={"all": {"rate": 1, "steps": 8}}), "depths"),
    "unequal steps": (
        "layers",
        facts(options={"half": {"rate": 1, "steps": 4}, "all": {"rate": 1, "steps": 8}}),
        "depths",
    ),
    "no rate": (
        "layers",
        facts(options={"head": {"rate": 0, "steps": 0}, "all": {"rate": 0, "steps": 8}}),
        "depths",
    ),
    "layers chosen on test": ("layers", lambda made: made.update(on="test"), "selection"),
    "a nicer interval": ("result", lambda m: m.update(interval=[0.99, 0.97, 1.0]), "interval"),
    "no interval": ("result", lambda made: made.update(interval=None), "interval"),
    "threshold from the test": ("out of scope", lambda m: m.update(on="train"), "scope"),
    "three strangers": ("out of scope", facts(refused=3, pictures=3), "scope"),
    "no file": ("export", facts(file="model/none.onnx"), "export"),
    "edited into nonsense": ("out of scope", facts(refused="many"), "scope"),
}


@pytest.mark.parametrize("fault", DECISIONS)
def test_a_fault_in_the_report_loses_its_point_alone(job, fault):
    step, change, word = DECISIONS[fault]
    edit(job, step, change)
    assert lost(job) == [POINTS[word]], tl.grade(job)


def test_a_p_value_that_does_not_follow_from_the_counts_is_found(job):
    edit(job, "result", lambda made: made["facts"]["against baseline"].update(p=0.0))
    assert lost(job) == [POINTS["difference"]]


def test_counts_that_do_not_fit_the_accuracies_are_found(job):
    def change(made):
        against = made["facts"]["against baseline"]
        against["only model"] += 1
        a, b = against["only model"], against["only baseline"]
        against["p"] = binomtest(a, a + b).pvalue

    edit(job, "result", change)
    assert lost(job) == [POINTS["difference"]]


@pytest.mark.parametrize("kind", ["majority", "background"])
def test_a_missing_baseline_loses_its_point(job, kind):
    edit(job, "result", lambda made: made["facts"]["baselines"].pop(kind))
    assert lost(job) == [POINTS[kind]]


def test_a_baseline_on_other_pictures_is_found(job):
    edit(job, "result", lambda made: made["facts"]["baselines"]["background"].update(n=400))
    assert lost(job) == [POINTS["background"]]


def test_a_picture_in_two_parts_is_found(job):
    edit_run(job, "split.json", lambda split: split["test"].append(split["train"][0]))
    assert POINTS["parts"] in lost(job)


def test_copies_in_two_parts_are_found(job):
    split = json.loads((job / "model" / "split.json").read_text(encoding="utf-8"))
    pair = [split["train"][0], split["test"][0]]
    edit_run(job, "metrics.json", lambda metrics: metrics["repeats"]["groups"].append(pair))
    assert lost(job) == [POINTS["copies"]]
    # Reported as a copy, it does not count in the figures.
    reported = {pair[1]: pair[0]}
    edit_run(job, "metrics.json", lambda metrics: metrics["repeats"]["reported"].update(reported))
    assert not lost(job)


def test_copies_are_found_in_a_folder_with_parts_of_its_own(job):
    edit(job, "copies", facts(**{"own split": True}))
    split = json.loads((job / "model" / "split.json").read_text(encoding="utf-8"))
    pair = [f"train/{split['train'][0]}", f"train/{split['val'][0]}"]  # split off the training
    edit_run(job, "metrics.json", lambda metrics: metrics["repeats"]["groups"].append(pair))
    assert lost(job) == [POINTS["copies"]]


def test_a_step_that_is_missing_loses_points_and_raises_nothing(job):
    path = job / "report.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["decisions"] = [made for made in record["decisions"] if made["step"] != "training"]
    path.write_text(json.dumps(record), encoding="utf-8")
    assert POINTS["interval"] in lost(job) and POINTS["parts"] in lost(job)
    record["decisions"] = []
    path.write_text(json.dumps(record), encoding="utf-8")
    assert tl.grade(job).earned == 0


def test_the_command_line_grades(job, tmp_path, capsys):
    assert main(["grade", str(job)]) == 0
    assert "14 of 14 points by the program" in capsys.readouterr().out
    assert main(["grade", str(tmp_path / "none")]) == 1
    assert "lesson 14" in capsys.readouterr().err


def test_a_damaged_run_is_named(job):
    (job / "model" / "split.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"split\.json"):
        tl.grade(job)


def test_the_page_holds_the_rubric_as_it_is():
    assert len(RUBRIC) == 20
    page = (ROOT / "docs" / "capstone_rubric.md").read_text(encoding="utf-8")
    assert rubric_table() in page

"""The benchmarks' arithmetic, and that both sides really do what their names say."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from torch import nn
from torchvision.datasets import ImageFolder

import tlhelpers as tl
from benchmarks import (
    ants_bees,
    ants_bees_summary,
    course_recipe,
    imports,
    measuring,
    public_recipe,
    roofline,
    style_transfer,
)
from benchmarks.style_tutorial import Objective
from tlhelpers.methods.style.preprocess import prepare_picture


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    return ants_bees.find_data(tmp_path_factory.mktemp("drawings"), smoke=True)[0]


# Measuring


def test_a_result_comes_back_with_machine_command_and_date(results):
    path = measuring.write_result("figure", {"seconds": [1.5], "who": "Müller"})
    found = measuring.read_result("figure")
    assert (found["seconds"], found["who"]) == ([1.5], "Müller")
    assert found["machine"] == measuring.machine()
    assert found["date"][:2] == "20" and found["command"].startswith("python ")
    assert [p.name for p in path.parent.iterdir()] == ["figure.json"]  # no draft is left
    assert measuring.read_result("another") is None


def test_a_result_that_cannot_be_written_leaves_the_old_one(results):
    measuring.write_result("figure", {"seconds": 1})
    with pytest.raises(TypeError):
        measuring.write_result("figure", {"seconds": object()})
    assert measuring.read_result("figure")["seconds"] == 1
    assert len(list(results.iterdir())) == 1


def test_commands_tell_nothing_about_folders(results, monkeypatch):
    script = measuring.ROOT / "benchmarks" / "ants_bees.py"
    folder = str(results.resolve())
    monkeypatch.setattr(sys, "argv", [str(script), "--epochs", "2", "--out", folder])
    path = measuring.write_result("figure", {})
    command = json.loads(path.read_text(encoding="utf-8"))["command"]
    assert command == "python -m benchmarks.ants_bees --epochs 2 --out results"


def test_spread():
    found = measuring.spread([3, 1, 8])
    assert (found["median"], found["min"], found["max"], found["n"]) == (3, 1, 8, 3)
    assert found["mean"] == 4 and found["std"] == pytest.approx(13**0.5)
    assert measuring.spread([2])["std"] == 0
    with pytest.raises(ValueError):
        measuring.spread([])


# Ants against bees


def run_of(side, seed=0, **values):
    run = {"side": side, "backbone": "efficientnet_lite0", "method": "fixed", "seed": seed}
    run |= {"purpose": "timing", "data": "photographs", "n": 100, "correct": 90}
    if side == "recipe":
        run |= {"epochs": 25, "best_correct": 95, "repeated": 50.0}
    return run | {"epochs": 0 if side == "course" else 25, "wall": 60.0, "work": 55.0} | values


def test_fewer_epochs_are_scaled_and_the_rest_is_not():
    run = run_of("recipe", epochs=5, repeated=20.0, wall=26.0, work=23.0)
    assert ants_bees_summary.scaled(run, "wall") == 6 + 100
    assert ants_bees_summary.scaled(run, "work") == 3 + 100
    assert ants_bees_summary.scaled(run_of("recipe"), "wall") == 60
    assert ants_bees_summary.scaled(run_of("course", wall=5.0), "wall") == 5


def test_summary_counts_timings_and_accuracies_apart():
    slow = run_of("recipe", 0, epochs=5, repeated=20.0, wall=26.0, correct=1)
    seeds = [run_of("recipe", s, correct=c, purpose="accuracy") for s, c in ((0, 88), (1, 92))]
    ours = [run_of("course", s, wall=2.0, work=1.0, correct=90) for s in (0, 1)]
    drawn = run_of("course", 5, purpose="accuracy", data="drawings", correct=3)
    (row,) = ants_bees_summary.summarise([*seeds, slow, *ours, drawn])
    assert row["recipe_wall"]["values"] == [106]  # accuracy runs may have been slowed down
    assert row["times_faster_wall"] == [53]  # one pair: the second of ours has no partner
    assert row["recipe_epochs_run"] == [5]
    assert row["recipe_last"]["correct"] == [88, 92]  # 5 epochs are no accuracy of the recipe
    assert row["recipe_last"]["mean"] == 0.9
    assert row["recipe_last"]["error"] == pytest.approx(0.02)  # sd .0283 over the root of 2
    assert row["recipe_best"]["mean"] == 0.95
    assert row["course_last"]["correct"] == [90, 90] and "course_best" not in row
    low, high = row["course_last"]["interval"]
    assert (low, high) == pytest.approx((0.826, 0.945), abs=1e-3)  # Wilson's, of 90 in 100
    assert row["within_one_standard_error"]
    assert "| efficientnet_lite0 | fixed | 106.0 " in ants_bees_summary.table([row])


def test_ratios_are_shown_run_by_run():
    recipes = [run_of("recipe", s, wall=w, work=w, repeated=0.0) for s, w in ((0, 60.0), (1, 80.0))]
    ours = [run_of("course", s, wall=2.0, work=1.0) for s in (0, 1)]
    (row,) = ants_bees_summary.summarise([*recipes, *reversed(ours)])
    assert row["times_faster_wall"] == [30, 40] and row["times_faster_work"] == [60, 80]
    assert "| 30.0, 40.0 / 60.0, 80.0 |" in ants_bees_summary.table([row])


def test_a_course_of_other_epochs_has_a_row_of_its_own():
    runs = [
        run_of("course", epochs=n, wall=w, method="finetune") for n, w in ((3, 30.0), (2, 20.0))
    ]
    rows = ants_bees_summary.summarise([run_of("recipe", method="finetune"), *runs])
    assert [row["course_wall"]["values"] for row in rows] == [[30.0], [20.0]]
    assert [row["times_faster_wall"] for row in rows] == [[2.0], [3.0]]
    assert "| finetune, 2 epochs | 60.0 " in ants_bees_summary.table(rows)
    (alone,) = ants_bees_summary.summarise([run_of("recipe")])
    assert "course_wall" not in alone


def test_runs_are_kept_one_by_one_and_drawn(results, tmp_path):
    for run in (run_of("recipe"), run_of("course", wall=2.0, work=1.0)):
        found = ants_bees.record(run)
    (kept,) = measuring.read_result("ants_bees")["machines"].values()
    assert kept == found and len(kept["runs"]) == 2
    ants_bees.report(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("name", "value"),
    [("cpu", "another"), ("instructions", "NEON"), ("precision", "half"), ("torch", "9.0")],
)
def test_runs_of_two_machines_are_never_merged(results, monkeypatch, capsys, name, value):
    """The same processor's name with other instructions is another machine."""
    here = measuring.machine()
    ants_bees.record(run_of("course", wall=2.0))
    monkeypatch.setattr(measuring, "machine", lambda: here | {name: value})
    assert ants_bees.entry()["runs"] == []
    ants_bees.record(run_of("course", wall=9.0))
    ants_bees.record(run_of("recipe", wall=90.0))
    first, second = measuring.read_result("ants_bees")["machines"].values()
    assert [first["summary"][0]["course_wall"]["values"]] == [[2.0]]
    assert second["summary"][0]["course_wall"]["values"] == [9.0]
    assert "times_faster_wall" not in first["summary"][0]
    assert second["summary"][0]["times_faster_wall"] == [10.0]
    ants_bees.report(results / "figure.png")
    assert capsys.readouterr().out.count("| network |") == 2


def test_the_same_machine_on_another_day_is_the_same():
    of = measuring.machine()
    assert measuring.machine_key(of) == measuring.machine_key(of | {"date": "1999-12-31"})


def test_the_recipes_fixed_network_drifts_and_the_courses_does_not(drawings, monkeypatch):
    loaded = {}

    def watched(name, load):
        def call(*args, **options):
            got = load(*args, **options)
            model = got[0] if isinstance(got, tuple) else got.model
            loaded[name] = model, {k: v.clone() for k, v in model.state_dict().items()}
            return got

        return call

    monkeypatch.setattr(
        public_recipe, "load_network", watched("recipe", public_recipe.load_network)
    )
    monkeypatch.setattr(tl, "load_backbone", watched("course", tl.load_backbone), raising=False)
    monkeypatch.setenv("TLHELPERS_PROFILE", "mini")
    network = "efficientnet_lite0"
    recipe = public_recipe.run(drawings, network, "fixed", epochs=1, workers=0)
    course = course_recipe.run(drawings, network, "fixed")
    for name, result in (("recipe", recipe), ("course", course)):
        model, before = loaded[name]
        moved = {k for k, v in model.state_dict().items() if k in before}
        moved = {k for k in moved if not torch.equal(model.state_dict()[k], before[k])}
        moved -= {"classifier.weight", "classifier.bias"}
        statistics = {k for k in before if "running" in k or "batches" in k}
        assert moved == (statistics if name == "recipe" else set())
        assert result["n"] == 6 and result["work"] > 0
    assert len(recipe["rows"]) == 1 and recipe["best_correct"] >= recipe["correct"]


def test_the_recipe_is_the_tutorials(drawings):
    loaders = public_recipe.load_data(drawings, [0.5] * 3, [0.2] * 3)
    steps = [type(t).__name__ for t in loaders["train"].dataset.transform.transforms]
    assert steps == ["RandomResizedCrop", "RandomHorizontalFlip", "ToTensor", "Normalize"]
    steps = [type(t).__name__ for t in loaders["val"].dataset.transform.transforms]
    assert steps == ["Resize", "CenterCrop", "ToTensor", "Normalize"]
    assert {(loader.batch_size, loader.num_workers) for loader in loaders.values()} == {(4, 4)}
    assert isinstance(loaders["train"].dataset, ImageFolder)
    for method, count in (("fixed", 2), ("finetune", 4)):
        model = nn.Sequential()
        model.body, model.fc = nn.Linear(3, 5), nn.Linear(5, 1000)
        optimizer = public_recipe.prepare(model, "fc", method)
        assert len(optimizer.param_groups[0]["params"]) == count
        assert (optimizer.defaults["lr"], optimizer.defaults["momentum"]) == (0.001, 0.9)


def test_limits_count_the_arithmetic_of_both_networks():
    found = ants_bees.limits(["resnet18", "efficientnet_lite0"])
    # The papers' multiply-adds, times two; a training step is three passes less the stem's.
    assert found["resnet18"]["gflops_forward"] == pytest.approx(3.63, abs=0.01)
    assert found["resnet18"]["gflops_step"] == pytest.approx(10.65, abs=0.01)
    assert found["efficientnet_lite0"]["gflops_forward"] == pytest.approx(0.77, abs=0.01)
    assert found["efficientnet_lite0"]["gflops_step"] == pytest.approx(2.29, abs=0.02)
    least = found["resnet18"]["least_seconds"]
    rates = found["flops_per_second"]
    expected = 25 * (244 * 10.648e9 + 153 * 3.628e9) / rates["fp32"]
    assert least["recipe"]["finetune"] == pytest.approx(expected, rel=1e-3)
    expected = (244 + 153) * 3.628e9 / max(rates.values())
    assert least["course"]["fixed"] == pytest.approx(expected, rel=1e-3)
    assert least["course"]["fixed"] < least["course"]["finetune"] < least["recipe"]["finetune"]


@pytest.mark.parametrize("native", [True, False])
def test_rates_are_measured_in_the_precisions_that_are_used(monkeypatch, native):
    """Where bf16 is emulated, it is not used: its rate would say nothing, and take minutes."""
    monkeypatch.delenv("TLHELPERS_PRECISION", raising=False)
    monkeypatch.setattr("tlhelpers.core.runtime.has_bfloat16", lambda device: native)
    asked = []
    monkeypatch.setattr(roofline, "matmul_rate", lambda _, dtype, n: asked.append(dtype) or [1e9])
    rates = ants_bees.peak_rates(torch.device("cpu"))
    assert list(rates) == (["fp32", "bf16"] if native else ["fp32"])
    assert asked == [torch.float32, torch.bfloat16][: len(rates)]


def test_course_finetunes_all_but_batchnorm(drawings):
    backbone = tl.load_backbone("efficientnet_lite0")
    train = tl.load_image_folder(drawings / "train", 64)
    tl.replace_head(backbone.model, nn.Linear(1280, 2))
    before = tl.fingerprint(backbone.model)
    course_recipe.finetune(backbone.model, train, {"mean": (0.5,) * 3, "std": (0.5,) * 3}, 1)
    moved = set(tl.changed(before, tl.fingerprint(backbone.model)))
    assert any(name.startswith("blocks.0") for name in moved)
    names = [n for n, m in backbone.model.named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert not [name for name in moved if name.rsplit(".", 1)[0] in names]


@pytest.mark.slow
def test_a_process_reports_one_line(drawings):
    run = ants_bees.measure("recipe", drawings, "resnet18", "fixed", 0, epochs=1, workers=0)
    assert run["wall"] > run["work"] >= run["repeated"] > 0
    assert (run["n"], run["epochs"]) == (6, 1)


def test_a_bare_file_can_be_run():
    script = measuring.ROOT / "benchmarks" / "ants_bees.py"
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--only-accuracy" in done.stdout


# Imports


def test_a_process_tells_what_it_loads(monkeypatch):
    monkeypatch.setattr(imports, "WATCHED", ("decimal", "sched"))
    found = imports.run(
        "import decimal, sys; assert sys.argv[1] == 'x'; print('loaded sched')", ["x"]
    )
    assert found["loaded"] == ["decimal"] and found["seconds"] > 0
    with pytest.raises(SystemExit, match="no_such_module"):
        imports.run("import no_such_module", [])


def test_every_lesson_has_its_row(tmp_path, monkeypatch):
    monkeypatch.setattr(ants_bees, "find_data", lambda folder, smoke: (tmp_path, "drawings"))
    picture = tmp_path / "val" / "ants" / "0.jpg"
    picture.parent.mkdir(parents=True)
    picture.touch()
    code = {name: code for name, code, _ in imports.rows(tmp_path)}
    lessons = [path.stem for path in (measuring.ROOT / "notebooks").glob("*.ipynb")]
    assert lessons and all("import" in code[f"imports of {lesson}"] for lesson in lessons)


# Style transfer


def test_objective_is_what_stylize_minimises():
    vgg = tl.load_backbone("vgg16")
    paths = [tl.data_dir() / "styles" / name for name in ("content_cat.jpg", "style_dashes.jpg")]
    objective = Objective(vgg, *(prepare_picture(path, 48, "picture") for path in paths))
    painted = style_transfer.ours(vgg, *paths, 48, 1)
    # The first row is of the start, seen in bf16 where the machine has it.
    assert objective.of_picture(prepare_picture(paths[0], 48, "content")) == pytest.approx(
        painted.rows[0]["loss"], rel=0.02
    )


def test_style_transfer_smoke(capsys, results):
    style_transfer.main(["--smoke"])
    out = capsys.readouterr().out
    assert "weights frozen" in out and "times faster" in out
    assert not results.exists()  # a smoke test is no measurement

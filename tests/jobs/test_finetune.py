"""The command line's fine-tuning: what it writes, what it survives, what it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.data.folder_splits import find_parts
from tlhelpers.jobs.command_line import main
from tlhelpers.jobs.finetune import finetune
from tlhelpers.jobs.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
QUICK = Settings("resnet18", epochs=2, batch_size=8, size=32)
SMALL = ["--backbone", "resnet18", "--epochs", "2", "--batch-size", "8", "--size", "32"]


def results(out: Path) -> dict:
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    del metrics["seconds"], metrics["processes"]
    for row in metrics["history"]:
        del row["seconds"]
    return metrics


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def launch(data: Path, out: Path, *more: str, machines: int = 1) -> list[list[str]]:
    """torchrun's command lines, one a machine; two processes in all."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--rdzv-backend=c10d"]
    if machines == 1:
        torchrun += ["--nproc-per-node=2", "--rdzv-endpoint=localhost:0"]
    else:  # both of them this one, where only the address differs from a cluster's line
        torchrun += ["--nnodes=2", "--nproc-per-node=1", "--local-addr=localhost"]
        torchrun += [f"--rdzv-endpoint=localhost:{free_port()}", "--rdzv-id=test"]
    job = ["-m", "tlhelpers", "finetune", str(data), "--out", str(out), "--device", "cpu", *SMALL]
    return [[*torchrun, *job, *more]] * machines


def outputs(jobs: list[subprocess.Popen]) -> list[tuple[str, str]]:
    """What each printed; a job that does not end is ended, and all that was printed is told."""
    try:
        return [job.communicate(timeout=120) for job in jobs]
    except subprocess.TimeoutExpired:
        for job in jobs:
            job.terminate()  # torchrun passes it on to its workers
        pytest.fail(f"not done after two minutes: {[job.communicate() for job in jobs]}")


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def test_a_job_leaves_every_file_and_nothing_else(finished):
    names = {path.name for path in finished.iterdir()}
    files = "model.safetensors metrics.json README.md curves.png confusion_matrix.png split.json"
    assert names == {*files.split(), "plan.json", "digests.json", "predictions.csv"}
    card = (finished / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\((.+?)\)", card):
        assert (finished / link).is_file(), link


def test_the_model_file_reaches_the_reported_accuracy(finished, data):
    """Metrics are of this file, on just the images that the split file calls test."""
    backbone = tl.load_finetuned(finished)
    split = json.loads((finished / "split.json").read_text(encoding="utf-8"))
    metrics = results(finished)
    assert sum(len(paths) for paths in split.values()) == 40
    assert len({path for paths in split.values() for path in paths}) == 40
    images = torch.stack([tl.load_image(data / path, 32) for path in split["test"]])
    labels = torch.tensor([backbone.categories.index(path.split("/")[0]) for path in split["test"]])
    test = tl.ImageTensors(images, labels, backbone.categories)
    measured = tl.evaluate(backbone.model, tl.BatchLoader(test, 64, **backbone.preprocessing))
    stage = metrics["stages"]["fine-tuned"]
    assert measured["correct"] == stage["correct"] and measured["n"] == stage["n"] == 6
    assert measured["loss"] == pytest.approx(stage["loss"], rel=0.02)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kills", [8, pytest.param(20, marks=pytest.mark.slow)])
def test_a_job_killed_again_and_again_ends_with_the_same_result(data, tmp_path, kills):
    script = Path(__file__).with_name("kill_and_resume.py")
    command = [sys.executable, str(script), str(data), str(tmp_path), str(kills)]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=300, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) kills \(", done.stdout).group(1)) >= kills
    assert "training-8.pt" in done.stdout, "no kill fell into training"


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """The result of one process, in full precision."""
    out = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLHELPERS_PRECISION", "fp32")
        finetune(data, out / "one", QUICK, device="cpu")
    return out / "one"


@pytest.mark.parametrize("machines", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_two_processes_train_as_one(data, alone, tmp_path, machines):
    """In full precision: bf16 rounds a batch of four otherwise than a batch of eight."""
    jobs = [
        subprocess.Popen(
            command,
            env=environment() | {"TLHELPERS_PRECISION": "fp32"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        for command in launch(data, tmp_path / "two", machines=machines)
    ]
    said = outputs(jobs)
    assert all(job.returncode == 0 for job in jobs), said
    assert str(said).count("see README.md") == 1, "one process reports"
    assert not (tmp_path / "two" / "work").exists()
    one, two = results(alone), results(tmp_path / "two")
    assert two["images"] == one["images"] and two["classes"] == one["classes"]
    for mine, theirs in zip(two["history"], one["history"], strict=True):
        assert mine["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-3)
        assert mine["val_loss"] == pytest.approx(theirs["val_loss"], rel=1e-3)
        assert mine["train_accuracy"] == theirs["train_accuracy"]
    for stage, expected in one["stages"].items():
        assert two["stages"][stage]["loss"] == pytest.approx(expected["loss"], rel=1e-3)
        assert two["stages"][stage]["correct"] == expected["correct"]
    a, b = (load_file(out / "model.safetensors") for out in (alone, tmp_path / "two"))
    assert max(float((a[name].float() - b[name].float()).abs().max()) for name in a) < 1e-3


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_no_thread_of_a_job_outlives_it():
    """One that did would meet the end of the interpreter, and at times abort the process there."""
    script = """if True:
        from pathlib import Path
        import torch
        import tlhelpers as tl

        def count():
            print("threads", len(list(Path("/proc/self/task").iterdir())))

        def train():
            model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 2))
            model(torch.ones(1, 2)).sum().backward()

        count()
        with tl.connect():
            train()
            count()
        count()
    """
    job = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost"}
    job["MASTER_PORT"] = str(free_port())
    job["CUDA_VISIBLE_DEVICES"] = ""  # the driver's threads stay until the end
    command = [sys.executable, "-c", script]
    said = subprocess.run(
        command, env=environment() | job, capture_output=True, text=True, timeout=100, check=True
    )
    # gloo prints lines of its own in torch 2.8
    before, during, after = map(int, re.findall(r"threads (\d+)", said.stdout))
    assert during > before == after


@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker in /proc")
def test_when_a_process_dies_all_end_and_the_job_can_go_on(data, finished, tmp_path):
    out = tmp_path / "died"
    (command,) = launch(data, out, "--epochs", "200")
    job = subprocess.Popen(
        command,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 90
    while not list(out.glob("work/training-*.pt")):
        assert job.poll() is None and time.monotonic() < deadline, "never came to training"
        time.sleep(0.1)
    workers = [
        int(path.name)
        for path in Path("/proc").glob("[0-9]*")
        if b"LOCAL_RANK=1" in _environ(path) and str(out).encode() in _cmdline(path)
    ]
    assert len(workers) == 1
    os.kill(workers[0], signal.SIGKILL)
    _, errors = job.communicate(timeout=90)
    assert job.returncode != 0
    assert "Signal 9" in errors or "SIGKILL" in errors
    assert not (out / "metrics.json").exists() and not (out / "model.safetensors").exists()
    assert list(out.glob("work/training-*.pt")), "the last save is there to go on from"


def _environ(path: Path) -> bytes:
    try:
        return (path / "environ").read_bytes()
    except OSError:
        return b""


def _cmdline(path: Path) -> bytes:
    try:
        return (path / "cmdline").read_bytes()
    except OSError:
        return b""


def test_the_reported_images_choose_nothing(tmp_path, data):
    """With train/ and val/ only, val/ is reported and the choice is made on part of train/."""
    for part, source in (("train", "ants"), ("train", "bees"), ("val", "ants"), ("val", "bees")):
        shutil.copytree(data / source, tmp_path / part / source)
    parts = find_parts(tmp_path)
    assert parts["test"].root.name == "val" and len(parts["test"]) == 40
    assert parts["val"].root.name == "train" and len(parts["val"]) == 6
    assert not set(parts["train"].paths) & set(parts["val"].paths)
    shutil.copytree(tmp_path / "val", tmp_path / "test")
    assert [part.root.name for part in find_parts(tmp_path).values()] == ["train", "val", "test"]


@pytest.mark.parametrize(
    "prepare, words",
    [
        (lambda out: out.write_text("x", encoding="utf-8"), ["is a file", "--out"]),
        (lambda out: (out / "thesis").mkdir(parents=True), ["not of a fine-tuning", "another"]),
    ],
)
def test_a_folder_of_something_else_is_left_alone(data, tmp_path, prepare, words, capsys):
    out = tmp_path / "out"
    prepare(out)
    before = sorted(tmp_path.rglob("*"))
    assert main(["finetune", str(data), "--out", str(out), "--overwrite", *SMALL]) == 1
    message = capsys.readouterr().err
    assert all(word in message for word in words), message
    assert sorted(tmp_path.rglob("*")) == before


def test_a_finished_run_is_kept_unless_told(data, finished, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(finished, out)
    with pytest.raises(InputError, match="finished run.*--overwrite"):
        finetune(data, out, QUICK, device="cpu")
    metrics = finetune(data, out, QUICK, device="cpu", overwrite=True)
    assert metrics["accuracy"] == results(finished)["accuracy"]


def test_an_interrupted_run_goes_on_only_with_its_own_settings(data, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("tlhelpers.jobs.stages.fit", interrupt)
        job = ["finetune", str(data), "--out", str(out), "--device", "cpu", *SMALL]
        assert main(job) == 130
    other = Settings("resnet18", epochs=2, batch_size=16, size=32)
    with pytest.raises(InputError, match="batch_size: 8, now 16"):
        finetune(data, out, other, device="cpu")
    said = []
    finetune(data, out, QUICK, device="cpu", log=said.append)
    assert said == [f"{out}: resuming the run that was interrupted"]


def test_one_image_a_class_is_refused_with_the_class(tmp_path, data):
    for name in ("ants", "bees"):
        (tmp_path / name).mkdir()
        shutil.copy(next((data / name).iterdir()), tmp_path / name)
    with pytest.raises(InputError, match='"ants" has 1 images: too few'):
        finetune(tmp_path, tmp_path / "out", QUICK)


def test_unreadable_images_are_named_or_left_out(data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "ants" / "000-broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    job = ["finetune", str(tmp_path / "data"), "--out", str(tmp_path / "out"), *SMALL]
    assert main([*job, "--method", "probe"]) == 1
    assert "000-broken.jpg" in capsys.readouterr().err
    with pytest.warns(UserWarning, match="000-broken.jpg"):
        other = [*job[:3], str(tmp_path / "other"), *SMALL, "--method", "probe"]
        assert main([*other, "--on-error", "skip"]) == 0
    assert "000-broken" not in (tmp_path / "other" / "split.json").read_text(encoding="utf-8")


def test_uneven_classes_are_reported(tmp_path, data):
    shutil.copytree(data / "ants", tmp_path / "data" / "ants")
    for number in range(15):
        for path in (data / "ants").iterdir():
            shutil.copy(path, tmp_path / "data" / "ants" / f"{number}-{path.name}")
    (tmp_path / "data" / "bees").mkdir()
    for path in sorted((data / "bees").iterdir())[:8]:
        shutil.copy(path, tmp_path / "data" / "bees")
    settings = Settings("resnet18", method="probe", size=32)
    metrics = finetune(tmp_path / "data", tmp_path / "out", settings, device="cpu")
    assert len(metrics["warnings"]) == 1 and "balanced" in metrics["warnings"][0]
    assert metrics["stages"]["linear probe"]["majority_share"] > 0.9


@pytest.mark.slow
def test_a_thousand_classes(tmp_path):
    """Three images each: one to train, one to choose, one to report."""
    for label in range(1000):
        folder = tmp_path / "data" / f"class {label:03}"
        folder.mkdir(parents=True)
        for number in range(3):  # almost one colour: equal files would be copies
            colour = (label % 10 * 25, label // 10 % 10 * 25, label // 100 * 25 + number)
            Image.new("RGB", (8, 8), colour).save(folder / f"{number}.png")
    settings = Settings("resnet18", method="probe", size=32)
    metrics = finetune(tmp_path / "data", tmp_path / "out", settings, device="cpu")
    assert {part: sum(n.values()) for part, n in metrics["images"].items()} == {
        "train": 1000,
        "val": 1000,
        "test": 1000,
    }
    assert metrics["accuracy"] > 0.02  # chance is .001
    assert len((tmp_path / "out" / "README.md").read_text(encoding="utf-8")) < 5000


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_is_reported_and_what_was_saved_stays(data, tmp_path):
    """A limit on the size of files makes writing fail as a full disk does."""
    out = tmp_path / "out"
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000));"
        "from tlhelpers.jobs.command_line import main; sys.exit(main(sys.argv[1:]))"
    )
    job = ["finetune", str(data), "--out", str(out), "--device", "cpu", *SMALL]
    done = subprocess.run(
        [sys.executable, "-c", code, *job], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert "cannot write" in done.stderr and "Traceback" not in done.stderr
    assert (out / "work" / "features-train.safetensors").is_file()
    assert not list(out.rglob("*.part"))
    assert main(job) == 0  # with room again, the same command goes on


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_that_may_not_be_written(data, tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="cannot make the folder"):
            finetune(data, tmp_path / "out", QUICK)
    finally:
        tmp_path.chmod(0o700)


def test_where_no_folder_can_be_made(data):
    with pytest.raises(InputError, match="cannot make the folder"):
        finetune(data, Path(sys.executable) / "out", QUICK)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(InputError, match='Did you mean "probe"'):
        Settings("resnet18", method="prob")
    with pytest.raises(InputError, match="batch_size=1"):
        Settings("resnet18", batch_size=1)
    with pytest.raises(InputError, match="val_share=0.6"):
        find_parts(".", 0.6, 0.5)


def test_pictures_that_are_left_out_change_no_part(data, tmp_path):
    """The same test images; none of them may be left out; what is unknown is named."""
    quick = Settings("resnet18", method="probe", size=32)
    split = json.dumps(tl.split_folder(data)[0]["train"].paths)
    out = json.loads(split)[:2]
    metrics = finetune(data, tmp_path / "out", quick, device="cpu", leave_out=out)
    found = json.loads((tmp_path / "out" / "split.json").read_text(encoding="utf-8"))
    assert metrics["left_out"] == sorted(out)
    assert found["train"] == [path for path in json.loads(split) if path not in out]
    assert found["test"] == tl.split_folder(data)[0]["test"].paths
    with pytest.raises(InputError, match="is a test image"):
        finetune(data, tmp_path / "two", quick, device="cpu", leave_out=found["test"][:1])
    with pytest.raises(InputError, match="no such image"):
        finetune(data, tmp_path / "two", quick, device="cpu", leave_out=["ants/none.jpg"])


def test_layers_before_the_first_trained_one_stay(data, tmp_path):
    settings = Settings("resnet18", epochs=1, batch_size=8, size=32, train_from="layer4")
    finetune(data, tmp_path / "out", settings, device="cpu")
    before = tl.load_backbone("resnet18").model.state_dict()
    after = tl.load_finetuned(tmp_path / "out").model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert all(name.startswith(("layer4.", "fc.")) for name in moved)
    assert any(name.startswith("layer4.") for name in moved)
    assert "from layer `layer4` on" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="layer9"):
        finetune(
            data, tmp_path / "two", Settings("resnet18", size=32, train_from="layer9"), device="cpu"
        )
    with pytest.raises(InputError, match="lp-ft"):
        Settings("resnet18", method="probe", train_from="layer4")

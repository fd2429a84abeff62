"""Notebooks when something goes wrong: a killed kernel, no memory left, settings, folders.

Every test runs cells in real kernels, as JupyterLab does.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest
from lesson_client import LessonClient
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

import tlhelpers as tl

ROOT = Path(__file__).resolve().parents[2]


def client(folder: Path, *sources: str, **options) -> LessonClient:
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    resources = {"metadata": {"path": str(folder)}}
    options = {"kernel_name": "python3", "allow_errors": True, "timeout": 100} | options
    return LessonClient(notebook, resources=resources, **options)


def shown(cell) -> str:
    """What a reader sees below a cell as text: prints, results, and the last line of an error."""
    parts = []
    for output in cell.outputs:
        parts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
        if output.output_type == "error":
            parts.append(f"{output.ename}: {output.evalue}")
    return "\n".join(parts)


def run(folder: Path, *sources: str) -> list[str]:
    """Run cells in a kernel of their own, errors or not; what each of them shows."""
    notebook = client(folder, *sources).execute()
    return [shown(cell) for cell in notebook.cells]


@pytest.fixture
def no_settings(monkeypatch):
    """The environment of a learner."""
    for name in [name for name in os.environ if name.startswith("TLHELPERS_")]:
        monkeypatch.delenv(name)


# ---- a kernel that is killed --------------------------------------------------------------------

JOB = """
import torch
torch.set_num_threads(1)
settings = tl.Settings("resnet18", method="full", epochs=25, batch_size=8, size=32)
metrics = tl.finetune(DATA, "runs/mine", settings, device="cpu", save_every=0.0)
print("trained", len(metrics["history"]), "epochs")
"""
STOP = """
import _thread, threading
threading.Timer(1, _thread.interrupt_main).start()  # as the square *stop* button does
"""
TRAIN = """
backbone = tl.load_backbone("resnet18")
tl.replace_head(backbone.model, 2)
loader = tl.BatchLoader(tl.load_image_folder(DATA, size=32), 8, train=True, device="cpu")
optimizer = torch.optim.SGD(tl.param_groups(backbone.model, lr=0.01))
tl.fit(backbone.model, loader, optimizer=optimizer, steps=STEPS, progress=False)
print("trained again")
"""
CHECKS = """
from tlhelpers.teaching import record
while True:
    record.note("00-1", "right")
"""


def killed(folder: Path, when, *sources: str) -> None:
    """Run cells, and kill the kernel as soon as `when()` holds. `SIGKILL` leaves no time."""
    one = client(folder, *sources)
    done = threading.Event()

    def kill():
        while not when():
            if done.wait(0.01):
                return
        os.kill(one.km.provisioner.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        with pytest.raises(DeadKernelError, match="Kernel died"):
            one.execute()
    finally:
        done.set()
        thread.join()


@pytest.fixture
def few(tmp_path) -> Path:
    """Six drawn ants and six bees, in a folder whose name has a space and an umlaut."""
    for name in ("ants", "bees"):
        target = tmp_path / "meine Käfer" / name
        target.mkdir(parents=True)
        for path in sorted((tl.data_dir() / "ants_bees" / "train" / name).iterdir())[:6]:
            shutil.copy(path, target)
    return tmp_path / "meine Käfer"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_kernel_killed_in_training_goes_on_where_it_was(few, tmp_path, no_settings):
    """And in the kernel that replaces it, a cell that was stopped runs again."""
    out = tmp_path / "runs" / "mine"
    saves = set()

    def in_training() -> bool:
        saves.update(path.stat().st_mtime_ns for path in out.glob("work/training-8.pt"))
        return len(saves) > 2

    start = f"import tlhelpers as tl\nDATA = {str(few)!r}\ntl.setup(seed=0)"
    killed(tmp_path, in_training, start, JOB)
    assert in_training() and not (out / "model.safetensors").exists()
    load = 'print(tl.load_finetuned("runs/mine").source)'
    stop = STOP + "STEPS = 10**6" + TRAIN
    _, said, stopped, again = run(tmp_path, start, JOB + load, stop, "STEPS = 2" + TRAIN)
    assert "resuming the run that was interrupted" in said and "trained 25 epochs" in said, said
    assert "Error" not in said and not list(tmp_path.rglob("*.part"))
    json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert "interrupted after " in stopped and "keeps what it has learned" in stopped, stopped
    assert again.strip() == "trained again"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_kernel_killed_while_it_stores_checks_leaves_a_whole_record(tmp_path, no_settings):
    record, seen = tmp_path / "progress.json", set()

    def often() -> bool:
        try:
            seen.update([record.stat().st_mtime_ns])
        except OSError:
            pass
        return len(seen) > 20

    killed(tmp_path, often, "import tlhelpers as tl", CHECKS)
    before = json.loads(record.read_text(encoding="utf-8"))["exercises"]["00-1"]
    run(tmp_path, 'import tlhelpers as tl\nfamily = "Transductive"', 'tl.check("00-1", family)')
    after = json.loads(record.read_text(encoding="utf-8"))["exercises"]["00-1"]
    assert before["solved"] and after["checks"] == before["checks"] + 1 > 20


# ---- settings, folders, and no memory left: one kernel after another would take minutes ---------

LESSON = """
runtime = tl.setup(seed=0, backbone="resnet18", device="cpu")
backbone = tl.load_backbone(runtime.backbone)
data = tl.load_images("ants_bees", "val")[:8]
print(len(tl.predict(backbone.model, tl.BatchLoader(data, 8, size=32, device="cpu"))[0]))
print(tl.budget(10))
"""
FAMILY = 'family = "Transductive"'
CHECK = 'tl.check("00-1", family)'
PROGRESS = "print(tl.progress())"
LOG = 'tl.DecisionLog("runs/mine", "a title")'
SETTINGS = {  # variable, value: what the first cells of a lesson say
    ("TLHELPERS_PROFILE", "ful"): 'TLHELPERS_PROFILE is "ful". Did you mean "full"?',
    ("TLHELPERS_PROFIL", "full"): "no such variable is read. Did you mean TLHELPERS_PROFILE?",
    ("TLHELPERS_BACKBONE", "resnet81"): 'Did you mean "resnet18"?',
    ("TLHELPERS_BUDGET", "fast"): 'TLHELPERS_BUDGET is "fast": give a number above 0',
    ("TLHELPERS_PRECISION", "fp23"): 'TLHELPERS_PRECISION is "fp23". Did you mean "fp32"?',
    ("TLHELPERS_DATA", "/no/such/folder"): "no such folder that you may read. Correct the variable",
    ("TLHELPERS_DEVICE", "cuda"): "TLHELPERS_DEVICE is set, and no such variable is read.",
}
LIMIT = """
import resource
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 600 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
data = tl.load_images("ants_bees", "train")
tl.replace_head(backbone.model, 2)
"""
NEEDY = {  # what asks for more than 600 MB -> words of the message
    "an evaluation": (
        "tl.evaluate(backbone.model, tl.BatchLoader(data, 200, size=400, device='cpu'))",
        ["InputError: a batch of 200 does not fit", "batch_size=100", "size=..."],
    ),
    "preparing a batch": (
        "next(iter(tl.BatchLoader(data, 200, size=2000, device='cpu')))",
        ["InputError: a batch of 200 does not fit", "batch_size=100", "size=..."],
    ),
    "plain PyTorch": (
        "import torch\nx = torch.rand(200, 3, 1000, 1000)\nbackbone.model(x)",
        ["RuntimeError", "Not enough memory. The cell needs more", "half the batch_size"],
    ),
    "plain numpy": (
        "import numpy as np\nnp.ones((100_000, 20_000))",
        ["MemoryError", "Not enough memory. The cell needs more", "fewer images"],
    ),
    "a smaller setting, afterwards": (
        "print(tl.evaluate(backbone.model, tl.BatchLoader(data, 20, size=64, device='cpu'))['n'])",
        ["244"],
    ),
    # last: oneDNN keeps the working memory of the largest convolution
    "a style": (
        "tl.stylize(tl.load_backbone('vgg16'), data.images[0], data.images[1], size=1000, steps=1)",
        ["InputError: painting with size=1000 does not fit", "size=500"],
    ),
}


def read_only(folder: Path) -> Path:
    """A folder that cannot be written; root may write all that is not the system's own."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/proc/self/fdinfo")
    folder.chmod(0o500)
    return folder


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> dict:
    """What each cell of one long session shows, by a name; the folder it was opened in."""
    folder = tmp_path_factory.mktemp("session") / "Übungen 2026 \N{HONEYBEE}"
    closed = folder / "closed"
    closed.mkdir(parents=True)
    cells = {"imports": "import os, tlhelpers as tl", "lesson": LESSON}
    cells |= {"family": FAMILY, "check": CHECK, "progress": PROGRESS, "log": LOG}
    cells["closed"] = f"os.chdir({str(read_only(closed))!r})"
    cells |= {"closed check": CHECK, "closed progress": PROGRESS, "closed log": LOG}
    cells["back"] = f"os.chdir({str(folder)!r})"
    for name, value in SETTINGS:
        cells[name, value, "set"] = f"os.environ[{name!r}] = {value!r}"
        cells[name, value] = LESSON
        cells[name, value, "unset"] = f"os.environ.pop({name!r})"
    cells["lesson again"] = LESSON
    if sys.platform == "linux":  # from here on, for good
        cells["limit"] = LIMIT
        cells |= {name: source for name, (source, _) in NEEDY.items()}
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TLHELPERS_")]:
            patch.delenv(name)
        shows = run(folder, *cells.values())
    return dict(zip(cells, shows, strict=True)) | {"folder": folder}


def test_a_notebook_in_another_folder_finds_everything(session):
    assert session["lesson"].endswith("8\n10\n") and session["lesson"].startswith("profile")
    assert "right" in session["check"] and "1 of 66 exercises" in session["progress"]
    assert (session["folder"] / "progress.json").is_file() and "Error" not in session["log"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs the rights of a folder")
def test_in_a_folder_that_cannot_be_written_the_lesson_goes_on(session):
    assert "right" in session["closed check"]
    assert "The last result could not be stored: " in session["closed progress"]
    assert "InputError: cannot make the folder runs/mine" in session["closed log"]
    assert "Give a folder that you may write to" in session["closed log"]


@pytest.mark.parametrize("setting", SETTINGS, ids="=".join)
def test_a_wrong_setting_is_named_with_what_to_do(session, setting):
    assert SETTINGS[setting] in session[setting]


def test_with_right_settings_the_same_cells_run(session):
    # In words: what is printed can arrive in more than one piece.
    assert session["lesson again"].split() == session["lesson"].split()


@pytest.mark.skipif(sys.platform != "linux", reason="a limit as Linux sets it")
@pytest.mark.parametrize("name", NEEDY)
def test_too_little_memory_is_answered_with_a_smaller_setting(session, name):
    for word in NEEDY[name][1]:
        assert word in session[name], session[name]


def test_a_kernel_without_the_course_is_in_the_table_of_troubles(tmp_path, no_settings):
    """Python's own message, word for word as a learner will look for it."""
    (said,) = run(tmp_path, "import sys; sys.modules['tlhelpers'] = None\nimport tlhelpers as tl")
    assert "ModuleNotFoundError" in said
    trouble = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Trouble")[2]
    assert "`ModuleNotFoundError: tlhelpers` in a notebook" in trouble

"""`python -m tlhelpers doctor` in environments that are broken: it names the fault and the remedy.

Each fault is made in a virtual environment of its own, and doctor runs there as a process.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from environments import ROOT, Environment

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="links to packages need rights that Windows does not give"
)
NMS = "raise RuntimeError('operator torchvision::nms does not exist')"
LIBRARY = "raise ImportError('libcudart.so.13: cannot open shared object file')"
CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
NUMPY = """
def _numpy(self): raise RuntimeError("Numpy is not available")
Tensor.numpy = _numpy
"""
CARD_WITHOUT_CODE = """
cuda.is_available = staticmethod(lambda: True)
def ones(*shape, device=None):
    if device is not None and device.type == "cuda":
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
    return Tensor()
"""


# Each fault takes a new environment, breaks it, and may return another folder to start in.
def torch_missing(e: Environment):
    pass  # left out when the environment was made


def torch_cannot_be_loaded(e: Environment):
    e.stub("torch", "2.15.0", __init__=LIBRARY)


def torch_ends_the_process(e: Environment):
    e.stub("torch", "2.15.0", __init__=CRASH)


def a_file_named_torch(e: Environment):
    e.stub_torch()
    (e.work / "torch.py").write_text("# my first network\n", encoding="utf-8")


def torch_for_another_numpy(e: Environment):
    e.stub_torch(NUMPY)


def torchvision_missing(e: Environment):
    e.stub_torch()
    shutil.rmtree(e.site / "torchvision")
    shutil.rmtree(e.site / "torchvision-0.29.2.dist-info")


def torchvision_of_another_torch(e: Environment):
    e.stub_torch()
    (e.site / "torchvision" / "__init__.py").write_text(NMS, encoding="utf-8")


def torchvision_older_than_torch(e: Environment):
    e.stub_torch()
    e.stub("torchvision", "0.20.0+cpu", __init__=NMS)


def a_card_without_code(e: Environment):
    e.stub_torch(CARD_WITHOUT_CODE)


def timm_missing(e: Environment):
    e.stub_torch()
    for entry in e.site.glob("timm*"):
        entry.unlink()


def timm_too_old(e: Environment):
    e.stub_torch()
    e.stub("timm", "0.4.12", __init__="")


def timm_half_installed(e: Environment):
    e.stub_torch()
    e.stub("timm", None, __init__="")


def a_kernel_that_loses_requests(e: Environment):
    e.stub_torch()
    for entry in e.site.glob("ipykernel-*"):
        entry.unlink()
    record = e.site / "ipykernel-7.1.0.dist-info"
    record.mkdir()
    text = "Metadata-Version: 2.1\nName: ipykernel\nVersion: 7.1.0\n"
    (record / "METADATA").write_text(text, encoding="utf-8")


def packaging_and_psutil_missing(e: Environment):
    e.stub_torch()
    for entry in [*e.site.glob("packaging*"), *e.site.glob("psutil*")]:
        entry.unlink()


def not_installed(e: Environment):
    """Called from the course's folder, where Python finds the library all the same."""
    e.stub_torch()
    for entry in [*e.site.glob("*tlhelpers*")]:
        entry.unlink()
    del e.variables["PYTHONPATH"]
    shutil.copytree(ROOT / "tlhelpers", e.work / "tlhelpers")
    for name in ("data", "requirements.txt"):
        (e.work / name).symlink_to(ROOT / name)


def kernel_of_another_python(e: Environment):
    e.stub_torch()
    name_kernel(e, sys.executable)


def kernel_of_a_python_that_is_gone(e: Environment):
    e.stub_torch()
    name_kernel(e, "/opt/old/bin/python")


def kernel_without_ipykernel(e: Environment):
    e.stub_torch()
    for entry in e.site.glob("ipykernel*"):
        entry.unlink()


def name_kernel(e: Environment, program: str) -> None:
    path = e.folder / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec = json.loads(path.read_text(encoding="utf-8"))
    spec["argv"][0] = program
    path.write_text(json.dumps(spec), encoding="utf-8")


def extension(e: Environment):
    return e.folder / "share/jupyter/labextensions/@jupyter-widgets/jupyterlab-manager"


def widgets_of_another_generation(e: Environment):
    e.stub_torch()
    for entry in e.site.glob("jupyterlab_widgets-*"):
        entry.unlink()
    record = e.site / "jupyterlab_widgets-1.1.7.dist-info"
    record.mkdir()
    text = "Metadata-Version: 2.1\nName: jupyterlab_widgets\nVersion: 1.1.7\n"
    (record / "METADATA").write_text(text, encoding="utf-8")


def widgets_of_an_older_installation(e: Environment):
    """An extension in a folder that JupyterLab searches before the environment's own."""
    e.stub_torch()
    old = e.folder.parent / "old" / "labextensions" / "@jupyter-widgets" / "jupyterlab-manager"
    old.mkdir(parents=True)
    (old / "package.json").write_text('{"version": "3.1.11"}', encoding="utf-8")
    e.variables["JUPYTER_PATH"] = str(e.folder.parent / "old")


def widgets_missing(e: Environment):
    e.stub_torch()
    shutil.rmtree(extension(e))


def widgets_switched_off(e: Environment):
    e.stub_torch()
    path = e.folder / "etc" / "jupyter" / "labconfig" / "page_config.json"
    path.parent.mkdir(parents=True)
    off = {"disabledExtensions": {"@jupyter-widgets/jupyterlab-manager": True}}
    path.write_text(json.dumps(off), encoding="utf-8")


def profile_misspelt(e: Environment):
    e.stub_torch()
    e.variables["TLHELPERS_PROFILE"] = "ful"


def full_profile_without_its_files(e: Environment):
    e.stub_torch()
    e.variables |= {"TLHELPERS_PROFILE": "full", "TORCH_HOME": str(e.folder / "cache")}


FAULTS = {  # fault: the finding that is a problem, words of its details, words of its remedy
    torch_missing: ("torch", "torch is not installed", "pip install torch=="),
    torch_cannot_be_loaded: ("torch", "libcudart.so.13", "--force-reinstall --no-deps torch=="),
    torch_ends_the_process: ("torch", "ended with signal 4", "take another machine"),
    a_file_named_torch: ("torch", "torch.py is taken for torch", "rename it"),
    torch_for_another_numpy: ("torch", "cannot use numpy", "pip install numpy=="),
    torchvision_missing: ("torch", "torchvision is not installed", "--no-deps torchvision=="),
    torchvision_of_another_torch: (
        "torch",
        "built for another torch (RuntimeError: operator torchvision::nms does not exist)",
        "--force-reinstall --no-deps torchvision==",
    ),
    torchvision_older_than_torch: ("torch", "torchvision 0.20.0+cpu", "torchvision=="),
    a_card_without_code: ("device", "no kernel image", "CUDA_VISIBLE_DEVICES to -1"),
    timm_missing: ("packages", "timm is missing", "requirements.txt"),
    timm_too_old: ("packages", "timm 0.4.12 (needs >=1.0.22)", "requirements.txt"),
    timm_half_installed: ("packages", "timm is damaged", "--no-deps timm=="),
    a_kernel_that_loses_requests: ("packages", "ipykernel 7.1.0 (needs", "requirements.txt"),
    packaging_and_psutil_missing: ("packages", "packaging is missing", "requirements.txt"),
    not_installed: ("packages", "not installed in this Python", "requirements.txt"),
    kernel_of_another_python: ("kernel", "run in another Python, " + sys.executable, "delete the"),
    kernel_of_a_python_that_is_gone: ("kernel", "/opt/old/bin/python", "delete the folder"),
    kernel_without_ipykernel: ("kernel", "gives no kernel", "requirements.txt"),
    widgets_of_another_generation: ("widgets", "jupyterlab-widgets 1.1.7 (needs", "jupyterlab-wid"),
    widgets_of_an_older_installation: ("widgets", "manager 3.1.11", "which another installation"),
    widgets_missing: ("widgets", "no part for widgets", "jupyterlab-widgets=="),
    widgets_switched_off: ("widgets", "is switched off in", "enable @jupyter-widgets"),
    profile_misspelt: ("settings", "variable is wrong", 'is "ful". Did you mean "full"?'),
    full_profile_without_its_files: ("full profile", "of 4 files", "unset TLHELPERS_PROFILE"),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_fault_is_named_with_its_remedy(fault, tmp_path):
    what, details, remedy = FAULTS[fault]
    without = ("torch", "functorch") if fault is torch_missing else ()
    environment = Environment(tmp_path / "an environment", *without)
    fault(environment)
    status, findings = environment.doctor()
    found = findings[what]
    print(found)
    assert status == 1 and found["state"] == "problem", findings
    assert details in found["details"] and remedy in found["remedy"], found
    others = {name for name, f in findings.items() if f["state"] == "problem"} - {what}
    assert others <= FOLLOWS.get(fault, set()), findings


# What else a fault breaks, and doctor says so too.
FOLLOWS = {
    torch_missing: {"packages"},
    torchvision_missing: {"packages"},
    torchvision_older_than_torch: {"packages"},
    packaging_and_psutil_missing: {"memory", "kernel", "full profile"},  # pooch needs packaging
    not_installed: {"kernel"},
    kernel_without_ipykernel: {"packages"},
}


OLD_DRIVER = """
int cuDriverGetVersion(int *version) { *version = 11040; return 0; }
int cuInit(unsigned flags) { return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a driver in C, as Linux loads it")
def test_a_driver_that_is_too_old_for_cuda(tmp_path):
    """torch itself finds this driver, by the name of NVIDIA's, and says what it thinks of it."""
    import torch

    if torch.version.cuda is None:
        pytest.skip("this torch was built for the CPU")
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    (tmp_path / "driver.c").write_text(OLD_DRIVER, encoding="utf-8")
    command = ["gcc", "-shared", "-fPIC", "-o", tmp_path / "libcuda.so.1", tmp_path / "driver.c"]
    subprocess.run(command, check=True)
    environment = Environment(tmp_path / "environment")
    environment.variables["LD_LIBRARY_PATH"] = str(tmp_path)
    status, findings = environment.doctor()
    found = findings["device"]
    assert status == 0 and found["state"] == "note", findings  # the lessons run on the CPU
    assert "driver is too old for this torch: it knows CUDA 11.4" in found["details"]
    assert "newer driver" in found["remedy"]


def test_the_text_for_people_says_what_to_do(tmp_path):
    environment = Environment(tmp_path / "environment")
    torchvision_of_another_torch(environment)
    done = environment.run("doctor")
    assert done.returncode == 1 and not done.stderr
    assert "[-] torch" in done.stdout and " -> install the torchvision that fits" in done.stdout
    assert done.stdout.rstrip().endswith("then run this again.")

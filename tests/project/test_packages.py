"""What is installed: requirements.txt pins one set inside the ranges of pyproject.toml."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions
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
LINES = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
PINS = [Requirement(line) for line in LINES if line and line[0] not in "#-"]
GRADING = (ROOT / "instructors" / "requirements-nbgrader.txt").read_text(encoding="utf-8")
EXTRAS = SETTINGS["project"]["optional-dependencies"]
DIRECT = [Requirement(text) for text in SETTINGS["project"]["dependencies"]]
PINNED = DIRECT + [Requirement(text) for extra in ("test", "docs") for text in EXTRAS[extra]]

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SYSTEMS = ("linux", "darwin", "win32")


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
    for wanted in PINNED:
        version = pins.get(canonicalize_name(wanted.name))
        assert version, f"{wanted.name} has no pin for Python {python} on {system}"
        assert wanted.specifier.contains(version), f"{wanted.name} {version}: not in {wanted}"


def test_the_set_installs_the_course_and_names_no_index():
    """Plain pip can install it: the course in place, the rest from the reader's own index."""
    assert [line for line in LINES if line.startswith("-")] == ["-e ."]
    assert not [line for line in LINES if "://" in line]


def test_the_pin_script_asks_for_the_extras_that_are_pinned():
    script = (ROOT / "tools" / "pin_requirements.sh").read_text(encoding="utf-8")
    assert re.findall(r"--extra (\w+)", script) == ["test", "docs"]


def test_nbgrader_comes_on_top_of_the_tested_set_and_changes_nothing_of_it():
    """Exact pins, none of a package that requirements.txt has; the oldest Python is served too."""
    added = [Requirement(line) for line in GRADING.splitlines() if line and line[0] not in "#-"]
    tested = {canonicalize_name(pin.name) for pin in PINS}
    assert added and not {canonicalize_name(pin.name) for pin in added} & tested
    [wanted] = map(Requirement, EXTRAS["nbgrader"])
    for python, system in product(PYTHONS, SYSTEMS):
        [pin] = [p for p in added if p.name == "nbgrader" and applies(p, python, system)]
        [clause] = pin.specifier
        assert clause.operator == "==" and wanted.specifier.contains(clause.version)


def test_pre_commit_lints_with_the_pinned_version():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    [pinned] = [str(pin) for pin in PINS if pin.name == "ruff"]
    assert set(re.findall(r"ruff==[\d.]+", hooks)) == {pinned}


def test_every_package_is_used():
    """Its module's name is somewhere in the code, the Makefile or the settings of the tools."""
    modules: dict[str, list[str]] = {}
    for module, names in packages_distributions().items():
        for name in names:
            modules.setdefault(canonicalize_name(name), []).append(module)
    files = [ROOT / "Makefile"]
    for folder in ("tlhelpers", "notebooks", "tools", "tests"):
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".ipynb")]
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in files if path != Path(__file__)
    ) + str(SETTINGS["tool"])
    for wanted in PINNED:
        names = modules.get(canonicalize_name(wanted.name), [wanted.name])
        assert any(re.search(rf"\b{name}\b", text) for name in names), f"nothing uses {wanted}"


def test_every_package_has_its_reason_in_contributing():
    listed = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    wanted = DIRECT + [Requirement(text) for extra in EXTRAS.values() for text in extra]
    missing = [
        wanted.name
        for wanted in wanted
        if not re.search(rf"^\|[^|]*`{re.escape(wanted.name)}`[^|]*\|[^|]*\w{{3,}}", listed, re.M)
    ]
    assert not missing, f"CONTRIBUTING.md, Dependencies, does not say what they are for: {missing}"

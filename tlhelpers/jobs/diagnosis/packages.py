"""Python, and the installed packages against what the course needs and was tested with."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from .finding import COURSE, Finding, install_tested_set, pip_install

OLDEST, NEWEST = (3, 10), (3, 13)  # the Pythons that the tested set was resolved for


def python() -> Iterator[Finding]:
    """The version of Python, and the system it runs on."""
    details = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST:
        remedy = "install Python 3.10 to 3.13, delete `.venv`, and make the environment again"
        yield Finding("Python", "problem", details, remedy)
    elif sys.version_info[:2] > NEWEST:
        remedy = "the course was not tested with it; where a package fails, take Python 3.13"
        yield Finding("Python", "note", details, remedy)
    else:
        yield Finding("Python", "ok", details)


def packages() -> Iterator[Finding]:
    """Each direct requirement of the library is there, in a version that should work."""
    try:
        lines = metadata.requires("tlhelpers") or []
    except metadata.PackageNotFoundError:
        details = "tlhelpers is not installed in this Python, so notebooks cannot import it"
        yield Finding("packages", "problem", details, install_tested_set())
        return
    try:
        from packaging.requirements import Requirement
    except ImportError:
        yield Finding("packages", "problem", "packaging is missing", install_tested_set())
        return
    bad, damaged = [], []
    for requirement in map(Requirement, lines):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = requirement.name
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            bad.append(f"{name} is missing")
            continue
        except Exception:  # without its METADATA file, each Python fails in its own way
            version = None
        if version is None:
            damaged.append(name)
        elif not requirement.specifier.contains(version, prereleases=True):
            bad.append(f"{name} {version} (needs {requirement.specifier})")
    if damaged:
        again = pip_install("--force-reinstall", "--no-deps", *(tested(n) or n for n in damaged))
        details = f"what pip wrote about {', '.join(damaged)} is damaged: an installation broke off"
        yield Finding("packages", "problem", details, f"install again: `{again}`")
    if bad:
        yield Finding("packages", "problem", ", ".join(bad), install_tested_set())
    if not bad and not damaged:
        yield Finding("packages", "ok", "all there")


def versions() -> Iterator[Finding]:
    """How many packages of the tested set are installed in the tested version."""
    pins = tested_set()
    if not pins:
        return  # a copy of the library without the course
    other, missing = [], 0
    for name, pin in pins.items():
        found = installed(name)
        missing += found is None
        if found is not None and found.partition("+")[0] != pin:
            other.append(f"{name} {found} (tested: {pin})")
    same = len(pins) - len(other) - missing
    details = f"{same} of {len(pins)} packages as tested"
    if missing:
        details += f", {missing} not installed"
    if other:
        details += "; others: " + ", ".join(other)
        remedy = f"only if something fails: {install_tested_set()}"
        yield Finding("versions", "note", details, remedy)
    else:
        yield Finding("versions", "ok", details)


def tested_set() -> dict[str, str]:
    """Package -> version, as requirements.txt pins them for this Python and system."""
    try:
        from packaging.requirements import Requirement

        text = (COURSE / "requirements.txt").read_text(encoding="utf-8")
    except (ImportError, OSError):
        return {}
    lines = [line for line in text.splitlines() if "==" in line and not line.startswith("#")]
    pins = {}
    for requirement in map(Requirement, lines):
        if requirement.marker is None or requirement.marker.evaluate():
            pins[requirement.name] = str(requirement.specifier).removeprefix("==")
    return pins


def tested(name: str) -> str:
    """How pip is asked for the tested version: `torch==2.15.0`; "" where none is known."""
    version = tested_set().get(name)
    return f"{name}=={version}" if version else ""


def installed(name: str) -> str | None:
    """The version that pip recorded; None where it is not installed or the record is damaged."""
    try:
        return metadata.version(name)
    except Exception:
        return None

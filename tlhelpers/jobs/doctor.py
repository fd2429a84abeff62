"""Is this machine ready for the course? Each finding with its remedy."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from ..core import assets, runtime
from ..core.errors import InputError
from ..core.memory import available_memory
from ..core.notebook import COLOURS, inline

INSTALL = "install the tested set: `pip install -r requirements.txt`, then restart the kernel"
# symbol on a page, symbol in plain text, colour
STATES = {"ok": ("✔", "[+]", "good"), "note": ("◐", "[~]", "mixed"), "problem": ("✘", "[-]", "bad")}


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, its state ("ok", "note", "problem"), details."""

    what: str
    state: str
    details: str
    remedy: str = ""


class Report(list):
    """Findings, shown as a table; `ready` unless one of them is a problem."""

    @property
    def ready(self) -> bool:
        """Whether the course can run here."""
        return all(finding.state != "problem" for finding in self)

    def __repr__(self) -> str:
        lines = []
        for f in self:
            lines.append(f"{STATES[f.state][1]} {f.what:<12} {f.details}")
            if f.remedy:
                lines.append(f"    {'':<12} -> {f.remedy}")
        return "\n".join([*lines, self._conclusion()])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td style="border-left:.35em solid {COLOURS[STATES[f.state][2]]}">'
            f"{STATES[f.state][0]} {f.state}</td>"
            f"<th scope='row' style='text-align:left'>{f.what}</th>"
            f"<td style='text-align:left'>{escape(f.details)}"
            + (f"<br><b>What to do:</b> {inline(f.remedy)}" if f.remedy else "")
            + "</td></tr>"
            for f in self
        )
        return f"<table>{rows}</table><p><b>{self._conclusion()}</b></p>"

    def _conclusion(self) -> str:
        if self.ready:
            return "Ready: every lesson can run on this machine."
        return "Not ready yet: mend what is marked as a problem, then run this again."


def doctor() -> Report:
    """Check Python, packages, device, memory, disk, embedded data and the shared folder.

    Returns a `Report`, shown as a table where it is the last line of a cell. Nothing is changed.
    """
    checks: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _packages,
        _torchvision,
        _device,
        _memory,
        _disk,
        _embedded,
        _shared,
    ]
    return Report(finding for check in checks for finding in check())


def _python() -> Iterator[Finding]:
    good = sys.version_info >= (3, 10)
    remedy = "" if good else "install Python 3.10 or newer and make the environment again"
    yield Finding("Python", "ok" if good else "problem", platform.python_version(), remedy)


def _packages() -> Iterator[Finding]:
    """Every direct requirement of the package is there, at least as new as its lower bound."""
    missing, old = [], []
    for line in importlib.metadata.requires("tlhelpers") or []:
        match = re.match(r"([\w.-]+)\s*(?:>=\s*([\d.]+))?", line)
        if match is None or "extra ==" in line:
            continue
        name, least = match.groups()
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if least and _numbers(version) < _numbers(least):
            old.append(f"{name} {version} (needs {least})")
    if missing or old:
        bad = [*(f"{name} is missing" for name in missing), *old]
        yield Finding("packages", "problem", ", ".join(bad), INSTALL)
    else:
        yield Finding("packages", "ok", "all there")


def _torchvision() -> Iterator[Finding]:
    """torch and torchvision are built for each other; a mismatch shows in a compiled operator."""
    versions = {name: importlib.metadata.version(name) for name in ("torch", "torchvision")}
    details = ", ".join(f"{name} {version}" for name, version in versions.items())
    try:
        import torch
        from torchvision.ops import nms

        nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    except (ImportError, RuntimeError) as error:
        remedy = f"they do not fit together ({str(error).splitlines()[0]}); {INSTALL}"
        yield Finding("torch", "problem", details, remedy)
    else:
        yield Finding("torch", "ok", details)


def _device() -> Iterator[Finding]:
    device = runtime.get_device()
    precision = "bf16 arithmetic" if runtime.has_bfloat16(device) else "fp32 arithmetic"
    yield Finding("device", "ok", f"{runtime.device_name(device)}, {precision}")


def _memory() -> Iterator[Finding]:
    free = available_memory() / 2**30  # what the limit of a container or job leaves
    few = free < 2
    remedy = "close other programs and other notebooks' kernels" if few else ""
    yield Finding("memory", "note" if few else "ok", f"{free:.1f} GiB free", remedy)


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(assets.data_dir()).free / 2**30
    few = free < 1
    remedy = "free some space: saved networks and pages are written to build/" if few else ""
    yield Finding("disk", "note" if few else "ok", f"{free:.0f} GiB free", remedy)


def _embedded() -> Iterator[Finding]:
    try:
        items = assets.registry()
        for name in items:
            assets.fetch(name)
    except InputError as error:
        yield Finding("data", "problem", "the embedded data are not whole", str(error))
    else:
        size = sum(item["bytes"] for item in items.values()) / 1e6
        yield Finding("data", "ok", f"{len(items)} embedded items, {size:.1f} MB, digests right")


def _shared() -> Iterator[Finding]:
    try:
        folder = assets.shared_dir()
    except InputError as error:
        yield Finding("own data", "problem", os.environ["TLHELPERS_DATA"], str(error))
        return
    if folder is None:
        yield Finding("own data", "ok", "TLHELPERS_DATA is not set: embedded data are used")
        return
    there = (folder / "hymenoptera_data").is_dir()
    details = f"{folder} " + ("holds" if there else "does not hold") + " hymenoptera_data/"
    remedy = "" if there else "the full profile looks there for the photographs of ants and bees"
    yield Finding("own data", "ok" if there else "note", details, remedy)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])

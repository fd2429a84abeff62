"""Is this machine ready for the course? Each finding with its remedy.

Nothing here imports torch: the report must come where torch is missing or broken. What has to be
loaded to be seen is loaded in processes of their own, see `diagnosis/probe.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape

from ..core.notebook import COLOURS, in_notebook, inline
from .diagnosis import machine, notebooks, packages, torch_build
from .diagnosis.finding import Finding, first_line, install_tested_set
from .diagnosis.probe import Look, Looking

# symbol on a page, symbol in plain text, colour
STATES = {"ok": ("✔", "[+]", "good"), "note": ("◐", "[~]", "mixed"), "problem": ("✘", "[-]", "bad")}


class Report(list):
    """Findings, shown as a table; `ready` unless one of them is a problem."""

    @property
    def ready(self) -> bool:
        """Whether the course can run here."""
        return all(finding.state != "problem" for finding in self)

    def to_json(self) -> str:
        """The report for programs: `ready`, and the fields of each finding."""
        found = [
            {"what": f.what, "state": f.state, "details": f.details, "remedy": f.remedy}
            for f in self
        ]
        return json.dumps({"ready": self.ready, "findings": found}, indent=1)

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
    """Check Python, packages, torch, device, kernel, widgets, memory, disk, folders and data.

    Returns a `Report`, shown as a table where it is the last line of a cell. Nothing is changed. A
    check that fails in a way that nobody thought of is a finding as well: no error leaves here.
    """
    report = Report()
    torch_look = Looking("torch")  # both run while the quick checks do
    kernel_look = None if in_notebook() else Looking("kernel")  # a notebook has a kernel that runs

    def add(check, *arguments) -> None:
        report.extend(_guarded(check, *arguments))

    add(packages.python)
    add(notebooks.environment)
    add(packages.packages)
    add(packages.versions)
    later = len(report)
    for check in (
        notebooks.widgets,
        machine.memory,
        machine.disk,
        machine.folders,
        machine.settings,
        machine.embedded,
        machine.full_profile,
    ):
        add(check)
    look = torch_look.result()
    loaded = [*_guarded(torch_build.torch, look), *_guarded(torch_build.device, look)]
    if kernel_look is not None:
        loaded += _guarded(notebooks.kernel, kernel_look.result())
    report[later:later] = loaded
    return report


def _guarded(check, *arguments: Look) -> Iterator[Finding]:
    try:
        yield from check(*arguments)
    except Exception as error:  # a broken environment breaks in more ways than are listed
        name = check.__name__.replace("_", " ")
        details = f"the check itself stopped: {type(error).__name__}: {first_line(error)}"
        yield Finding(name, "problem", details, install_tested_set())

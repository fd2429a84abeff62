"""One line of doctor's report, and the commands that a remedy names."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COURSE = Path(__file__).resolve().parents[3]  # its data/, notebooks/ and requirements.txt


@dataclass(frozen=True)
class Finding:
    """What was looked at, its state ("ok", "note", "problem"), details, and what to do."""

    what: str
    state: str
    details: str
    remedy: str = ""


def pip_install(*words: str) -> str:
    """The command that installs into the environment that runs now, whatever is activated."""
    python = [sys.executable, "-m", "pip", "install"]
    if importlib.util.find_spec("pip") is None:  # environments of uv have none
        python = ["uv", "pip", "install", "--python", sys.executable]
    line = [*python, *words]
    return subprocess.list2cmdline(line) if os.name == "nt" else shlex.join(line)


def install_tested_set() -> str:
    """The sentence that gives the whole tested set back."""
    command = pip_install("-r", str(COURSE / "requirements.txt"))
    return f"install the tested set, `{command}`, then restart the kernels"


def first_line(error: object) -> str:
    """The first line of an error's text that says something, at most 200 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__

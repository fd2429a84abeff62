"""JupyterLab as `make lab` starts it, on a copy of the course's folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT_APART = ("CONFIG", "DATA", "RUNTIME")  # folders of Jupyter that belong to this machine


class LabServer:
    """`python tools/open_lab.py` in `place`, on a free port, with a token of its own.

    `place` gets copies of what the server reads, since it serves nothing that a link leads to
    outside of its folder. The learner's copies, the answers and JupyterLab's settings stay in it.
    """

    def __init__(self, place: Path):
        self.place, self.log = place, place / "server.log"
        self.lessons = place / "my_notebooks"  # the learner's copies
        for name in ("notebooks", "tools", "data", "docs"):
            shutil.copytree(ROOT / name, place / name)
        environment = {name: value for name, value in os.environ.items() if name[:4] != "JPY_"}
        environment |= {f"JUPYTER_{name}_DIR": str(place / name) for name in KEPT_APART}
        environment |= {
            "JUPYTERLAB_SETTINGS_DIR": str(place / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(place / "workspaces"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")]),
        }
        environment.pop("TLHELPERS_PROGRESS", None)  # here a learner works: progress.json is kept
        command = [sys.executable, "tools/open_lab.py", "--no-browser", "--port=0"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=place, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._facts = self._wait()

    def _wait(self, seconds: float = 120) -> dict:
        """Address and token, which the server writes to a file when it is ready."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            for path in (self.place / "RUNTIME").glob("jpserver-*.json"):
                try:
                    facts = json.loads(path.read_text(encoding="utf-8"))
                    self._ask("api/status", facts)
                    return facts
                except (OSError, ValueError):  # not written to its end, or not listening yet
                    pass
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text(encoding='utf-8')}")

    @property
    def address(self) -> str:
        """The address that `make lab` opens and prints: the first lesson, with the token."""
        for line in self.log.read_text(encoding="utf-8").splitlines():
            if "/lab/tree/" in line and "token=" in line:
                return line.split()[-1]
        raise RuntimeError(f"no address in:\n{self.log.read_text(encoding='utf-8')}")

    def _ask(self, path: str, facts: dict, method: str = "GET") -> bytes:
        request = urllib.request.Request(facts["url"] + path, method=method)
        request.add_header("Authorization", f"token {facts['token']}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def stop(self) -> None:
        """End the server and its kernels, by its own request or by a signal."""
        try:
            self._ask("api/shutdown", self._facts, "POST")
            self._process.wait(timeout=20)
        except (AttributeError, OSError, subprocess.TimeoutExpired):
            if hasattr(os, "killpg") and self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait(timeout=10)

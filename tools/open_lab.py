"""Open the lessons in JupyterLab, on copies: `make lab`, or

    python tools/open_lab.py [options of JupyterLab]

What you type and run goes to `my_notebooks/`, which git ignores, so that `git pull` never meets
your changes. A lesson is copied once. A newer version replaces a copy that you have not changed;
your own work is never overwritten. `--originals` opens `notebooks/` instead, for authors.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ".copied.json"  # name of a lesson -> digest of the version that was copied
FIRST = "00_start_here.ipynb"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def copy_lessons(originals: Path, copies: Path) -> list[str]:
    """Bring `copies` up to date; return the names of changed copies that have a newer original."""
    copies.mkdir(exist_ok=True)
    record = copies / RECORD
    copied = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    behind = []
    for original in sorted(originals.glob("*.ipynb")):
        name, copy, newest = original.name, copies / original.name, digest(original)
        if copy.is_file() and digest(copy) != copied.get(name):  # the learner's work
            if newest != copied.get(name):
                behind.append(name)
        else:
            shutil.copyfile(original, copy)
            copied[name] = newest
    record.write_text(json.dumps(copied, indent=1), encoding="utf-8")
    return behind


def lab_options() -> list[str]:
    """Options that this machine needs: for root, and where no browser can open."""
    options = []
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform == "linux" and not screen:
        options.append("--no-browser")
        print(
            "No screen here: open the address printed below in a browser. Ctrl-C ends JupyterLab."
        )
    return options


def main(arguments: list[str]) -> int:
    folder = "notebooks"
    if "--originals" in arguments:
        arguments = [argument for argument in arguments if argument != "--originals"]
    else:
        folder = "my_notebooks"
        try:
            behind = copy_lessons(ROOT / "notebooks", ROOT / folder)
        except OSError as error:
            print(
                f"The lessons cannot be copied to {ROOT / folder} ({error.strerror}). Make room "
                "there, or give that folder to your account; or copy the course to a folder of "
                "yours. In a container, the mounted folder must belong to the container's user.",
                file=sys.stderr,
            )
            return 1
        print(f"Your copies of the lessons are in {ROOT / folder}")
        for name in behind:
            print(f"  {name}: there is a newer version. To get it, rename or delete your copy.")
    command = [sys.executable, "-m", "jupyterlab", "--LabApp.app_settings_dir=tools/jupyterlab"]
    command += [f"--LabApp.default_url=/lab/tree/{folder}/{FIRST}", *lab_options(), *arguments]
    server = subprocess.Popen(command, cwd=ROOT)
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:  # JupyterLab got it as well, and asks whether to stop
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

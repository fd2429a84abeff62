"""What `tl.check` found on this machine: a small file beside the notebooks, sent nowhere.

`progress.json` lies in the folder of the running notebook. It holds for each exercise whether it
was solved, the number of checks, a time and the version of the library; no answers, no names::

    {"format": 1, "keep": true, "exercises": {
        "05-2": {"solved": true, "checks": 3, "time": "2026-11-26T09:30:00Z", "version": "0.1.0"}}}

The environment variable `TLHELPERS_PROGRESS` is `off`, or the path of another file. Nothing here
may stop a lesson: where the file cannot be written, `fault` says why, and the lesson goes on.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from datetime import datetime, timezone
from pathlib import Path

from ..core.errors import InputError
from ..core.files import write_text
from ..core.notebook import in_notebook

NAME = "progress.json"
FORMAT = 1

fault = ""  # why the last result could not be stored


def place() -> Path | None:
    """The file of the running notebook; None outside notebooks, and where recording is off."""
    setting = os.environ.get("TLHELPERS_PROGRESS", "")
    if setting.lower() in {"off", "0", "no", "false"}:
        return None
    if setting:
        return Path(setting).expanduser()
    return Path.cwd() / NAME if in_notebook() else None


def read(path: Path) -> dict:
    """What `path` holds; an empty record where there is no such file.

    Raises:
        InputError: the file cannot be read, or is not a record of this format.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}")
        entries = found["exercises"].values()
        if not all({"solved", "checks"} <= set(entry) for entry in entries):
            raise ValueError("an entry without its facts")
    except FileNotFoundError:
        return {"format": FORMAT, "keep": True, "exercises": {}}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not a record of solved exercises that this version can read ({error}). "
            "Rename or delete it, and a new one begins."
        ) from error
    return found


def note(exercise: str, status: str) -> None:
    """Store the result of a check, if it is *right* or *wrong*; never raises."""
    if status not in {"right", "wrong"}:
        return

    def add(record: dict) -> dict:
        if record["keep"]:
            _add(record["exercises"], exercise, status == "right")
        return record

    _change(add)


def keep(on: bool) -> None:
    """Forget everything and store nothing from now on, or (`on`) store again; never raises."""

    def switch(record: dict) -> dict:
        return record | {"keep": on, "exercises": record["exercises"] if on else {}}

    _change(switch)


def _add(exercises: dict, id: str, right: bool) -> None:
    """Count a check; the time is that of the first right answer, or of the last wrong one."""
    before = exercises.get(id, {"solved": False, "checks": 0})
    entry = before | {"checks": before["checks"] + 1}
    if not before["solved"]:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        entry |= {"solved": right, "time": now, "version": importlib.metadata.version("tlhelpers")}
    exercises[id] = entry


def _change(change) -> None:
    """Read, change and write the file while no other kernel does; on failure set `fault`."""
    from filelock import FileLock, Timeout

    global fault
    if (path := place()) is None:
        return
    try:
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=2):
            record = change(read(path))
            record["exercises"] = dict(sorted(record["exercises"].items()))
            write_text(path, json.dumps(record, indent=1) + "\n")
        fault = ""
    except Timeout:
        fault = f"another notebook has held {path} for two seconds."
    # A folder that is read-only or gone, a file system without locks, a library half updated.
    except Exception as error:
        fault = str(error)

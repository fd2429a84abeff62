"""The folder a job writes into: new, its own, or refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from ..core.errors import InputError, printable
from ..core.files import write_text

PLAN, METRICS, WORK = "plan.json", "metrics.json", "work"


def prepare(out: Path, plan: dict, overwrite: bool, complete: Callable[[Path, dict], bool]) -> str:
    """Make the folder of a job, or take it up again; "new", "interrupted" or "finished".

    A folder is taken up again when its plan is the same and something is still to do: training, or
    in a finished run what `complete(out, metrics)` misses. Raises `InputError` for one that holds a
    whole run, a run with other settings, or anything else, and for one that cannot be written.
    """
    try:
        str(out.resolve()).encode()
    except UnicodeEncodeError as error:  # safetensors reads no such path
        raise InputError(
            f"{printable(str(out.resolve()))} has a letter that is no UTF-8 in its name, as an old "
            "zip leaves it. Rename that folder, or give --out another one."
        ) from error
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file. Give --out the name of a folder.")
    if out.is_dir() and any(out.iterdir()):
        if not (out / PLAN).is_file():
            raise InputError(
                f"{out} has files in it that are not of a fine-tuning run. Give --out another "
                "folder; nothing there was touched."
            )
        if not overwrite:
            return _resume(out, plan, complete)
        for name in (PLAN, METRICS):  # first what makes it a run: a kill here leaves no false one
            (out / name).unlink(missing_ok=True)
        shutil.rmtree(out)
    try:
        (out / WORK).mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {out}: {error.strerror or error}. Give --out a folder you "
            "may write to."
        ) from error
    write_text(out / PLAN, json.dumps(plan, indent=1))
    return "new"


def _resume(out: Path, plan: dict, complete: Callable[[Path, dict], bool]) -> str:
    metrics = out / METRICS
    try:
        earlier = json.loads((out / PLAN).read_text(encoding="utf-8"))
        finished = json.loads(metrics.read_text(encoding="utf-8")) if metrics.is_file() else None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{out} holds a damaged run ({error}); --overwrite starts anew."
        ) from error
    different = [key for key in plan if earlier.get(key) != plan[key]]
    if finished and (different or complete(out, finished)):
        raise InputError(
            f"{out} holds a finished run. Give --out another folder, or --overwrite to replace it."
        )
    if different:
        listed = "; ".join(f"{key}: {earlier.get(key)!r}, now {plan[key]!r}" for key in different)
        raise InputError(
            f"{out} holds an unfinished run with other settings ({listed}). Give the same ones to "
            "resume it, another --out, or --overwrite to start anew."
        )
    return "finished" if finished else "interrupted"

"""What the machine leaves: memory, disk, folders that may be written, settings, data."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...core import assets, environment
from ...core.errors import InputError
from ...core.memory import available_memory
from .finding import COURSE, Finding, first_line


def memory() -> Iterator[Finding]:
    """Main memory that is free, within the limit of a container or job."""
    free = available_memory() / 2**30
    few = free < 2
    remedy = "close other programs and other notebooks' kernels" if few else ""
    yield Finding("memory", "note" if few else "ok", f"{free:.1f} GiB free", remedy)


def disk() -> Iterator[Finding]:
    """Room where the course writes, and where the system puts temporary files."""
    places = {Path.cwd(), COURSE, Path(tempfile.gettempdir())}
    free, place = min((shutil.disk_usage(p).free / 2**30, str(p)) for p in places)
    if free < 0.05:
        remedy = "free some space: notebooks cannot be saved, and kernels may not start"
        yield Finding("disk", "problem", f"{free:.2f} GiB free in {place}", remedy)
    elif free < 1:
        remedy = "free some space: saved networks and pages are written to build/ and runs/"
        yield Finding("disk", "note", f"{free:.1f} GiB free in {place}", remedy)
    else:
        yield Finding("disk", "ok", f"{free:.0f} GiB free")


def folders() -> Iterator[Finding]:
    """Whether files can be written here and in the course's folder."""
    here = Path.cwd()
    if why := _not_writable(here):
        remedy = "copy the course into a folder of your own, and start there"
        yield Finding("folder", "problem", f"{here} cannot be written: {why}", remedy)
    elif here != COURSE and (why := _not_writable(COURSE)):
        details = f"the course's folder {COURSE} cannot be written: {why}"
        remedy = "lessons run; `make lab` and `make run` need a copy of the course that is yours"
        yield Finding("folder", "note", details, remedy)
    else:
        yield Finding("folder", "ok", "can be written")


def _not_writable(folder: Path) -> str:
    """Why no file can be made there; "" if one can. Asking the system for rights is not enough."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def settings() -> Iterator[Finding]:
    """The course's environment variables: values that cannot be, and names that nothing reads."""
    bad = []
    for check in (
        lambda: environment.choice("TLHELPERS_PROFILE", environment.PROFILES),
        lambda: environment.choice("TLHELPERS_PRECISION", environment.PRECISIONS),
        lambda: environment.factor("TLHELPERS_BUDGET"),
    ):
        try:
            check()
        except InputError as error:
            bad.append(str(error))
    strangers = environment.unknown()
    if bad:
        yield Finding("settings", "problem", "an environment variable is wrong", " ".join(bad))
    if strangers:
        yield Finding("settings", "note", " ".join(strangers), "correct or unset it")
    if not bad and not strangers:
        there = [f"{n}={os.environ[n]}" for n in environment.VARIABLES if os.environ.get(n)]
        yield Finding("settings", "ok", ", ".join(there) or "none, so the mini profile")


def embedded() -> Iterator[Finding]:
    """Every embedded item is there, with the digest that the course was tested with."""
    try:
        items = assets.registry()
        for name in items:
            assets.fetch(name)
    except (InputError, ValueError) as error:
        remedy = str(error)
        if not isinstance(error, InputError):  # not JSON: a download or a merge that broke off
            remedy = f"data/registry.json cannot be read ({first_line(error)}): "
            remedy += "get it back with `git checkout -- data`"
        yield Finding("data", "problem", "the embedded data are not whole", remedy)
    else:
        size = sum(item["bytes"] for item in items.values()) / 1e6
        yield Finding("data", "ok", f"{len(items)} embedded items, {size:.1f} MB, digests right")


def full_profile() -> Iterator[Finding]:
    """Which files of the full profile are on this machine; a problem only where it is chosen."""
    from ...fetching import catalogue, places

    wanted = [catalogue.CATALOGUE[name] for name in catalogue.PROFILES["full"]]
    try:
        missing = [
            asset.name
            for asset in wanted
            if not any((place / asset.path).exists() for place in places.searched(asset))
        ]
    except InputError as error:
        yield Finding("full profile", "problem", os.environ["TLHELPERS_DATA"], str(error))
        return
    if not missing:
        yield Finding("full profile", "ok", f"all {len(wanted)} of its files are here")
        return
    here = len(wanted) - len(missing)
    details = f"{here} of {len(wanted)} files are here; not {', '.join(missing)}"
    fetch = f"`python -m tlhelpers fetch {' '.join(missing)}` gets what is missing"
    if os.environ.get("TLHELPERS_PROFILE") == "full":
        remedy = f"{fetch}; or unset TLHELPERS_PROFILE: the mini profile needs none"
        yield Finding("full profile", "problem", details, remedy)
    elif os.environ.get("TLHELPERS_DATA"):
        yield Finding("full profile", "note", details, f"{fetch}; the mini profile needs none")
    else:
        yield Finding("full profile", "ok", f"{details}; the mini profile needs none")

"""JupyterLab: which Python its kernel is, and whether its widgets fit together."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from ...core.notebook import in_notebook
from .finding import COURSE, Finding, first_line, install_tested_set, pip_install
from .packages import tested
from .probe import Look

MANAGER = "@jupyter-widgets/jupyterlab-manager"  # the part of ipywidgets that runs in JupyterLab
# Releases of ipywidgets -> of the manager that speaks with them (their changelogs).
SPEAKS_WITH = {7: {2, 3}, 8: {4, 5}}


def environment() -> Iterator[Finding]:
    """Whether this is the Python of the course's own environment, if it has one."""
    own = COURSE / ".venv"
    if not (own / "pyvenv.cfg").is_file() or _same(sys.prefix, own):
        return
    who = "this notebook's kernel" if in_notebook() else "this Python"
    remedy = f"start with `make lab`, or with the Python in {own}"
    details = f"{who} is {sys.executable}, not the course's own environment"
    yield Finding("environment", "note", details, remedy)


def kernel(look: Look) -> Iterator[Finding]:
    """Whether a lesson gets a kernel, and that of this environment."""
    spec, facts = look.stages.get("kernelspec", {}), look.stages.get("kernel", {})
    folder = spec.get("folder", "")
    if error := look.error("kernelspec") or (look.ended if not spec else ""):
        remedy = f"make the kernel known: `{sys.executable} -m ipykernel install --sys-prefix`; or "
        details = f"JupyterLab finds none ({first_line(error)})"
        yield Finding("kernel", "problem", details, remedy + install_tested_set())
    elif error := facts.get("error", "" if facts else look.ended):
        details = f"{spec['argv'][0]} gives no kernel: {first_line(error)}"
        remedy = install_tested_set()
        if not _ours(spec["argv"][0]):
            remedy = _forget(folder)
        yield Finding("kernel", "problem", details, remedy)
    elif not _same(facts["prefix"], sys.prefix):
        has = "" if facts["tlhelpers"] else ", which has no tlhelpers"
        details = f"notebooks run in another Python, {facts['executable']}{has}"
        yield Finding("kernel", "problem", details, _forget(folder))
    elif not facts["tlhelpers"]:
        details = "notebooks cannot import tlhelpers"
        yield Finding("kernel", "problem", details, install_tested_set())
    else:
        yield Finding("kernel", "ok", f"starts, in {facts['prefix']}")


def _forget(folder: str) -> str:
    return (
        f"delete the folder {folder}, which says so, and start JupyterLab from this environment "
        "(`make lab`)"
    )


def _ours(program: str) -> bool:
    return not os.path.isabs(program) or _same(os.path.dirname(program), sys.executable, up=True)


def widgets() -> Iterator[Finding]:
    """ipywidgets and the parts of it that run in the browser are of the same generation."""
    try:
        version = metadata.version("ipywidgets")
        wanted = metadata.requires("ipywidgets") or []
        major = int(version.partition(".")[0])
    except Exception:  # missing or damaged: `packages` says so
        return
    apart = list(_apart(wanted))
    manager = _manager()
    if manager is not None and int(manager[0].partition(".")[0]) not in SPEAKS_WITH.get(
        major, {int(manager[0].partition(".")[0])}
    ):
        apart.append(f"{manager[1]} holds {MANAGER} {manager[0]}")
    names = [tested(n) or n for n in ("ipywidgets", "jupyterlab-widgets", "widgetsnbextension")]
    line = pip_install("--force-reinstall", "--no-deps", *names)
    if apart:
        details = f"ipywidgets {version} does not fit: {', '.join(apart)}; sliders stay text"
        remedy = f"`{line}`, then start JupyterLab again and reload the page"
        if manager is not None and not _within(manager[1], sys.prefix):
            remedy = f"delete {manager[1]}, which another installation left, then: {remedy}"
        yield Finding("widgets", "problem", details, remedy)
    elif manager is None:
        details = "JupyterLab has no part for widgets; sliders and quizzes stay text"
        yield Finding("widgets", "problem", details, f"`{line}`, then start JupyterLab again")
    elif off := _switched_off():
        command = f"{sys.executable} -m jupyterlab.labextensions enable {MANAGER}"
        details = f"{MANAGER} is switched off in {off}; sliders and quizzes stay text"
        yield Finding("widgets", "problem", details, f"`{command}`, then reload the page")
    else:
        yield Finding("widgets", "ok", f"ipywidgets {version}, its part in JupyterLab {manager[0]}")


def _apart(wanted: list[str]) -> Iterator[str]:
    """The parts in the browser whose version ipywidgets itself does not accept."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return
    for requirement in map(Requirement, wanted):
        name = requirement.name.lower().replace("_", "-")
        if name not in {"jupyterlab-widgets", "widgetsnbextension"}:
            continue
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield f"{name} is missing"
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield f"{name} {found} (needs {requirement.specifier})"


def _manager() -> tuple[str, Path] | None:
    """Version and folder of the extension that JupyterLab loads: the first that it finds."""
    from jupyter_core.paths import jupyter_path

    for folder in jupyter_path("labextensions"):
        package = Path(folder, MANAGER, "package.json")
        try:
            return json.loads(package.read_text(encoding="utf-8"))["version"], package.parent
        except (OSError, ValueError, KeyError):
            continue
    return None


def _switched_off() -> Path | None:
    """The file that switches the extension off, if one does."""
    from jupyter_core.paths import jupyter_config_path

    for folder in jupyter_config_path():
        path = Path(folder, "labconfig", "page_config.json")
        try:
            found = json.loads(path.read_text(encoding="utf-8")).get("disabledExtensions", {})
        except (OSError, ValueError, AttributeError):
            continue
        if MANAGER in found and (not isinstance(found, dict) or found[MANAGER]):
            return path
    return None


def _same(one: str | Path, other: str | Path, up: bool = False) -> bool:
    """Whether two paths are equal; links stay, for the python of an environment is one."""
    other = os.path.dirname(other) if up else other
    return os.path.normcase(os.path.abspath(one)) == os.path.normcase(os.path.abspath(other))


def _within(path: Path, folder: str) -> bool:
    return Path(folder).resolve() in path.resolve().parents

"""The check of the machine: right on a good one, and with a remedy for each fault.

`tests/faults/test_broken_environments.py` has the faults of packages, torch and JupyterLab, in real
environments.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tlhelpers as tl
from tlhelpers.core import assets
from tlhelpers.core.errors import AssetError
from tlhelpers.fetching import places
from tlhelpers.fetching.catalogue import CATALOGUE
from tlhelpers.jobs.command_line import main
from tlhelpers.jobs.diagnosis import machine, notebooks, torch_build
from tlhelpers.jobs.diagnosis.finding import COURSE
from tlhelpers.jobs.diagnosis.probe import Look
from tlhelpers.jobs.doctor import Report, _guarded


def test_this_machine_is_ready(monkeypatch, capsys):
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    report = tl.doctor()
    assert report.ready, report
    assert {"Python", "packages", "torch", "device", "kernel", "data"} <= {f.what for f in report}
    assert "Ready" in repr(report) and "<table>" in report._repr_html_()
    monkeypatch.setattr("tlhelpers.jobs.doctor.doctor", lambda: report)
    assert main(["doctor"]) == 0 and "Ready" in capsys.readouterr().out
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ready"] is True


def only(check, *arguments):
    """The one finding of a check, which a report shows in text and as a table."""
    (finding,) = check(*arguments)
    report = Report([finding])
    assert finding.details in repr(report) and finding.what in report._repr_html_()
    return finding


def test_changed_data_are_a_problem(monkeypatch):
    def refuse(name):
        raise AssetError(f"{name}: other SHA-256. git checkout -- data")

    monkeypatch.setattr(assets, "fetch", refuse)
    finding = only(machine.embedded)
    assert finding.state == "problem" and "git checkout -- data" in finding.remedy
    report = Report([finding])
    assert not report.ready and "Not ready" in repr(report)


def test_a_registry_cut_short_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "data_dir", lambda: tmp_path)
    (tmp_path / "registry.json").write_text('{"ants_bees": {"pa', encoding="utf-8")
    assets.registry.cache_clear()
    try:
        finding = only(machine.embedded)
    finally:
        assets.registry.cache_clear()
    assert finding.state == "problem" and "registry.json" in finding.remedy


def test_memory_is_what_a_container_leaves(monkeypatch):
    """Not the machine's: a container's limit may be a small part of that."""
    for free, state in ((1.5, "note"), (3.0, "ok")):
        monkeypatch.setattr(machine, "available_memory", lambda free=free: int(free * 2**30))
        finding = only(machine.memory)
        assert finding.details == f"{free} GiB free" and finding.state == state


@pytest.mark.parametrize(("free", "state"), [(0.01, "problem"), (0.5, "note"), (50, "ok")])
def test_little_room_on_the_disk(monkeypatch, free, state):
    usage = type("usage", (), {"free": free * 2**30})
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)
    assert only(machine.disk).state == state


@pytest.fixture
def read_only(tmp_path):
    """A folder that may not be written; root may write all that is not the system's own."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        if not os.path.isdir("/proc/self"):
            pytest.skip("root may write all")
        yield "/proc/self"
        return
    tmp_path.chmod(0o500)
    yield str(tmp_path)
    tmp_path.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="needs the rights of a file")
def test_a_folder_that_may_not_be_written_is_a_problem(monkeypatch, read_only):
    monkeypatch.chdir(read_only)
    finding = only(machine.folders)
    assert finding.state == "problem" and "copy the course" in finding.remedy


def test_a_course_that_may_not_be_written_is_a_note(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "COURSE", COURSE / "no such folder")
    finding = only(machine.folders)
    assert finding.state == "note" and "lessons run" in finding.remedy


def test_the_shared_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("TLHELPERS_PROFILE", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path))
    finding = only(machine.full_profile)
    assert finding.state == "note" and "fetch" in finding.remedy
    assert "ants_bees_photographs" in finding.details and "resnet18" in finding.details
    (tmp_path / "hymenoptera_data").mkdir()
    cache = tmp_path / "cache" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    for name in ("alexnet", "vgg16", "resnet18"):
        (cache / CATALOGUE[name].path).touch()
    assert only(machine.full_profile).state == "ok"
    monkeypatch.setenv("TLHELPERS_DATA", "/no/such/folder")
    finding = only(machine.full_profile)
    assert finding.state == "problem" and "unset it" in finding.remedy


def test_torchs_cache_is_found_without_torch(monkeypatch, tmp_path):
    import torch

    for name, value in (("TORCH_HOME", str(tmp_path)), ("XDG_CACHE_HOME", str(tmp_path))):
        monkeypatch.delenv("TORCH_HOME", raising=False)
        monkeypatch.setenv(name, value)
        assert str(places._torch_cache()[0]) == os.path.join(torch.hub.get_dir(), "checkpoints")


def test_another_environment_than_the_courses_own_is_a_note(monkeypatch, tmp_path):
    monkeypatch.setattr(notebooks, "COURSE", tmp_path)
    assert not list(notebooks.environment())  # a container has no .venv
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "pyvenv.cfg").touch()
    finding = only(notebooks.environment)
    assert finding.state == "note" and "make lab" in finding.remedy
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert not list(notebooks.environment())


def test_an_import_that_does_not_end_is_a_problem():
    look = Look({"found": {"file": "torch"}}, "it did not end within 180 s")
    finding = only(torch_build.torch, look)
    assert finding.state == "problem" and "virus scanner" in finding.remedy


def test_a_check_that_fails_itself_is_a_finding():
    def strange():
        raise LookupError("nobody thought of it")
        yield

    (finding,) = _guarded(strange)
    assert finding.state == "problem" and "nobody thought of it" in finding.details


def test_it_needs_no_package_but_the_library():
    """It is made for environments where packages are missing or broken."""
    code = (
        "import sys\nfrom tlhelpers.jobs import doctor, command_line\n"
        "ours = [m.__file__ for n, m in sys.modules.items() if n.startswith('tlhelpers')]\n"
        "print('\\n'.join(ours))"
    )
    # -S: no site-packages at all
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, "PYTHONPATH": str(COURSE)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    files = done.stdout.split("\n")[:-1]
    assert len(files) > 10
    for file in files:  # an older Python gets as far as saying that it is too old
        ast.parse(Path(file).read_text(encoding="utf-8"), feature_version=(3, 8))

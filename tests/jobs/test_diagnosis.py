"""The check of the machine: right on a good one, and with a remedy for each fault."""

from __future__ import annotations

import importlib.metadata

import pytest

import tlhelpers as tl
from tlhelpers.core import assets
from tlhelpers.core.errors import AssetError
from tlhelpers.jobs import doctor as diagnosis
from tlhelpers.jobs.command_line import main


def test_this_machine_is_ready(monkeypatch, capsys):
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    report = tl.doctor()
    assert report.ready, report
    assert {"Python", "packages", "torch", "device", "data"} <= {f.what for f in report}
    assert main(["doctor"]) == 0
    assert "Ready" in capsys.readouterr().out
    assert "<table>" in report._repr_html_()


def old_package(monkeypatch):
    version = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "1.0" if name == "timm" else version(name)
    )


def missing_package(monkeypatch):
    version = importlib.metadata.version

    def without_timm(name):
        if name == "timm":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without_timm)


def torchvision_of_another_torch(monkeypatch):
    def broken(*_):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("torchvision.ops.nms", broken)


def changed_data(monkeypatch):
    def refuse(name):
        raise AssetError(f"{name}: other SHA-256. git checkout -- data")

    monkeypatch.setattr(assets, "fetch", refuse)


def shared_folder_missing(monkeypatch):
    monkeypatch.setenv("TLHELPERS_DATA", "/no/such/folder")


@pytest.mark.parametrize(
    ("fault", "what", "remedy"),
    [
        (old_package, "packages", "requirements.txt"),
        (missing_package, "packages", "requirements.txt"),
        (torchvision_of_another_torch, "torch", "requirements.txt"),
        (changed_data, "data", "git checkout -- data"),
        (shared_folder_missing, "own data", "unset it"),
    ],
)
def test_faults_are_named_with_a_remedy(monkeypatch, fault, what, remedy):
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    fault(monkeypatch)
    report = tl.doctor()
    assert not report.ready and "Not ready" in repr(report)
    finding = next(f for f in report if f.what == what)
    assert finding.state == "problem" and remedy in finding.remedy
    assert remedy in report._repr_html_()


def test_memory_is_what_a_container_leaves(monkeypatch):
    """Not the machine's: a container's limit may be a small part of that."""
    for free, state in ((1.5, "note"), (3.0, "ok")):
        monkeypatch.setattr(diagnosis, "available_memory", lambda free=free: int(free * 2**30))
        finding = next(f for f in tl.doctor() if f.what == "memory")
        assert finding.details == f"{free} GiB free" and finding.state == state


def test_a_shared_folder_without_photographs_is_a_note(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path))
    finding = next(f for f in tl.doctor() if f.what == "own data")
    assert finding.state == "note" and "hymenoptera_data" in finding.details

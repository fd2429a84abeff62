"""Freed memory stays with the process where that can be arranged, and nobody's settings change."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from tlhelpers.core import allocator
from tlhelpers.core.allocator import keep_freed_memory

FAULTS = """
import resource, sys
if "keep" in sys.argv:
    from tlhelpers.core.allocator import keep_freed_memory
    assert keep_freed_memory()
import torch

def step():
    return sum(torch.full((n, 2**20), 1.0).sum() for n in (3, 9, 5, 9))  # 12 to 36 MB

for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.fixture(autouse=True)
def no_settings_of_ones_own(monkeypatch):
    for name in allocator.os.environ:
        if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES":
            monkeypatch.delenv(name)


def faults(*options) -> int:
    command = [sys.executable, "-c", FAULTS, *options]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's settings; this is another")
def test_pages_are_asked_for_once():
    without = faults()
    if without < 1000:
        pytest.skip(f"this system reports {without} page faults where there are thousands")
    assert faults("keep") < without / 10


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_settings_of_ones_own_stay(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("asked for the C library"))
    assert not keep_freed_memory()


def test_another_system_or_c_library_is_left_alone(monkeypatch):
    def missing(name):
        raise OSError(name)

    for library in (missing, lambda name: object()):
        monkeypatch.setattr(ctypes, "CDLL", library)
        assert not keep_freed_memory()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("asked for the C library"))
    assert not keep_freed_memory()


def test_an_old_release_takes_what_it_can(monkeypatch):
    asked = []

    class Old:
        gnu_get_libc_version = None

        @staticmethod
        def mallopt(setting, size):
            asked.append((setting, size))
            return setting == -1 or size <= 2**25

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Old)
    monkeypatch.setattr(sys, "platform", "linux")
    assert keep_freed_memory()
    assert asked == [(-1, 2**30), (-3, 2**28), (-3, 2**25)]

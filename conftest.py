"""What every test runs under, notebooks included: embedded data, no network, a list of seconds.

Kernels that nbval starts inherit the environment set here, also under pytest-xdist.

Two markers sort the tests. `slow` tests run with --slow only. `trained` tests assert a number that
training gave: they take the fixtures `seed` and `holds`, and tools/anywhere.py runs them with
several seeds, numbers of threads and kinds of processor.
"""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from pathlib import Path

import pytest

NOTEBOOK_LIMIT = 60  # seconds on 2 CPU cores, a promise of every lesson's header

os.environ.setdefault("TLHELPERS_PROFILE", "mini")
os.environ["TLHELPERS_PROGRESS"] = "off"  # a test is no learner
# What this account has fetched is not looked at: a test finds what it puts there.
os.environ["TLHELPERS_CACHE"] = str(Path(__file__).parent / "build" / "nothing-fetched")
# The course is promised to work offline. A proxy nobody listens on makes any attempt to reach the
# network fail at once, in this process and in the kernels; connections to this machine stay open.
os.environ["HF_HUB_OFFLINE"] = "1"
# The slow test that asks a package index goes through the proxy that was set before.
before = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY") or ""
os.environ.setdefault("TLHELPERS_TEST_PROXY", before)
for name in ("http_proxy", "https_proxy", "all_proxy"):
    os.environ[name] = os.environ[name.upper()] = "http://127.0.0.1:9"
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "localhost,127.0.0.1,::1"

_seconds: dict[str, float] = defaultdict(float)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests too (make test-full)")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow") or "slow" in config.option.markexpr:
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run by --slow and make test-full"))


def pytest_generate_tests(metafunc):
    """The fixture `seed` is 0, or with TLHELPERS_TEST_SEEDS=5 each of 0 to 4 in turn."""
    own = [m for m in metafunc.definition.iter_markers("parametrize") if "seed" in m.args[0]]
    if "seed" in metafunc.fixturenames and not own:
        metafunc.parametrize("seed", range(int(os.environ.get("TLHELPERS_TEST_SEEDS", "1"))))


@pytest.fixture
def holds(record_property):
    """Assert that a trained number keeps its bounds, and record it for tools/anywhere.py."""

    def check(name: str, value: float, *, above: float = -math.inf, below: float = math.inf):
        record_property(name, json.dumps([float(value), above, below]))
        assert above < value < below, f"{name} is {value}, not between {above} and {below}"

    return check


def pytest_configure(config):
    # For this process only: kernels choose their own backend, which puts figures on the page.
    import matplotlib

    matplotlib.use("Agg")
    if threads := os.environ.get("TLHELPERS_TEST_THREADS"):
        import torch

        torch.set_num_threads(int(threads))  # OMP_NUM_THREADS is lowered to the number of cores


def pytest_ignore_collect(collection_path, config):
    """With `-m gpu`, read only the files that have such tests.

    The others may need packages that a machine used for its GPU alone does not have.
    """
    if config.option.markexpr == "gpu" and collection_path.suffix == ".py":
        if "pytest.mark.gpu" not in collection_path.read_text(encoding="utf-8"):
            return True
    return None


def pytest_runtest_logreport(report):
    path = report.nodeid.split("::")[0]
    if path.endswith(".ipynb"):  # kernel start is in the first cell's setup phase
        _seconds[path] += report.duration


def _slow() -> list[str]:
    return [path for path, seconds in _seconds.items() if seconds > NOTEBOOK_LIMIT]


def pytest_terminal_summary(terminalreporter):
    slow = [r for r in terminalreporter.getreports("skipped") if "slow: run by" in str(r.longrepr)]
    if slow:
        terminalreporter.line(f"{len(slow)} slow tests were skipped: make test-full runs them")
    if not _seconds:
        return
    terminalreporter.section("seconds per notebook")
    for path, seconds in sorted(_seconds.items()):
        note = f"   over the limit of {NOTEBOOK_LIMIT} s" if path in _slow() else ""
        terminalreporter.line(f"{seconds:7.1f}  {path}{note}", yellow=bool(note))


def pytest_sessionfinish(session, exitstatus):
    """With TLHELPERS_STRICT_TIME=1 a slow notebook fails the run; else it is only marked."""
    if _slow() and exitstatus == 0 and os.environ.get("TLHELPERS_STRICT_TIME") == "1":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

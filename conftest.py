"""What every test runs under, notebooks included: embedded data, no network, a list of seconds.

Kernels that nbval starts inherit the environment set here, also under pytest-xdist.
"""

from __future__ import annotations

import os
from collections import defaultdict

import pytest

NOTEBOOK_LIMIT = 60  # seconds on 2 CPU cores, a promise of every lesson's header

os.environ.setdefault("TLHELPERS_PROFILE", "mini")
# The course is promised to work offline. A proxy nobody listens on makes any attempt to reach the
# network fail at once, in this process and in the kernels; connections to this machine stay open.
os.environ["HF_HUB_OFFLINE"] = "1"
for name in ("http_proxy", "https_proxy", "all_proxy"):
    os.environ[name] = os.environ[name.upper()] = "http://127.0.0.1:9"
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "localhost,127.0.0.1,::1"

_seconds: dict[str, float] = defaultdict(float)


def pytest_configure(config):
    # For this process only: kernels choose their own backend, which puts figures on the page.
    import matplotlib

    matplotlib.use("Agg")


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

"""What `make lab` opens: this machine only, and nothing without the token (SECURITY.md says so)."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 90  # for a start on a busy machine


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def ask(url: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    """Status of a request, and where it was sent on to."""
    try:
        with OPENER.open(urllib.request.Request(url, data, headers), timeout=30) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Location", "")


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> dict:
    """A JupyterLab, started as `make lab` starts it; its address, token and process."""
    folder = tmp_path_factory.mktemp("lab")
    places = {name: str(folder / name) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")}
    command = [sys.executable, ROOT / "tools" / "open_lab.py", "--originals", "--no-browser"]
    with open(folder / "log", "w") as log:
        started = subprocess.Popen(
            command, env=os.environ | places, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    deadline, server = time.monotonic() + SECONDS, None
    try:
        while server is None:
            assert started.poll() is None and time.monotonic() < deadline, (
                folder / "log"
            ).read_text()
            time.sleep(0.1)
            for path in (folder / "JUPYTER_RUNTIME_DIR").glob("jpserver-*.json"):
                try:
                    server = json.loads(path.read_text(encoding="utf-8"))
                    ask(server["url"] + "api")
                except (ValueError, OSError):  # not whole yet, or not listening yet
                    server = None
        yield server
        key = {"Authorization": f"token {server['token']}"}
        assert ask(server["url"] + "api/shutdown", b"", **key)[0] == 200
        started.wait(30)
    finally:
        if started.poll() is None:
            for process in [*psutil.Process(started.pid).children(recursive=True), started]:
                process.kill()
            started.wait()


def listening(pid: int) -> set[str]:
    """The addresses on which a process takes connections from others."""
    found = psutil.Process(pid).net_connections("tcp")
    return {c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN}


def test_it_listens_on_this_machine_only(lab):
    addresses = listening(lab["pid"])
    assert addresses and all(ipaddress.ip_address(a).is_loopback for a in addresses), addresses


@pytest.mark.parametrize(
    "path", ["api/contents", "api/kernels", "api/terminals", "files/README.md"]
)
@pytest.mark.parametrize("token", ["", "?token=", "?token=0123456789abcdef"])
def test_without_the_token_nothing_is_given(lab, path, token):
    status, sent_to = ask(lab["url"] + path + token)
    assert status == 403 or (status == 302 and "/login?" in sent_to), (status, sent_to)


def test_without_the_token_the_first_page_asks_for_it(lab):
    status, sent_to = ask(lab["url"] + "lab")
    assert status == 302 and sent_to.startswith("/login?")


def test_without_the_token_no_kernel_starts(lab):
    assert ask(lab["url"] + "api/kernels", b"{}")[0] == 403
    key = {"Authorization": f"token {lab['token']}"}
    assert ask(lab["url"] + "api/kernels", **key) == (200, "[]")


def test_a_page_of_another_site_cannot_pass_as_this_machine(lab):
    """An address of somebody else's that leads to this machine (DNS rebinding) is refused."""
    status, _ = ask(f"{lab['url']}api/status?token={lab['token']}", Host="course.example.org")
    assert status == 403


def test_with_the_token_it_works_and_kernels_listen_on_this_machine_only(lab):
    assert len(lab["token"]) >= 40
    key = {"Authorization": f"token {lab['token']}"}
    status, text = ask(lab["url"] + "api/kernels", b"{}", **key)
    assert status == 201 and "id" in json.loads(text)
    deadline, addresses = time.monotonic() + SECONDS, set()
    while not addresses and time.monotonic() < deadline:
        time.sleep(0.1)
        for child in psutil.Process(lab["pid"]).children(recursive=True):
            addresses |= listening(child.pid)
    assert addresses and all(ipaddress.ip_address(a).is_loopback for a in addresses), addresses

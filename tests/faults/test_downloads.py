"""Faults of a download, played for real: what the user reads, and what is left on the disk.

Every row calls `python -m tlhelpers fetch` with a small asset of `fetching_world.py`. Whatever
happens, nothing half-written has a final name, and the message says what to do next.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fetching_world as world
import pytest
from fault_server import serve
from fetching_world import BODY, FILE

from tlhelpers.core.errors import AssetError
from tlhelpers.fetching import catalogue, download, photographs, places
from tlhelpers.fetching.fetch import fetch_assets
from tlhelpers.jobs.command_line import main

HALF, PIECE = len(BODY) // 2, 2**16  # bytes; the last piece before a cut is lost
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX systems")
NEXT = ("--to FOLDER", "TLHELPERS_DATA", "TLHELPERS_PROFILE=mini")  # how to go on, in any case


@pytest.fixture(scope="module")
def server():
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, server):
    """An empty folder to fetch into; no other data, no proxy, no patience."""
    server.files = {"net": BODY, "set": world.archive_of()}
    server.requests, server.sent, server.slow = [], 0, 0.0
    folder = tmp_path / "cache"
    monkeypatch.setenv("TLHELPERS_CACHE", str(folder))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")
    monkeypatch.setattr(download, "TIMEOUT", (2, 0.3))
    monkeypatch.setattr(download, "PAUSE", 0)
    for name in ("MANIFEST", "MANIFEST_SHA256"):  # put back after the test
        monkeypatch.setattr(photographs, name, getattr(photographs, name))
    world.write_manifest(tmp_path)
    return folder


@pytest.fixture
def offer(monkeypatch, server):
    """Put the asset with this address, or of this behaviour of the server, into the catalogue."""

    def put(address: str, archive: bytes | None = None):
        if "://" not in address:
            address = server.url(address, "net" if archive is None else "set")
        if archive is None:
            asset = world.weights(address)
        else:
            server.files["set"] = archive
            asset = world.pictures(address, archive)
        monkeypatch.setitem(catalogue.CATALOGUE, asset.name, asset)
        return asset

    return put


def left(folder: Path) -> dict[str, int]:
    """Relative path -> bytes of every file, but for the locks, which are empty."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def failed(capsys, name: str = "net", *options: str) -> str:
    """The message of the command, which must fail in words."""
    assert main(["fetch", name, *options]) == 1
    said = capsys.readouterr().err
    assert f"{name} was not fetched" in said and "Traceback" not in said
    assert all(word in said for word in NEXT), said
    return said


def complete(folder: Path) -> None:
    """The asset is there, right, with the note where it is from, and nothing else."""
    assert (folder / FILE).read_bytes() == BODY
    assert set(left(folder)) == {FILE, f"{FILE}.source.json"}


# ---- what a server or network can do ------------------------------------------------------------

# behaviour: words of the message, attempts, bytes that are kept to go on with
ANSWERS = {
    "401": (["asks for a password", "HTTP status 401"], 1, 0),
    "403": (["refuses", "HTTP status 403", "another network"], 1, 0),
    "404": (["no such file any more", "HTTP status 404", "newest version of the course"], 1, 0),
    "429": (["asked too often", "Try again later"], 3, 0),
    "500": (["a fault of its own", "HTTP status 500", "Try again later"], 3, 0),
    "503": (["a fault of its own", "HTTP status 503", "Try again later"], 3, 0),
    "loop": (["from one address to the next without end"], 31, 0),
    "silent": (["did not answer in time", "VPN and a firewall"], 3, 0),
    "garbage": (["Try again later"], 3, 0),
    "cut": (["the connection ended before the file did", "same command goes on"], 3, HALF),
    "unannounced": (["sent another file", "sha256", "was deleted"], 1, 0),
    "short": (["42 bytes where 400,000 are expected", "asks you to log in"], 1, 0),
    "long": (["1,200,000 bytes where 400,000 are expected"], 1, 0),
    "endless": (["more than 800,000 bytes where 400,000 are expected"], 1, 0),
    "other": (["sent another file", "was deleted", "try another network"], 1, 0),
}


@pytest.mark.parametrize("behaviour", ANSWERS)
def test_a_server_that_does_not_do_its_work(behaviour, offer, server, place, capsys):
    words, attempts, kept = ANSWERS[behaviour]
    offer(behaviour)
    said = failed(capsys)
    assert all(word in said for word in words), said
    assert len(server.requests) == attempts
    assert not (place / FILE).exists()
    assert kept - PIECE < sum(left(place).values()) <= kept
    offer("good")  # the same command, when the server has been mended
    assert main(["fetch", "net"]) == 0
    complete(place)


GETS_THROUGH = ["good", "moved", "cut_then_good", "busy_then_good", "stalls"]


@pytest.mark.parametrize("behaviour", GETS_THROUGH)
def test_a_fault_that_passes_is_not_noticed(behaviour, offer, server, place):
    offer(behaviour)
    assert main(["fetch", "net"]) == 0
    complete(place)
    assert len(BODY) <= server.sent < len(BODY) + PIECE, "what had come was asked for again"


def test_a_second_call_asks_for_nothing(offer, server, place, capsys):
    offer("good")
    assert main(["fetch", "net"]) == 0 and "fetched:" in capsys.readouterr().out
    assert main(["fetch", "net"]) == 0 and f"there: {place / FILE}" in capsys.readouterr().out
    assert len(server.requests) == 1
    facts = json.loads((place / f"{FILE}.source.json").read_text(encoding="utf-8"))
    assert facts["source"] == server.url("good", "net") and facts["licence"] == "CC0"


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def full_backlog() -> socket.socket:
    """A port that takes no more connections: it does not refuse them either."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    return listening


def test_nobody_listens(offer, place, capsys):
    offer(f"http://127.0.0.1:{closed_port()}/net")
    assert "127.0.0.1 refuses the connection" in failed(capsys)
    assert left(place) == {}


def test_a_name_that_nobody_knows(offer, place, capsys):
    offer("http://no-such-host.invalid/net")
    assert "the name no-such-host.invalid cannot be resolved" in failed(capsys)
    assert left(place) == {}


@POSIX
def test_nobody_answers_the_call(offer, place, capsys, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", (0.2, 0.2))
    with full_backlog() as listening:
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        offer(f"http://127.0.0.1:{address[1]}/net")
        assert "did not answer in time" in failed(capsys)
        for one in waiting:
            one.close()
    assert left(place) == {}


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_that_is_not_there(variable, offer, place, capsys, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, f"http://anna:secret@127.0.0.1:{closed_port()}")
    offer("good")
    said = failed(capsys)
    assert "the proxy that is set here cannot be used (127.0.0.1:" in said
    assert "HTTPS_PROXY" in said and "NO_PROXY" in said
    assert "secret" not in said and left(place) == {}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
def test_a_certificate_that_nobody_signed(offer, place, capsys, tmp_path, monkeypatch):
    with serve(certificate=tmp_path) as secure:
        secure.files["net"] = BODY
        offer(secure.url("good", "net"))
        said = failed(capsys)
        assert "certificate of 127.0.0.1 cannot be trusted" in said
        assert "REQUESTS_CA_BUNDLE" in said and left(place) == {}
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
        assert main(["fetch", "net"]) == 0  # what the message advises helps
    complete(place)


# ---- going on where a download stopped ----------------------------------------------------------


def begun(place: Path, content: bytes) -> None:
    part = place / "net.part" / f"{FILE}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content)


# what is left of an earlier call, the server: bytes that are sent again, requests
RESUMED = {
    "the rest": (BODY[:300_000], "good", 100_000, 1),
    "all but one byte": (BODY[:-1], "good", 1, 1),
    "all": (BODY, "good", 0, 0),
    "a server without ranges": (BODY[:300_000], "no_range", 400_000, 1),
    "a server with wrong ranges": (BODY[:300_000], "wrong_range", 400_000, 2),
    "the beginning of another file": (b"x" * 300_000, "good", 500_000, 2),
    "another file": (b"x" * 400_000, "good", 400_000, 1),
    "more than the file": (BODY + b"more", "good", 400_000, 2),
}


@pytest.mark.parametrize("case", RESUMED)
def test_only_what_is_missing_is_sent(case, offer, server, place):
    content, behaviour, sent, requests = RESUMED[case]
    offer(behaviour)
    begun(place, content)
    assert main(["fetch", "net"]) == 0
    complete(place)
    assert len(server.requests) == requests
    # What a client hangs up on may have been sent up to one piece further.
    assert sent <= server.sent <= sent + (400_000 if case == "a server with wrong ranges" else 0)


# ---- the disk -----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a disk of so many kilobytes; needs root, and a system that allows it."""
    mounted = []

    def mount(kilobytes: int, *options: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        call = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={kilobytes}k", *options]), "tmpfs"]
        try:
            subprocess.run([*call, str(folder)], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("a small disk can be mounted by root only")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_disk_without_room_is_noticed_before(offer, server, capsys, small_disk):
    offer("good")
    disk = small_disk(200)
    said = failed(capsys, "net", "--to", str(disk))
    assert "is full: net needs 0 MB" in said and "take another folder: --to FOLDER" in said
    assert server.requests == [] and left(disk) == {}


@pytest.mark.parametrize("kilobytes", [200, 500])
def test_a_disk_that_fills_up_meanwhile(
    kilobytes, offer, capsys, small_disk, monkeypatch, tmp_path, place
):
    """In the middle of the download, and in the middle of unpacking."""
    monkeypatch.setattr(places, "check_room", lambda asset, folder: None)
    offer("good", world.archive_of())
    disk = small_disk(kilobytes)
    said = failed(capsys, "pictures", "--to", str(disk))
    assert "cannot" in said and "No space left on device" in said
    assert not (disk / photographs.FOLDER).exists()
    assert main(["fetch", "pictures", "--to", str(place)]) == 0
    assert left(place / photographs.FOLDER) == {path: 20_000 for path in sorted(world.PICTURES)}


@POSIX
def test_a_limit_on_the_size_of_files(tmp_path, server, place):
    done = run(tmp_path, server.url("good", "net"), limit=150_000)
    assert done.returncode == 1 and "File too large" in done.stderr, done.stderr
    assert "are kept in" in done.stderr and "Traceback" not in done.stderr
    assert not (place / FILE).exists() and list(left(place)) == [f"net.part/{FILE}.part"]
    assert run(tmp_path, server.url("good", "net")).returncode == 0
    complete(place)


def test_a_file_where_the_folder_should_be(offer, server, place, capsys):
    offer("good")
    place.write_text("in the way", encoding="utf-8")
    assert f"{place} cannot be written" in failed(capsys)
    assert place.read_text(encoding="utf-8") == "in the way" and server.requests == []


def test_a_disk_that_is_mounted_for_reading(offer, server, capsys, small_disk):
    offer("good")
    disk = small_disk(800, "ro")
    said = failed(capsys, "net", "--to", str(disk))
    assert "Read-only file system" in said and "get the right to write there" in said
    assert server.requests == []


@POSIX
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root plays nobody")
def test_a_folder_without_the_right_to_write(offer, server, place, capsys):
    """As another account, since nothing is forbidden to root."""
    import filelock  # noqa: F401  (what is read now need not be readable for that account)

    offer("good")
    assert main(["fetch", "net"]) == 0  # every module is loaded
    folder = Path(tempfile.mkdtemp())  # where another account may look
    folder.chmod(0o755)
    os.seteuid(65534)
    try:
        said = failed(capsys, "net", "--to", str(folder))
    finally:
        os.seteuid(0)
    assert "Permission denied" in said and "get the right to write there" in said
    assert left(folder) == {} and len(server.requests) == 1
    folder.rmdir()


# ---- processes that are killed, and several at once ---------------------------------------------


def start(tmp_path: Path, address: str, **settings) -> subprocess.Popen:
    """The command in a process of its own."""
    scratch = tmp_path / f"process-{len(list(tmp_path.glob('process-*')))}"
    scratch.mkdir()
    settings |= {"address": address, "scratch": str(scratch), "mark": str(scratch / "mark")}
    path = scratch / "settings.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.Popen(
        [sys.executable, world.__file__, str(path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(tmp_path: Path, address: str, **settings) -> subprocess.CompletedProcess:
    process = start(tmp_path, address, **settings)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def kill_when(process: subprocess.Popen, ready) -> None:
    until = time.monotonic() + 30
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "the process did not come that far"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@POSIX
def test_killed_while_downloading(tmp_path, server, place):
    """What had come is kept, and only the rest is sent to the next call."""
    process = start(tmp_path, server.url("stalls", "net"))
    part = place / "net.part" / f"{FILE}.part"
    kill_when(process, lambda: part.exists() and part.stat().st_size >= 2**17)
    assert list(left(place)) == [f"net.part/{FILE}.part"]
    had, server.sent = part.stat().st_size, 0
    assert run(tmp_path, server.url("good", "net")).returncode == 0
    complete(place)
    assert server.sent == len(BODY) - had


# where it is killed; whether something has the final name then
KILLED = {
    "unpacking": False,
    "before 3.jpg": False,
    "before .source.json": False,
    f"before {photographs.FOLDER}": False,
    f"after {photographs.FOLDER}": True,
    "before old": True,  # a damaged set makes place for a new one
    "after old": False,
}


@POSIX
@pytest.mark.parametrize("event", KILLED)
def test_killed_while_unpacking_and_renaming(event, tmp_path, server, place):
    """The next call goes on with the archive that is there, and leaves nothing behind."""
    archive = tmp_path / "set.zip"
    archive.write_bytes(world.archive_of())
    address, root = server.url("good", "set"), place / photographs.FOLDER
    if event.endswith("old"):
        (root / "val" / "bees").mkdir(parents=True)
        (root / "val" / "bees" / "3.jpg").write_bytes(b"damaged")
    process = start(tmp_path, address, archive=str(archive), hang=event)
    mark = Path(json.loads(Path(process.args[-1]).read_text(encoding="utf-8"))["mark"])
    kill_when(process, mark.exists)
    assert root.exists() == KILLED[event]
    assert (not root.exists()) or event == "before old" or photographs.differences(root) == ""
    server.sent = 0
    done = run(tmp_path, address, archive=str(archive))
    assert done.returncode == 0, done.stderr
    assert photographs.differences(root) == "" and server.sent == 0
    rest = {name for name in left(place) if not name.startswith(f"{photographs.FOLDER}/")}
    assert rest == {f"{photographs.FOLDER}.source.json"}
    facts = json.loads((place / rest.pop()).read_text(encoding="utf-8"))
    assert facts["source"] == address


@POSIX
@pytest.mark.parametrize("event", [f"before {FILE}", f"after {FILE}", "before .source.json"])
def test_killed_while_a_file_gets_its_name(event, tmp_path, server, place):
    process = start(tmp_path, server.url("good", "net"), hang=event)
    mark = Path(json.loads(Path(process.args[-1]).read_text(encoding="utf-8"))["mark"])
    kill_when(process, mark.exists)
    assert not (place / FILE).exists() or (place / FILE).read_bytes() == BODY
    assert run(tmp_path, server.url("good", "net")).returncode == 0
    complete(place)
    assert len(server.requests) == 1


@POSIX
def test_interrupted_from_the_keyboard(tmp_path, server, place):
    process = start(tmp_path, server.url("stalls", "net"))
    part = place / "net.part" / f"{FILE}.part"
    while not (part.exists() and part.stat().st_size >= 2**17):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "the same command" in err and "Traceback" not in err
    assert list(left(place)) == [f"net.part/{FILE}.part"]


def test_thirty_processes_download_once(tmp_path, server, place):
    """A class that opens its notebooks in the same minute, on one server."""
    server.slow = 0.05
    processes = [start(tmp_path, server.url("good", "net")) for _ in range(30)]
    outcomes = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 30, outcomes
    complete(place)
    assert len(server.requests) == 1 and server.sent == len(BODY)
    assert sum("fetched:" in out for out, _ in outcomes) == 1
    assert sum("there:" in out for out, _ in outcomes) == 29


def test_two_writers_of_one_folder(tmp_path, server, place):
    """The second waits, and finds what the first has fetched; both differ in nothing else."""
    server.slow = 0.3
    first, second = (start(tmp_path, server.url("good", "net")) for _ in range(2))
    said = [process.communicate(timeout=60) for process in (first, second)]
    assert first.returncode == second.returncode == 0, said
    assert sum("another process fetches net; waiting" in err for _, err in said) == 1
    complete(place)
    assert len(server.requests) == 1


def test_one_that_waits_does_not_wait_for_ever(offer, place, capsys, monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(places, "PATIENCE", 0.1)
    offer("good")
    place.mkdir()
    with FileLock(place / ".net.lock"):
        assert "another process has been fetching net" in failed(capsys)
    assert main(["fetch", "net"]) == 0


# ---- photographs --------------------------------------------------------------------------------

# changes to the archive: words of the message; None where it is in order
ARCHIVES = {
    "whole": ({}, None),
    "with files of a system": ({"!__MACOSX/._x": b"x", "train/.DS_Store": b"x"}, None),
    "with another image": ({"train/ants/more.jpg": b"x"}, None),
    "a missing image": ({"val/bees/3.jpg": None}, "1 missing (val/bees/3.jpg)"),
    "a changed image": ({"val/bees/3.jpg": b"x"}, "1 changed (val/bees/3.jpg)"),
    "another set": ({path: b"x" for path in world.PICTURES}, "20 changed"),
    "a way out": ({"!../../x": b"x"}, "leads out of the folder"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_photographs_are_verified_one_by_one(case, offer, place, capsys, tmp_path):
    changes, words = ARCHIVES[case]
    offer("good", world.archive_of(changes))
    if words is None:
        assert main(["fetch", "pictures"]) == 0
        expected = {f"{photographs.FOLDER}/{path}": 20_000 for path in world.PICTURES}
        found = left(place)
        assert found.pop(f"{photographs.FOLDER}.source.json") and found == expected
    else:
        assert words in failed(capsys, "pictures")
        assert not (place / photographs.FOLDER).exists() and not (tmp_path / "x").exists()


def test_an_archive_that_is_none(offer, place, capsys, server):
    offer("good", archive := world.archive_of())
    server.files["set"] = b"<html>" * (len(archive) // 6)
    assert "is no whole zip archive" in failed(capsys, "pictures")
    server.files["set"] = archive
    assert main(["fetch", "pictures"]) == 0, "the wrong archive must not be gone on with"


@pytest.mark.parametrize("how", ["changed", "missing"])
def test_a_list_of_digests_that_was_changed(how, offer, place, server, capsys):
    """Nothing is downloaded that could not be verified, and a set that is there is not trusted."""
    offer("good", world.archive_of())
    content = photographs.MANIFEST.read_bytes()
    if how == "changed":
        photographs.MANIFEST.write_bytes(content.replace(b"3.jpg", b"4.jpg", 1))
    else:
        photographs.MANIFEST.unlink()
    said = failed(capsys, "pictures")
    assert "git checkout -- data" in said and server.requests == [] and left(place) == {}
    photographs.MANIFEST.write_bytes(content)
    assert main(["fetch", "pictures"]) == 0
    photographs.MANIFEST.write_bytes(content + b"more\n")
    assert main(["fetch", "pictures"]) == 1


# ---- what is on the machine already -------------------------------------------------------------


def test_a_damaged_file_of_an_earlier_day_is_replaced(offer, place):
    offer("good")
    place.mkdir()
    (place / FILE).write_bytes(BODY[:-1])
    assert main(["fetch", "net"]) == 0
    complete(place)


def test_a_damaged_set_of_an_earlier_day_is_replaced(offer, place):
    offer("good", world.archive_of())
    assert main(["fetch", "pictures"]) == 0
    (place / photographs.FOLDER / "val/bees/3.jpg").unlink()
    (place / photographs.FOLDER / "val/bees/9.jpg").write_bytes(b"x")
    assert main(["fetch", "pictures"]) == 0
    assert photographs.differences(place / photographs.FOLDER) == ""
    assert not (place / "pictures.part").exists()


def test_the_folder_of_the_class_is_never_written_to(
    offer, place, server, capsys, monkeypatch, tmp_path
):
    """A damaged file there is said, and left alone; `--to` mends it."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / FILE).write_bytes(b"damaged")
    monkeypatch.setenv("TLHELPERS_DATA", str(shared))
    offer("good")
    said = failed(capsys)
    assert "never changed here" in said and str(shared / FILE) in said
    assert left(shared) == {FILE: 7} and server.requests == []
    assert main(["fetch", "net", "--to", str(shared)]) == 0
    complete(shared)


@POSIX
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root plays nobody")
def test_a_folder_of_the_class_that_may_not_be_read(offer, place, monkeypatch):
    """What another account shut away is not there, for this one."""
    offer("good")
    assert main(["fetch", "net"]) == 0
    shut, own = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())  # both 0700
    own.chmod(0o777)
    monkeypatch.setenv("TLHELPERS_DATA", str(shut))
    monkeypatch.setenv("TLHELPERS_CACHE", str(own))
    os.seteuid(65534)
    try:
        [row] = fetch_assets("net")
        monkeypatch.setenv("TLHELPERS_DATA", str(shut / "inside"))
        with pytest.raises(AssetError, match="no such folder that you may read"):
            fetch_assets("net")
    finally:
        os.seteuid(0)
    assert row.state == "fetched" and row.path == own / FILE and left(shut) == {}
    for folder in (shut, own):
        shutil.rmtree(folder)


def test_a_folder_of_the_class_that_is_not_there(offer, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path / "stick"))
    offer("good")
    assert "there is no such folder" in failed(capsys)


def test_in_python_the_message_speaks_python(offer):
    offer("404")
    with pytest.raises(AssetError) as raised:
        fetch_assets("net")
    said = str(raised.value)
    assert 'tl.fetch_assets(..., to="FOLDER")' in said and 'tl.setup(profile="mini")' in said

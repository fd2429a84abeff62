"""Archives that a careful person would not unpack: refused with why, and nothing is left behind.

One row a fault: the archive, and words of the message. After each row the disk is as it was.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest

from tlhelpers.core.archives import extract_zip
from tlhelpers.core.errors import AssetError, InputError

MANY = 10**9


def names(*members: str):
    """An archive with a small file of each name, whatever zipfile thinks of the name."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as file:
            for member in members:
                info = zipfile.ZipInfo("x")
                info.filename = member
                file.writestr(info, b"content of " + member.encode("utf-8", "replace"))

    return make


def typed(kind: int, target: bytes = b"/etc/passwd"):
    def make(path: Path) -> None:
        info = zipfile.ZipInfo("link")
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("ok.txt", b"x")
            file.writestr(info, target)

    return make


def link_then_through_it(path: Path) -> None:
    info = zipfile.ZipInfo("out")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(info, b"..")
        file.writestr("out/evil.txt", b"x")


def zeros(count: int, files: int = 1):
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for number in range(files):
                file.writestr(f"{number}.bin", bytes(count))

    return make


def overlapping(path: Path) -> None:
    """Many names for one block of data (David Fifield 2019): small members, a large sum."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("0.bin", os.urandom(1000))
        first = file.filelist[0]
        for number in range(1, 2000):
            info = zipfile.ZipInfo(f"{number}.bin")
            for name in ("CRC", "compress_size", "file_size", "compress_type", "header_offset"):
                setattr(info, name, getattr(first, name))
            info.file_size = 10**5
            file.filelist.append(info)


def patched(
    make, *, central: dict[int, bytes] | None = None, local: dict[int, bytes] | None = None
):
    """Overwrite bytes at offsets of the first central and the first local header."""

    def both(path: Path) -> None:
        make(path)
        data = bytearray(path.read_bytes())
        for mark, changes in ((b"PK\1\2", central), (b"PK\3\4", local)):
            start = data.index(mark)
            for offset, new in (changes or {}).items():
                data[start + offset : start + offset + len(new)] = new
        path.write_bytes(data)

    return both


def cut(make, share: float):
    def shorter(path: Path) -> None:
        make(path)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return shorter


def flipped(path: Path) -> None:
    """One byte of a file's content is another one, as a bad disk leaves it."""
    names("a.txt", "b.txt")(path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"content of b", b"content of c"))


def method(number: int):
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", number) as file:
            file.writestr("a.bin", bytes(1000))

    return make


EVIL = "character that not every system takes"
UNUSUAL = "is a name that not every system takes"
TWICE = "spelling"
DAMAGED = "is no whole zip archive.*Delete it and get it again"
SIZE_FIELD = {24: struct.pack("<I", 5)}

ARCHIVES = {
    # names that lead elsewhere
    "a path upwards": (names("ok.txt", "../evil.txt"), "'../evil.txt' leads out of the folder"),
    "a path upwards, deep": (names("a/b/../../../evil.txt"), "leads out of the folder"),
    "a path upwards that stays inside": (names("a/../b.txt"), "leads out of the folder"),
    "only dots": (names(".."), "leads out"),
    "an absolute path": (names("/tmp/evil.txt"), "is an absolute path"),
    "a network path": (names("//server/share/evil.txt"), "is an absolute path"),
    "a drive": (names("C:/evil.txt"), "is an absolute path"),
    "a drive without a slash": (names("c:evil.txt"), "is an absolute path"),
    "backslashes": (names("a\\..\\..\\evil.txt"), EVIL),
    "a backslash at the start": (names("\\evil.txt"), EVIL),
    "a stream of a file": (names("a.txt:hidden"), EVIL),
    # names that are no names everywhere
    "a dot": (names("./a.txt"), UNUSUAL),
    "an empty part": (names("a//b.txt"), UNUSUAL),
    "a device": (names("a/NUL.txt"), UNUSUAL),
    "a dot at the end": (names("a./b.txt"), UNUSUAL),
    "a space at the end": (names("b.txt "), UNUSUAL),
    "a new line": (names("a\nb.txt"), EVIL),
    "an escape sequence of terminals": (names("a\x1b[2J.txt"), EVIL),
    "a pattern": (names("a*.txt"), EVIL),
    "256 characters": (names("x" * 256), "is too long a name"),
    "128 letters of two bytes": (names("ä" * 128), "is too long a name"),
    "a path of 1,200 characters": (names("/".join(["abcdefg"] * 150)), "is too long a name"),
    # names that take another's place
    "one name twice": (names("a.txt", "a.txt"), TWICE),
    "two names that differ in case": (names("a.txt", "A.TXT"), TWICE),
    "two folders that differ in case": (names("ants/1.txt", "Ants/2.txt"), TWICE),
    "two spellings of an accent": (names("é.txt", "e\u0301.txt"), TWICE),
    "a file and a folder": (names("a/b.txt", "a"), TWICE),
    "a file in a file": (names("a", "a/b.txt"), "lies in 'a', which is a file"),
    # what is no plain file
    "a symbolic link": (typed(0o120000), "is a link or a special file"),
    "a link and a file through it": (link_then_through_it, "is a link or a special file"),
    "a pipe": (typed(0o010000), "is a link or a special file"),
    "a device file": (typed(0o020000), "is a link or a special file"),
    "a folder's kind on a file": (typed(0o040000), "is a link or a special file"),
    # too much
    "a bomb": (zeros(50_000_000), "times its size, as one made to fill a disk"),
    "a bomb of many files": (zeros(500_000, 40), "times its size, as one made to fill a disk"),
    "a bomb of overlapping files": (overlapping, "times its size"),
    "more than is allowed": (method(zipfile.ZIP_STORED), "1,000 bytes, and 999 are allowed"),
    # not to be read
    "encrypted": (
        patched(names("a.txt"), central={8: b"\1\0"}, local={6: b"\1\0"}),
        "is encrypted",
    ),
    "compressed by bzip2": (method(zipfile.ZIP_BZIP2), "compressed in an unusual way"),
    "compressed by lzma": (method(zipfile.ZIP_LZMA), "compressed in an unusual way"),
    "compressed by nothing known": (
        patched(names("a.txt"), central={10: b"\x63\0"}),
        "compressed in an unusual way",
    ),
    "cut in the middle": (cut(names(*map(str, range(99))), 0.5), DAMAGED),
    "cut by a few bytes": (cut(names("a.txt"), 0.95), DAMAGED),
    "nothing in the file": (cut(names("a.txt"), 0), DAMAGED),
    "a page of a web server": (lambda path: path.write_bytes(b"<html>404</html>"), DAMAGED),
    "no files": (names(), "holds no files"),
    "a wrong checksum": (flipped, DAMAGED),
    "a smaller size than there is": (patched(names("a.txt"), central=SIZE_FIELD), DAMAGED),
    "another name in the file's own header": (
        patched(names("aaaaaaa"), local={30: b"../evil"}),
        DAMAGED,
    ),
    "a header that leads nowhere": (
        patched(names("a.txt"), central={42: struct.pack("<I", 2**31)}),
        DAMAGED,
    ),
}


def disk(root: Path) -> dict[str, int]:
    """Every file and folder below, links not followed, and a checksum of each."""
    return {
        str(path.relative_to(root)): zlib.crc32(path.read_bytes()) if path.is_file() else 0
        for path in sorted(root.rglob("*"))
    }


@pytest.mark.parametrize("fault", ARCHIVES)
def test_an_unusual_archive_is_refused_and_leaves_nothing(fault, tmp_path):
    make, words = ARCHIVES[fault]
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own, of a name that it writes twice
        make(inside / "x.zip")
    before = disk(tmp_path)
    with pytest.raises(AssetError, match=words) as raised:
        extract_zip(
            inside / "x.zip", inside / "out", max_bytes=999 if "more than" in fault else MANY
        )
    assert str(inside / "x.zip") in str(raised.value) and "et it again" in str(raised.value)
    assert str(raised.value).isprintable(), "nothing that a terminal would obey"
    assert disk(tmp_path) == before


def test_an_archive_of_very_many_files_is_refused(tmp_path, monkeypatch):
    """Each takes room on a disk, an empty one too."""
    from tlhelpers.core import archive_checks

    monkeypatch.setattr(archive_checks, "MOST_MEMBERS", 3)
    names(*"abcd")(tmp_path / "x.zip")
    with pytest.raises(AssetError, match="it has 4 entries"):
        extract_zip(tmp_path / "x.zip", tmp_path / "out", max_bytes=MANY)
    assert os.listdir(tmp_path) == ["x.zip"]


def no_room(path: Path, monkeypatch) -> None:
    def full(self, data):
        raise OSError(28, "No space left on device")

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        write = full

    import builtins

    real = builtins.open
    monkeypatch.setattr(
        builtins,
        "open",
        lambda f, mode="r", *a, **k: (
            Full(real(f, mode)) if mode == "xb" else real(f, mode, *a, **k)
        ),
    )


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path, monkeypatch):
    names("a/b.txt", "c.txt")(tmp_path / "x.zip")
    before = disk(tmp_path)
    with monkeypatch.context() as patch:
        no_room(tmp_path, patch)
        with pytest.raises(InputError, match="No space left.*nothing was unpacked"):
            extract_zip(tmp_path / "x.zip", tmp_path / "out", max_bytes=MANY)
    assert disk(tmp_path) == before
    assert len(extract_zip(tmp_path / "x.zip", tmp_path / "out", max_bytes=MANY)) == 2


def test_an_archive_that_is_missing_or_a_folder(tmp_path):
    for path in (tmp_path / "none.zip", tmp_path):
        with pytest.raises(AssetError, match="there is no archive"):
            extract_zip(path, tmp_path / "out", max_bytes=MANY)


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    """Ctrl+C, or *Interrupt the kernel*."""
    from tlhelpers.core import archives

    names("a.txt", "b.txt")(tmp_path / "x.zip")

    def stop(*_):
        raise KeyboardInterrupt

    for step in ("_write", "_publish"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(archives, step, stop)
            extract_zip(tmp_path / "x.zip", tmp_path / "out", max_bytes=MANY)
        assert os.listdir(tmp_path) == ["x.zip"]


# A process that stops at one of its steps and says so; it is killed there.
STOPPED = """
import sys, time
from pathlib import Path
from tlhelpers.core import archives

real = getattr(archives, sys.argv[3])

def stop(*args):
    if sys.argv[4] == "after":
        real(*args)
    print("here", flush=True)
    time.sleep(60)

setattr(archives, sys.argv[3], stop)
archives.extract_zip(sys.argv[1], Path(sys.argv[2]), max_bytes=10**9)
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
@pytest.mark.parametrize(
    "step, when, there",
    [
        ("_write", "before", False),
        ("_write", "after", False),
        ("_publish", "before", False),
        ("_publish", "after", True),
    ],
)
def test_a_killed_process_leaves_a_whole_folder_or_none(step, when, there, tmp_path):
    names("a/1.txt", "a/2.txt", "b.txt")(tmp_path / "x.zip")
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED, tmp_path / "x.zip", out, step, when],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    assert out.exists() == there
    if there:
        assert len([path for path in out.rglob("*") if path.is_file()]) == 3
        with pytest.raises(InputError, match="there already"):
            extract_zip(tmp_path / "x.zip", out, max_bytes=MANY)
    else:
        assert len(extract_zip(tmp_path / "x.zip", out, max_bytes=MANY)) == 3
    assert sorted(os.listdir(tmp_path)) == ["out", "x.zip"], "and the next call tidies up"


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
def test_killed_at_any_moment(tmp_path):
    """Twenty large files, killed after a while that grows: whole or not there."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as file:
        block = os.urandom(2**20)
        for number in range(20):
            file.writestr(f"{number % 4}/{number}.bin", block)
    code = "import sys; from tlhelpers.core.archives import extract_zip; print('go', flush=True); "
    code += "extract_zip(sys.argv[1], sys.argv[2], max_bytes=10**9)"
    out = tmp_path / "out"
    for wait in (0.0, 0.03, 0.1):
        process = subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "x.zip", out], stdout=subprocess.PIPE
        )
        process.stdout.readline()
        time.sleep(wait)
        process.kill()
        process.wait(30)
        process.stdout.close()
        if out.exists():
            assert len(list(out.glob("*/*.bin"))) == 20
            assert all(path.read_bytes() == block for path in out.glob("*/*.bin"))
            break
    else:
        assert len(extract_zip(tmp_path / "x.zip", out, max_bytes=MANY)) == 20
        assert sorted(os.listdir(tmp_path)) == ["out", "x.zip"]

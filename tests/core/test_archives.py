"""What an archive holds comes out whole, with the permissions of the umask, in its order."""

from __future__ import annotations

import os
import threading
import zipfile

import pytest

from tlhelpers.core.archives import extract_zip
from tlhelpers.core.errors import AssetError, InputError

MANY = 10**9


def make(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


CONTENT = {
    "set/": b"",
    "set/train/ants/1.jpg": os.urandom(3 * 2**20),  # more than one block
    "set/train/bees/größe 🐝.jpg": b"bee",
    "set/empty/": b"",
    "set/nothing.txt": b"",
}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_everything_comes_out(tmp_path, method):
    archive = make(tmp_path / "a.zip", CONTENT, method)
    before = archive.read_bytes()
    paths = extract_zip(str(archive), tmp_path / "new" / "out", max_bytes=MANY)
    files = {name: data for name, data in CONTENT.items() if not name.endswith("/")}
    assert paths == [tmp_path / "new" / "out" / name for name in files]
    assert [path.read_bytes() for path in paths] == list(files.values())
    assert (tmp_path / "new" / "out" / "set" / "empty").is_dir()
    assert os.listdir(tmp_path / "new") == ["out"] and archive.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_permissions_are_those_of_the_umask(tmp_path):
    info = zipfile.ZipInfo("a/program")
    info.external_attr = 0o104777 << 16  # a program that runs as its owner, writable by all
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, b"#!")
    before = os.umask(0o022)
    try:
        (path,) = extract_zip(tmp_path / "a.zip", tmp_path / "out", max_bytes=MANY)
    finally:
        os.umask(before)
    modes = [oct(p.stat().st_mode & 0o7777) for p in (path, path.parent, tmp_path / "out")]
    assert modes == ["0o644", "0o755", "0o755"]


def test_limits_are_exact(tmp_path):
    archive = make(tmp_path / "a.zip", {"a": b"x" * 60, "b": b"y" * 40}, zipfile.ZIP_STORED)
    with pytest.raises(AssetError, match="100 bytes, and 99 are allowed"):
        extract_zip(archive, tmp_path / "out", max_bytes=99)
    assert len(extract_zip(archive, tmp_path / "out", max_bytes=100)) == 2


def test_a_folder_that_is_there_is_not_touched(tmp_path):
    archive = make(tmp_path / "a.zip", CONTENT)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="there already.*choose another folder"):
        extract_zip(archive, tmp_path / "out", max_bytes=MANY)
    assert os.listdir(tmp_path / "out") == ["mine.txt"]


def test_what_a_running_call_has_written_stays(tmp_path, monkeypatch):
    """One of two calls at once gets the folder, the other an error; neither sees half a folder."""
    from tlhelpers.core import archives

    archive, results = make(tmp_path / "a.zip", CONTENT), []
    both = threading.Barrier(2)
    write = archives._publish

    def wait(partial, folder):
        both.wait(30)
        archives._remove_leftovers(folder)  # as a third call would
        write(partial, folder)

    monkeypatch.setattr(archives, "_publish", wait)

    def call():
        try:
            results.append(extract_zip(archive, tmp_path / "out", max_bytes=MANY))
        except InputError as error:
            results.append(str(error))

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (paths,) = [found for found in results if isinstance(found, list)]
    (message,) = [found for found in results if isinstance(found, str)]
    assert all(path.is_file() for path in paths) and "another process" in message
    assert sorted(os.listdir(tmp_path)) == ["a.zip", "out"]

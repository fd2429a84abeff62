"""Small assets for the tests of downloads, served by `fault_server`; also run as a process.

python fetching_world.py SETTINGS.json      # fetches one asset, stops where the settings say
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import time
import zipfile
from pathlib import Path

from tlhelpers.fetching import catalogue, download, photographs
from tlhelpers.fetching.catalogue import Asset, Download

BODY = hashlib.shake_256(b"weights").digest(400_000)
FILE = "net-0a1b2c3d.pth"
PICTURES = {
    f"{part}/{number}.jpg": hashlib.shake_256(f"{part}{number}".encode()).digest(20_000)
    for part in photographs.COUNTS
    for number in range(5)
}


def weights(address: str) -> Asset:
    """A file of weights; `BODY` is right."""
    digest = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
    downloads = (Download(FILE, address, len(BODY), digest),)
    return Asset("net", "a network", FILE, len(BODY), "CC0", downloads=downloads)


def pictures(address: str, archive: bytes) -> Asset:
    """A set of photographs in an archive; `archive_of()` is right."""
    downloads = (Download("set.zip", address, len(archive)),)
    size = sum(map(len, PICTURES.values()))
    return Asset(
        "pictures", "a set", photographs.FOLDER, size, "CC0", "photographs", downloads=downloads
    )


def archive_of(changes: dict[str, bytes | None] | None = None) -> bytes:
    """An archive of `PICTURES`, with the set's GIF; `None` leaves a picture out."""
    file = io.BytesIO()
    content = PICTURES | {f"train/ants/{photographs.NO_IMAGE}": b"GIF89a"} | (changes or {})
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for path, data in content.items():
            if data is not None:
                name = path[1:] if path.startswith("!") else f"{photographs.FOLDER}/{path}"
                archive.writestr(name, data)
    return file.getvalue()


def write_manifest(folder: Path) -> Path:
    """The list of digests of `PICTURES`; used in place of that of the real photographs."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in PICTURES.items()]
    path = folder / "manifest.txt"
    path.write_bytes("".join(lines).encode())
    photographs.MANIFEST = path
    photographs.MANIFEST_SHA256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return path


def hang_at(event: str, mark: Path) -> None:
    """Make this process stop where a test wants to kill it, after it has written `mark`."""

    def wait() -> None:
        mark.write_text("here", encoding="utf-8")
        time.sleep(60)

    when, _, what = event.partition(" ")
    replace, counted = os.replace, [0]

    def slow_replace(source, target):
        if not str(target).endswith(what):
            return replace(source, target)
        counted[0] += 1
        if when == "before":
            wait()
        replace(source, target)
        if when == "after":
            wait()

    if event == "unpacking":
        from tlhelpers.core import archives

        write = archives._write

        def slow(*arguments):
            counted[0] += 1
            if counted[0] == 7:  # in the middle of the archive
                wait()
            return write(*arguments)

        archives._write = slow
    else:
        os.replace = slow_replace


def main(settings: dict) -> int:
    """`python -m tlhelpers fetch`, with the small assets."""
    from tlhelpers.jobs.command_line import main as command

    if settings.get("limit"):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (settings["limit"], settings["limit"]))
    download.TIMEOUT, download.PAUSE = (2, settings.get("timeout", 20)), 0
    write_manifest(Path(settings["scratch"]))
    if settings.get("archive"):
        asset = pictures(settings["address"], Path(settings["archive"]).read_bytes())
    else:
        asset = weights(settings["address"])
    catalogue.CATALOGUE[asset.name] = asset
    if settings.get("hang"):
        hang_at(settings["hang"], Path(settings["mark"]))
    return command(["fetch", asset.name, *settings.get("options", [])])


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))

"""One file from one address: goes on where it stopped, and is never larger than announced."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import BinaryIO

from ..core.errors import AssetError
from ..core.progress import Progress
from .catalogue import Download
from .explain import Refused, explain, is_passing

TIMEOUT = (10.0, 30.0)  # seconds: to connect, and between two pieces of the body
ATTEMPTS = 3
PAUSE = 1.0  # seconds before the second attempt, twice as many before the third
MEGABYTE = 2**20


def download(wanted: Download, part: Path) -> None:
    """Fill the file `part` from the address, and compare its digest.

    What an interrupted call left in `part` is not downloaded again, if the server can send the
    rest. A fault that may pass (a cut connection, a server that is busy) is tried three times.

    Raises `AssetError`, which says what happened and what to do. `part` then holds what came so
    far, or is gone, if that is of no use.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            resumed = _receive(wanted, part)
        except Exception as error:  # requests and urllib3 have some dozens
            if attempt < ATTEMPTS and is_passing(error):
                time.sleep(PAUSE * attempt)
                continue
            raise AssetError(explain(wanted.address, error, part)) from error
        if said := digest_difference(wanted, part):
            part.unlink()
            if resumed and attempt < ATTEMPTS:  # the rest may be of a newer file than the beginning
                continue
            raise AssetError(
                f"{wanted.address} sent another file than the course was tested with ({said}); it "
                "was deleted. Some networks answer with a page of their own: open the address in a "
                "browser, or try another network."
            )
        return


def digest_difference(wanted: Download, path: Path) -> str:
    """How the digest of a file differs from the promised one; empty where none is promised."""
    from pooch import file_hash

    algorithm, _, promised = wanted.digest.partition(":")
    found = file_hash(path, alg=algorithm) if promised else ""
    return "" if found == promised else f"{algorithm} {found[:8]}..., not {promised[:8]}..."


def _receive(wanted: Download, part: Path) -> bool:
    """Get what is missing of the file; whether there was something before."""
    from pooch import HTTPDownloader

    start = part.stat().st_size if part.exists() else 0
    if start == wanted.bytes:
        return True
    with open(part, "ab") as file, contextlib.closing(_Body(file, wanted, start)) as body:
        # No compression on the way: lengths and positions are then those of the file.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        get = HTTPDownloader(
            timeout=TIMEOUT, headers=headers, hooks={"response": body.begin}, chunk_size=2**16
        )
        get(wanted.address, body, None)
        body.end()
    return body.start > 0


class _Body:
    """The file that is written to: begins where the server begins, and counts."""

    def __init__(self, file: BinaryIO, wanted: Download, start: int):
        self._file, self._wanted = file, wanted
        self.start = self._size = start
        self._progress: Progress | None = None  # shown from the first piece on
        self._promised: int | None = None

    def begin(self, response, **_) -> None:
        """Look at the server's answer before its body is read (requests calls this)."""
        if response.status_code == 206:
            if not response.headers.get("content-range", "").startswith(f"bytes {self.start}-"):
                self._again()
                raise Refused(
                    "it sent another part of the file than it was asked for", passing=True
                )
        elif response.status_code == 200:
            self._again()  # the server sends the whole file, asked or not
        elif response.status_code == 416:  # what is there is no beginning of the server's file
            self._again()
            return
        else:  # a redirect, or an error that requests raises
            return
        length = response.headers.get("content-length", "")
        if length.isdigit():
            self._promised = self.start + int(length)
            if not self._wanted.bytes / 2 <= self._promised <= self._wanted.bytes * 2:
                raise Refused(self._other_size(self._promised))

    def write(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._wanted.bytes * 2:
            self._again()
            raise Refused(self._other_size(self._wanted.bytes * 2, "more than "))
        self._file.write(piece)
        if self._progress is None:
            label = f"fetching {Path(self._wanted.name).name}, MB:"
            self._progress = Progress(round(self._wanted.bytes / MEGABYTE), label)
        self._progress.update(round(self._size / MEGABYTE))

    def flush(self) -> None:
        """pooch asks for it after each piece; the file is flushed when it is closed."""

    def close(self) -> None:
        if self._progress is not None:
            self._progress.close()

    def end(self) -> None:
        """Everything came that was announced, whichever version of urllib3 counted along."""
        if self._promised is not None and self._size < self._promised:
            raise Refused("the connection ended before the file did", passing=True)

    def _again(self) -> None:
        self._file.truncate(0)
        self.start = self._size = 0

    def _other_size(self, bytes: int, more: str = "") -> str:
        return (
            f"it offers {more}{bytes:,} bytes where {self._wanted.bytes:,} are expected, so it is "
            "another file: perhaps a page of this network that asks you to log in"
        )

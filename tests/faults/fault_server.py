"""A server on loopback that plays the faults of the internet, and counts what it is asked for.

Each path is one behaviour, `/BEHAVIOUR/any/name`: see `BEHAVIOURS`. `server.files[name]` is what
`name` holds. Every request is noted in `server.requests`, every byte sent in `server.sent`.
"""

from __future__ import annotations

import contextlib
import http.server
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path


class FaultServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []  # path, range
        self.sent = 0
        self.slow = 0.0  # seconds between pieces of 64 kB
        self.wait = threading.Event()  # what "stalls" waits for
        self.scheme = "http"

    def url(self, behaviour: str, name: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/{behaviour}/{name}"

    def handle_error(self, request, client_address):
        """A client that hangs up in the middle is what is tested here."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultServer

    def log_message(self, *_):
        pass

    def do_GET(self):
        behaviour, _, self.name = self.path.lstrip("/").partition("/")
        self.asked = self.headers.get("Range")
        self.server.requests.append((self.path, self.asked))
        self.close_connection = True
        if behaviour.isdigit():
            self.send_error(int(behaviour))
        else:
            BEHAVIOURS[behaviour](self, self.server.files.get(self.name, b""))

    # ---- behaviours ----

    def good(self, body: bytes) -> None:
        """What a good server does: sends the range that is asked for."""
        start = int(self.asked.removeprefix("bytes=").rstrip("-")) if self.asked else 0
        if start >= len(body) > 0 and self.asked:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._head(206 if self.asked else 200, len(body) - start, start, len(body))
        self._send(body[start:])

    def no_range(self, body: bytes) -> None:
        """The whole file, whatever was asked for."""
        self._head(200, len(body))
        self._send(body)

    def wrong_range(self, body: bytes) -> None:
        """A part of the file, but from its beginning, until the whole is asked for."""
        self._head(206 if self.asked else 200, len(body), 0, len(body))
        self._send(body)

    def cut(self, body: bytes) -> None:
        """Announces the whole and hangs up after half, every time from the beginning."""
        self._head(200, len(body))
        self._send(body[: len(body) // 2])

    def cut_then_good(self, body: bytes) -> None:
        """The first connection breaks off after half, the next one sends the rest."""
        if self.asked:
            return self.good(body)
        self.cut(body)

    def busy_then_good(self, body: bytes) -> None:
        if len(self.server.requests) == 1:
            return self.send_error(503)
        self.good(body)

    def short(self, body: bytes) -> None:
        """A page instead of the file, with its own, right length: a network's log-in page."""
        page = b"<html>Please log in to this network</html>"
        self._head(200, len(page))
        self._send(page)

    def long(self, body: bytes) -> None:
        """Three times the file, announced."""
        self._head(200, 3 * len(body))
        self._send(3 * body)

    def endless(self, body: bytes) -> None:
        """Three times the file without saying how much comes."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self._send(3 * body)

    def unannounced(self, body: bytes) -> None:
        """Half the file, without saying how much comes: nobody notices but the digest."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self._send(body[: len(body) // 2])

    def other(self, body: bytes) -> None:
        """As many bytes, one of them another."""
        self.good(body[:-1] + bytes([body[-1] ^ 1]))

    def loop(self, _: bytes) -> None:
        self.send_response(302)
        self.send_header("Location", self.path)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def moved(self, _: bytes) -> None:
        self.send_response(302)
        self.send_header("Location", f"/good/{self.name}")
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def silent(self, _: bytes) -> None:
        """Takes the request and never answers."""
        self.server.wait.wait(20)

    def stalls(self, body: bytes) -> None:
        """Half of the file, then nothing more; the rest for whoever asks for it."""
        if self.asked:
            return self.good(body)
        self._head(200, len(body))
        self._send(body[: len(body) // 2])
        self.server.wait.wait(20)

    def garbage(self, _: bytes) -> None:
        """Not HTTP at all."""
        self.wfile.write(b"\x00\x01 this is no answer\r\n\r\n")

    # ---- parts ----

    def _head(self, status: int, length: int, start: int = 0, total: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.end_headers()

    def _send(self, body: bytes) -> None:
        for at in range(0, len(body), 2**16):
            piece = body[at : at + 2**16]
            self.wfile.write(piece)
            self.server.sent += len(piece)
            time.sleep(self.server.slow)


BEHAVIOURS = {
    name: call for name, call in vars(_Handler).items() if not name.startswith(("_", "do_"))
}


@contextlib.contextmanager
def serve(certificate: Path | None = None) -> Iterator[FaultServer]:
    """A running server; with a folder for a self-signed certificate, over TLS."""
    server = FaultServer()
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self_signed(certificate))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.wait.set()
        server.shutdown()
        server.server_close()


def self_signed(folder: Path) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that nobody has signed, and its key."""
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    call = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    call += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*call, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key

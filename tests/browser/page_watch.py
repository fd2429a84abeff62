"""What a page must not do: meet an error, or ask any machine but this one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

HOME = {"localhost", "127.0.0.1", "::1"}
# Messages of the console that are no fault of the course: pattern -> reason.
HARMLESS: dict[str, str] = {}


def is_foreign(address: str) -> bool:
    """Whether a request leaves this machine; `data:`, `blob:` and `file:` do not."""
    parts = urlsplit(address)
    return parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname not in HOME


class Watch:
    """Collects the errors of a page's console and scripts, and its requests to other machines."""

    def __init__(self, page):
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", lambda message: message.type == "error" and self._note(message))
        page.on("pageerror", lambda error: self.errors.append(f"script: {error}"))
        page.on("request", lambda request: self._ask(request.url))
        page.on("websocket", lambda socket: self._ask(socket.url))

    def _note(self, message) -> None:
        text = f"{message.text} ({message.location.get('url', '')})"
        if not any(re.search(pattern, text) for pattern in HARMLESS):
            self.errors.append(text)

    def _ask(self, address: str) -> None:
        if is_foreign(address):
            self.foreign.append(address)

    def check(self) -> None:
        assert not self.foreign, f"asked other machines: {self.foreign}"
        assert not self.errors, "errors in the browser:\n" + "\n".join(self.errors)

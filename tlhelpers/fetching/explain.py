"""What went wrong with a download, and what to do: in words, for each kind of fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from ..core.errors import remedy

_LATER = "Try again later; the same command goes on from what is here."
_NETWORK = "Check the network connection, a VPN and a firewall, then call the same command again."
_PROXY = (
    "Correct the environment variable HTTPS_PROXY (ask whoever runs this network), or unset it "
    "where no proxy is needed; NO_PROXY names hosts that need none."
)
_CERTIFICATE = (
    "If your organisation looks into encrypted connections, name its certificate file in the "
    "environment variable REQUESTS_CA_BUNDLE; else check the date of this machine. The check of "
    "certificates cannot be switched off here."
)
_STATUS = {
    401: ("asks for a password", "A proxy or filter of this network may be in between: ask there."),
    403: ("refuses", "A filter of this network may block it: try another network."),
    404: ("has no such file any more", "Get the newest version of the course, or report this."),
    407: ("cannot be reached without a password for the proxy", _PROXY),
    429: ("is asked too often", _LATER),
}


class Refused(Exception):
    """A server's answer that is of no use; `passing` if another attempt may go well."""

    def __init__(self, reason: str, passing: bool = False):
        super().__init__(reason)
        self.passing = passing


def is_passing(error: Exception) -> bool:
    """Whether the same request may go well in a moment."""
    from requests import exceptions as kinds

    if isinstance(error, Refused):
        return error.passing
    if isinstance(error, kinds.HTTPError):
        return error.response.status_code in (408, 416, 429) or error.response.status_code >= 500
    if isinstance(error, (kinds.ProxyError, kinds.SSLError)) or _names(error) & _NEVER_THERE:
        return False
    return isinstance(error, (kinds.ConnectionError, kinds.Timeout, kinds.ChunkedEncodingError))


def explain(address: str, error: Exception, part: Path) -> str:
    """A sentence on what happened, and one on what to do."""
    what, next_step = _reason(error, part)
    here = part.stat().st_size if part.exists() else 0
    kept = f" The first {here / 2**20:.1f} MB are kept in {part}." if here else ""
    return f"{address}: {what}.{kept} {next_step}"


def _reason(error: Exception, part: Path) -> tuple[str, str]:
    from requests import exceptions as kinds

    host = urlsplit(getattr(getattr(error, "request", None), "url", None) or "").hostname
    host = host or "the server"
    if isinstance(error, Refused):
        return str(error), _LATER if error.passing else "Open the address in a browser to see."
    if isinstance(error, kinds.HTTPError):
        status = error.response.status_code
        said, next_step = _STATUS.get(status, ("has a fault of its own", _LATER))
        return f"{host} {said} (HTTP status {status})", next_step
    if isinstance(error, (kinds.ProxyError, kinds.InvalidProxyURL)):
        found = {urlsplit(proxy).netloc.rpartition("@")[2] for proxy in getproxies().values()}
        proxies = ", ".join(sorted(found - {""}))  # without the passwords that may stand before it
        return f"the proxy that is set here cannot be used ({proxies})", _PROXY
    if isinstance(error, kinds.SSLError):
        return f"the certificate of {host} cannot be trusted ({_last(error)})", _CERTIFICATE
    if isinstance(error, kinds.TooManyRedirects):
        return f"{host} sends from one address to the next without end", _NETWORK
    if isinstance(error, kinds.Timeout):
        return f"{host} did not answer in time", _NETWORK
    if "NameResolutionError" in _names(error) or "gaierror" in _names(error):
        return f"the name {host} cannot be resolved (DNS)", _NETWORK
    if "ConnectionRefusedError" in _names(error):
        return f"{host} refuses the connection", _NETWORK
    if isinstance(error, (kinds.ConnectionError, kinds.ChunkedEncodingError)):
        return "the connection ended before the file did", _LATER
    if isinstance(error, OSError) and not isinstance(error, kinds.RequestException):
        return f"{part} cannot be written: {error.strerror or error}", cannot_write(part.parent)
    return f"it cannot be used ({_last(error)})", "Report this with the whole message."


def cannot_write(folder: Path) -> str:
    """What to do where a folder takes no more files."""
    other = remedy('fetch_assets(..., to="FOLDER")', "--to FOLDER")
    return (
        f"Make room or get the right to write there, or take another folder: {other}, and set "
        f"TLHELPERS_DATA to it. The folder now is {folder}."
    )


_NEVER_THERE = {"NameResolutionError", "gaierror", "ConnectionRefusedError"}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from; urllib3 keeps that in `reason`, requests in `args`."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        found = waiting.pop()
        if not isinstance(found, BaseException) or found in seen:
            continue
        seen.append(found)
        yield found
        waiting += [getattr(found, "reason", None), found.__cause__, found.__context__, *found.args]


def _names(error: BaseException) -> set[str]:
    return {type(found).__name__ for found in _chain(error)}


def _last(error: BaseException) -> str:
    """What the innermost error says, on one line."""
    said = str(list(_chain(error))[-1]) or type(error).__name__
    return " ".join(said.split())[:200]

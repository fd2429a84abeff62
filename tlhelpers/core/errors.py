"""Errors that say what is wrong and what to do next."""

from __future__ import annotations

import contextlib
import difflib
import unicodedata
from collections.abc import Iterable, Iterator

_on_command_line = False
_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class InputError(ValueError):
    """Something a user gave cannot be used; the message names it and the remedy."""


class AssetError(InputError):
    """A data set or weights file is not where it is looked for; the message says how to get it."""


def remedy(call: str, option: str) -> str:
    """What to do, in the words of whoever asked: Python's, or an option of the command line.

    Example: `remedy('on_error="skip"', "--on-error skip")`.
    """
    return option if _on_command_line else call


def arguments(**values: object) -> str:
    """The arguments named as whoever asked gives them: `on_error="skip"`, or `--on-error skip`."""
    return ", ".join(
        remedy(
            f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}",
            f"--{name.replace('_', '-')} {value}",
        )
        for name, value in values.items()
    )


@contextlib.contextmanager
def on_command_line() -> Iterator[None]:
    """Inside, every `remedy` is an option."""
    global _on_command_line  # not a context variable: threads that decode images see it too
    before, _on_command_line = _on_command_line, True
    try:
        yield
    finally:
        _on_command_line = before


def printable(text: str) -> str:
    """A text in one line that a terminal only shows: its control characters as `\\n`, `\\x1b`.

    A file's name may hold a new line, a terminal's commands, or marks that turn the direction of
    writing (`\\u202e`), and bytes that are no UTF-8, which become "?".
    """
    text = text.encode("utf-8", "replace").decode()
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in ("Cc", "Zl", "Zp") or letter in _DIRECTIONS
        else letter
        for letter in text
    )


def nearest(name: str, options: Iterable[str]) -> str:
    """Sentence for an unknown name: the closest match, then what there is.

    Example: ``' Did you mean "layer4"? There are: conv1, layer1, layer4.'``
    """
    options = list(options)
    match = difflib.get_close_matches(str(name), options, n=1, cutoff=0.4)
    guess = f' Did you mean "{match[0]}"?' if match else ""
    rest = f", ... ({len(options)} in all)" if len(options) > 20 else ""
    return f"{guess} There are: {', '.join(options[:20])}{rest}."

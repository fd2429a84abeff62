"""The environment variables that the course reads, and what is said about a wrong value.

Nothing here imports torch: `python -m tlhelpers doctor` reads them where torch is broken.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence

from .errors import InputError, nearest

PROFILES = ("mini", "full")
PRECISIONS = ("auto", "fp32")
VARIABLES = {
    "TLHELPERS_PROFILE": "mini or full",
    "TLHELPERS_DATA": "a folder that is searched before the embedded data",
    "TLHELPERS_CACHE": "the folder for what is fetched",
    "TLHELPERS_BACKBONE": "the network that a lesson loads",
    "TLHELPERS_BUDGET": "a factor for the steps that a lesson trains",
    "TLHELPERS_PRECISION": "auto or fp32",
    "TLHELPERS_PROGRESS": "off, or the file for what tl.progress() shows",
}
# Of the tests and of `make release`, which read them themselves.
_TOOLS = (
    "TLHELPERS_TEST_",
    "TLHELPERS_STRICT_TIME",
    "TLHELPERS_BROWSER",
    "TLHELPERS_RELEASE_LESSONS",
)


def choice(name: str, options: Sequence[str]) -> str:
    """The value of the variable `name`, one of `options`; the first of them if it is not set.

    Raises `InputError` for another word, with the nearest option.
    """
    value = os.environ.get(name) or options[0]
    if value not in options:
        raise InputError(
            f'the environment variable {name} is "{value}".{nearest(value, options)} '
            "Correct it, or unset it, and start again."
        )
    return value


def factor(name: str) -> float:
    """The value of the variable `name`, a number above 0; 1 if it is not set.

    Raises `InputError` for anything else.
    """
    value = os.environ.get(name) or "1"
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise InputError(f'{name} is "{value}": give a number above 0, such as 0.5.')
    return number


def whole_number(name: str, default: int | None = None) -> int:
    """The value of the variable `name`, a whole number from 0; `default` if it is not set.

    Raises `InputError` for anything else.
    """
    value = os.environ.get(name, default)
    try:
        number = int(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise InputError(
            f'{name} is "{value}", not a whole number. torchrun sets it for each process of a job; '
            "for a job in one process, unset RANK."
        )
    return number


def unknown() -> list[str]:
    """A sentence for each variable that looks like one of the course's, and is none.

    A misspelt name would be ignored without a word.
    """
    sentences = []
    for name in sorted(os.environ):
        if name.startswith("TLHELPERS_") and name not in VARIABLES and not name.startswith(_TOOLS):
            match = difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.8)
            guess = f" Did you mean {match[0]}?" if match else ""
            known = ", ".join(VARIABLES)
            sentences.append(f"{name} is set, and no such variable is read.{guess} Known: {known}.")
    return sentences

"""Errors that say what is wrong and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something a user gave cannot be used; the message names it and the remedy."""


class AssetError(InputError):
    """A data set or weights file is not where it is looked for; the message says how to get it."""


def nearest(name: str, options: Iterable[str]) -> str:
    """Sentence for an unknown name: the closest match, then what there is.

    Example: ``' Did you mean "layer4"? There are: conv1, layer1, layer4.'``
    """
    options = list(options)
    match = difflib.get_close_matches(str(name), options, n=1, cutoff=0.4)
    guess = f' Did you mean "{match[0]}"?' if match else ""
    rest = f", ... ({len(options)} in all)" if len(options) > 20 else ""
    return f"{guess} There are: {', '.join(options[:20])}{rest}."

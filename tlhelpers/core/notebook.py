"""Whether a Jupyter kernel shows rich output, and boxes of HTML for it."""

from __future__ import annotations

import ast
import html
import re
import sys

# Okabe-Ito colours: apart for colour-blind readers, and visible as a border on light and dark
# pages.
COLOURS = {"good": "#009E73", "bad": "#D55E00", "mixed": "#E69F00", "neutral": "#56B4E9"}

_MARKS = re.compile(r"`([^`]+)`|\*(\w(?:[^*`]*\w)?)\*")


def in_notebook() -> bool:
    """True where a Jupyter kernel shows rich output; False in scripts, tests and terminals."""
    ipython = sys.modules.get("IPython")  # a kernel has imported it long before we ask
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def in_widget_callback() -> bool:
    """True while a notebook's kernel runs the callback of a widget, and not a cell."""
    if not in_notebook():
        return False
    request = sys.modules["IPython"].get_ipython().kernel.get_parent() or {}
    return request.get("header", {}).get("msg_type") == "comm_msg"


def running_cell() -> list[ast.stmt]:
    """The statements of the cell that IPython runs just now; none in scripts and tests."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if not shell:
        return []
    try:
        return ast.parse(shell.history_manager.input_hist_parsed[-1]).body
    except SyntaxError:  # the callback of a widget, after a cell that could not run
        return []


def inline(text: str) -> str:
    """Escape `text` for HTML: `backticks` become code, *asterisks* italics, lines stay lines."""
    escaped = html.escape(text.strip()).replace("\n", "<br>")
    return _MARKS.sub(lambda m: f"<code>{m[1]}</code>" if m[1] else f"<em>{m[2]}</em>", escaped)


def plain(text: str) -> str:
    """The same without the marks, for what shows text alone."""
    return _MARKS.sub(lambda m: m[1] or m[2], text)


def callout(kind: str, title: str, text: str) -> str:
    """HTML box with a coloured edge; `kind` is a key of `COLOURS`.

    Text keeps the page's own colour and the tint is translucent, so that the box can be read in
    light and in dark themes.
    """
    colour = COLOURS[kind]
    return (
        f'<div style="border-left:.35em solid {colour};background:{colour}22;'
        f'padding:.5em .9em;margin:.3em 0;max-width:60em">'
        f"<strong>{inline(title)}</strong><br>{inline(text)}</div>"
    )

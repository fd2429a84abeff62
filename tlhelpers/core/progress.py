"""The progress of a long computation on one line, in a notebook and in a terminal."""

from __future__ import annotations

import html
import sys
from time import monotonic

from .notebook import in_notebook, in_widget_callback


class Progress:
    """Show the count of done steps, out of `total`, on one rewritten line.

    ::

        with Progress(len(images), "decoding") as progress:
            for done, image in enumerate(images, start=1):
                ...
                progress.update(done, image.name)

    A notebook saved afterwards ends with the last line (`decoding 397/397  bee_12.jpg`). In a
    terminal one line is rewritten, a log file gets about ten lines. At most five updates a second
    are drawn, so that an update may stand in a tight loop; the last one is always drawn.
    """

    def __init__(self, total: int, label: str):
        self.total, self.label = total, label
        self.done, self.text = 0, ""
        self._shown = None
        self._drawn_at, self._logged, self._width = float("-inf"), 0, 0

    def __str__(self) -> str:
        return f"{self.label} {self.done}/{self.total}  {self.text}".rstrip()

    def update(self, done: int, text: str = "") -> None:
        """`done` steps are finished; `text` follows the count."""
        self.done, self.text = done, text
        if monotonic() - self._drawn_at >= 0.2:
            self._draw()

    def close(self, text: str | None = None) -> None:
        """Draw the last line, with `text` if given."""
        self.text = self.text if text is None else text
        self._draw(last=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _draw(self, last: bool = False) -> None:
        self._drawn_at = monotonic()
        line = str(self)
        if in_notebook():
            self._display(line, last)
        elif sys.stderr.isatty():
            # Spaces wipe what a longer line left behind.
            end = "\n" if last else ""
            print("\r" + line.ljust(self._width), end=end, file=sys.stderr, flush=True)
            self._width = len(line)
        elif last or (self.done - self._logged) * 10 >= self.total:
            print(line, file=sys.stderr, flush=True)
            self._logged = self.done

    def _display(self, line: str, last: bool) -> None:
        bar = "" if last else f'<progress value="{self.done}" max="{self.total}"></progress> '
        markup = f"{bar}<code>{html.escape(line)}</code>"
        if self._shown is None:
            self._shown = _WidgetLine() if in_widget_callback() else _DisplayLine()
        self._shown.show(markup, line)


class _DisplayLine:
    """The line as the output of a cell, which a saved notebook keeps."""

    def __init__(self):
        self._handle = None

    def show(self, markup: str, line: str) -> None:
        from IPython.display import display

        bundle = {"text/html": markup, "text/plain": line}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


class _WidgetLine:
    """The line as a widget, for callbacks of widgets.

    What a callback displays goes into an `Output` widget, and JupyterLab's passes no updates of a
    display on: the first line would stay. The value of a widget always arrives.
    """

    def __init__(self):
        from IPython.display import display
        from ipywidgets import HTML

        self._widget = HTML()
        display(self._widget)

    def show(self, markup: str, line: str) -> None:
        self._widget.value = markup

"""One line that says how far a long computation has come, in a notebook and in a terminal."""

from __future__ import annotations

import html
import sys
from time import monotonic

from .notebook import in_notebook


class Progress:
    """Show the count of done steps, out of `total`, on one rewritten line.

    ::

        with Progress(len(images), "decoding") as progress:
            for done, image in enumerate(images, start=1):
                ...
                progress.update(done, image.name)

    A notebook saved afterwards ends with the last line (`decoding 397/397  bee_12.jpg`). A
    terminal gets one line rewritten, a log file about ten lines. At most five updates a second are
    drawn, so that an update may stand in a tight loop; the last one is always drawn.
    """

    def __init__(self, total: int, label: str):
        self.total, self.label = total, label
        self.done, self.text = 0, ""
        self._handle = None
        self._drawn_at, self._logged, self._width = float("-inf"), 0, 0

    def __str__(self) -> str:
        return f"{self.label} {self.done}/{self.total}  {self.text}".rstrip()

    def update(self, done: int, text: str = "") -> None:
        """`done` steps are behind us; `text` follows the count."""
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
        from IPython.display import display

        bar = "" if last else f'<progress value="{self.done}" max="{self.total}"></progress> '
        bundle = {"text/html": f"{bar}<code>{html.escape(line)}</code>", "text/plain": line}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

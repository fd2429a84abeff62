"""How results reach a reader: in a notebook, on an exported page, in a terminal."""

from __future__ import annotations

import base64
import html
import io
import re
import sys

from .errors import InputError

# Okabe-Ito colours: apart for colour-blind readers, and visible as a border on light and dark
# pages.
COLOURS = {"good": "#009E73", "bad": "#D55E00", "mixed": "#E69F00", "neutral": "#56B4E9"}


def in_notebook() -> bool:
    """True where a Jupyter kernel shows rich output; False in scripts, tests and terminals."""
    ipython = sys.modules.get("IPython")  # a kernel has imported it long before we ask
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def inline(text: str) -> str:
    """Escape `text` for HTML, set what stands in `backticks` as code, and keep its lines."""
    escaped = html.escape(text.strip()).replace("\n", "<br>")
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)


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


def show(figure, alt: str) -> None:
    """Show a matplotlib figure with alternative text, then close it.

    `figure` is a Figure, an Axes or an array of Axes (whatever a `plot_...` function returns);
    `alt` says in a sentence or two what the picture shows, for readers who do not see it. In a
    notebook the picture is an `<img alt="...">`, also on the page nbconvert makes of it, and the
    text is its twin where pictures cannot be shown. Outside a notebook this is `plt.show()`, and
    nothing where no window can be opened.

    Raises:
        InputError: `alt` is empty, or `figure` is none of the above.
    """
    import matplotlib
    import matplotlib.pyplot as plt

    if not alt.strip():
        raise InputError("show() needs alt: say in a sentence what the figure shows.")
    figure = _figure_of(figure)
    if in_notebook():
        from IPython.display import display

        # nbconvert drops the alternative text of image/png outputs, so this is an HTML image, which
        # carries it everywhere; 1.6 times the pixels of the shown width keep it sharp.
        width = round(figure.get_figwidth() * 100)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=160, facecolor="white")
        data = base64.b64encode(stream.getvalue()).decode("ascii")
        alt = " ".join(alt.split())
        image = (
            f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" '
            f'width="{width}" style="max-width:100%;height:auto;background:white">'
        )
        display({"text/html": image, "text/plain": f"[Figure: {alt}]"}, raw=True)
    elif matplotlib.get_backend().lower() not in {"agg", "pdf", "ps", "svg", "template"}:
        plt.show()
    plt.close(figure)


def _figure_of(thing):
    from matplotlib.figure import Figure

    while hasattr(thing, "flat"):  # an array of Axes
        thing = next(iter(thing.flat))
    figure = thing if isinstance(thing, Figure) else getattr(thing, "figure", None)
    if not isinstance(figure, Figure):
        raise InputError(
            f"show() takes a figure or what a plot function returned, not {type(thing).__name__}."
        )
    return figure

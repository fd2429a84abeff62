"""A figure on the page, with its alternative text, or in a file."""

from __future__ import annotations

import base64
import html
import io
import textwrap
from pathlib import Path

from ..core.errors import InputError
from ..core.notebook import in_notebook


def show(figure, alt: str, note: str = "") -> None:
    """Show a matplotlib figure with alternative text, then close it; print `note` below it.

    `figure` is a Figure, an Axes or an array of Axes (whatever a `plot_...` function returns);
    `alt` says in a sentence or two what the picture shows, for readers who do not see it. The
    numbers that `plot_bars`, `plot_intervals`, `plot_parameters` and `plot_history` have drawn,
    and the `note`, are added to it. In a notebook the picture is an `<img alt="...">`, also on the
    page nbconvert makes of it, and the text is its twin where pictures cannot be shown. Outside a
    notebook this is `plt.show()`, and nothing where no window can be opened.

    Raises:
        InputError: `alt` is empty, or `figure` is none of the above.
    """
    import matplotlib
    import matplotlib.pyplot as plt

    if not alt.strip():
        raise InputError("show() needs alt: say in a sentence what the figure shows.")
    figure = figure_of(figure)
    numbers = [ax.get_label() for ax in figure.axes if not ax.get_label().startswith("<")]
    alt = " ".join(" ".join([alt, note, *numbers]).split())
    if in_notebook():
        from IPython.display import display

        # nbconvert drops the alternative text of image/png outputs, so this is an HTML image, which
        # carries it everywhere; 1.6 times the pixels of the shown width keep it sharp.
        width = round(figure.get_figwidth() * 100)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=160, facecolor="white")
        data = base64.b64encode(stream.getvalue()).decode("ascii")
        image = (
            f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" '
            f'width="{width}" style="max-width:100%;height:auto;background:white">'
        )
        display({"text/html": image, "text/plain": f"[Figure: {alt}]"}, raw=True)
    elif matplotlib.get_backend().lower() not in {"agg", "pdf", "ps", "svg", "template"}:
        plt.show()
    plt.close(figure)
    for line in note.splitlines():  # a page cuts off what is longer than its code lines
        print(textwrap.fill(line, 95))


def save(axes, path: Path) -> None:
    """Write the figure of some Axes to a PNG file, whole or not at all, then close it."""
    import matplotlib.pyplot as plt

    try:
        axes.figure.savefig(path, dpi=120, bbox_inches="tight")
    except BaseException:
        path.unlink(missing_ok=True)  # half a picture would look like one that is there
        raise
    finally:
        plt.close(axes.figure)


def figure_of(thing):
    """The Figure of what a plot function returned; `InputError` where there is none."""
    from matplotlib.figure import Figure

    while hasattr(thing, "flat"):  # an array of Axes
        thing = next(iter(thing.flat))
    figure = thing if isinstance(thing, Figure) else getattr(thing, "figure", None)
    if not isinstance(figure, Figure):
        raise InputError(
            f"show() takes a figure or what a plot function returned, not {type(thing).__name__}."
        )
    return figure

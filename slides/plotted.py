"""The course's own plots on slides: a `tl.plot_...` figure, enlarged to a slide's width."""

from __future__ import annotations

import io
import re

SIDES = ("width", "height")


def enlarged(draw, tallest: int = 430) -> str:
    """The figure that `draw()` plots, as SVG 1160 wide at most: its type grows with it."""
    import matplotlib.pyplot as plt

    figure, stream = draw().figure, io.StringIO()
    with plt.rc_context({"svg.hashsalt": draw.__name__, "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    drawn = stream.getvalue()
    width, height = (float(re.search(rf' {side}="([\d.]+)pt"', drawn)[1]) for side in SIDES)
    factor = min(1160 / width, tallest / height)
    for side, size in zip(SIDES, (width, height), strict=True):
        drawn = re.sub(rf' {side}="[\d.]+pt"', f' {side}="{size * factor:.0f}"', drawn, count=1)
    return drawn

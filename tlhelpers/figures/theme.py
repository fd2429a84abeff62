"""Look of the course's figures: colours, markers, hatches and fonts, one place for all."""

from __future__ import annotations

import functools
from collections.abc import Mapping

# Told apart with every common colour blindness, each at least 3 : 1 against white
# (tests/course/test_accessibility.py). Okabe & Ito (2008) without their yellow, orange and sky
# blue, which are too pale for a line on white; a wine red and a lavender stand in.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#882255", "#8888EE", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo", "+++")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 3)))
GOOD, BAD = "#009E73", "#D55E00"


@functools.cache  # once: a reader who changes a setting afterwards keeps it
def use_style() -> None:
    """Set the course's fonts, palette and line styles for matplotlib as a whole.

    The functions here call it themselves; a cell that plots by hand calls it first to look alike.
    """
    import matplotlib.pyplot as plt
    from cycler import cycler

    plt.rcParams.update(
        {
            "font.size": 12,
            "axes.titlesize": 13,
            "axes.labelsize": 12,
            "xtick.labelsize": 11,
            "ytick.labelsize": 11,
            "legend.fontsize": 11,
            "legend.edgecolor": "white",  # no frame, yet readable where it meets a curve
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=PALETTE) + cycler(linestyle=LINES),
            "lines.linewidth": 2,
            "hatch.linewidth": 0.8,
            "figure.constrained_layout.use": True,
        }
    )


def new_axes(width: float, height: float, rows: int = 1, columns: int = 1):
    """Axes of a new figure in the course's style; an array of them where there are several."""
    import matplotlib.pyplot as plt

    use_style()
    return plt.subplots(rows, columns, figsize=(width, height), layout="constrained")[1]


def write_down(ax, values: Mapping, fmt: str = "") -> None:
    """Keep the numbers of a plot as text: the label of its Axes, which `tl.show` reads out.

    `values` maps names to numbers, or names of series to such mappings.
    """
    lines = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{label} {number:{fmt}}" for label, number in value.items())
            lines.append(f"{name}: {value}" if name else value)
        else:
            lines.append(f"{name} {value:{fmt}}")
    ax.set_label("; ".join(lines) + ".")


def style_of(index: int) -> dict:
    """Colour, line style and marker of the `index`-th series."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": LINES[index % len(LINES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def face_of(index: int) -> dict:
    """Colour and hatch of the bars of the `index`-th series."""
    return {
        "facecolor": PALETTE[index % len(PALETTE)],
        "hatch": HATCHES[index % len(HATCHES)],
        "edgecolor": "white",
    }

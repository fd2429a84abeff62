"""Differences between two measurements each, with their intervals and the line of no difference."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..core.errors import InputError
from ..evaluation.statistics import Interval
from .names import PLAIN, drawable
from .theme import MARKERS, PALETTE, new_axes, write_down

WIDTH = 30  # letters of a name on a line


def plot_differences(
    differences: Mapping[tuple[str, str], Interval],
    xlabel: str = "difference",
    *,
    real: Collection[tuple[str, str]] = (),
    beside: Mapping[tuple[str, str], str] | None = None,
    fmt: str = "+.3f",
    ax=None,
    title: str = "",
):
    """Draw what the second of two things has more than the first, for each pair of names.

    A filled square is a difference that is `real` (a test says so), a hollow circle one that may be
    chance. At the right stand the numbers, or the text of `beside`.

    Raises:
        InputError: nothing to draw.
    """
    if not differences:
        raise InputError(
            "plot_differences needs at least one pair of names with its Interval: "
            '{("a", "b"): paired_interval(4, 9, 153)}.'
        )
    names = [f"{second}\nminus {first}" for first, second in _drawable(differences)]
    ax = new_axes(8.6, 1.7 + 0.62 * len(names)) if ax is None else ax
    ax.axvline(0, color="#555555", linestyle="--", linewidth=1.5)
    for row, (pair, value) in enumerate(differences.items()):
        look = _REAL if pair in real else _CHANCE
        ax.plot((value.low, value.high), (row, row), "-", color=look["color"], linewidth=2.5)
        ax.plot(value.mean, row, linestyle="", markeredgewidth=2, markersize=9, **look)
        ax.annotate(
            beside[pair] if beside else format(value, fmt),
            (1, row),
            (10, 0),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            va="center",
            fontsize=11,
            annotation_clip=False,
            **PLAIN,
        )
    ax.set_yticks(range(len(names)), names, **PLAIN)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.4, -0.6)
    _explain(ax)
    ax.set_title(title, loc="left", pad=32)
    ax.grid(axis="x", color="#E5E5E5")
    ax.set_axisbelow(True)
    ax.set(xlabel=xlabel)
    ax.margins(x=0.08)
    said = {f"{b} minus {a}": value for (a, b), value in differences.items()}
    write_down(ax, said, fmt)
    return ax


_REAL = {"color": PALETTE[1], "marker": MARKERS[1]}
_CHANCE = {"color": PALETTE[0], "marker": MARKERS[0], "markerfacecolor": "white"}


def _explain(ax) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linewidth=2.5, markersize=9, markeredgewidth=2, label=label, **look)
        for label, look in (("more than chance", _REAL), ("may be chance", _CHANCE))
    ]
    place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 1), "borderaxespad": 0.2}
    ax.legend(handles=handles, ncols=2, **place)


def _drawable(pairs: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """The names, each on a line of its own, in letters that a font here has."""
    known = list(dict.fromkeys(name for pair in pairs for name in pair))
    lines = (" ".join(name.split()) for name in drawable(known, width=10**6))
    short = {
        name: line if len(line) <= WIDTH else f"{line[: WIDTH // 2]}…{line[1 - WIDTH // 2 :]}"
        for name, line in zip(known, lines, strict=True)
    }
    return [(short[a], short[b]) for a, b in pairs]

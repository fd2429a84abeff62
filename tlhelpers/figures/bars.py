"""Bars and dots with their numbers beside them: parameters, comparisons, intervals."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from ..core.errors import InputError
from ..evaluation.statistics import Interval
from .theme import HATCHES, MARKERS, PALETTE, face_of, new_axes, write_down


def plot_parameters(model: nn.Module, depth: int = 1, *, ax=None, title: str = ""):
    """Where a network's parameters are, and which of them are frozen: a bar for each module.

    `depth` counts the dots of a module's name: 1 draws `layer4`, 2 draws `layer4.0`.
    Trainable is plain, frozen is hatched.

    Raises:
        InputError: the network has no parameters, or more than 40 modules at this depth.
    """
    counts: dict[str, list[int]] = {}
    for name, parameter in model.named_parameters():
        module = ".".join(name.split(".")[:-1][:depth]) or name
        counts.setdefault(module, [0, 0])[not parameter.requires_grad] += parameter.numel()
    if not 1 <= len(counts) <= 40:
        raise InputError(
            f"plot_parameters draws 1 to 40 modules, there are {len(counts)} at depth {depth}"
            + (": take a smaller depth." if counts else ".")
        )
    total = sum(map(sum, counts.values()))
    ax = _bar_axes(len(counts)) if ax is None else ax
    for row, (trainable, frozen) in enumerate(counts.values()):
        for left, width, face in ((0, trainable, _TRAINABLE), (trainable, frozen, _FROZEN)):
            if width:  # a bar of no width would pin the axis to its place
                ax.barh(row, width, left=left, **face)
        count = trainable + frozen
        _write_beside(ax, count, row, f"{_short(count)}  {count / total:.1%}")
    trainable = sum(count[0] for count in counts.values())
    sums = {"trainable": _short(trainable), "frozen": _short(total - trainable)}
    faces = (_TRAINABLE, _FROZEN)
    legend = {f"{name}: {sums[name]}": face for name, face in zip(sums, faces, strict=True)}
    _finish(ax, counts, title, legend)
    modules = {name: _short(sum(count)) for name, count in counts.items()}
    write_down(ax, {"parameters": modules, "in all": sums})
    ax.xaxis.set_major_formatter(lambda value, _: _short(value))
    ax.set(xlabel="parameters")
    ax.margins(x=0.2)
    return ax


def plot_bars(
    values: Mapping, xlabel: str, *, fmt: str = ".3f", log: bool = False, ax=None, title: str = ""
):
    """Compare numbers as horizontal bars, each with its value at the end.

    `values` maps labels to numbers or `Interval`s (drawn with whiskers), or names of series to such
    mappings: then the series stand side by side, each with a colour and a hatch of its own. `fmt`
    formats the numbers. With `log` a value of 0 has no bar, only its number.

    Raises:
        InputError: nothing to draw, or series that do not have the same labels.
    """
    grouped = any(isinstance(value, Mapping) for value in values.values())
    series = values if grouped else {"": values}
    labels = list(next(iter(series.values()), ()))
    if not labels or any(list(bars) != labels for bars in series.values()):
        raise InputError("plot_bars needs at least one label, and the same labels in every series.")
    ends = [_low_high(value) for bars in series.values() for value in bars.values()]
    positive = [end for pair in ends for end in pair if end > 0]
    start = min(positive, default=1.0) / 3 if log else 0.0  # where a bar of a log axis begins
    ax = _bar_axes(len(labels), len(labels) * len(series)) if ax is None else ax
    if log:
        ax.set_xscale("log")
    legend, longest, thick = {}, 0, 0.8 / len(series)
    for index, (name, bars) in enumerate(series.items()):
        legend[name] = face_of(index)
        for row, value in enumerate(bars.values()):
            place = row - 0.4 + thick * (index + 0.5)
            mean = value.mean if isinstance(value, Interval) else float(value)
            low, high = _low_high(value)
            ax.barh(place, mean - start, thick * 0.94, left=start, **legend[name])
            if low < high:
                ax.plot((low, high), (place, place), "-", color="black", linewidth=2)
            _write_beside(ax, max(high, start), place, format(value, fmt))
            longest = max(longest, len(format(value, fmt)))
    _finish(ax, labels, title, legend if grouped else {})
    write_down(ax, values, fmt)
    ax.set(xlabel=xlabel)
    ax.margins(x=0.03 + 0.014 * longest)  # room for the numbers
    if log:
        ax.set_xlim(left=start)
    return ax


def plot_intervals(
    intervals: Mapping[str, Interval],
    xlabel: str = "accuracy",
    *,
    chance: float | None = None,
    ax=None,
    title: str = "",
):
    """Compare estimates with their intervals: a dot, its whisker, and the numbers.

    `chance` draws a dashed line where guessing would be.

    Raises:
        InputError: nothing to draw.
    """
    if not intervals:
        raise InputError(
            "plot_intervals needs at least one Interval, such as wilson_interval(146, 153)."
        )
    ax = _bar_axes(len(intervals)) if ax is None else ax
    for row, interval in enumerate(intervals.values()):
        index = row % len(PALETTE)
        ax.plot((interval.low, interval.high), (row, row), "-", color=PALETTE[index], linewidth=3)
        ax.plot(interval.mean, row, MARKERS[index], color=PALETTE[index], markersize=9)
        # Outside, in a column of their own: inside the plot they would hide the next whisker.
        place = ax.get_yaxis_transform()
        ax.annotate(
            str(interval), (1, row), (8, 0), xycoords=place, annotation_clip=False, **_BESIDE
        )
    if chance is not None:
        ax.axvline(chance, color="#555555", linestyle="--", linewidth=1.5)
        ax.annotate(
            f"chance {chance:.2f}".replace(" 0.", " ."),
            (chance, 1),
            (4, 4),
            xycoords=ax.get_xaxis_transform(),
            textcoords="offset points",
            color="#555555",
            annotation_clip=False,
        )
    _finish(ax, intervals, title, raised=chance is not None)
    write_down(ax, intervals)
    ax.grid(axis="x", color="#E5E5E5")
    ax.set_axisbelow(True)
    ax.set(xlabel=xlabel)
    ax.margins(x=0.1)
    return ax


_TRAINABLE = {"facecolor": PALETTE[0]}
_FROZEN = {"facecolor": "#D9D9D9", "hatch": HATCHES[1], "edgecolor": "#707070"}
_BESIDE = {"textcoords": "offset points", "va": "center", "fontsize": 11}


def _bar_axes(rows: int, bars: int = 0):
    """Axes of a height at which the numbers of two bars do not touch."""
    return new_axes(8.2, 1.4 + max(0.42 * rows, 0.22 * bars))


def _low_high(value) -> tuple[float, float]:
    """Ends of what is drawn for a value."""
    return (value.low, value.high) if isinstance(value, Interval) else (float(value),) * 2


def _write_beside(ax, x: float, y: float, text: str) -> None:
    ax.annotate(text, (x, y), (5, 0), **_BESIDE)


def _finish(ax, names, title: str, legend: Mapping | None = None, raised=False) -> None:
    """Name the rows, the first on top; a legend stands between the title and the bars."""
    from matplotlib.patches import Patch

    ax.set_yticks(range(len(names)), list(names))
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.4, -0.6)
    if legend:
        handles = [Patch(label=name, **box) for name, box in legend.items()]
        place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 0.98)}
        ax.legend(handles=handles, ncols=len(handles), **place)
    ax.set_title(title, loc="left", pad=32 if legend else 22 if raised else 8)


def _short(count: float) -> str:
    """54_500_000 -> `54.5 M`"""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if abs(count) >= size:
            return f"{count / size:.1f}{letter}"
    return f"{count:.0f}"

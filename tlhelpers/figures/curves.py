"""Figures of a training run and of a classifier: lines, confusion matrix, embedding.

Every `plot_...` function of the course draws on `ax` or on a figure of its own and returns the
Axes; `tl.show(axes, alt=...)` puts the figure on the page with its alternative text. What colour
says, a marker, a hatch, a line style or a word says too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.errors import InputError
from ..evaluation.statistics import Interval
from .names import PLAIN, drawable
from .theme import MARKERS, PALETTE, new_axes, style_of, write_down

LEGIBLE = 40  # classes whose names and counts find room in a confusion matrix


def plot_history(history, metric: str | None = None, *, x: str = "epoch", ax=None, title: str = ""):
    """Draw how training went.

    Without `metric`: loss and accuracy of one `History`, training against validation, side by
    side, the best and the last epoch marked; returns an array of two Axes (and takes two as
    `ax`). With `metric` (`"val_accuracy"`, `"train_loss"` ...): that quantity for one
    history or for a mapping of names to histories; returns one Axes.

    `x` is `"epoch"`, `"step"` (fair between runs on different amounts of data) or
    `"seconds"`.

    Raises:
        InputError: a quantity the history does not have; several histories and no `metric`.
    """
    label = {"epoch": "epoch", "step": "optimiser steps", "seconds": "time in s"}.get(x, x)
    if metric is None:
        if isinstance(history, Mapping):
            raise InputError('several histories need a metric: plot_history(runs, "val_accuracy").')
        history.column(x)  # a run that was stopped at once raises before an empty figure is there
        axes = new_axes(8.6, 3.4, columns=2) if ax is None else ax
        for panel, quantity in zip(axes, ("loss", "accuracy"), strict=True):
            _draw_both(panel, history, quantity, x)
            panel.set(xlabel=label, ylabel=quantity)
        axes[0].set_title(title, loc="left")
        return axes
    runs = history if isinstance(history, Mapping) else {"": history}
    points = {name: (run.column(x), run.column(metric)) for name, run in runs.items()}
    ax = new_axes(6.8, 3.8) if ax is None else ax
    for index, (name, (xs, ys)) in enumerate(points.items()):
        ax.plot(xs, ys, label=name, markevery=_sparse(xs), markersize=6, **style_of(index))
    if len(runs) > 1:
        ax.legend()
    ax.set(xlabel=label, ylabel=_words(metric), title=title)
    _whole_numbers(ax, x)
    last = {name: run.last[metric] for name, run in runs.items()}
    write_down(ax, {f"{_words(metric)} at the end": last}, ".3f")
    return ax


def plot_lines(
    values: Mapping[str, Mapping], xlabel: str, ylabel: str, *, fmt: str = ".3f", ax=None, title=""
):
    """Compare series over a common axis: a line each, with whiskers where values are `Interval`s.

    `values` maps the name of a series to its points, `{x: number or Interval}`; texts as x stand at
    equal distances. `fmt` formats the numbers of the alternative text.

    Raises:
        InputError: no series, or one without points.
    """
    if not values or not all(values.values()):
        raise InputError("plot_lines needs at least one series, each with a point: {name: {x: y}}.")
    ax = new_axes(6.8, 3.8) if ax is None else ax
    for index, (name, points) in enumerate(values.items()):
        ys = [y if isinstance(y, Interval) else Interval(y, y, y) for y in points.values()]
        whiskers = [[y.mean - y.low for y in ys], [y.high - y.mean for y in ys]]
        error = whiskers if any(map(any, whiskers)) else None
        look = {"label": name, "capsize": 4, "markersize": 6, **style_of(index)}
        ax.errorbar(list(points), [y.mean for y in ys], error, **look)
    if len(values) > 1:
        ax.legend()
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    write_down(ax, values, fmt)
    return ax


def _draw_both(ax, history, quantity: str, x: str) -> None:
    xs, rows = history.column(x), history.rows
    for index, part in enumerate(("train", "val")):
        if f"{part}_{quantity}" in rows[-1]:
            ys = history.column(f"{part}_{quantity}")
            name = {"train": "training", "val": "validation"}[part]
            ax.plot(xs, ys, label=name, markevery=_sparse(xs), markersize=5, **style_of(index))
    if f"val_{quantity}" in rows[-1]:
        marks = [(history.best, "*", "best"), (history.last, "X", "last")]
        if history.best is history.last:
            marks = [(history.last, "*", "best and last")]
        for row, marker, name in marks:
            ax.plot(
                row[x],
                row[f"val_{quantity}"],
                marker,
                color="black",
                markersize=13 if marker == "*" else 9,
                markeredgecolor="white",
                label=f"{name}: {row[f'val_{quantity}']:.3f} (epoch {row['epoch']})",
                zorder=5,
            )
    ax.legend()
    _whole_numbers(ax, x)


def _sparse(xs: Sequence[float]) -> int:
    return max(1, len(xs) // 12)  # a marker at every epoch of 100 hides the line


def _words(metric: str) -> str:
    return metric.replace("val_", "validation ").replace("train_", "training ").replace("_", " ")


def _whole_numbers(ax, x: str) -> None:
    from matplotlib.ticker import MaxNLocator

    if x != "seconds":
        ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))


def plot_confusion_matrix(labels, predictions, classes: Sequence[str], *, ax=None, title: str = ""):
    """Which class was taken for which: counts, and the percentage of the true class.

    Each cell holds both; with more than 12 classes the counts alone, with more than 40 its shade
    alone, and class numbers stand for the names.

    Args:
        labels, predictions: N class numbers each; of logits (N, K) give `logits.argmax(1)`.
        classes: the K names.

    Raises:
        InputError: lists of other lengths or shapes, or numbers that are no class.
    """
    import numpy as np
    from sklearn.metrics import confusion_matrix

    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.ndim != 1 or labels.shape != predictions.shape or not labels.size:
        raise InputError(
            f"labels {labels.shape} and predictions {predictions.shape} must be N class numbers "
            "each; of logits give logits.argmax(1)."
        )
    if min(labels.min(), predictions.min()) < 0 or max(labels.max(), predictions.max()) >= len(
        classes
    ):
        raise InputError(
            f"labels and predictions must lie in 0..{len(classes) - 1}: {list(classes)}."
        )
    counts = confusion_matrix(labels, predictions, labels=range(len(classes)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = drawable(classes) if len(classes) <= LEGIBLE else []
    side = min(8.6, 1.8 + 1.1 * len(classes))
    ax = new_axes(side, side) if ax is None else ax
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.set(xlabel="predicted class", ylabel="true class (a row is 100 %)", title=title)
    ax.spines[:].set_visible(False)
    if len(classes) > LEGIBLE:
        return ax
    many = len(classes) > 12  # room for one number a cell, and for none where it is 0
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        text = (count or "") if many else f"{count}\n{share:.0%}"
        colour = "white" if share > 0.55 else "black"
        style = {"ha": "center", "va": "center", "fontsize": 8 if many else 11}
        ax.text(column, row, text, color=colour, **style)
    ticks = range(len(classes))
    turn = 0 if len(classes) < 5 and max(map(len, names)) <= 14 else 45
    ax.set_xticks(
        ticks,
        names,
        rotation=turn,
        ha="right" if turn else "center",
        rotation_mode="anchor",
        **PLAIN,
    )
    ax.set_yticks(ticks, names, **PLAIN)
    return ax


def plot_embedding(
    points, labels, classes: Sequence[str], *, ax=None, title: str = "", axis: str = ""
):
    """Scatter N points in the plane, a colour and a marker for each class.

    Args:
        points: (N, 2); reduce wider features first (PCA, t-SNE).
        labels: N class numbers. classes: their names.
        axis: what the two directions are, such as `"principal component"`.

    Raises:
        InputError: other shapes.
    """
    import numpy as np

    points, labels = np.asarray(points), np.asarray(labels)
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise InputError(
            f"plot_embedding takes points (N, 2) and N labels, got {points.shape} and "
            f"{labels.shape}; bring wider features to two dimensions first: "
            "PCA(2).fit_transform(features)."
        )
    names = drawable(classes)
    ax = new_axes(6.8, 4.6) if ax is None else ax
    dots = [
        ax.scatter(
            *points[labels == index].T,
            label=name,  # for a legend that a reader places elsewhere
            s=38,
            alpha=0.8,
            color=PALETTE[index % len(PALETTE)],
            # Past the palette's length another marker keeps the pair of colour and marker unique.
            marker=MARKERS[(index + index // len(PALETTE)) % len(MARKERS)],
            edgecolor="white",
            linewidth=0.6,
        )
        for index, name in enumerate(names)
    ]
    ax.set(xticks=[], yticks=[], title=title)
    if axis:
        ax.set(xlabel=f"{axis} 1", ylabel=f"{axis} 2")
    # Named here: matplotlib leaves labels that begin with "_" out.
    legend = ax.legend(dots, names, loc="center left", bbox_to_anchor=(1, 0.5))
    for text in legend.get_texts():
        text.set(**PLAIN)
    return ax

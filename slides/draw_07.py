"""Figures of the deck on how much to freeze: the lesson's own cells read the stored runs."""

from __future__ import annotations

import functools
import json
from statistics import fmean

from lesson_run import run_lesson
from plotted import enlarged
from shapes import BLUE, GREEN, HATCH, RUST, box, dot, layers, legend

import tlhelpers as tl
from tlhelpers.figures.theme import new_axes
from tlhelpers.teaching.diagrams import COLOURS, MUTED, svg, text

NOTEBOOK = "07_how_much_to_freeze.ipynb"
CELLS = """imports setup targets stages knows knows-figure grid-load grid-compare grid-draw
mended-rate curves by-step between-data stored-between stored-between-table combine-stored
overfit-stored early-stopping-stored""".split()  # none of them trains a network
STATES = ("ttttn", "ftttn", "ffttn", "ffftn", "ffffn")  # see shapes.layers; order of FROZEN
ADVICE = {
    ("insects", 5): "train a new head only",
    ("gratings", 5): "train from the early features on",
    ("insects", 100): "train everything",
    ("gratings", 100): "train everything",
}
WIDE = (8.6, 3.2)  # inches of a single plot
INSIDE, OUTSIDE = "accuracy in distribution", "accuracy out of distribution"


@functools.cache
def lesson() -> dict:
    """The names that those cells of the lesson leave behind which only read what is stored."""
    return run_lesson(NOTEBOOK, CELLS[-1], skipped=lambda cell: cell["id"] not in CELLS)


def of(*names: str):
    """Some of the lesson's names."""
    found = [lesson()[name] for name in names]
    return found[0] if len(names) == 1 else found


def mosaic(rows, side: int):
    """Rows of pictures (each C, H, W from 0 to 1) as one picture, every tile `side` px wide."""
    import torch
    from PIL import Image

    shade = torch.tensor([246, 244, 239], dtype=torch.uint8)  # the slide's own ground
    gap = 8
    canvas = shade.repeat(len(rows) * (side + gap) - gap, len(rows[0]) * (side + gap) - gap, 1)
    image = Image.fromarray(canvas.numpy())
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            tile = tile if tile.dtype == torch.uint8 else (255 * tile).byte()
            part = Image.fromarray(tile.expand(3, -1, -1).permute(1, 2, 0).numpy())
            near = Image.Resampling.NEAREST if part.width < 64 else Image.Resampling.LANCZOS
            place = (x * (side + gap), y * (side + gap))
            image.paste(part.resize((side, side), near), place)
    return image


def targets():
    """Six pictures of each of the three targets, from near to far."""
    shown = of("shown")
    return mosaic([shown[6 * row : 6 * row + 6] for row in range(3)], 140)


def between_pictures():
    """The old job, the new one, and the new one out of distribution."""
    return mosaic([[1 - image for image in row] for row in of("rows")], 80)


def probes():
    """What each stage knows about a target before any training."""
    ax = new_axes(*WIDE)
    return tl.plot_lines(of("probed"), "stage", "accuracy of a linear probe", ax=ax)


def depths() -> str:
    """The five depths, and the learning rate that each chose on other pictures."""
    names, tuning, targets = of("FROZEN", "tuning", "targets")
    columns = dict(zip(targets, (600, 770, 990), strict=True))
    parts = [text(330, 54, 22, "frozen", fill=MUTED)]
    parts += [text(x, 54, 22, target, fill=MUTED) for target, x in columns.items()]
    parts.append(text(600, 22, 22, "learning rate that was chosen for", fill=MUTED))
    for k, (name, states) in enumerate(zip(names, STATES, strict=True)):
        y = 70 + 74 * k
        parts.append(layers(10, y, states, unit=42, height=56))
        parts.append(text(330, y + 36, 25, name, font_weight=700))
        for target, x in columns.items():
            means = tuning(target, k)
            rate = max(means, key=means.get)
            parts.append(text(x, y + 36, 25, f"{rate:g}".replace("0.", ".")))
    parts.append(legend(24, 464, "ftn"))
    return svg(1160, 490, HATCH + "".join(parts), "Five depths with their learning rates")


def heat_map():
    """The lesson's map: what is frozen, near to far, few and many images."""
    draw_grid = of("draw_grid")
    axes = new_axes(9.0, 3.5, columns=2)
    for ax, images in zip(axes, of("SMALL", "LARGE"), strict=True):
        draw_grid(ax, images)
    axes[0].set_ylabel("frozen")
    axes[1].set_yticklabels([])
    return axes[0]


def price():
    """Points that freezing all but the head costs, run by run."""
    column, names, targets, difference = of("column", "FROZEN", "targets", "difference")

    def costs(target: str, images: int) -> tl.Interval:
        cells = column(target, images)
        free, frozen = ([100 * a for a in cells[name]] for name in (names[0], names[-1]))
        return difference(free, frozen)

    bars = {
        f"{images} images a class": {target: costs(target, images) for target in targets}
        for images in of("SMALL", "LARGE")
    }
    return tl.plot_bars(bars, "points that freezing all but the head costs, 5 runs", fmt=".1f")


def rates():
    """Accuracy on the tuning pictures of the gratings, by learning rate, for two depths."""
    tuning, names = of("tuning", "FROZEN")
    lines = {f"frozen: {names[k]}": tuning("gratings", k) for k in (0, 3)}
    ax = new_axes(*WIDE)
    tl.plot_lines(lines, "learning rate", "accuracy, tuning stripes", ax=ax)
    ax.axvline(1e-3, color="#555555", linestyle="--", linewidth=1.5)
    ax.set(xscale="log", ylim=(0.3, 0.9))
    ticks = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
    ax.set_xticks(ticks, [f"{tick:g}".replace("0.", ".") for tick in ticks])
    ax.minorticks_off()
    return ax


def scenarios() -> str:
    """The four scenarios: the advice, and what won."""
    column, accuracies, names = of("column", "accuracies", "FROZEN")
    parts = [
        text(180 + 500 * i, 26, 24, words, font_weight=700, fill=MUTED)
        for i, words in enumerate(("similar: insects", "different: gratings"))
    ]
    for row, images in enumerate(of("SMALL", "LARGE")):
        y = 42 + 222 * row
        parts.append(text(4, y + 92, 30, f"{images}", font_weight=700))
        parts.append(text(4, y + 122, 22, "a class", fill=MUTED))
        for i, target in enumerate(("insects", "gratings")):
            x = 160 + 500 * i
            cells = column(target, images)
            mean = {name: fmean(values) for name, values in cells.items()}
            best = max(mean, key=mean.get)
            scratch = fmean(accuracies(target, images, start="scratch"))
            rows = [(f"★ {best} frozen", mean[best], GREEN)]
            other = names[0] if best != names[0] else names[-1]
            rows += [(f"{other} frozen", mean[other], MUTED), ("from scratch", scratch, RUST)]
            parts.append(box(x, y, 480, 206, fill="#fff", stroke=BLUE, stroke_width=3))
            parts.append(text(x + 20, y + 36, 23, f"Advice: {ADVICE[target, images]}"))
            parts.append(layers(x + 20, y + 54, STATES[names.index(best)], unit=30, height=36))
            for line, (name, value, colour) in enumerate(rows):
                place = y + 124 + 32 * line
                weight = 700 if line == 0 else 400
                style = {"fill": colour, "font_weight": weight}
                parts.append(text(x + 20, place, 23, name, **style))
                parts.append(text(x + 460, place, 24, dot(value, 3), text_anchor="end", **style))
    return svg(1160, 480, HATCH + "".join(parts), "Four scenarios")


def panels(draw_one, ylabel: str = "accuracy"):
    """A panel for each target, drawn by `draw_one(ax, target)`; the first has legend and label."""
    axes = new_axes(9.2, 3.5, columns=3)
    for ax, target in zip(axes, of("targets"), strict=True):
        draw_one(ax, target)
        ax.set(ylim=(0, 1.02))
        if ax is not axes[0]:
            ax.set(ylabel="")
            ax.get_legend().remove()
    axes[0].set_ylabel(ylabel)
    return axes[0]


def curves():
    """Accuracy by training images, pre-trained and from scratch, equal steps."""
    accuracies, starts = of("accuracies", "STARTS")
    sizes = of("SIZES")

    def draw_one(ax, target: str) -> None:
        lines = {
            name: {n: tl.mean_interval(accuracies(target, n, start=start)) for n in sizes}
            for start, name in starts.items()
        }
        tl.plot_lines(lines, "images of each class", "accuracy", ax=ax, title=target)
        ax.set(xscale="log")
        ax.set_xticks(sizes, sizes)
        ax.minorticks_off()

    return panels(draw_one)


def by_step():
    """Accuracy along the training, pre-trained and from scratch."""
    long_runs, starts = of("long_runs", "STARTS")

    def draw_one(ax, target: str) -> None:
        lines = {}
        for start, name in starts.items():
            runs = long_runs(target, start)
            lines[name] = {step: tl.mean_interval(run[step] for run in runs) for step in runs[0]}
        tl.plot_lines(lines, "optimiser steps", "accuracy", ax=ax, title=target)

    return panels(draw_one)


def patience():
    """Lesson 05's runs on insects: with few images and many, and with more steps."""
    path = tl.data_dir() / "results" / "transfer_resnet18.json"
    shown = {("pretrained", 20), ("pretrained", "all"), ("scratch", "all")}
    found = {}
    for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
        if (row["start"], row["images"]) in shown:
            images = 244 if row["images"] == "all" else 2 * row["images"]
            name = f"{of('STARTS')[row['start']]}, {images} images, {row['steps']} steps"
            found[name] = tl.mean_interval(row["accuracies"])
    return tl.plot_intervals(found, "accuracy on fresh insects, 8 seeds", chance=0.5)


def two_tests():
    """Each method in and out of distribution, for both jobs."""
    by_run, methods, jobs = of("by_run", "METHODS", "PAIRS")
    axes = new_axes(9.4, 4.0, columns=2)
    for ax, (job, title) in zip(axes, jobs.items(), strict=True):
        for method, marker, colour in zip(methods, tl.MARKERS, tl.PALETTE, strict=False):
            where = {"part": "methods", "trained_on": job, "method": method}
            x, y = (tl.mean_interval(by_run(side, **where)) for side in ("inside", "outside"))
            reach = [[[v.mean - v.low], [v.high - v.mean]] for v in (y, x)]
            look = {"fmt": marker, "color": colour, "markersize": 9, "elinewidth": 1}
            ax.errorbar(x.mean, y.mean, *reach, **look, label=method)
        ax.set(xlabel=INSIDE, ylabel=OUTSIDE, title=title)
    axes[1].set_ylabel("")
    handles = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(*handles, loc="outside right center")
    return axes[0]


def arc():
    """Along the line from the linear probe to the fine-tuned network: new job against the others.

    The broken line joins the two ends: what the mean of their accuracies would be.
    """
    by_run = of("by_run")
    rows = [r for r in of("between_table")["rows"] if r["part"] == "line"]
    alphas = sorted({row["alpha"] for row in rows})
    where = {"part": "line", "trained_on": "handwriting", "batchnorm": "averaged"}
    axes = new_axes(9.4, 3.9, columns=2)
    titles = {"outside": "printed digits, never tuned on", "old_job": "letters, the old job"}
    shifts = {  # of each name from its point, in points: beside the curve
        "outside": {0: (8, -14), 0.25: (-32, 2), 0.5: (-26, 2), 0.75: (-8, 9), 1: (-14, -18)},
        "old_job": {0: (-4, 10), 0.25: (-10, 10), 0.5: (2, 9), 0.75: (-36, -8), 1: (-18, -18)},
    }
    for ax, (column, title), colour in zip(axes, titles.items(), COLOURS, strict=False):
        x, y = (
            [fmean(by_run(c, alpha=alpha, **where)) for alpha in alphas] for c in ("inside", column)
        )
        ax.plot([x[0], x[-1]], [y[0], y[-1]], "--", color="#777777", linewidth=1.5)
        ax.plot(x, y, "o-", color=colour, linewidth=2.5, markersize=8)
        for alpha, *place in zip(alphas, x, y, strict=True):
            if alpha in shifts[column]:
                name = f"α = {alpha:g}" if alpha in (0, 1) else f"{alpha:g}"
                look = {"textcoords": "offset points", "fontsize": 11}
                ax.annotate(name, place, shifts[column][alpha], **look)
        ax.set(xlabel="handwritten digits, the new job", ylabel="accuracy", title=title)
        ax.margins(0.12, 0.14)
    axes[1].set_ylabel("")
    return axes[0]


def sources():
    """Ways to use several source networks, with few and with more images."""
    bars = {
        images: {arm: value for arm, value in arms.items() if arm != "one head on all features"}
        for images, arms in of("bars").items()
    }
    return tl.plot_bars(bars, "accuracy on handwritten digits, 6 runs", fmt=".2f")


def overdone():
    """Accuracy by step on training and test images, clean and partly wrong labels."""
    curve = of("curve")
    axes = new_axes(9.4, 3.5, columns=3)
    for ax, (images, share) in zip(axes, [(50, 0.0), (50, 0.2), (500, 0.2)], strict=True):
        lines = {
            name: {s: tl.mean_interval(v) for s, v in curve(column, images, share).items()}
            for name, column in (("training", "train"), ("test", "test"))
        }
        title = f"{images} images, {'1 in 5 wrong' if share else 'clean'}"
        tl.plot_lines(lines, "optimiser steps", "accuracy", ax=ax, title=title)
        ax.set(xscale="log", ylim=(0.3, 1.03))
        ax.set_xticks((10, 50, 100, 400), (10, 50, 100, 400))
        ax.minorticks_off()
        if ax is not axes[0]:
            ax.set(ylabel="")
            ax.get_legend().remove()
    return axes[0]


def stopping():
    """Three ways to spend 100 labelled images."""
    bars = {
        title: {way.replace("last step", "to the end"): value for way, value in ways.items()}
        for title, ways in of("ways_to_stop").items()
    }
    return tl.plot_bars(bars, "accuracy on the test images", fmt=".2f")


def epochs():
    """The same 50 images for both starts: what it looks like early, and late."""
    curve = of("curve")
    lines = {
        name: {s: tl.mean_interval(v) for s, v in curve("test", 50, 0.0, start).items()}
        for start, name in (("fine-tuning", "fine-tuned"), ("scratch", "from scratch"))
    }
    ax = new_axes(*WIDE)
    tl.plot_lines(lines, "optimiser steps; 2 steps are an epoch", "test accuracy", ax=ax)
    ax.axvline(20, color="#555555", linestyle="--", linewidth=1.5)
    ax.annotate("10 epochs", (20, 1), (6, -4), textcoords="offset points", color="#555555")
    ax.set(xscale="log", ylim=(0, 1.03))
    ax.set_xticks((10, 20, 50, 100, 400), (10, 20, 50, 100, 400))
    ax.minorticks_off()
    return ax


FIGURES = {
    "depth_targets.jpg": targets,
    "depth_probes.svg": functools.partial(enlarged, probes),
    "depth_rows.svg": depths,
    "depth_heat_map.svg": functools.partial(enlarged, heat_map, 490),
    "depth_price.svg": functools.partial(enlarged, price, 400),
    "depth_rates.svg": functools.partial(enlarged, rates),
    "depth_scenarios.svg": scenarios,
    "depth_curves.svg": functools.partial(enlarged, curves),
    "depth_patience.svg": functools.partial(enlarged, patience),
    "depth_by_step.svg": functools.partial(enlarged, by_step),
    "between_pictures.png": between_pictures,
    "between_two_tests.svg": functools.partial(enlarged, two_tests, 440),
    "between_arc.svg": functools.partial(enlarged, arc, 460),
    "between_sources.svg": functools.partial(enlarged, sources, 450),
    "overdone_steps.svg": functools.partial(enlarged, overdone),
    "overdone_stopping.svg": functools.partial(enlarged, stopping, 400),
    "overdone_epochs.svg": functools.partial(enlarged, epochs, 420),
}

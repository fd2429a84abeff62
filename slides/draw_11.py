"""Figures of the deck on instances and features, from the runs that data/recipes measured."""

from __future__ import annotations

import functools
import io
import json

import numpy as np
from draw_06 import enlarged

import tlhelpers as tl
from data.recipes.instances_features.bridges import PAIRS, SENSORS
from data.recipes.instances_features.cohort import OLDER
from data.recipes.tables import RESULTS, select
from tlhelpers.figures.theme import new_axes

BRIDGES = {
    "pixels to line sums, ridge": "pixels to sums",
    "CCA": "CCA",
    "Procrustes": "Procrustes",
    "line sums to pixels, ridge": "sums to pixels",
    "labels copied over the pairs": "labels copied",
    "labels alone": "labels alone",
}


@functools.cache
def stored() -> dict:
    return json.loads((RESULTS / "instances_features.json").read_text(encoding="utf-8"))


def mean(column: str = "accuracy", **where) -> tl.Interval:
    """Mean and interval over the seeds of the stored runs that match."""
    return tl.mean_interval(select(stored()["rows"], column, **where))


def patients(ax, cohort, title: str, size=14.0) -> None:
    """Patients by age and marker A: filled circles are ill, open triangles are healthy."""
    size = np.broadcast_to(size, len(cohort))
    for ill, colour, marker in ((0, "#0072B2", "^"), (1, "#D55E00", "o")):
        at, face = cohort.ill == ill, colour if ill else "none"
        look = {"marker": marker, "edgecolor": colour, "facecolor": face, "linewidth": 0.8}
        place = cohort.patients[at, 0], cohort.patients[at, 1]
        ax.scatter(*place, s=size[at], **look, alpha=0.6, label=("healthy", "ill")[ill])
    ax.set(xlabel="age in years", ylabel="marker A", title=title, xlim=(12, 92), ylim=(-3.6, 3.6))


def regions():
    """The source, the target, and the source with dots as large as its weights."""
    source = tl.draw_cohort(900, older=OLDER["source"], seed=0)
    target = tl.draw_cohort(900, older=OLDER["target"], seed=1)
    weights = tl.importance_weights(source.patients, target.patients)
    axes = new_axes(12, 3.9, columns=3)
    patients(axes[0], source, "source: labels")
    patients(axes[1], target, "target: no labels")
    patients(axes[2], source, "source, dot size = weight", 1.5 + 12 * weights)
    axes[1].legend(loc="upper left")
    for ax in axes[1:]:
        ax.set_ylabel("")
    return axes[0]


def pooling():
    """What a linear model reaches on the target, by training set."""
    cohort = {"part": "cohort", "learner": "linear"}
    arms = {"20 labels of the target": ("target only", 20), "pooled with 900 of the source": ()}
    arms["pooled with 900 of the source"] = ("pooled", 20)
    arms["900 weighted, no target label"] = ("domain classifier", 0)
    arms["kernel mean matching, no label"] = ("kernel mean matching", 0)
    arms["oracle: 900 labels of the target"] = ("oracle", 900)
    found = {name: mean(**cohort, arm=arm, labels=n) for name, (arm, n) in arms.items()}
    return tl.plot_intervals(found, "accuracy in the target, 20 cohorts", chance=0.5)


def learners():
    """The same arms for a straight line and for a learner with products."""
    arms = {"pooled": 20, "target only": 20, "domain classifier": 0, "oracle": 900}
    names = {"domain classifier": "weighted"}
    bars = {
        title: {
            names.get(arm, arm): mean(part="cohort", learner=kind, arm=arm, labels=n)
            for arm, n in arms.items()
        }
        for title, kind in (("straight line", "linear"), ("with products", "quadratic"))
    }
    return tl.plot_bars(bars, "accuracy in the target, 20 cohorts", fmt=".2f")


def diabetes():
    """Real patients, split by age."""
    arms = {"target only": "20 of the target", "source only": "source", "pooled": "pooled"}
    arms |= {"domain classifier, clipped at 10": "source, weighted"}
    arms |= {"kernel mean matching": "source, matched", "oracle": "oracle"}
    found = {name: mean("r2", part="diabetes", arm=arm) for arm, name in arms.items()}
    return tl.plot_intervals(found, "R² on the older patients, 20 splits")


def shifts():
    """Three kinds of shift, three ways to weight."""
    arms = {"no weights": "no weights", "weights by domain": "by domain"}
    arms |= {"weights by class": "by class", "oracle": "oracle"}
    kinds = {"covariate": "covariate", "labels": "label", "concept": "concept"}
    bars = {
        name: {
            f"{title} shift": mean(part="shifts", shift=kind, arm=arm)
            for kind, title in kinds.items()
        }
        for arm, name in arms.items()
    }
    return tl.plot_bars(bars, "accuracy in the target, 20 seeds", fmt=".2f")


def alignment():
    """Alignment methods on pixels, with 40 dimensions."""
    names = {"none": "nothing done", "means": "minus the means", "CORAL": "CORAL"}
    names |= {"subspace alignment": "subspace alignment", "TCA": "TCA"}
    names |= {"TCA, RBF kernel": "TCA, RBF kernel", "own components": "two separate PCAs"}
    found = {}
    for method, name in names.items():
        found[name] = mean(part="features", features="pixels", arm=method, d=40)
    return tl.plot_intervals(found, "accuracy on handwriting, 10 seeds", chance=0.1)


def sensors():
    """Digits as pixels, and as line sums."""
    from sklearn.datasets import load_digits

    images = load_digits().images[:5] / 16
    axes = new_axes(10, 4.2, 2, 5)
    for i, sums in enumerate(tl.line_sums(images)):
        axes[0, i].imshow(images[i], cmap="Greys")
        axes[0, i].set(xticks=[], yticks=[])
        axes[1, i].bar(range(42), sums, color=["#0072B2"] * 8 + ["#D55E00"] * 8 + ["#009E73"] * 26)
        axes[1, i].set(yticks=[], xticks=[], xlabel="42 sums")
    return axes[0, 0]


def fifty():
    """Fifty pairs against fifty labels, on each sensor."""
    bars = {
        sensor: {
            name: mean(part="bridges", sensor=sensor, arm=arm, pairs=50)
            for arm, name in BRIDGES.items()
        }
        for sensor in SENSORS
    }
    return tl.plot_bars(bars, "accuracy on the new sensor, 10 seeds", fmt=".2f")


def pairs():
    """Accuracy against the number of pairs, or of labels."""
    curves = {
        name: {str(n): mean(part="bridges", sensor="42 sums", arm=arm, pairs=n) for n in PAIRS}
        for arm, name in BRIDGES.items()
        if arm in ("pixels to line sums, ridge", "CCA", "labels copied over the pairs")
        or arm == "labels alone"
    }
    return tl.plot_lines(curves, "pairs, or labels", "accuracy on 42 line sums", fmt=".2f")


def pixels(draw, dpi: int = 130):
    """A figure with thousands of marks as a picture of few colours: as SVG it would be heavy."""
    import matplotlib.pyplot as plt
    from PIL import Image

    figure, stream = draw().figure, io.BytesIO()
    for ax in figure.axes:
        ax.set_facecolor("none")
    figure.savefig(stream, format="png", dpi=dpi, facecolor="#f6f4ef")  # the slide's own
    plt.close(figure)
    return Image.open(stream).convert("RGB").quantize(48, dither=Image.Dither.NONE)


FIGURES = {
    "regions.png": functools.partial(pixels, regions),
    "pooling.svg": functools.partial(enlarged, pooling),
    "two_learners.svg": functools.partial(enlarged, learners),
    "diabetes.svg": functools.partial(enlarged, diabetes),
    "three_shifts.png": functools.partial(pixels, shifts, 112),
    "alignment.svg": functools.partial(enlarged, alignment, 450),
    "sensors.svg": functools.partial(enlarged, sensors, 420),
    "fifty_pairs.png": functools.partial(pixels, fifty),
    "pairs_curve.svg": functools.partial(enlarged, pairs, 450),
}

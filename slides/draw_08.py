"""Figures of the deck on choosing a source, from the tables that data/recipes measured."""

from __future__ import annotations

import functools
import json
from statistics import fmean

import numpy as np
import torch
from plotted import enlarged
from scipy.stats import kendalltau
from shapes import BLUE, RUST, box, dot, picture

import tlhelpers as tl
from data.recipes import source_networks as taught
from data.recipes.catalogue import draw_classes
from data.recipes.source_choice_table import OTHERS, SIZES
from data.recipes.tables import RESULTS
from tlhelpers.figures.theme import PALETTE, new_axes
from tlhelpers.teaching.diagrams import MUTED, svg, text

FEW = 20  # images of each class, where scores are compared
SMALL = tl.list_sources()
TAUGHT = [name for name in SMALL if name != "random"]
SCORES = ("LEEP", "LogME", "probe", "H-score")
SHIFT_NAMES = {
    ("digits", "noisier scans", 0.6): "noisier scans",
    ("digits", "handwriting", 1.0): "handwriting",
    ("insects", "blur", 4.0): "insects: strong blur",
    ("digits", "only 6 and 9", 180): "6 and 9 upside down",
    ("digits", "renamed", 5): "all classes renamed",
    ("digits", "cleaner scans", 0.0): "clean scans",
    ("digits", "stamp", 16): "stamp at the edge",
    ("digits", "fewer 5 to 9", 0.0): "no digit above 4",
    ("digits", "only 6 and 9", 0): "only 6 and 9, upright",
}
SIGNALS = ("A-distance", "MMD", "confidence drop", "ATC drop")
DRAWS = 200  # of the bootstrap, as in the lesson
NOISE = 0.4  # of the scanner at home, as in the lesson


@functools.cache
def stored(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def accuracy(target: str, source: str, images: int = FEW, arm: str = "fine-tuned") -> np.ndarray:
    """Stored test accuracies, one for each seed."""
    wanted = (target, source, images, arm)
    columns = ("target", "source", "images", "arm")
    rows = stored("source_choice")["rows"]
    return next(np.array(r["accuracies"]) for r in rows if tuple(r[c] for c in columns) == wanted)


def scores(target: str, score: str) -> np.ndarray:
    """Stored values of a score with few images: (sources, seeds)."""
    rows = [r for r in stored("source_choice")["scores"] if r["target"] == target]
    found = {r["source"]: r[score] for r in rows if r["images"] == FEW}
    return np.array([found[source] for source in sources()])


def sources() -> list[str]:
    return list(stored("source_choice")["sources"])


def targets() -> list[str]:
    return list(stored("source_choice")["targets"])


def truth(target: str, arm: str = "fine-tuned") -> np.ndarray:
    """Mean accuracy of each source."""
    return np.array([accuracy(target, source, FEW, arm).mean() for source in sources()])


def rank(score: str, target: str, arm: str) -> tl.Interval:
    """Mean of Kendall's tau over the seeds; the interval: bootstrap over networks and seeds."""
    values, right, chance = scores(target, score), truth(target, arm), np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        some = chance.integers(len(right), size=len(right))
        found.append(kendalltau(values[some, chance.integers(values.shape[1])], right[some])[0])
    mean = fmean(kendalltau(column, right)[0] for column in values.T)
    return tl.Interval(mean, *np.nanpercentile(found, [2.5, 97.5]))


def gap(arm: str, target: str, source: str, images: int) -> tl.Interval:
    """Points of error that transfer adds to that of random weights."""
    pair = (accuracy(target, name, images, arm) for name in (source, "random"))
    return tl.mean_interval(100 * (alone - with_it) for with_it, alone in zip(*pair, strict=True))


def small_image(pixels):
    """uint8 (3, H, W) as a Pillow image."""
    from PIL import Image

    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def shelf() -> str:
    """What the sources were taught: pictures and labels."""
    names = ("beetle", "flower", "fish", "key", "car", "hammer")
    pixels, _ = draw_classes(names, 1, seed=taught.SEED, size=taught.SIZE)
    drawn = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    letters = taught.coloured(6, taught.LETTERS, taught.SEED)
    chance = np.random.default_rng(0).permutation(len(names))
    rows = {
        "drawn": ("28 things. Other networks", "had 27, 17, 11 or 4 of them"),
        "letters": ("28 letters in 21 fonts", "and all colours"),
        "permuted pixels": ("the 28 things, pixels always", "in the same random order"),
        "shuffled labels": ("the 28 things,", "labels drawn at random"),
    }
    shown = {
        "drawn": (drawn, names),
        "letters": (letters.images, [letters.classes[k] for k in letters.labels]),
        "permuted pixels": (taught.permuted(drawn), names),
        "shuffled labels": (drawn, [names[k] for k in chance]),
    }
    parts = []
    for i, (name, words) in enumerate(rows.items()):
        y = 4 + 122 * i
        parts.append(text(4, y + 28, 26, name, font_weight=700, fill=(BLUE, RUST)[i > 1]))
        parts += [text(4, y + 57 + 27 * j, 20, w, fill=MUTED) for j, w in enumerate(words)]
        for column, (pixels, label) in enumerate(zip(*shown[name], strict=True)):
            x = 372 + 132 * column
            parts.append(picture(x, y, 88, small_image(pixels)))
            parts.append(text(x + 44, y + 108, 18, label, text_anchor="middle", fill=MUTED))
    return svg(1160, 490, "".join(parts), "What the sources were taught")


@functools.cache
def few_digits() -> tl.ImageTensors:
    """The lesson's 200 handwritten digits, 20 of each."""
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
    return tl.glyph_images(tl.handwriting()[order])[:900].per_class(FEW, seed=0)


def batches(source: tl.Backbone) -> tl.BatchLoader:
    return tl.BatchLoader(few_digits(), 100, size=64, mean=source.mean, std=source.std)


def letters_seen():
    """Which letters the network of letters sees in handwritten digits."""
    source, digits = tl.load_source("letters"), few_digits()
    said = tl.predict(source.model, batches(source))[0].softmax(1)
    joint = torch.stack([said[digits.labels == k].sum(0) for k in range(10)])
    ax = new_axes(9.2, 3.5)
    shares = joint / joint.sum(1, keepdim=True)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=0.6, aspect="auto")
    ax.set_xticks(range(len(source.categories)), source.categories)
    ax.set_yticks(range(10), digits.classes)
    ax.set(xlabel="what the old head says", ylabel="handwritten digit")
    return ax


def against_truth():
    """Each score against the accuracy after fine-tuning, on handwriting."""
    axes, target = new_axes(9.4, 3.7, columns=4), "handwriting"
    groups = {
        "taught, small": [sources().index(name) for name in TAUGHT],
        "random weights": [sources().index("random")],
        "larger networks": [sources().index(name) for name in OTHERS],
    }
    for ax, score in zip(axes, SCORES, strict=True):
        for (name, rows), marker, colour in zip(groups.items(), "os^", PALETTE, strict=False):
            at = scores(target, score).mean(1)[rows], truth(target)[rows]
            ax.plot(*at, marker, color=colour, markersize=9, label=name)
        found = rank(score, target, "fine-tuned").mean
        ax.set(title=f"τ = {dot(found)}", xlabel=score, ylim=(0.7, 1))
        ax.margins(x=0.12)
        ax.locator_params(axis="x", nbins=3)
        if ax is not axes[0]:
            ax.tick_params(labelleft=False)
    axes[0].set_ylabel("fine-tuned accuracy")
    handles = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(*handles, loc="outside lower center", ncols=3)
    return axes[0]


def ranks():
    """Rank correlation of the scores with two accuracies, by job, with intervals."""
    axes = new_axes(9.4, 3.9, columns=2)
    for ax, arm in zip(axes, ("fine-tuned", "frozen"), strict=True):
        for row, score in enumerate(SCORES):
            for i, (target, marker) in enumerate(zip(targets(), "os^", strict=True)):
                found, y = rank(score, target, arm), row + 0.24 * (i - 1)
                ax.plot((found.low, found.high), (y, y), "-", color=PALETTE[i], linewidth=2)
                label = target if row == 0 else None
                ax.plot(found.mean, y, marker, color=PALETTE[i], markersize=8, label=label)
        ax.axvline(0, color="#555555", linestyle="--", linewidth=1.2)
        ax.set(xlim=(-0.5, 1.05), ylim=(len(SCORES) - 0.5, -0.5), xlabel="Kendall's τ")
        ax.set_title(f"{arm} accuracy", loc="left")
        ax.set_yticks(range(len(SCORES)), SCORES)
        ax.tick_params(axis="y", length=0, labelleft=ax is axes[0])
    handles = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(*handles, loc="outside lower center", ncols=3)
    return axes[0]


def lost(target: str, rule: str) -> float:
    """Points below the best source, mean over the seeds, where `rule` chooses."""
    means = truth(target)
    if rule in SCORES:
        taken = means[scores(target, rule).argmax(0)].mean()
    else:
        taken = means.mean() if rule == "any source" else means[sources().index(rule)]
    return 100 * (means.max() - taken)


def price() -> str:
    """A row for each rule: its time, the points lost on each job, and their mean as a bar."""
    names = {"efficientnet_lite0": "always EfficientNet", "any source": "any source"}
    seconds = stored("source_choice")["seconds_by_source"].values()
    columns = (360, *(490 + 110 * i for i in range(3)))
    parts = [text(columns[0], 24, 20, "time", text_anchor="end", fill=MUTED)]
    heads = zip(columns[1:], ("handwriting", "insects", "printed"), strict=True)
    parts += [text(x, 24, 20, head, text_anchor="end", fill=MUTED) for x, head in heads]
    parts.append(text(770, 24, 20, "points lost, mean of the jobs", fill=MUTED))
    for i, rule in enumerate((*SCORES, *names)):
        y, found = 72 + 58 * i, [lost(target, rule) for target in targets()]
        parts.append(text(4, y, 25, names.get(rule, rule), font_weight=700))
        if rule in SCORES:
            cost = 1000 * fmean(row[f"{rule}, {FEW}"] for row in seconds)
            words = f"{cost:.1f} ms" if cost < 10 else f"{cost:.0f} ms"
            parts.append(text(columns[0], y, 24, words, text_anchor="end"))
        for x, points in zip(columns[1:], found, strict=True):
            parts.append(text(x, y, 24, f"{points:.1f}", text_anchor="end"))
        mean, colour = fmean(found), BLUE if rule in SCORES else RUST
        parts.append(box(770, y - 26, 20 * mean, 36, fill=colour))
        parts.append(text(770 + 20 * mean + 10, y, 24, f"{mean:.1f}", font_weight=700))
    return svg(1160, 384, "".join(parts), "What a choice by each rule costs")


def gaps(arm: str):
    """Heat maps: points of error that each source adds, by job and number of images."""
    axes = new_axes(9.6, 4.2, columns=3)
    for ax, target in zip(axes, targets(), strict=True):
        found = [[gap(arm, target, source, n) for n in SIZES] for source in TAUGHT]
        means = np.array([[cell.mean for cell in row] for row in found])
        ax.imshow(means, cmap="PuOr_r", vmin=-40, vmax=40, aspect="auto")
        for i, j in np.ndindex(means.shape):
            words = signed(means[i, j]) + "*" * bool(found[i][j].low > 0)
            look = {"color": "white" if abs(means[i, j]) > 25 else "black", "fontsize": 12}
            look["fontweight"] = "bold" if found[i][j].low > 0 else "normal"
            ax.text(j, i, words, ha="center", va="center", **look)
        ax.set_xticks(range(len(SIZES)), SIZES)
        ax.set_yticks(range(len(TAUGHT)), TAUGHT)
        ax.tick_params(length=0, labelleft=ax is axes[0])
        ax.set(title=target, xlabel="images of each class")
    return axes[0]


def signed(points: float) -> str:
    """+3, −3 or 0."""
    return f"{round(points):+d}".replace("-", "−").replace("+0", "0")


def gaps_tuned():
    return gaps("fine-tuned")


def gaps_frozen():
    return gaps("frozen")


def directions():
    """Directions that features use, and what of their variance lies between the digits."""
    ax, digits = new_axes(9.2, 4.2), few_digits()
    place, frozen = {}, {}
    for name in SMALL:
        source = tl.load_source(name)
        f = tl.extract_features(source.model, batches(source)).features
        z = f[:, f.std(0) > 1e-6].double()
        z = (z - z.mean(0)) / z.std(0, correction=0)
        variances = torch.linalg.svdvals(z).square()
        between = torch.stack([z[digits.labels == k].mean(0) for k in range(10)]).square().mean()
        place[name] = (variances.sum().square() / variances.square().sum()).item(), between.item()
        frozen[name] = accuracy("handwriting", name, FEW, "frozen").mean()
    colours = list(frozen.values())
    ax.scatter(*zip(*place.values(), strict=True), s=170, c=colours, edgecolors="black")
    lower = {"one class short": -4, "drawn": -15}  # its neighbours stand close
    for name, xy in place.items():
        at = (10, lower.get(name, 6))
        ax.annotate(f"{name} {dot(frozen[name])}", xy, at, textcoords="offset points")
    ax.margins(x=0.2, y=0.12)
    ax.set(xlabel="directions that the features use", ylabel="variance between the digits")
    return ax


def longer():
    """Handwriting, 80 images of each class: 100 steps and 400."""
    names = ("drawn", "few classes", "shuffled labels", "random")
    bars = {
        f"{steps} steps": {
            name: tl.mean_interval(accuracy("handwriting", name, SIZES[-1], arm)) for name in names
        }
        for steps, arm in ((100, "fine-tuned"), (400, "longer"))
    }
    return tl.plot_bars(bars, "accuracy on handwriting, 80 images of each class", fmt=".2f")


def away_from_home() -> str:
    """Batches that differ from home in their look, their classes, or their meaning."""
    from PIL import Image

    prints, pen = tl.font_glyphs(600, seed=0), tl.handwriting()
    eight, written = (
        torch.stack([data.images[data.labels == k][0] for k in range(8)]) for data in (prints, pen)
    )
    low = prints[prints.labels < 5][:8].images
    turned = prints[(prints.labels == 6) | (prints.labels == 9)][:8].images
    worlds = {
        "home": eight,
        "faded ink": tl.shift_images(eight, "dim", 0.5),
        "handwriting": written,
        "stamp at the edge": tl.shift_images(eight, "stamp", 16),
        "no digit above 4": low,
        "6 and 9 upside down": tl.shift_images(turned, "turn", 180),
    }
    parts = []
    for i, (name, images) in enumerate(worlds.items()):
        x, y = 4 + 590 * (i % 2), 4 + 118 * (i // 2)
        parts.append(text(x, y + 22, 24, name, font_weight=700, fill=MUTED if i else BLUE))
        for column, image in enumerate(tl.shift_images(images, "noise", NOISE, seed=i)):
            pixels = ((1 - image[0]) * 255).byte().numpy()
            parts.append(picture(x + 68 * column, y + 34, 62, Image.fromarray(pixels)))
    return svg(1160, 352, "".join(parts), "Home, and five ways to leave it")


def ringing(key: tuple, signal: str) -> list[bool]:
    """For each network: is its signal above its alarm level on this shifted set?"""
    task, family, strength = key
    rows = [r for r in stored("shift_warnings")["rows"] if r["task"] == task]
    homes = {r["seed"]: r["alarm_levels"][signal] for r in rows if r["family"] == "home"}
    chosen = [r for r in rows if (r["family"], r["strength"]) == (family, strength)]
    return [row[signal] > homes[row["seed"]] for row in chosen]


def blind() -> str:
    """Which signal rings at which shift, beside the accuracy that is lost."""
    rows, parts = stored("shift_warnings")["rows"], []
    for column, name in enumerate(("points lost", "A-distance", "MMD", "confidence", "ATC")):
        x = 410 + 160 * column
        parts.append(text(x, 24, 22, name, text_anchor="middle", font_weight=700))
    for i, (key, name) in enumerate(SHIFT_NAMES.items()):
        y = 40 + 47 * i + 14 * (i > 4)
        columns = ("task", "family", "strength")
        lost_here = fmean(r["drop"] for r in rows if tuple(r[c] for c in columns) == key)
        harm = lost_here >= stored("shift_warnings")["harm"]
        parts.append(text(4, y + 29, 23, name))
        points = signed(100 * lost_here).removeprefix("+")
        parts.append(text(410, y + 29, 23, points, text_anchor="middle"))
        for column, signal in enumerate(SIGNALS):
            x, heard = 496 + 160 * column, ringing(key, signal)
            wrong = (2 * sum(heard) >= len(heard)) != harm
            colour = "#f2c9ad" if wrong else "#cfe3d8" if harm else "#e9e5dc"
            parts.append(box(x, y, 148, 41, fill=colour))
            look = {"text_anchor": "middle", "font_weight": 700 if wrong else 400}
            parts.append(text(x + 74, y + 29, 22, says(heard), **look))
    return svg(1160, 480, "".join(parts), "Which signal rings at which shift")


def says(heard: list[bool]) -> str:
    """`rings`, `silent`, or on how many of the networks it rings."""
    words = f"rings: {sum(heard)} of {len(heard)}"
    return "rings" if all(heard) else words if any(heard) else "silent"


def false_alarms():
    """How often a signal rings where less than 2 points are lost."""
    shares = {}
    table = stored("shift_warnings")
    for task in ("digits", "insects"):
        rows = [r for r in table["rows"] if r["task"] == task]
        homes = [r for r in rows if r["family"] == "home"]
        shares[task] = {}
        for signal in SIGNALS:
            heard = [
                fmean(
                    r[signal] > home["alarm_levels"][signal]
                    for r in rows
                    if r["seed"] == home["seed"] and r["family"] != "home"
                    and -1 <= home["accuracy"] - r["accuracy"] < table["no_harm"]
                )
                for home in homes
            ]  # fmt: skip
            found = tl.mean_interval(heard)
            name = signal.removesuffix(" drop")
            shares[task][name] = tl.Interval(found.mean, max(found.low, 0), min(found.high, 1))
    return tl.plot_bars(shares, "share of the harmless sets on which it rings", fmt=".2f")


def choosing():
    """Points lost to the best of nine frozen sources, by the rule that chooses."""
    rules = {
        "any source": lambda row: 0,
        "random weights": lambda row: row["source"] == "random",
        "1 of each class held out": lambda row: row["validation 1"],
        "4 of each class held out": lambda row: row["validation 4"],
        "highest LogME": lambda row: row["LogME"],
    }
    return tl.plot_bars(
        {
            f"{images} images of each class": {
                name: points_lost(images, rule) for name, rule in rules.items()
            }
            for images in (5, 20)
        },
        "points lost to the best of nine frozen sources",
        fmt=".1f",
    )


def points_lost(images: int, rule) -> tl.Interval:
    """Points lost where the highest is taken, over the draws; at a tie, their mean."""
    found, probes = [], stored("bad_source")["probes"]
    for seed in sorted({row["seed"] for row in probes}):
        rows = [r for r in probes if (r["images"], r["seed"]) == (images, seed)]
        top = max(map(rule, rows))
        taken = fmean(row["accuracy"] for row in rows if rule(row) == top)
        found.append(100 * (max(row["accuracy"] for row in rows) - taken))
    return tl.mean_interval(found)


def blocks():
    """Accuracy against the number of last blocks drawn anew."""
    rows = {(r["source"], r["fresh_blocks"]): r for r in stored("bad_source")["blocks"]}
    alone = rows["target only", 5]
    kept = {"drawn": (0, 2, 4, 5), "shuffled labels": range(6)}
    lines = {
        name: {k: tl.mean_interval(rows.get((name, k), alone)["accuracies"]) for k in ks}
        for name, ks in kept.items()
    }
    return tl.plot_lines(lines, "last blocks drawn anew (5: nothing is transferred)", "accuracy")


FIGURES = {
    "sources_taught.svg": shelf,
    "letters_seen.svg": functools.partial(enlarged, letters_seen, 390),
    "scores_truth.svg": functools.partial(enlarged, against_truth, 460),
    "score_ranks.svg": functools.partial(enlarged, ranks, 490),
    "choice_price.svg": price,
    "gaps_tuned.svg": functools.partial(enlarged, gaps_tuned, 500),
    "gaps_frozen.svg": functools.partial(enlarged, gaps_frozen, 500),
    "directions_used.svg": functools.partial(enlarged, directions),
    "longer_training.svg": functools.partial(enlarged, longer),
    "away_from_home.svg": away_from_home,
    "blind_spots.svg": blind,
    "false_alarms.svg": functools.partial(enlarged, false_alarms),
    "choosing_rules.svg": functools.partial(enlarged, choosing, 480),
    "fresh_blocks.svg": functools.partial(enlarged, blocks),
}

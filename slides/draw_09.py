"""Figures of the deck on one example or none, from what data/recipes and measure_09.py measured."""

from __future__ import annotations

import functools
import io
import json

from lesson_run import kept
from measure_09 import MEASURED, SHARES
from plotted import enlarged
from shapes import BLUE, RUST, box

import tlhelpers as tl
from tlhelpers.data.shapes import CLASSES
from tlhelpers.figures.theme import PALETTE, new_axes, style_of
from tlhelpers.teaching.diagrams import MUTED, PAPER, svg, text

WAYS = ("classifier", "DAP", "ESZSL")
PAIRS = {  # what is compared: two sentences of the lesson's section on words
    "other order": ("a red circle and a blue square", "a blue circle and a red square"),
    "another number": ("two red circle", "three red circle"),
    "an unknown word": ("a purple circle", "a pink circle"),
    "not": ("a red circle", "not a red circle"),
    "a synonym": ("a red circle", "a crimson disc"),
    "another colour": ("a red circle", "a blue circle"),
}


@functools.cache
def rows(name: str) -> list[dict]:
    """The runs of a stored table of the lesson: "door", "one_shot", "zero_shot"."""
    path = tl.data_dir() / "results" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"]


def mean(name: str, column: str, **where) -> tl.Interval:
    """Mean and interval over the runs that match."""
    found = [r for r in rows(name) if all(r.get(key) == value for key, value in where.items())]
    return tl.mean_interval([r[column] for r in found])


def sheet(images, columns: int, side: int, gap: int = 10, framed=()):
    """Pictures (N, C, H, W) as a sheet on the slides' paper; the framed ones in orange."""
    from PIL import Image, ImageDraw

    lines = -(-len(images) // columns)
    pitch = side + gap
    paper = Image.new("RGB", (columns * pitch + gap, lines * pitch + gap), PAPER)
    pen = ImageDraw.Draw(paper)
    for index, image in enumerate(images):
        x, y = (gap + pitch * (index % columns), gap + pitch * (index // columns))
        if image.is_floating_point():
            image = (255 * image).round().byte()
        pixels = image.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()
        if index in framed:
            pen.rectangle((x - 6, y - 6, x + side + 5, y + side + 5), fill=PALETTE[1])
        picture = Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)
        paper.paste(picture, (x, y))
    return paper


def persons():
    """Three persons of the test split, eight pictures of each."""
    test = tl.load_faces("test")
    chosen = [person * 10 + i for person in (3, 6, 13) for i in range(8)]
    return sheet(test.images[chosen], 8, 132)


def cameras():
    """Four pictures of one person by day, and the same ones from the other camera."""
    from data.recipes.door_table import night

    images = tl.load_faces("test").images[31:35]
    return sheet([*images, *night(images)], 8, 92)


def error_rates():
    """Both rates against the threshold, and where the lesson's run put it."""
    facts = kept(MEASURED)
    values = {float(t): both for t, both in facts["rates"].items()}
    ax = new_axes(8.0, 3.3)
    for index, name in enumerate(("FAR: strangers let in", "FRR: right persons kept out")):
        style = style_of(index) | {"marker": ""}
        ax.plot(list(values), [both[index] for both in values.values()], label=name, **style)
    ax.axvline(facts["threshold"], color="black", linewidth=1.2)
    ax.annotate("5 % FAR, chosen on other people", (facts["threshold"] + 0.02, 0.95))
    crossing = min(values, key=lambda t: abs(values[t][0] - values[t][1]))
    eer = facts["eer"]["Siamese"]
    ax.plot(crossing, eer, "o", color="black", markersize=8)
    ax.annotate(f"EER {eer:.2f}".replace("0.", "."), (crossing + 0.06, eer - 0.04))
    ax.set(xlabel="threshold of the distance", ylabel="share of pairs", xlim=(0, 1.5))
    ax.legend(loc="center right")
    return ax


def roc():
    """All thresholds at once, for four distances."""
    facts = kept(MEASURED)
    ax = new_axes(7.4, 4.2)
    for index, (name, right) in enumerate(reversed(facts["roc"].items())):
        label = f"{name}: EER {facts['eer'][name]:.3f}".replace(" 0.", " .")
        ax.plot(SHARES, right, label=label, **style_of(index) | {"marker": ""})
    ax.plot([0, 1], [1, 0], ":", color="#555555", linewidth=1.2)
    ax.set(xlabel="strangers let in (FAR)", ylabel="right persons let in (1 - FRR)")
    ax.legend(loc="lower right")
    return ax


def losses():
    """Three ways to train, and what more enrolled pictures give."""
    arms = {"contrastive": "contrastive", "softmax": "softmax over 80 persons"}
    arms |= {"triplet": "triplet"}
    found = {name: mean("door", "eer", part="loss", loss=loss) for loss, name in arms.items()}
    for count in (1, 2, 5):
        title = f"triplet, {count} enrolled"
        found[title] = mean("door", f"eer, {count} enrolled", part="loss", loss="triplet")
    return tl.plot_intervals(found, "equal error rate on new persons")


def starts():
    """Four starts for a door's own 16 persons, with two cameras."""
    names = {
        "random": "random, then own persons",
        "drawn objects": "drawn objects, then own persons",
        "Siamese, as it is": "Siamese, as it is",
        "Siamese": "Siamese, then own persons",
    }
    bars = {
        title: {
            name: mean("door", "eer", part="own", camera=camera, start=start)
            for start, name in names.items()
        }
        for camera, title in (("day", "the camera it knows"), ("night", "another camera"))
    }
    return tl.plot_bars(bars, "equal error rate on new persons (less is better)", fmt=".2f")


def tones():
    """Who was learned from, and for whom it errs."""
    bars = {
        f"pairs with {group} skin": {
            f"learned from {kind}": mean("door", f"eer of {group}", **{"learned from": kind})
            for kind in ("light", "mixed", "dark")
        }
        for group in ("light", "dark")
    }
    return tl.plot_bars(bars, "equal error rate within the group", fmt=".2f")


def known():
    """The same networks on the persons they were trained on, and on new ones."""
    columns = {"persons it was trained on": "eer of those it was trained on", "new persons": "eer"}
    bars = {
        name: {
            loss: mean("door", column, part="loss", loss=loss)
            for loss in ("contrastive", "triplet", "softmax")
        }
        for name, column in columns.items()
    }
    return tl.plot_bars(bars, "equal error rate", fmt=".2f")


def characters():
    """Held-out letters, digits in fonts, digits in handwriting: three rows of ten."""
    import torch

    letters = tl.font_glyphs(400, "BDGKMQRSdg", seed=0)
    parts = (letters, tl.font_glyphs(400, seed=1), tl.handwriting())
    lines = [
        part.images[(part.labels == label).nonzero()[2, 0]] for part in parts for label in range(10)
    ]
    return sheet(1 - torch.stack(lines), 10, 96, 12)


def one_shot():
    """Nearest prototype in three kinds of features, on three kinds of new characters."""
    tests = {"new letters, 20 ways": "held-out letters, 20 ways"}
    tests |= {"digits in fonts, 10 ways": "rendered digits, 10 ways"}
    tests |= {"handwriting, 10 ways": "handwriting, 10 ways"}
    names = {"pixels": "pixels", "prototypes": "prototypical network"}
    names |= {"softmax": "softmax features"}
    bars = {
        title: {
            test: mean("one_shot", f"{column}, 1 shots", method=method, classes=18)
            for test, column in tests.items()
        }
        for method, title in names.items()
    }
    return tl.plot_bars(bars, "accuracy from one example, mean over 5 runs", fmt=".2f")


def spread():
    """Distance within a class, divided by that between classes."""
    places = {"new letters": "held-out letters", "digits in fonts": "rendered digits"}
    places |= {"handwriting": "handwriting"}
    bars = {
        title: {
            name: mean("one_shot", f"spread, {place}", method=method, classes=18)
            for name, place in places.items()
        }
        for method, title in (("pixels", "pixels"), ("softmax", "softmax features"))
    }
    return tl.plot_bars(bars, "distance within a class / between classes", fmt=".2f")


def classes():
    """One drawing of each of the 48 classes, the unseen ones framed."""
    import torch

    values, parts = tl.shape_attributes(), tl.split_classes(seed=0)
    order = torch.arange(len(CLASSES))
    order = order[(values[order] * torch.tensor([100, 10, 1])).sum(1).argsort()]  # a shape a row
    drawn = tl.draw_shapes(order, seed=4).images
    framed = torch.isin(order, parts.unseen).nonzero()[:, 0].tolist()
    return sheet(drawn, 12, 76, 13, framed)


def questions():
    """Accuracy on unseen classes among the unseen ones and among all, beside the seen ones'."""
    columns = {"unseen, among 8": "unseen_only", "unseen, among 48": "unseen"}
    columns |= {"seen, among 48": "seen"}
    bars = {
        title: {way: mean("zero_shot", column, way=way) for way in WAYS}
        for title, column in columns.items()
    }
    return tl.plot_bars(bars, "accuracy, mean over 8 splits of the classes", fmt=".2f")


def calibrated():
    """Seen and unseen accuracy without the offset and with it, on lines of equal harmonic mean."""
    import numpy as np

    ax = new_axes(6.8, 3.3)
    seen = np.linspace(0.8, 1, 100)
    for level in (0.7, 0.8, 0.9):
        with np.errstate(divide="ignore"):
            unseen = level * seen / (2 * seen - level)
        at = (unseen > 0) & (unseen <= 1)
        ax.plot(seen[at], unseen[at], color="#BBBBBB", linewidth=1, linestyle="-")
        ax.annotate(f"H = {level:.1f}".replace("0.", "."), (1, level / (2 - level)), (4, 0),
                    textcoords="offset points", va="center", annotation_clip=False,
                    color="#555555")  # fmt: skip
    for index, way in enumerate(WAYS[1:]):
        start, end = (
            [mean("zero_shot", f"{kind}{side}", way=way).mean for side in ("seen", "unseen")]
            for kind in ("", "calibrated_")
        )
        style = style_of(index) | {"linestyle": "", "markersize": 10}
        ax.plot(*start, markerfacecolor="none", **style)
        ax.plot(*end, label=way, **style)
        arrow = {"arrowstyle": "->", "color": style["color"], "linewidth": 2}
        ax.annotate("", end, start, arrowprops=arrow | {"shrinkA": 9, "shrinkB": 9})
    ax.set(xlim=(0.8, 1), ylim=(0.45, 1), xlabel="accuracy on seen classes, among 48")
    ax.set(ylabel="on unseen classes, among 48")
    ax.set_xticks([0.8, 0.85, 0.9, 0.95, 1])
    ax.legend(loc="lower left")
    return ax


def latin():
    """A set of unseen classes that gives the shape away, beside a fair one."""
    columns = {"all scores": "unseen_only", "shape scores deleted": "blind_to_shape"}
    sets = {"fair block, 8 classes": "fair set", "Latin square, 12 classes": "Latin set"}
    bars = {
        title: {name: mean("zero_shot", column, way=way) for name, way in sets.items()}
        for title, column in columns.items()
    }
    return tl.plot_bars(bars, "accuracy among the unseen classes", fmt=".2f")


@functools.cache
def towers():
    return tl.load_image_text()[0]


def heat():
    """Similarity of 8 drawings and 8 sentences; four combinations that no training picture had."""
    import torch

    parts = tl.split_classes(seed=0)
    chosen = torch.cat([parts.unseen[:4], parts.seen[1::8]])
    shown = tl.draw_shapes(chosen, seed=12)
    sentences = [f"a {CLASSES[label]}" for label in chosen]
    with torch.no_grad():
        texts = towers().encode_texts(sentences)
        similar = towers().encode_images(shown.images) @ texts.T
    ax = new_axes(7.9, 4.3)
    image = ax.imshow(similar.T, cmap="viridis", vmin=-0.5, vmax=1, aspect=0.72)
    for column, picture in enumerate(shown.images):
        inset = ax.inset_axes([column - 0.42, -1.72, 0.84, 1.17], transform=ax.transData)
        inset.imshow(picture.permute(1, 2, 0))
        inset.set_axis_off()
        best = int(similar[column].argmax())
        right = "o" if best == column else "X"
        ax.plot(column, best, right, color="black", ms=11, markeredgecolor="white")
    frame = {"fill": False, "edgecolor": PALETTE[1], "linewidth": 3}
    ax.add_patch(type(ax.patch)((-0.48, -0.48), 3.96, 3.96, **frame))
    ax.set_yticks(range(len(chosen)), sentences)
    ax.set(xticks=[])
    ax.figure.colorbar(image, label="similarity", shrink=0.75)
    return ax


def sentences() -> str:
    """How alike the text tower finds two sentences."""
    import torch

    parts = []
    for row, (kind, both) in enumerate(PAIRS.items()):
        with torch.no_grad():
            a, b = towers().encode_texts(list(both))
        similar, y = float(a @ b), 8 + 72 * row
        parts.append(text(6, y + 24, 24, kind, font_weight=700))
        parts.append(text(6, y + 52, 20, " / ".join(both), fill=MUTED))
        parts.append(box(640, y + 4, 380 * similar, 50, fill=RUST if similar > 0.999 else BLUE))
        parts.append(text(652 + 380 * similar, y + 38, 24, f"{similar:.2f}".lstrip("0")))
    return svg(1160, 446, "".join(parts), "Similarity of six pairs of sentences")


def pixels(draw, dpi: int = 140):
    """A figure that carries pictures, as a picture: an SVG could not."""
    import matplotlib.pyplot as plt
    from PIL import Image

    figure, stream = draw().figure, io.BytesIO()
    for ax in figure.axes:
        ax.set_facecolor("none")
    figure.savefig(stream, format="png", dpi=dpi, facecolor=PAPER)
    plt.close(figure)
    return Image.open(stream).convert("RGB").quantize(160, dither=Image.Dither.NONE)


FIGURES = {
    "persons.jpg": persons,
    "cameras.jpg": cameras,
    "error_rates.svg": functools.partial(enlarged, error_rates, 400),
    "door_roc.svg": functools.partial(enlarged, roc, 500),
    "door_losses.svg": functools.partial(enlarged, losses, 470),
    "door_starts.svg": functools.partial(enlarged, starts, 385),
    "door_tones.svg": functools.partial(enlarged, tones),
    "door_known.svg": functools.partial(enlarged, known),
    "characters.jpg": characters,
    "one_shot.png": functools.partial(pixels, one_shot),
    "spread.svg": functools.partial(enlarged, spread),
    "shape_classes.jpg": classes,
    "two_questions.png": functools.partial(pixels, questions),
    "calibrated.svg": functools.partial(enlarged, calibrated, 400),
    "latin_square.svg": functools.partial(enlarged, latin, 400),
    "sentence_heat.png": functools.partial(pixels, heat),
    "sentence_pairs.svg": sentences,
}

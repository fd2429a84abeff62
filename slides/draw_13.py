"""Figures of the deck on small updates: stored runs, and the embedded vision transformer."""

from __future__ import annotations

import copy
import functools
import math
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from lesson_run import kept
from plotted import enlarged
from shapes import BLUE, HATCH, RUST, arrow, box

import tlhelpers as tl
from data.recipes.tables import RESULTS, select
from tlhelpers.figures.theme import new_axes
from tlhelpers.teaching.diagrams import MUTED, svg, text

EVERY = ("qkv", "attn.proj", "fc1", "fc2")
LORA, FULL = "LoRA, rank 4", "full fine-tuning"
FAMILY = ("linear probe", "8 prompts", "LayerNorms", "biases", "adapters, width 8", LORA, FULL)
SIZES = {10: "10 a class", 50: "50 a class", "all": "all images"}


def family(column: str = "accuracy", part: str = "rows", **where) -> list[float]:
    """One number of the stored runs of the family that match, seed by seed."""
    return select(kept(RESULTS / "small_updates.json")[part], column, **where)


def keeping(part: str, column: str = "accuracy", **where) -> list[float]:
    """One number of the stored runs on keeping and merging that match, seed by seed."""
    rows = kept(RESULTS / "keep_and_merge.json")["parts"][part]["rows"]
    return select(rows, column, **where)


def mean(*args, **where) -> tl.Interval:
    return tl.mean_interval(keeping(*args, **where))


def patches():
    """A drawn insect in one piece, and cut into 64 patches."""
    from PIL import Image

    image = tl.load_images("ants_bees", "train", size=64).images[0]
    pixels = (image.permute(1, 2, 0) * 255).byte().numpy()
    whole = Image.fromarray(pixels).resize((400, 400), Image.Resampling.NEAREST)
    sheet = Image.new("RGBA", (1000, 456))
    sheet.paste(whole, (0, 28))
    for row in range(8):
        for column in range(8):
            piece = whole.crop((50 * column, 50 * row, 50 * column + 50, 50 * row + 50))
            sheet.paste(piece, (544 + 57 * column, 57 * row))
    return sheet


def attention():
    """From which patches the class token reads in three blocks, as the lesson draws it."""
    trunk = tl.load_mini_vit()
    chosen = tl.load_images("ants_bees", "val", size=64)[[0, 1, 2, 70, 71, 72]]
    x, _ = next(iter(tl.BatchLoader(chosen, 6, **trunk.preprocessing)))
    axes = new_axes(8.4, 5.0, 4, 6)
    drawn = chosen.images.permute(0, 2, 3, 1)
    for row, block in enumerate((None, 0, 2, 5)):
        axes[row, 0].set_ylabel("picture" if block is None else f"block {block + 1}", size=15)
        maps = None if block is None else class_token_reads(trunk.model, x, block)
        for column, ax in enumerate(axes[row]):
            ax.imshow(drawn[column], alpha=1.0 if maps is None else 0.35)
            if maps is not None:
                ax.imshow(maps[column, 0], cmap="magma", alpha=0.65, vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
    return axes[0, 0]


@torch.no_grad()
def class_token_reads(model, x, block: int):
    """Maps (B, 1, 64, 64), at most 1: the mean over the heads of what the class token reads."""
    layer, seen = model.blocks[block].attn, {}
    hook = layer.register_forward_pre_hook(lambda _, given: seen.update(tokens=given[0]))
    model.eval()(x)
    hook.remove()
    tokens = seen["tokens"]
    B, N, _ = tokens.shape
    q, k, _ = layer.qkv(tokens).reshape(B, N, 3, layer.num_heads, -1).permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1)
    maps = weights[:, :, 0, 1:].mean(1).reshape(B, 1, 8, 8)
    maps = F.interpolate(maps, (64, 64), mode="bilinear")
    return maps / maps.amax((2, 3), keepdim=True)


def thin() -> str:
    """The frozen matrix W, and beside it the thin product B A."""
    parts = [HATCH]
    parts.append(box(60, 20, 130, 390, fill="url(#frozen)", stroke=BLUE, stroke_width=3))
    parts.append(text(125, 450, 26, "W: 288 x 96", text_anchor="middle", font_weight=700))
    parts.append(text(300, 235, 64, "+", text_anchor="middle"))
    parts.append(box(400, 20, 18, 390, fill=RUST))
    parts.append(text(409, 450, 26, "B: 288 x 4", text_anchor="middle", font_weight=700))
    parts.append(box(470, 200, 130, 18, fill=RUST))
    parts.append(text(535, 262, 26, "A: 4 x 96", text_anchor="middle", font_weight=700))
    for y, size, words, colour in (
        (100, 28, "W is frozen: 27,648 numbers", BLUE),
        (160, 28, "B and A are trained: 1,536", RUST),
        (250, 26, "A begins at random, B at 0:", "#222222"),
        (290, 26, "the start is the trunk itself", "#222222"),
        (360, 24, "After training: W + BA is one matrix", MUTED),
    ):
        parts.append(text(690, y, size, words, fill=colour))
    return svg(1160, 470, "".join(parts), "A frozen matrix and a thin product beside it")


def numbers():
    """How many numbers each method trains, for two classes."""
    trained = {m: family("trained", target="insects", method=m, images=50)[0] for m in FAMILY}
    return tl.plot_bars(trained, "trained numbers, two classes", fmt=",.0f", log=True)


def ways():
    """All methods on two targets, 50 images of each class."""
    bars = {}
    for target in ("insects", "handwriting"):
        bars[target] = {
            m: tl.mean_interval(family(target=target, method=m, images=50)) for m in FAMILY
        }
    return tl.plot_bars(bars, "accuracy, 50 images of each class", fmt=".2f")


def ahead():
    """Points by which LoRA is ahead of full fine-tuning in the eight cases of claim C24."""
    cases = [(title, "rows", images) for images, title in SIZES.items()]
    cases.append(("all images, 240 steps", "long", "all"))
    return tl.plot_bars(
        {
            target: {title: lead(target, images, part) for title, part, images in cases}
            for target in ("insects", "handwriting")
        },
        "points by which LoRA is ahead of full fine-tuning",
        fmt=".1f",
    )


def lead(target: str, images: int | str, part: str) -> tl.Interval:
    """Points by which LoRA is ahead, seed by seed."""
    where = {"target": target, "images": images}
    both = (family(part=part, method=m, **where) for m in (LORA, FULL))
    return tl.mean_interval([100 * (a - b) for a, b in zip(*both, strict=True)])


def step_times():
    """Milliseconds of a training step, as the recipe measured them."""
    where = {"target": "insects", "images": 50}
    bars = {m: tl.mean_interval(family("step_ms", method=m, **where)) for m in FAMILY}
    return tl.plot_bars(bars, "milliseconds a step, 16 pictures", fmt=".0f")


def disk():
    """Kilobytes on disk for up to 20 jobs."""
    model = copy.deepcopy(tl.load_mini_vit().model)
    tl.replace_head(model, 2)
    whole = 4 * sum(p.numel() for p in model.parameters()) / 1e3
    tl.add_lora(model, EVERY, rank=4)
    with tempfile.TemporaryDirectory() as folder:
        path = tl.save_lora(model, Path(folder) / "insects.safetensors", classes=("ant", "bee"))
        update = path.stat().st_size / 1e3
    jobs = (1, 2, 5, 10, 20)
    sizes = {
        "a network for each job": {n: n * whole / 1e3 for n in jobs},
        "one trunk and LoRA files": {n: (whole + n * update) / 1e3 for n in jobs},
    }
    ax = tl.plot_lines(sizes, "jobs", "MB on disk", fmt=".1f")
    ax.set_xticks(jobs)
    for lines, place in zip(sizes.values(), (-34, -22), strict=True):
        ax.annotate(f"{lines[20]:.1f}", (20, lines[20]), (place, 8), textcoords="offset points")
    return ax


def ways_to_keep() -> list[str]:
    rows = kept(RESULTS / "keep_and_merge.json")["parts"]["forgetting"]["rows"]
    return list(dict.fromkeys(row["way"] for row in rows))


def forgetting():
    """Letters after two more jobs, with BatchNorm's statistics as they are and measured again."""
    columns = {"as it is": "accuracy", "statistics measured again": "refreshed"}
    where = {"after": "stripes", "task": "letters"}
    bars = {
        title: {way: mean("forgetting", column, way=way, **where) for way in ways_to_keep()}
        for title, column in columns.items()
    }
    return tl.plot_bars(bars, "accuracy on letters, after handwriting and stripes", fmt=".2f")


def road():
    """Handwriting along the line between two networks, statistics measured again."""
    stops = (0.0, 0.25, 0.5, 0.75, 1.0)
    lines = {
        pair: {
            a: mean("averaging", kind="line", pair=pair, alpha=a, statistics="measured")
            for a in stops
        }
        for pair in ("both from the letters", "random, the same start", "random, two starts")
    }
    ax = tl.plot_lines(lines, "share of the second network", "accuracy on handwriting", fmt=".2f")
    ax.set(ylim=(0, 1.02), xticks=stops)
    return ax


def soup():
    """Four fine-tuned networks, the average of their weights, and their vote."""
    arms = [*(f"member {i}" for i in range(4)), "soup", "vote"]
    found = {arm: mean("averaging", kind="soup", arm=arm) for arm in arms}
    return tl.plot_intervals(found, "accuracy on handwriting, five seeds")


def vectors():
    """Handwriting and letters while the task vector of handwriting, or noise, is subtracted."""
    probe, names = "handwriting by a probe", ("handwriting subtracted", "noise subtracted")
    titles = {
        (probe, names[0]): "digits, by a probe",
        ("letters", names[0]): "letters",
        (probe, names[1]): "digits, noise as long",
        ("letters", names[1]): "letters, noise as long",
    }
    lines = {
        title: {
            s: mean("averaging", column, kind="vectors", sum=name, scale=s)
            for s in (0.0, 0.25, 0.5, 1.0)
        }
        for (column, name), title in titles.items()
    }
    ax = tl.plot_lines(lines, "scale of what is subtracted", "accuracy", fmt=".2f")
    ax.set_ylim(0, 1.04)
    return ax


def students():
    """A teacher and four students."""
    rows = kept(RESULTS / "keep_and_merge.json")["parts"]["distilling"]["rows"]
    arms = dict.fromkeys(row["arm"] for row in rows)
    found = {arm: mean("distilling", arm=arm) for arm in arms}
    return tl.plot_intervals(found, "accuracy on handwriting, five seeds")


def spoilt():
    """Points gained over the five strengths by the batch's statistics, and by Tent on top."""
    steps = {
        "batch statistics, over as it is": ("batch statistics", "as it is"),
        "Tent, over batch statistics": ("Tent", "batch statistics"),
    }
    return tl.plot_bars(
        {
            title: {kind: gained(kind, *arms) for kind in ("noise", "blur", "fog")}
            for title, arms in steps.items()
        },
        "points gained, mean over five strengths",
        fmt=".1f",
    )


def gained(kind: str, arm: str, against: str) -> tl.Interval:
    """Points gained by an arm, the mean over the strengths, seed by seed."""
    rows = kept(RESULTS / "keep_and_merge.json")["parts"]["corruption"]["rows"]
    strengths = dict.fromkeys(row["strength"] for row in rows if row["kind"] == kind)
    apart = []
    for strength in strengths:
        where = {"kind": kind, "strength": strength}
        both = (keeping("corruption", arm=a, **where) for a in (arm, against))
        apart.append([100 * (a - b) for a, b in zip(*both, strict=True)])
    return tl.mean_interval([sum(seed) / len(seed) for seed in zip(*apart, strict=True)])


def stream():
    """Noisy letters that arrive mixed or sorted by class: the batch's statistics, and Tent."""
    bars = {}
    for order in ("mixed", "one class"):
        where = {"kind": "stream", "order": order}
        bars[f"batches: {order}"] = {
            "batch statistics": mean("corruption", arm="batch statistics", **where, **{"pass": 1}),
            "Tent, first pass": mean("corruption", arm="Tent", **where, **{"pass": 1}),
            "Tent, third pass": mean("corruption", arm="Tent", **where, **{"pass": 3}),
        }
    return tl.plot_bars(bars, "accuracy on letters with noise", fmt=".2f")


def adapter() -> str:
    """One trunk and a small file for each job, which is put on and taken off."""
    parts = [HATCH, box(420, 60, 320, 200, fill="url(#frozen)", stroke=BLUE, stroke_width=3)]
    parts.append(box(468, 132, 224, 56, fill="#ffffff"))
    parts.append(text(580, 170, 28, "one trunk", text_anchor="middle", font_weight=700))
    for row, job in enumerate(("ants and bees", "handwriting", "eighteen more")):
        y = 30 + 90 * row
        parts.append(box(40, y, 250, 64, fill="none", stroke=RUST, stroke_width=4))
        parts.append(text(165, y + 41, 26, job, text_anchor="middle"))
        parts.append(arrow(300, y + 32, 408, RUST))
    parts.append(arrow(750, 160, 860, MUTED))
    parts.append(text(880, 170, 28, "the job's answer"))
    parts.append(text(165, 320, 24, "a small file each", text_anchor="middle", fill=RUST))
    parts.append(text(580, 320, 24, "stays as it is", text_anchor="middle", fill=BLUE))
    return svg(1160, 340, "".join(parts), "One trunk and a small file for each job")


FIGURES = {
    "updates_jobs.svg": adapter,
    "updates_patches.png": patches,
    "updates_attention.jpg": attention,
    "updates_thin.svg": thin,
    "updates_numbers.svg": functools.partial(enlarged, numbers, 500),
    "updates_ways.svg": functools.partial(enlarged, ways, 530),
    "updates_ahead.svg": functools.partial(enlarged, ahead, 500),
    "updates_steps.svg": functools.partial(enlarged, step_times),
    "updates_disk.svg": functools.partial(enlarged, disk, 500),
    "updates_forgetting.svg": functools.partial(enlarged, forgetting, 530),
    "updates_road.svg": functools.partial(enlarged, road, 500),
    "updates_soup.svg": functools.partial(enlarged, soup, 380),
    "updates_vectors.svg": functools.partial(enlarged, vectors, 370),
    "updates_students.svg": functools.partial(enlarged, students, 460),
    "updates_spoilt.svg": functools.partial(enlarged, spoilt),
    "updates_stream.svg": functools.partial(enlarged, stream),
}

"""Figures of the deck on domain confusion, from the rows that data/recipes measured."""

from __future__ import annotations

import functools
import io
import json
import re
from statistics import fmean

import tlhelpers as tl

SAME, PLAIN = "source only", "plain source only"
MENDED = "confusion, 5 steps + penalty"
SIDES = ("width", "height")


@functools.cache
def rows() -> list[dict]:
    path = tl.data_dir() / "results" / "domain_confusion.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"]


def per_run(arm: str, name: str = "target_accuracy", shift: str | None = None) -> list[float]:
    """One number of one method, a value a run."""
    found = [row for row in rows() if row["arm"] == arm and row["shift"] == shift]
    return [row[name] for row in sorted(found, key=lambda row: row["run"])]


def closed(arm: str, base: str):
    """Interval of the share of the gap that a method closes."""
    triples = zip(per_run(arm), per_run(base), per_run("oracle"), strict=True)
    return tl.mean_interval([(value - low) / (high - low) for value, low, high in triples])


def enlarged(draw, tallest: int = 430):
    """The figure of a `tl.plot_...` function as SVG of a slide's width: its type grows with it."""
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


def two_worlds():
    """Digits 0 to 9, twice in fonts and twice in handwriting."""
    import torch
    from PIL import Image

    domains = tl.digit_domains(0, n_source=400)
    lines = [
        torch.cat([part.images[part.labels == digit][nth, 0] for digit in range(10)], dim=1)
        for part in (domains.source, domains.target)
        for nth in range(2)
    ]
    pixels = ((1 - torch.cat(lines)) * 255).byte().numpy()
    return Image.fromarray(pixels).resize((1120, 448), Image.Resampling.NEAREST)


def gap():
    """The baselines over the runs."""
    values = {
        "source only": tl.mean_interval(per_run(SAME)),
        "AdaBN": tl.mean_interval(per_run("AdaBN")),
        "plainer network, source only": tl.mean_interval(per_run(PLAIN)),
        "oracle: target labels": tl.mean_interval(per_run("oracle")),
    }
    return tl.plot_intervals(values, "accuracy on handwriting, mean over runs")


def schedule():
    """DANN's strength over the training."""
    import matplotlib.pyplot as plt

    tl.use_style()
    _, ax = plt.subplots(figsize=(7.4, 3.2), layout="constrained")
    shares = [step / 100 for step in range(101)]
    ax.plot(shares, [tl.reversal_schedule(share) for share in shares])
    ax.set(xlabel="share of the training, p", ylabel="strength λ")
    return ax


def two_witnesses():
    """The discriminator in the game beside a fresh probe."""
    arms = {"gradient reversal": "reversal", "confusion loss": "confusion", "mended": MENDED}
    columns = {"in the game": "domain_accuracy", "fresh probe": "probe_accuracy"}
    bars = {
        who: {name: fmean(per_run(arm, column)) for name, arm in arms.items()}
        for who, column in columns.items()
    }
    return tl.plot_bars(bars, "share of right answers (.5: guessing)", fmt=".2f")


def two_by_two():
    """The confusion loss with neither cure, each, both."""
    arms = {
        "source only": SAME,
        "confusion loss as it is": "confusion",
        "5 discriminator steps": "confusion, 5 steps",
        "gradient penalty": "confusion, penalty",
        "both": MENDED,
    }
    values = {name: tl.mean_interval(per_run(arm)) for name, arm in arms.items()}
    return tl.plot_intervals(values, "accuracy on handwriting, mean over runs")


def share_closed():
    """Share of the gap closed, from both baselines."""
    arms = {
        "Deep CORAL": "Deep CORAL",
        "MMD": "MMD",
        "reversal": "reversal",
        "reversal, mended": "reversal, 5 steps + penalty",
        "confusion, mended": MENDED,
        "mutual information": "mutual information",
    }
    import matplotlib.pyplot as plt

    tl.use_style()
    _, ax = plt.subplots(figsize=(8.2, 4.6), layout="constrained")
    bars = {
        f"of the {name} network's gap": {label: closed(arm, base) for label, arm in arms.items()}
        for name, base in (("same", SAME), ("plainer", PLAIN))
    }
    return tl.plot_bars(bars, "share of the gap to the oracle that is closed", fmt=".2f", ax=ax)


def shifts():
    """The same methods on three targets."""
    arms = {"source only": SAME, "MMD": "MMD", "confusion, mended": MENDED}
    arms["mutual information"] = "mutual information"
    bars = {
        title: {label: tl.mean_interval(per_run(arm, shift=shift)) for label, arm in arms.items()}
        for title, shift in (("no shift", None), ("label shift", "labels"))
    }
    return tl.plot_bars(bars, "accuracy on the target, mean over runs", fmt=".2f")


FIGURES = {
    "two_worlds.png": two_worlds,
    "adaptation_gap.svg": functools.partial(enlarged, gap),
    "adaptation_schedule.svg": functools.partial(enlarged, schedule, 320),
    "two_witnesses.svg": functools.partial(enlarged, two_witnesses),
    "two_by_two.svg": functools.partial(enlarged, two_by_two),
    "share_closed.svg": functools.partial(enlarged, share_closed, 490),
    "target_shifts.svg": functools.partial(enlarged, shifts),
}

"""Figures of the deck on domain confusion, from the runs that data/recipes measured."""

from __future__ import annotations

import functools
import io
import json
import re
from statistics import fmean

import tlhelpers as tl
from data.recipes import domain_confusion_table as table

IMPROVED = "confusion, 5 steps + penalty"
ACCURACY = "accuracy on handwriting, mean over runs"


@functools.cache
def rows() -> list[dict]:
    return json.loads((table.FOLDER / "domain_confusion.json").read_text(encoding="utf-8"))["rows"]


def accuracies(arms: dict[str, str], shift: str | None = None) -> dict[str, tl.Interval]:
    """Mean target accuracy with its interval; `arms` maps what a slide says to a stored method."""
    values = {
        name: table.column(rows(), arm, "target_accuracy", shift) for name, arm in arms.items()
    }
    return {name: tl.mean_interval(found.values()) for name, found in values.items()}


def two_domains():
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
    """The baselines."""
    arms = {"source only": "source only", "AdaBN": "AdaBN"}
    arms |= {"plainer network, source only": "plain source only", "oracle: target labels": "oracle"}
    return tl.plot_intervals(accuracies(arms), ACCURACY)


def schedule():
    """DANN's strength over the training."""
    strengths = {step / 20: tl.reversal_schedule(step / 20) for step in range(21)}
    return tl.plot_lines({"strength": strengths}, "share of the training, p", "strength λ")


def two_measurements():
    """The discriminator in the training beside a fresh probe."""
    arms = {"gradient reversal": "reversal", "confusion loss": "confusion", "improved": IMPROVED}
    columns = {"discriminator": "domain_accuracy", "fresh probe": "probe_accuracy"}
    bars = {
        who: {name: fmean(table.column(rows(), arm, column).values()) for name, arm in arms.items()}
        for who, column in columns.items()
    }
    return tl.plot_bars(bars, "share of right answers (.5: guessing)", fmt=".2f")


def two_by_two():
    """The confusion loss with neither remedy, each, both."""
    arms = {"source only": "source only", "confusion loss as it is": "confusion"}
    arms |= {
        "5 discriminator steps": "confusion, 5 steps",
        "gradient penalty": "confusion, penalty",
        "both": IMPROVED,
    }
    return tl.plot_intervals(accuracies(arms), ACCURACY)


def share_closed():
    """Share of the gap closed, from both baselines."""
    arms = {name: name for name in ("Deep CORAL", "MMD", "reversal")}
    arms |= {"reversal, improved": "reversal, 5 steps + penalty", "confusion, improved": IMPROVED}
    arms |= {"mutual information": "mutual information"}
    bars = {
        f"of the {name} network's gap": {
            label: tl.mean_interval(table.gap_closed(rows(), arm, base).values())
            for label, arm in arms.items()
        }
        for name, base in (("same", "source only"), ("plainer", "plain source only"))
    }
    return tl.plot_bars(bars, "share of the gap to the oracle that is closed", fmt=".2f")


def shifts():
    """The same methods on two targets."""
    arms = {"source only": "source only", "MMD": "MMD", "confusion, improved": IMPROVED}
    arms |= {"mutual information": "mutual information"}
    bars = {"no shift": accuracies(arms), "label shift": accuracies(arms, "labels")}
    return tl.plot_bars(bars, "accuracy on the target, mean over runs", fmt=".2f")


def enlarged(draw, tallest: int = 430) -> str:
    """The figure of a `tl.plot_...` function as SVG of a slide's width: its type grows with it."""
    import matplotlib.pyplot as plt

    figure, stream = draw().figure, io.StringIO()
    with plt.rc_context({"svg.hashsalt": draw.__name__, "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    size = r' width="([\d.]+)pt" height="([\d.]+)pt"'
    width, height = map(float, re.search(size, stream.getvalue()).groups())
    factor = min(1160 / width, tallest / height)
    new = f' width="{width * factor:.0f}" height="{height * factor:.0f}"'
    return re.sub(size, new, stream.getvalue(), count=1)


FIGURES = {
    "two_domains.png": two_domains,
    "adaptation_gap.svg": functools.partial(enlarged, gap),
    "adaptation_schedule.svg": functools.partial(enlarged, schedule, 400),
    "two_measurements.svg": functools.partial(enlarged, two_measurements),
    "two_by_two.svg": functools.partial(enlarged, two_by_two),
    "share_closed.svg": functools.partial(enlarged, share_closed, 490),
    "target_shifts.svg": functools.partial(enlarged, shifts),
}

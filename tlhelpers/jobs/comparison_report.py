"""A comparison of runs as text, Markdown, CSV and a figure."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ..core.errors import InputError
from ..core.files import write_text
from ..evaluation.statistics import Interval
from ..figures.show import save
from .card import escaped
from .compared import ALPHA, Compared, Difference

RUNS = ("run", "backbone", "method", "trained on", "accuracy [95 %]", "correct", "training")
PAIRS = ("B minus A, points [95 %]", "right only in A, in B", "exact p")
CSV = (
    "run_a run_b n accuracy_a low_a high_a accuracy_b low_b high_b "
    "difference low high only_a only_b p adjusted_p"
).split()


FEW = 3  # differences that may be chance: up to here each has a sentence of its own


def as_text(comparison: Compared) -> str:
    """Tables in columns, then the sentences."""
    parts = [
        f"{comparison.images}.",
        _columns(RUNS, _run_cells(comparison)),
        _columns(_head(comparison), _pair_cells(comparison)),
        _method(comparison),
        "\n".join(sentences(comparison)),
        "\n".join(f"mind: {note}" for note in comparison.notes),
    ]
    return "\n\n".join(parts)


def as_markdown(comparison: Compared, figure: str = "") -> str:
    """The same for a page. figure: the file of the picture, to be shown between the two tables."""
    said = "\n".join(f"- {escaped(sentence)}" for sentence in sentences(comparison))
    notes = "\n".join(f"- {escaped(note)}" for note in comparison.notes)
    picture = f"![Differences with their intervals; the table has the numbers]({figure})\n\n"
    return f"""Compared on {escaped(comparison.images)}.

{_table(RUNS, _run_cells(comparison))}

{said}

{picture if figure else ""}{_table(_head(comparison), _pair_cells(comparison))}

{_method(comparison)}

Mind:

{notes}
"""


def as_csv(comparison: Compared) -> str:
    """A row for each difference, with the accuracies of both runs."""
    text, rows = io.StringIO(), {run.name: run for run in comparison.runs}
    table = csv.writer(text, lineterminator="\n")
    table.writerow(CSV)
    for d in comparison.differences:
        ends = [(i.mean, i.low, i.high) for i in (rows[d.a].accuracy, rows[d.b].accuracy)]
        difference = (d.difference.mean, d.difference.low, d.difference.high)
        table.writerow(
            [d.a, d.b, d.n, *ends[0], *ends[1], *difference]
            + [d.only_a, d.only_b, d.p_value, d.adjusted]
        )
    return text.getvalue()


def write(comparison: Compared, out: str | Path) -> list[Path]:
    """Write compare.md and compare.png into a folder, which is made; returns the files."""
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {out}: {error.strerror or error}. Give --out the name of a "
            "folder you may write to."
        ) from error
    page, picture = out / "compare.md", out / "compare.png"
    save(draw(comparison), picture)
    text = as_markdown(comparison, picture.name)
    write_text(page, f"# {len(comparison.runs)} runs compared\n\n{text}")
    return [page, picture]


def draw(comparison: Compared, *, ax=None, title: str = ""):
    """Each difference with its interval, in percentage points."""
    from ..figures.differences import plot_differences

    pairs = comparison.differences
    return plot_differences(
        {(d.a, d.b): _points(d.difference) for d in pairs},
        f"difference in accuracy in percentage points, {pairs[0].n} images",
        real=[(d.a, d.b) for d in pairs if d.real],
        beside={
            (d.a, d.b): f"{_signed(d.difference)}\n{_name_of_p(comparison)}{_p(d.adjusted)}"
            for d in pairs
        },
        fmt="+.1f",
        ax=ax,
        title=title,
    )


def sentences(comparison: Compared) -> list[str]:
    """What each difference means; of many that may be chance, what they mean together."""
    pairs = comparison.differences
    chance = [d for d in pairs if not d.real]
    if len(chance) <= FEW:
        return [_sentence(d, len(pairs)) for d in pairs]
    real = [_sentence(d, len(pairs)) for d in pairs if d.real]
    lead = f"{len(chance)} of {len(pairs)} pairs cannot" if real else f"No pair of {len(pairs)} can"
    listed = ": " + "; ".join(f"{d.a} and {d.b}" for d in chance) if real else ""
    least, most = (100 * pick(d.visible for d in chance) / pairs[0].n for pick in (min, max))
    size = f"{least:.1f}" if least == most else f"{least:.1f} to {most:.1f}"
    together = (
        f"{lead} be told apart after adjusting for {len(pairs)} comparisons{listed}. With "
        f"{pairs[0].n} images and as many disagreements as here, "
        + (f"a difference under about {size} points" if least <= 100 else "no difference")
        + (" cannot be seen." if least <= 100 else " can be seen.")
    )
    return [*real, together]


def _sentence(d: Difference, comparisons: int) -> str:
    better, worse, sign = (d.b, d.a, 1) if d.only_b >= d.only_a else (d.a, d.b, -1)
    low, high = sorted(100 * sign * end for end in (d.difference.low, d.difference.high))
    size = f"{100 * abs(d.difference.mean):.1f} points [{low:.1f}, {high:.1f}]"
    for_all = "" if comparisons == 1 else f" after adjusting for {comparisons} comparisons"
    p = f"p {_p(d.adjusted)}{for_all}"
    if d.real:
        return f"{better} is better than {worse} by {size} ({p})."
    if d.only_a + d.only_b == 0:
        found = f"{d.a} and {d.b} are right on the same images."
    else:
        lead = f"{better} is ahead by {size}" if d.only_a != d.only_b else "they tie"
        found = f"{d.b} and {d.a} cannot be told apart: {lead} ({p})."
    if d.visible > d.n:
        return f"{found} With {d.n} images none can be seen: {d.visible} or more are needed."
    least = 100 * d.visible / d.n
    return (
        f"{found} With {d.n} images and {d.only_a + d.only_b} disagreements, a difference under "
        f"about {least:.1f} points ({d.visible} images) cannot be seen."
    )


def _run_cells(comparison: Compared) -> list[list[str]]:
    return [
        [
            run.name,
            run.backbone,
            run.method,
            str(run.trained_on),
            str(run.accuracy),
            f"{run.correct} of {run.n}",
            f"{run.seconds:.1f} s" if run.seconds < 100 else f"{run.seconds:.0f} s",
        ]
        for run in comparison.runs
    ]


def _head(comparison: Compared) -> tuple[str, ...]:
    return ("A", "B", *PAIRS, *(["adjusted p"] if len(comparison.differences) > 1 else []))


def _pair_cells(comparison: Compared) -> list[list[str]]:
    cells = [
        [
            d.a,
            d.b,
            _signed(d.difference),
            f"{d.only_a}, {d.only_b}",
            _p(d.p_value, bare=True),
            _p(d.adjusted, bare=True),
        ]
        for d in comparison.differences
    ]
    return [row[: len(_head(comparison))] for row in cells]


def _name_of_p(comparison: Compared) -> str:
    return "p " if len(comparison.differences) == 1 else "adjusted p "


def _method(comparison: Compared) -> str:
    number, alpha = len(comparison.differences), f"{ALPHA:g}".removeprefix("0")
    said = "Intervals of differences are for paired samples (Bonett and Price, 2012)"
    if number == 1:
        return f"{said}; p is of McNemar's exact test. A run is called better where p <= {alpha}."
    return (
        f"{said}, each by itself. p is of McNemar's exact test; adjusted p is for {number} "
        f"comparisons together (Holm, 1979). A run is called better where adjusted p <= {alpha}."
    )


def _points(share: Interval) -> Interval:
    return Interval(*(100 * value for value in (share.mean, share.low, share.high)))


def _signed(share: Interval) -> str:
    points = _points(share)
    return f"{points.mean:+.1f} [{points.low:+.1f}, {points.high:+.1f}]"


def _p(value: float, bare: bool = False) -> str:
    """As papers print it: `= .031`, `< .001`; bare: `.031`, `<.001`."""
    if value < 0.001:
        return "<.001" if bare else "< .001"
    text = f"{value:.3f}".removeprefix("0")
    return text if bare else f"= {text}"


def _columns(head: tuple[str, ...], rows: list[list[str]]) -> str:
    cells = [list(head), *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

"""Shapes the decks share: boxes, bars, broken lines, and a network as a row of layers."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from tlhelpers.teaching.diagrams import COLOURS, MUTED, text, wrap

BLUE, RUST, GREEN, PLUM = COLOURS
HATCH = (
    '<defs><pattern id="frozen" width="10" height="10" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="10" height="10" fill="#d6e2ee"/>'
    f'<path d="M0 0V10" stroke="{BLUE}" stroke-width="3"/></pattern></defs>'
)


def box(x: float, y: float, width: float, height: float, **attributes: object) -> str:
    """A rectangle with rounded corners; attributes as for `text`."""
    more = "".join(f' {k.replace("_", "-")}="{v}"' for k, v in attributes.items())
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"{more}/>'


def dot(value: float, digits: int = 2) -> str:
    """`.33`: as shares are printed in this course."""
    return f"{value:.{digits}f}".replace("0.", ".", 1)


def bars(
    rows: Sequence[tuple[str, float, str, str]],
    *,
    left: float = 206,
    top: float = 6,
    width: float = 760,
    pitch: float = 50,
    size: float = 24,
) -> str:
    """Horizontal bars: (name, length from 0 to 1, colour or "frozen", words beside it) each."""
    parts = []
    for row, (name, length, colour, words) in enumerate(rows):
        y, long, high = top + pitch * row, max(2, width * length), 0.76 * pitch
        style = {"fill": "url(#frozen)", "stroke": BLUE} if colour == "frozen" else {"fill": colour}
        baseline = y + high / 2 + size / 3
        parts.append(text(left - 14, baseline, size, name, text_anchor="end", font_weight=600))
        parts.append(box(left, y, long, high, **style))
        parts.append(text(left + long + 12, baseline, size, words))
    return "".join(parts)


def arrow(x: float, y: float, to: float, colour: str) -> str:
    """A horizontal arrow from `x` to `to`."""
    tip = -18 if to > x else 18
    path = f"M{x:g} {y:g}H{to:g}m{tip:g} -11l{-tip:g} 11l{tip:g} 11"
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="5"/>'


def picture(x: float, y: float, side: float, image) -> str:
    """A square Pillow image, carried inside the drawing; small ones keep their pixels visible."""
    buffer = io.BytesIO()
    gray = image.mode == "L"
    image.save(buffer, "PNG" if gray else "JPEG", optimize=True)
    content = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<image x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}" '
        f'style="image-rendering:{"pixelated" if image.width < 64 else "auto"}" '
        f'href="data:image/{"png" if gray else "jpeg"};base64,{content}"/>'
    )


def lines(x: float, y: float, size: float, content: str, width: float, **attributes: object) -> str:
    """Text broken into lines of `width` px, the first on baseline `y`."""
    broken = enumerate(wrap(content, size, width, bold="font_weight" in attributes))
    return "".join(text(x, y + 1.25 * size * i, size, line, **attributes) for i, line in broken)


def layers(x: float, y: float, states: str, *, unit: float = 46, height: float = 70) -> str:
    """A network as a row of layers, its head last; one letter a layer says what happens to it.

    f frozen, t trained from the source's weights, n new and trained, - cut away.
    """
    style = {
        "f": {"fill": "url(#frozen)", "stroke": BLUE, "stroke_width": 2},
        "t": {"fill": RUST, "stroke": RUST, "stroke_width": 2},
        "n": {"fill": "#fff", "stroke": RUST, "stroke_width": 5},
        "-": {"fill": "none", "stroke": MUTED, "stroke_width": 2, "stroke_dasharray": "5 5"},
    }
    parts = []
    for i, state in enumerate(states):
        gap, shrink = (14, height / 4) if i == len(states) - 1 else (0, 0)  # the head
        left, tall = x + i * (unit + 8) + gap, height - 2 * shrink
        parts.append(box(left, y + shrink, unit, tall, **style[state]))
    return "".join(parts)


def legend(x: float, y: float, states: str = "ftn-", size: float = 20) -> str:
    """What hatched, filled, outlined and dashed layers mean, in one line around height `y`."""
    names = {"f": "frozen", "t": "trained on", "n": "new, trained", "-": "cut away"}
    return "".join(
        layers(x + 215 * i - 14, y - 18, state, unit=28, height=36)
        + text(x + 215 * i + 40, y + 0.35 * size, size, names[state])
        for i, state in enumerate(states)
    )

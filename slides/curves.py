"""Line charts for slides, as SVG: few ticks, thick lines, each line named at its end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlhelpers.teaching.diagrams import COLOURS, MUTED, text

DASHES = ("none", "16 9", "3 8", "22 7 4 7")
GRID = "#cfc9bd"


@dataclass(frozen=True)
class Frame:
    """A chart's place on the drawing (px) and the values at its edges; `log` for the y axis."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    log: bool = False

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where on the drawing a point lies."""
        low, high = self.y
        if self.log:
            low, high, y = math.log(low), math.log(high), math.log(max(y, 1e-9))
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (min(max(y, low), high) - low) / (high - low)
        return self.left + self.width * across, self.top + self.height * (1 - up)

    def axes(
        self, xticks: Mapping[float, str], yticks: Mapping[float, str], xlabel: str, ylabel: str
    ) -> str:
        """Horizontal grid lines and the names of ticks and axes; `ylabel` stands on top."""
        bottom = self.top + self.height
        parts = [text(self.left - 62, self.top - 26, 20, ylabel, fill=MUTED)]
        for value, name in yticks.items():
            y = self.at(self.x[0], value)[1]
            place = f"M{self.left:g} {y:.1f}h{self.width:g}"
            parts.append(f'<path d="{place}" stroke="{GRID}" stroke-width="2"/>')
            parts.append(text(self.left - 12, y + 7, 20, name, text_anchor="end", fill=MUTED))
        for value, name in xticks.items():
            x = self.at(value, self.y[0])[0]
            parts.append(text(x, bottom + 30, 20, name, text_anchor="middle", fill=MUTED))
        middle = self.left + self.width / 2
        parts.append(text(middle, bottom + 60, 20, xlabel, text_anchor="middle", fill=MUTED))
        return "".join(parts)

    def line(self, points: Sequence[tuple[float, float]], index: int, *, dots: bool = True) -> str:
        """The `index`-th line of a chart, its points marked."""
        found = [self.at(*point) for point in points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in found)
        parts = [
            f'<path d="M{path}" fill="none" stroke="{COLOURS[index]}" stroke-width="5" '
            f'stroke-linejoin="round" stroke-dasharray="{DASHES[index]}"/>'
        ]
        if dots:
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{COLOURS[index]}"/>'
                for x, y in found
            ]
        return "".join(parts)

    def whisker(self, x: float, low: float, high: float, index: int) -> str:
        """An interval at `x`."""
        (across, bottom), (_, top) = self.at(x, low), self.at(x, high)
        ends = "".join(f"M{across - 9:.1f} {y:.1f}h18" for y in (bottom, top))
        return (
            f'<path d="M{across:.1f} {bottom:.1f}V{top:.1f}{ends}" stroke="{COLOURS[index]}" '
            'stroke-width="3"/>'
        )

    def names(self, ends: Mapping[str, float], *, gap: float = 64) -> str:
        """Names right of the lines' ends, kept `gap` px apart; `fine-tuned|ends at .98` has a
        second, smaller row."""
        order = sorted(ends, key=ends.get, reverse=True)
        places = [self.at(self.x[1], ends[name])[1] for name in order]
        for i in range(1, len(places)):
            places[i] = max(places[i], places[i - 1] + gap)
        lowest = self.top + self.height - 28.0 * order[-1].count("|")
        for i in reversed(range(len(places))):
            places[i] = min(places[i], lowest)
            lowest = places[i] - gap
        parts, x = [], self.left + self.width + 24
        for y, name in zip(places, order, strict=True):
            colour = COLOURS[list(ends).index(name)]
            title, *more = name.split("|")
            parts.append(text(x, y + 8, 24, title, fill=colour, font_weight=700))
            parts += [text(x, y + 36 + 27 * i, 21, row, fill=colour) for i, row in enumerate(more)]
        return "".join(parts)

"""The answer of `fetch_assets`: one row for each asset, as text and as a table of a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from .catalogue import Asset
from .download import MEGABYTE

COLUMNS = ("name", "MB", "from", "licence", "state")


@dataclass(frozen=True)
class Row:
    """An asset, where it comes from, and what became of it.

    state: "there" (nothing had to be done), "fetched", "copied", or "not here" (shown only).
    path: the file or folder; None where it is not here.
    """

    asset: Asset
    source: str
    state: str
    path: Path | None = None

    def cells(self) -> tuple[str, ...]:
        megabytes = f"{self.asset.bytes / MEGABYTE:.0f}"
        state = self.state if self.path is None else f"{self.state}: {self.path}"
        return self.asset.name, megabytes, self.source, self.asset.licence, state


class Fetched(list):
    """Rows of `fetch_assets`, shown as a table where it is the last line of a cell."""

    def __repr__(self) -> str:
        return "\n".join(
            f"{row.asset.name}: {row.asset.what}\n"
            f"    {row.cells()[1]} MB, from {row.source}\n"
            f"    licence: {row.asset.licence}\n"
            f"    {row.cells()[-1]}"
            for row in self
        )

    def _repr_html_(self) -> str:
        def line(cells, tag: str) -> str:
            inside = "".join(f"<{tag} style='text-align:left'>{c}</{tag}>" for c in cells)
            return f"<tr>{inside}</tr>"

        rows = []
        for row in self:
            name, *rest = map(escape, row.cells())
            rows.append(line([f"<b>{name}</b><br>{escape(row.asset.what)}", *rest], "td"))
        return f"<table>{line(COLUMNS, 'th')}{''.join(rows)}</table>"

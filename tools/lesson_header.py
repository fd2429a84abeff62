"""Read the header cell of a lesson: its question and the fields every lesson states."""

from __future__ import annotations

import re

FIELDS = ("You will be able to", "Needs", "Minutes", "Run time", "Downloads")


def plain_title(header: str) -> str:
    """The text of the first ``# heading`` without Markdown marks, or an empty string."""
    match = re.search(r"^#\s+(.+)$", header, re.MULTILINE)
    return re.sub(r"[*`]", "", match[1]).strip() if match else ""


def header_fields(header: str) -> dict[str, str]:
    """What the header's table (``| **Needs** | lesson 00 |``) says, as plain text.

    Fields outside ``FIELDS`` and fields with nothing beside them are left out.
    """
    fields = {}
    for row in re.findall(r"^\|(.+)\|\s*$", header, re.MULTILINE):
        name, *rest = (re.sub(r"[*`]|\[([^]]*)\]\([^)]*\)", r"\1", cell) for cell in row.split("|"))
        text = " ".join(" ".join(rest).split())
        if name.strip() in FIELDS and text:
            fields[name.strip()] = text
    return fields

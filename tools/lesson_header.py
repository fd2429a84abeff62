"""Read the header cell of a lesson: its question and the fields every lesson states."""

from __future__ import annotations

import re

FIELDS = ("You will be able to", "Needs", "Minutes", "Run time", "Downloads")


def plain_title(header: str) -> str:
    """The text of the first ``# heading`` without Markdown marks, or an empty string."""
    match = re.search(r"^#\s+(.+)$", header, re.MULTILINE)
    return re.sub(r"[*`]", "", match[1]).strip() if match else ""


def header_fields(header: str) -> dict[str, str]:
    """What the header says under each of ``FIELDS``, as plain text; absent fields are left out.

    A field is a table row (``| **Needs** | lesson 00 |``) or an item (``- **Needs:** lesson 00``),
    perhaps followed by a list of its own.
    """
    fields = {}
    for name in FIELDS:
        first_line = rf"^[ |*>-]*{name}\b[^|:\n]*[|:](.*"
        own_list = r"(?:\n(?:\s+|\s*[-*] (?!\*\*)).+)*)"
        match = re.search(first_line + own_list, header, re.MULTILINE | re.IGNORECASE)
        if match:
            text = re.sub(r"<br\s*/?>|\n\s*[-*] |\|", "; ", match[1])
            text = re.sub(r"[*`]|\[([^]]*)\]\([^)]*\)", r"\1", text)
            fields[name] = " ".join(text.split()).strip(" ;:")
    return fields

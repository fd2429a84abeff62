"""Which exercises were solved on this machine: the table of `tl.progress()`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from ..core.errors import InputError
from . import record
from .checks import exercises

_PRIVACY = (
    "It holds no answers and is sent nowhere. `tl.progress(keep=False)` empties it and stores "
    "nothing more."
)


@dataclass
class LessonProgress:
    """The exercises of one lesson; `file` is its notebook beside the running one, if any."""

    number: str
    title: str
    file: str | None
    solved: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.solved) + len(self.tried) + len(self.open)

    @property
    def left(self) -> list[str]:
        """What is not solved: `05-2 (tried)` and `05-4`, say; `none` where all is."""
        names = {id: f"{id} (tried)" for id in self.tried} | {id: id for id in self.open}
        return [names[id] for id in sorted(names)] or ["none"]


@dataclass
class ProgressTable:
    """Solved exercises by lesson; shows itself as the last value of a cell."""

    lessons: list[LessonProgress]
    note: str

    @property
    def total(self) -> str:
        solved = sum(len(lesson.solved) for lesson in self.lessons)
        count = sum(lesson.count for lesson in self.lessons)
        return f"{solved} of {count} exercises solved on this machine"

    def __repr__(self) -> str:
        rows = [("lesson", "solved", "still open")]
        rows += [
            (t.title, f"{len(t.solved)} of {t.count}", ", ".join(t.left)) for t in self.lessons
        ]
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        lines = [f"{a:{first}}  {b:{second}}  {c}" for a, b, c in rows]
        return "\n".join([*lines, f"{self.total}. {self.note.replace('`', '')}"])

    def _repr_html_(self) -> str:
        left = 'style="text-align:left"'
        cells = [(_link(lesson), _bar(lesson), _open(lesson)) for lesson in self.lessons]
        rows = "".join(
            "<tr>" + "".join(f"<td {left}>{cell}</td>" for cell in row) + "</tr>" for row in cells
        )
        note = re.sub("`(.+?)`", r"<code>\1</code>", escape(self.note))
        return (
            f"<table><caption {left}><strong>{self.total}</strong></caption>"
            f'<thead><tr><th scope="col" {left}>lesson</th><th scope="col" {left}>solved</th>'
            f'<th scope="col" {left}>still open</th></tr></thead>'
            f"<tbody>{rows}</tbody></table><p>{note}</p>"
        )


def progress(keep: bool | None = None) -> ProgressTable:
    """Show which exercises of which lessons were solved on this machine.

    Each check of a notebook is counted in a small file beside the notebooks, `progress.json`. It
    holds no answers and is sent nowhere. The checks inside the solutions do not count.

    Args:
        keep: `False` empties the file and stores nothing from now on, `True` begins again. The
            environment variable `TLHELPERS_PROGRESS=off` switches it off for a whole machine;
            a path there names another file.
    """
    if keep is not None:
        record.keep(keep)
    path = record.place()
    known, note = {}, "Nothing is stored here: `TLHELPERS_PROGRESS` is off, or this is no notebook."
    if path is not None:
        try:
            found = record.read(path)
            known = found["exercises"]
            note = f"Stored in `{path.name}` beside this notebook. {_PRIVACY}"
            if not found["keep"]:
                note = "Nothing is stored, as you asked. `tl.progress(keep=True)` begins again."
        except InputError as error:
            note = str(error)
        if record.fault:
            note = f"The last result could not be stored: {record.fault}"
    return ProgressTable(_lessons(known), note)


def _lessons(known: dict) -> list[LessonProgress]:
    """One row for each lesson that lies beside the running notebook; all, where none does."""
    rows: dict[str, LessonProgress] = {}
    files = {path.name[:2]: path for path in sorted(Path.cwd().glob("[0-9][0-9]_*.ipynb"))}
    for id in exercises():
        number = id.split("-")[0]
        if files and number not in files and not any(key.startswith(number) for key in known):
            continue
        if number not in rows:
            path = files.get(number)
            title = f"{number} {_title(path)}" if path else f"Lesson {number}"
            rows[number] = LessonProgress(number, title, path.name if path else None)
        entry, row = known.get(id), rows[number]
        (row.open if not entry else row.solved if entry["solved"] else row.tried).append(id)
    return list(rows.values())


def _title(path: Path) -> str:
    """The first heading of a notebook, or its file's name."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        first = "".join(cells[0]["source"])
        return re.search(r"^# (.+)$", first, re.MULTILINE)[1].replace("`", "").replace("*", "")
    except (OSError, ValueError, LookupError, TypeError):
        return path.stem[3:].replace("_", " ")


def _link(lesson: LessonProgress) -> str:
    title = escape(lesson.title)
    return f'<a href="{escape(lesson.file)}">{title}</a>' if lesson.file else title


def _open(lesson: LessonProgress) -> str:
    """No line breaks inside an exercise's number."""
    return ", ".join(f'<span style="white-space:nowrap">{name}</span>' for name in lesson.left)


def _bar(lesson: LessonProgress) -> str:
    """A bar and, for every reader, the numbers."""
    solved = len(lesson.solved)
    bar = f'<progress value="{solved}" max="{lesson.count}" style="width:6em" aria-hidden="true">'
    return f'<span style="white-space:nowrap">{bar}</progress> {solved} of {lesson.count}</span>'

"""instructors/lessons.md is true: minutes add up, what it names exists, skipped cells are free."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import pytest
from notebook_names import CellNames, broken_by, cell_names, needs, unbound

from tools.lesson_client import LessonClient
from tools.lesson_header import header_fields

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "instructors" / "lessons.md"
NOTEBOOKS = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
DECKS = {path.stem[:2]: path for path in sorted((ROOT / "slides").glob("[01]*.md"))}
DECKS["applications"] = ROOT / "slides" / "applications.md"
PARTS = [
    "Minutes",
    "What people get wrong",
    "Answers",
    "When you are late",
    "On a slow machine",
    "Exercises",
]
CELL = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
EXERCISE = re.compile(r"\d\d-\d")
ROW = re.compile(r"\| (\d+)-(\d+) \| (Deck|Notebook|Exercise): (.+?) \| .*\|")
WRONG = re.compile(r'\d\. \*\*".+"\*\* Run `([^`]+)`.* Say: ".+"')
SKIP = re.compile(r"- Skip: ((?:`[^`]+`(?:, )?)+)")
SECOND = re.compile(r"Second meeting: run ((?:`[^`]+`, )+)and go on at `([^`]+)`\.")
SLIDES = re.compile(r"[Ss]lides? (\*[^*]+\*(?:,? (?:and )?\*[^*]+\*)*)")
KEEP = re.compile(r"- Keep: `([^`]+)` \(([^)]+)\)")


def split(text: str, mark: str) -> dict[str, str]:
    """Headings of one level and the text below each."""
    pieces = re.split(rf"^{mark} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def unwrapped(text: str) -> list[str]:
    """Paragraphs, rows and points of a list, each on one line."""
    return re.sub(r"\n +", " ", text).splitlines()


@dataclass
class Lesson:
    """One page of the plans; ``key`` is the lesson's number or ``applications``."""

    key: str
    parts: dict[str, str]
    intro: str

    def tables(self) -> list[list[tuple[int, int, str, str]]]:
        """Rows (from, to, where, what is named there) of each table of minutes."""
        tables: list[list[tuple[int, int, str, str]]] = []
        for line in self.parts["Minutes"].splitlines():
            if re.match(r"\| (deck )?minutes \|", line):
                tables.append([])
            elif line.startswith("|") and not line.startswith("|---"):
                match = ROW.fullmatch(line)
                assert match, f"lesson {self.key}: not a row of the plan: {line}"
                tables[-1].append((int(match[1]), int(match[2]), match[3], match[4]))
        return tables

    def skips(self) -> list[list[str]]:
        late = unwrapped(self.parts["When you are late"])
        return [re.findall(r"`([^`]+)`", m[1]) for line in late if (m := SKIP.match(line))]

    def second_meeting(self) -> tuple[list[str], str] | None:
        """Cells that a second meeting runs first, and the cell at which it goes on."""
        match = SECOND.search(" ".join(self.intro.split()))
        return match and (re.findall(r"`([^`]+)`", match[1]), match[2])


@cache
def lessons() -> dict[str, Lesson]:
    pages = split(PAGE.read_text(encoding="utf-8"), "##")
    return {
        key.lower(): Lesson(key.lower(), split(text, "###"), text.split("\n###")[0])
        for title, text in pages.items()
        if (key := title.split()[0]) != "Contents"
    }


@cache
def notebook(key: str) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS[key], as_version=nbformat.NO_CONVERT)


@cache
def names(key: str) -> list[CellNames]:
    return [cell_names(c.id, c.source) for c in notebook(key).cells if c.cell_type == "code"]


@cache
def deck(key: str) -> tuple[int, set[str]]:
    """Minutes and titles of a deck."""
    text = DECKS[key].read_text(encoding="utf-8")
    titles = re.findall(r"^# (.+)$", text, re.MULTILINE)
    minutes = re.search(r"^minutes: (\d+)$", text, re.MULTILINE)
    return int(minutes[1]), {title.replace("*", "") for title in titles}


def header(key: str) -> dict[str, str]:
    return header_fields(notebook(key).cells[0].source)


def test_every_lesson_has_a_page_and_the_contents_lead_to_it():
    assert list(lessons()) == [*NOTEBOOKS, "applications"]
    text = PAGE.read_text(encoding="utf-8")
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)[1:]
    anchors = [re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles]
    contents = re.findall(r"^- \[(.+)\]\(#(.+)\)$", text, re.MULTILINE)
    assert contents == list(zip(titles, anchors, strict=True))


@pytest.mark.parametrize("key", NOTEBOOKS)
def test_six_parts_each_with_something_in_it(key):
    parts = lessons()[key].parts
    assert list(parts) == PARTS
    assert all(len(text.split()) > 15 for text in parts.values())
    assert len(unwrapped(parts["Answers"])) >= 5


@pytest.mark.parametrize("key", NOTEBOOKS)
def test_minutes_follow_each_other_and_add_up_to_the_header(key):
    *before, rows = lessons()[key].tables()
    teaching, exercises = map(int, re.findall(r"\d+", header(key)["Minutes"])[:2])
    assert [row[0] for row in rows] == [0, *(row[1] for row in rows[:-1])]
    assert all(start < end for start, end, _, _ in rows)
    assert rows[-1][1] == teaching + exercises
    spent = {
        place: sum(end - start for start, end, where, _ in rows if where == place)
        for place in ("Deck", "Notebook", "Exercise")
    }
    assert spent["Exercise"] == exercises
    for table in before:  # a deck that is shown before the lesson
        assert table[0][0] == 0 and table[-1][1] == deck(key)[0]
        assert all(a[1] == b[0] for a, b in zip(table, table[1:], strict=False))
    assert spent["Deck"] == (0 if before else deck(key)[0])


def test_the_page_of_the_applications():
    lesson = lessons()["applications"]
    (rows,) = lesson.tables()
    assert [row[0] for row in rows] == [0, *(row[1] for row in rows[:-1])]
    assert rows[-1][1] == deck("applications")[0]
    assert {row[2] for row in rows} == {"Deck"}
    assert list(lesson.parts) == [part for part in PARTS if part != "On a slow machine"]
    assert len(re.findall(r"^\d\. \*\*", lesson.parts["What people get wrong"], re.M)) >= 3


@pytest.mark.parametrize("key", [*NOTEBOOKS, "applications"])
def test_slides_and_cells_of_the_minutes_exist(key):
    cells = {cell.id for cell in notebook(key).cells} if key in NOTEBOOKS else set()
    titles, shown = deck(key)[1], []
    for table in lessons()[key].tables():
        for start, _, where, what in table:
            if where == "Deck":
                found = re.findall(r"\*(.+?)\*", what)
                shown += found
                assert found and ", ".join(f"*{title}*" for title in found) == what, what
                assert set(found) <= titles, f"minute {start}: {set(found) - titles}"
            else:
                found = re.findall(r"`([^`]+)`", what)
                assert found and ", ".join(f"`{id}`" for id in found) == what, what
                assert set(found) <= cells, f"minute {start}: {set(found) - cells}"
                if where == "Exercise":
                    assert all(id.startswith("exercise-") for id in found)
    assert set(shown) == titles, f"slides nobody shows: {titles - set(shown)}"
    assert len(shown) == len(set(shown)), "a slide is shown twice"


@pytest.mark.parametrize("key", NOTEBOOKS)
def test_the_plan_goes_through_the_notebook_in_its_order(key):
    order = [cell.id for cell in notebook(key).cells]
    rows = lessons()[key].tables()[-1]
    planned = [
        id for *_, where, what in rows if where == "Notebook" for id in re.findall(r"`(.+?)`", what)
    ]
    assert planned == sorted(planned, key=order.index)
    assert len(planned) == len(set(planned))


@pytest.mark.parametrize("key", [*NOTEBOOKS, "applications"])
def test_every_cell_exercise_and_slide_named_in_the_text_exists(key):
    cells = {cell.id for cell in notebook(key).cells} if key in NOTEBOOKS else set()
    exercises = {f"{key}-{id.rpartition('-')[2]}" for id in cells if id.startswith("exercise-")}
    for part, text in lessons()[key].parts.items():
        for code in re.findall(r"`([^`]+)`", " ".join(text.split())):
            if EXERCISE.fullmatch(code):
                assert code in exercises, f"{part}: {code}"
            elif CELL.fullmatch(code):
                assert code in cells, f"{part}: {code}"
        lists = re.findall(SLIDES, " ".join(text.split()))
        for title in re.findall(r"\*([^*]+)\*", " ".join(lists)):
            assert any(real.startswith(title) for real in deck(key)[1]), f"{part}: {title}"


@pytest.mark.parametrize("key", NOTEBOOKS)
def test_each_wrong_idea_has_a_code_cell_that_puts_it_right(key):
    lines = [
        line
        for line in unwrapped(lessons()[key].parts["What people get wrong"])
        if re.match(r"\d\.", line)
    ]
    cures = [WRONG.match(line) for line in lines]
    assert all(cures), [line for line, cure in zip(lines, cures, strict=True) if not cure]
    assert 3 <= len(cures) <= 6
    assert {cure[1] for cure in cures} <= {cell.id for cell in names(key)}


@pytest.mark.parametrize("key", NOTEBOOKS)
def test_the_run_time_and_the_exercises_are_the_lessons(key):
    parts = lessons()[key].parts
    assert f"Run time: {header(key)['Run time']}." in " ".join(parts["On a slow machine"].split())
    all_of_them = {
        f"{key}-{cell.id.rpartition('-')[2]}"
        for cell in notebook(key).cells
        if "exercise" in cell.metadata.get("tags", [])
    }
    told = set(re.findall(r"`(\d\d-\d)`", parts["Exercises"]))
    assert told == all_of_them
    planned = {
        id for *_, what in lessons()[key].tables()[-1] for id in re.findall(r"`(exe.+?)`", what)
    }
    assert {f"{key}-{id.rpartition('-')[2]}" for id in planned} == all_of_them


def numbers(text: str) -> set[str]:
    """Decimal numbers of a text, as they are compared: ``0.85``, ``+.85`` and ``.85`` are one."""
    return {found.lstrip("0") for found in re.findall(r"(?<![\d.])\d*\.\d+(?![\d.]*\d)", text)}


@pytest.mark.parametrize("key", [*NOTEBOOKS, "applications"])
def test_every_decimal_number_stands_in_a_verdict_the_lessons_tables_or_its_deck(key):
    text = "\n".join(cell.source for cell in notebook(key).cells) if key in NOTEBOOKS else ""
    tables = (ROOT / "data" / "results").glob("*.md")
    sources = [path for path in tables if re.search(rf"\b{path.stem}\b", text)]  # what it reads
    sources += [ROOT / "docs" / "verdicts.md", DECKS[key]]
    known = numbers("\n".join([text, *(path.read_text(encoding="utf-8") for path in sources)]))
    for part in ("What people get wrong", "Answers"):
        told = numbers(lessons()[key].parts[part])
        assert told <= known, f"{part}: {sorted(told - known)}"


@pytest.mark.parametrize("key", NOTEBOOKS)
def test_the_reading_of_names_is_right_for_the_whole_notebook(key):
    """Else it could not be trusted: no cell reads what no cell before it binds."""
    assert unbound(names(key)) == []


@pytest.mark.parametrize("key", NOTEBOOKS)
def test_no_later_cell_needs_what_is_skipped(key):
    cells, skips = {cell.id for cell in names(key)}, lessons()[key].skips()
    text = {cell.id for cell in notebook(key).cells} - cells
    assert skips, "nothing to skip"
    for skip in skips:
        assert set(skip) <= cells | text, set(skip) - cells - text
        assert set(skip) & cells
        found = broken_by(names(key), set(skip) & cells)
        assert not found, f"Skip {', '.join(skip)}: {'; '.join(found)}"


@pytest.mark.parametrize("key", NOTEBOOKS)
def test_what_is_kept_is_needed_for_the_names_it_defines(key):
    kept = [
        (m[1], m[2].split(", "))
        for line in unwrapped(lessons()[key].parts["When you are late"])
        if (m := KEEP.match(line))
    ]
    skipped = {id for skip in lessons()[key].skips() for id in skip}
    wanted = needs(names(key))
    for id, defines in kept:
        assert id not in skipped, f"{id} is skipped and kept"
        used = {name for found in wanted.values() for name, by in found.items() if by == id}
        assert set(defines) <= used, f"{id}: nobody needs {set(defines) - used} of it"
    assert kept or key == "00"


@pytest.mark.parametrize("key", NOTEBOOKS)
def test_a_second_meeting_needs_only_the_cells_that_it_runs_first(key):
    meeting = lessons()[key].second_meeting()
    minutes = sum(map(int, re.findall(r"\d+", header(key)["Minutes"])[:2]))
    assert meeting or minutes <= 100, f"{minutes} minutes in one meeting"
    if meeting:
        first, start = meeting
        ids = [cell.id for cell in names(key)]
        assert set(first) <= set(ids[: ids.index(start)])
        assert not broken_by(names(key), set(ids[: ids.index(start)]) - set(first))


# Every lesson's names are compared above without running it; these few prove the comparison.
@pytest.mark.slow
@pytest.mark.parametrize("key", ["01", "05", "08", "11"])
def test_the_lesson_runs_without_all_that_may_be_skipped(key, monkeypatch):
    gone = {id for skip in lessons()[key].skips() for id in skip}
    execute([cell for cell in notebook(key).cells if cell.id not in gone], key, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("key", NOTEBOOKS)
def test_the_second_meeting_runs(key, monkeypatch):
    if not (meeting := lessons()[key].second_meeting()):
        pytest.skip("this lesson takes one meeting")
    first, start = meeting
    ids = [cell.id for cell in notebook(key).cells]
    wanted = {*first, *ids[ids.index(start) :]}
    execute([cell for cell in notebook(key).cells if cell.id in wanted], key, monkeypatch)


def execute(chosen: list[nbformat.NotebookNode], key: str, monkeypatch) -> None:
    monkeypatch.setenv("TLHELPERS_PROGRESS", "off")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    short = nbformat.from_dict(notebook(key) | {"cells": chosen})
    place = {"metadata": {"path": str(ROOT / "notebooks")}}
    LessonClient(short, timeout=600, resources=place).execute()


def cells(*sources: str) -> list[CellNames]:
    return [cell_names(f"cell-{n}", source) for n, source in enumerate(sources)]


@pytest.mark.parametrize(
    "sources",
    [
        ("import math", "math.pi"),
        ("def f(): return 1", "f()"),
        ("x = 1", "def f(): return x", "f()"),
        ("x = {}", "x['a'] = 1", "print(x)"),
        ("x = 1", "x += 1"),
        ("x, *y = 1, 2", "[a for a in y]"),
        ("x = 1", "for x in range(x): pass"),
        ("with open('f') as file: pass", "if True:\n    file.name"),
        ("class A: pass", "class B(A): pass"),
        ("x = 1", "y = lambda a: a + x"),
        ("import torch", "net = torch.nn", "net.fc = 1", "net"),
        ("x = 1", "x = 2", "print(x)"),
    ],
)
def test_a_missing_cell_is_noticed(sources):
    found = cells(*sources)
    assert unbound(found) == []
    assert broken_by(found, {f"cell-{len(sources) - 2}" if len(sources) < 3 else "cell-1"}) or (
        broken_by(found, {"cell-0"})
    )


@pytest.mark.parametrize(
    "sources",
    [
        ("x = 1", "x = 2", "print(x)"),  # bound again before it is read
        ("x = 1", "def f(x): return x", "f(2)"),  # an argument
        ("x = 1", "print([x for x in (1, 2)])"),  # a comprehension's own
        ("x = 1", "def f():\n    x = 2\n    return x", "f()"),  # a local name
        ("x = 1", "for x in (1, 2): print(x)"),
        ("x = 1", "try:\n    pass\nexcept OSError as x:\n    print(x)"),
    ],
)
def test_a_cell_that_nobody_needs_may_be_missing(sources):
    assert broken_by(cells(*sources), {"cell-0"}) == []


def test_a_name_that_no_cell_binds_is_noticed():
    assert unbound(cells("x = 1", "print(x, z)")) == ["cell-1 reads z"]

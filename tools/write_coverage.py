"""Write docs/coverage.md and docs/verdicts.md: what the articles say, and what the lessons found.

    python tools/write_coverage.py                    # the two pages, from what is stored
    python tools/write_coverage.py --run              # first run all lessons for their verdicts
    python tools/write_coverage.py --run 01_weight_freezing  # or some of them

`make coverage` calls it. docs/coverage.json holds the concepts and the errors of the articles, each
with the cells that run it or put it right ("01 one-step; 07 l2sp"; "10" alone is a planned lesson).
Claims, their lessons and cells are read from the notebooks. data/results/verdicts.json holds what
the notebooks said when they ran. closing_slides.py puts the verdicts at the end of the last deck as
well; `make slides` builds it then.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import closing_slides

ROOT = Path(__file__).resolve().parent.parent
MAP = ROOT / "docs" / "coverage.json"
STORED = ROOT / "data" / "results" / "verdicts.json"
PAGES = {"coverage": ROOT / "docs" / "coverage.md", "verdicts": ROOT / "docs" / "verdicts.md"}
WRITTEN = "<!-- Written by tools/write_coverage.py (`make coverage`). Do not edit by hand. -->\n\n"
# What a verdict prints; `tl.verdict` writes it.
VERDICT = re.compile(r"\[.\] (C\d+) (holds|fails|depends)(?: \(source: (.+?)\))?: (.+)", re.DOTALL)
MARKS = {"holds": "✔ holds", "fails": "✘ fails", "depends": "◐ depends"}


class Lesson(NamedTuple):
    """A notebook: its file, and its cells by id."""

    path: Path
    cells: dict[str, dict]

    @property
    def number(self) -> int:
        return int(self.path.name[:2])

    @property
    def link(self) -> str:
        return f"[{self.number:02}](../notebooks/{self.path.name})"


def read_lessons(folder: Path = ROOT / "notebooks") -> dict[int, Lesson]:
    """The notebooks by number."""
    lessons = {}
    for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        lessons[int(path.name[:2])] = Lesson(path, {cell["id"]: cell for cell in cells})
    return lessons


def places(cells: str) -> Iterator[tuple[int, list[str]]]:
    """`"01 one-step; 07 l2sp"` as lessons with ids of cells."""
    for part in filter(None, map(str.strip, cells.split(";"))):
        number, *ids = part.split()
        yield int(number), ids


def state(cells: str, lessons: dict[int, Lesson]) -> str:
    """`run`: by a code cell, at least; `told`: in words, or on the start page; or `planned`, ..."""
    found = list(places(cells))
    if not found:
        return "left out"
    if all(not ids for _, ids in found):
        return "planned"
    kinds = {lessons[n].cells[id]["cell_type"] for n, ids in found if n for id in ids}
    return "run" if "code" in kinds else "told"


def shown(cells: str, lessons: dict[int, Lesson]) -> str:
    """The places as a cell of a table: linked lessons, ids in code letters."""
    return "; ".join(
        lessons[number].link + " " + ", ".join(f"`{id}`" for id in ids)
        if ids
        else f"{number:02} (planned)"
        for number, ids in places(cells)
    )


class Judged(NamedTuple):
    """A claim in a lesson that judges it: the cells that state it and that give the verdict."""

    claim: str
    lesson: Lesson
    stated: str
    verdict: str


def judged(lessons: dict[int, Lesson]) -> list[Judged]:
    """Every claim that a lesson judges, by claim and lesson; lesson 00's example is none."""
    found = []
    for lesson in lessons.values():
        texts = {id: "".join(cell["source"]) for id, cell in lesson.cells.items()}
        for id, text in texts.items():
            tagged = "verdict" in lesson.cells[id].get("metadata", {}).get("tags", [])
            for claim in re.findall(r"tl\.verdict\(\s*[\"'](C\d+)", text) if tagged else ():
                stated = (i for i, t in texts.items() if f"**Claim {claim}**" in t)
                found.append(Judged(claim, lesson, next(stated, ""), id))
    return sorted(found, key=lambda j: (int(j.claim[1:]), j.lesson.number))


def run(lessons: list[Lesson]) -> list[dict[str, str]]:
    """Run the notebooks as they stand and return their verdicts. Raises SystemExit if one fails."""
    import build_pages

    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("TLHELPERS_PROFILE", "mini")
    os.environ["TLHELPERS_PROGRESS"] = "off"  # nobody learns here
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    machine, found = machine_kind(), []
    for lesson in lessons:
        running = build_pages.Lesson(lesson.path)
        running.run()
        how = running.failure or "ok"
        print(f"{lesson.path.stem:28}{running.seconds:6.1f} s  {how}", flush=True)
        if running.failure:
            raise SystemExit(f"{lesson.path.name} failed: no verdicts are stored")
        for cell in running.notebook.cells:
            if "verdict" in cell.metadata.get("tags", ()):
                made = {"date": date.today().isoformat(), "machine": machine}
                said = verdicts_in(cell.outputs)
                found += [{**row, "lesson": lesson.path.stem, **made} for row in said]
    return found


def machine_kind() -> str:
    """What the verdicts were measured on, in words, and whether it was free to measure seconds."""
    import psutil
    import torch

    kind, threads = torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()
    busy = psutil.getloadavg()[0] > (psutil.cpu_count() or 1)
    free = ", busy with other programs (seconds are too high)" if busy else ""
    return f"a CPU with {kind}, {threads} thread{'s' * (threads > 1)}{free}"


def verdicts_in(outputs: list[dict]) -> Iterator[dict[str, str]]:
    """The verdicts that a cell has printed."""
    for output in outputs:
        text = output.get("data", {}).get("text/plain", "").strip()
        if said := VERDICT.fullmatch(text):
            keys = ("claim", "outcome", "source", "evidence")
            yield dict(zip(keys, said.groups(default=""), strict=True))


def order(row: dict[str, str]) -> tuple[int, str]:
    return int(row["claim"][1:]), row["lesson"]


def store(new: list[dict[str, str]], ran: list[Lesson], lessons: dict[int, Lesson]) -> None:
    """Put the verdicts of the lessons that ran in the place of their old ones."""
    gone = {lesson.path.stem for lesson in ran}
    there = {lesson.path.stem for lesson in lessons.values()}
    old = [row for row in stored() if row["lesson"] in there - gone]
    text = json.dumps(sorted([*old, *new], key=order), indent=1, ensure_ascii=False)
    STORED.write_text(text + "\n", encoding="utf-8", newline="\n")


def stored() -> list[dict[str, str]]:
    return json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else []


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table with the column names `head`."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plain(text: str) -> str:
    """Text that Markdown leaves as it is, on one line, within a table."""
    return re.sub(r"([|*_<~])", r"\\\1", " ".join(text.split()))


def coverage_page(lessons: dict[int, Lesson]) -> str:
    """docs/coverage.md."""
    known = json.loads(MAP.read_text(encoding="utf-8"))
    concepts = [
        [str(n), c["text"], ", ".join(c["sources"]), state(c["cells"], lessons)]
        + ["; ".join(filter(None, [shown(c["cells"], lessons), c.get("note", "")]))]
        for n, c in enumerate(known["concepts"], 1)
    ]
    verdicts = {(row["claim"], row["lesson"]): row for row in stored()}
    claims, seen = [], judged(lessons)
    for claim, text in known["claims"].items():
        mine = [j for j in seen if j.claim == claim]
        for j in mine:
            row = verdicts.get((claim, j.lesson.path.stem))
            outcome = MARKS[row["outcome"]] if row else "not run yet"
            cells = f"`{j.stated}`, `{j.verdict}`"
            source = row["source"] if row else ""
            claims.append([claim, text, source, f"{j.lesson.link} {cells}", outcome])
        if not mine:
            planned = known["planned claims"][claim]
            lesson = f"{planned['lesson']:02} (planned)"
            claims.append([claim, text, planned["source"], lesson, "planned"])
    faults = [
        [f["source"], f["wrong"], f["right"], shown(f["cells"], lessons)] for f in known["faults"]
    ]
    count = Counter(row[3] for row in concepts)
    counted = ", ".join(f"{n} {name}" for name, n in count.most_common())
    planned = sum(row[-1] == "planned" for row in claims)
    return (
        f"{WRITTEN}# What the five articles say, and where the course runs it\n\n"
        "The course has five sources, articles about transfer learning (lesson "
        f"{lessons[0].link} lists them). This page says for each idea, each claim and each error "
        "of theirs which cells of which lesson answer it, by the ids of the cells. On the pages "
        "that `make run` writes an id leads to its cell: "
        "`build/01_weight_freezing.html#cell-id=one-step`. The verdicts with their numbers are in "
        "[verdicts.md](verdicts.md), the words in [glossary.md](glossary.md).\n\n"
        f"**Concepts: {len(concepts)}** ({counted}). **Claims: {len(known['claims'])}**, "
        f"{f'{planned} of them planned; ' if planned else ''}with {len(seen)} verdicts, since some "
        f"are tested in two lessons. **Errors put right: {len(faults)}.**\n\n"
        "## Concepts\n\n"
        "*run*: at least one of the cells is code that measures or shows it. *told*: in words "
        "only. *left out*: not in the course; the last column says why. *planned*: in a lesson "
        "that is not there yet.\n\n"
        f"{table(['', 'concept', 'article', 'state', 'lesson and cells'], concepts)}\n"
        "## Claims\n\n"
        "The first cell states the claim and asks for a prediction, the second gives the verdict. "
        "A claim has a line for each lesson that judges it. Those of lesson 13 are newer than the "
        "articles and come from papers.\n\n"
        f"{table(['claim', 'it says', 'source', 'lesson and cells', 'verdict'], claims)}\n"
        "## Errors of the articles\n\n"
        "In the texts that we have, lines of LeewayHertz's code are missing: the course corrects "
        "what a reader finds there.\n\n"
        f"{table(['article', 'what it says', 'what is right', 'lesson and cells'], faults)}"
    )


def verdicts_page(lessons: dict[int, Lesson]) -> str:
    """docs/verdicts.md."""
    claims = json.loads(MAP.read_text(encoding="utf-8"))["claims"]
    by_name = {lesson.path.stem: lesson for lesson in lessons.values()}
    found = sorted(stored(), key=order)
    rows = [
        [row["claim"], claims[row["claim"]], row["source"], f"**{MARKS[row['outcome']]}**"]
        + [plain(row["evidence"]), by_name[row["lesson"]].link]
        for row in found
    ]
    count = Counter(row["outcome"] for row in found)
    counted = ", ".join(f"{count[name]} {mark}" for name, mark in MARKS.items())
    machines = Counter((row["machine"], row["date"]) for row in found)
    where = "; ".join(f"{n} on {machine}, {day}" for (machine, day), n in machines.items())
    return (
        f"{WRITTEN}# What is true about transfer learning, measured\n\n"
        "Five articles, and the papers of lesson 13, make claims, and the lessons test them. Each "
        "line is one claim in one "
        "lesson: who says it, what the measurement said, and the numbers as the notebook printed "
        "them. *holds*: so in what was measured here. *fails*: the measurement contradicts it. "
        "*depends*: true in some of the measured cases, and not in others; the numbers say in "
        "which.\n\n"
        "An accuracy of .895 is 89.5 %. A point is one per cent of accuracy. Brackets hold the "
        "95 % interval of the number before them: over the test pictures for one run, over the "
        "seeds for several.\n\n"
        f"**{len(found)} verdicts on {len({row['claim'] for row in found})} claims: {counted}.** "
        f"Measured: {where}, with the small networks and the drawn data that come with the course. "
        "They say what happened here. Large networks on other data may differ, and seconds differ "
        "on every machine. Run the lesson: it makes the verdict again on yours.\n\n"
        f"{table(['claim', 'it says', 'source', 'verdict', 'measured', 'lesson'], rows)}\n"
        "Where each claim is stated and tested: [coverage.md](coverage.md). The words: "
        "[glossary.md](glossary.md).\n"
    )


def pages(lessons: dict[int, Lesson]) -> dict[Path, str]:
    """What the two pages must hold."""
    texts = {"coverage": coverage_page(lessons), "verdicts": verdicts_page(lessons)}
    return {PAGES[name]: text for name, text in texts.items()}


def deck_pages() -> dict[Path, str]:
    """What the decks must hold: the verdicts close the last one."""
    claims = json.loads(MAP.read_text(encoding="utf-8"))["claims"]
    return closing_slides.pages(sorted(stored(), key=order), claims, MARKS)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", nargs="*", metavar="LESSON", help="run these lessons, or all")
    options = parser.parse_args(arguments)
    lessons = read_lessons()
    if options.run is not None:
        by_name = {lesson.path.stem: lesson for lesson in lessons.values()}
        all_of_them = sorted({j.lesson.path.stem for j in judged(lessons)})
        names = [Path(name).stem for name in options.run] or all_of_them
        if missing := sorted(set(names) - set(by_name)):
            parser.error(f"no notebook {', '.join(missing)} among {', '.join(by_name)}")
        chosen = [by_name[name] for name in names]
        store(run(chosen), chosen, lessons)
    for path, text in {**pages(lessons), **deck_pages()}.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

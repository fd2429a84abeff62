"""docs/coverage.md, verdicts.md and glossary.md: every cell exists, every claim has its verdict."""

from __future__ import annotations

import json
import re

import pytest
import write_coverage as coverage

from tlhelpers.teaching.claims import OUTCOMES, Verdict
from tlhelpers.teaching.sources import PAPERS, SOURCES

LESSONS = coverage.read_lessons()
MAP = json.loads(coverage.MAP.read_text(encoding="utf-8"))
JUDGED = coverage.judged(LESSONS)
GLOSSARY = coverage.ROOT / "docs" / "glossary.md"
AGAIN = "run: python tools/write_coverage.py --run {}"


def faults_of(cells: str) -> list[str]:
    """What is wrong with places such as "01 one-step; 07 l2sp"."""
    found = []
    for number, ids in coverage.places(cells):
        if not ids and number in LESSONS:
            found.append(f"lesson {number:02} is here: name its cells in docs/coverage.json")
        if ids and number not in LESSONS:
            found.append(f"no lesson {number:02}")
        elif ids:
            known = LESSONS[number].cells
            found += [f"lesson {number:02} has no cell {id}" for id in ids if id not in known]
    return found


@pytest.mark.parametrize("entry", MAP["concepts"], ids=lambda entry: entry["text"][:40])
def test_the_cells_of_a_concept_exist(entry):
    assert not faults_of(entry["cells"])
    assert entry["sources"] and set(entry["sources"]) <= set(SOURCES)
    assert entry["cells"] or entry["note"], "left out: say why"


@pytest.mark.parametrize("entry", MAP["faults"], ids=lambda entry: entry["wrong"][:40])
def test_the_cells_that_put_an_error_right_exist(entry):
    assert entry["cells"] and not faults_of(entry["cells"])
    assert entry["source"] in SOURCES


def test_a_wrong_place_is_found():
    assert faults_of("01 one-step; 01 no-such-cell") == ["lesson 01 has no cell no-such-cell"]
    assert faults_of("99 cell") == ["no lesson 99"]
    assert faults_of("01") and not faults_of("99")  # planned, although it is here; planned


def test_all_concepts_of_the_articles_are_listed_once():
    texts = [entry["text"] for entry in MAP["concepts"]]
    assert len(texts) == len(set(texts)) == 49
    assert {source for entry in MAP["concepts"] for source in entry["sources"]} == set(SOURCES)


def test_told_is_not_run():
    assert coverage.state("01 one-step by-hand-text", LESSONS) == "run"
    assert coverage.state("01 by-hand-text", LESSONS) == "told"
    assert coverage.state("00 map", LESSONS) == "told"  # the start page runs no method
    assert coverage.state("99", LESSONS) == "planned"
    assert coverage.state("", LESSONS) == "left out"


def test_every_claim_of_every_notebook_is_listed():
    """And every listed claim is judged, or waits for a lesson that is not there yet."""
    judged = {j.claim for j in JUDGED}
    assert list(MAP["claims"]) == [f"C{n}" for n in range(1, len(MAP["claims"]) + 1)]
    assert judged | set(MAP["planned claims"]) == set(MAP["claims"])
    assert not judged & set(MAP["planned claims"]), "it is judged: take it from planned claims"
    for planned in MAP["planned claims"].values():
        assert planned["lesson"] not in LESSONS and planned["source"] in SOURCES


@pytest.mark.parametrize("judged", JUDGED, ids=lambda j: f"{j.claim} in {j.lesson.number:02}")
def test_a_judged_claim_is_stated_and_has_one_stored_verdict(judged):
    assert judged.stated
    name = judged.lesson.path.stem
    rows = [r for r in coverage.stored() if (r["claim"], r["lesson"]) == (judged.claim, name)]
    assert len(rows) == 1, AGAIN.format(name)
    assert rows[0]["outcome"] in OUTCOMES and rows[0]["source"] in SOURCES | PAPERS
    assert re.search(r"\d", rows[0]["evidence"]), "a verdict without a number"


def test_no_stored_verdict_is_left_over():
    judged = {(j.claim, j.lesson.path.stem) for j in JUDGED}
    assert {(row["claim"], row["lesson"]) for row in coverage.stored()} == judged


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("source", ["LeewayHertz", None])
def test_a_printed_verdict_is_read(outcome, source):
    said = str(Verdict("C7", outcome, "a: .9 [.8, 1.0] (three of: 4)", source))
    outputs = [{"output_type": "stream", "text": said}, {"data": {"text/plain": said + "\n"}}]
    [row] = coverage.verdicts_in(outputs)
    assert row["evidence"] == "a: .9 [.8, 1.0] (three of: 4)" and row["outcome"] == outcome
    assert row["claim"] == "C7" and row["source"] == (source or "")
    assert not list(coverage.verdicts_in([{"data": {"text/plain": "[1, 2]"}}]))


def test_new_verdicts_replace_those_of_their_lesson(tmp_path, monkeypatch):
    monkeypatch.setattr(coverage, "STORED", tmp_path / "verdicts.json")
    first, second = LESSONS[1], LESSONS[2]
    row = {"claim": "C1", "lesson": first.path.stem}
    coverage.store([row, {"claim": "C7", "lesson": second.path.stem}], [first, second], LESSONS)
    coverage.store([row | {"outcome": "fails"}], [first], LESSONS)
    assert [(r["claim"], r.get("outcome")) for r in coverage.stored()] == [
        ("C1", "fails"),
        ("C7", None),
    ]


def test_the_pages_are_what_the_tool_writes():
    for path, text in coverage.pages(LESSONS).items():
        assert path.read_text(encoding="utf-8") == text, "run: python tools/write_coverage.py"


def entries() -> list[list[str]]:
    """The lines of the glossary's table, without its head."""
    text = GLOSSARY.read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return rows[2:]


def test_the_glossary_is_sorted_and_names_each_word_once():
    words = [row[0].casefold() for row in entries()]
    assert words == sorted(set(words)) and len(words) >= 40
    assert all(len(row) == 4 and re.fullmatch(r"[A-Z].*[.]", row[2]) for row in entries())


def test_the_glossary_leads_to_lessons_that_exist_or_are_planned():
    for word, _, _, lesson in entries():
        number = int(re.search(r"\d\d", lesson)[0])
        there = LESSONS[number].link if number in LESSONS else f"{number:02} (planned)"
        assert lesson == there, word


@pytest.mark.parametrize("page", [*coverage.PAGES.values(), GLOSSARY], ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    targets = set(re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")))
    assert targets and not [t for t in targets if not (page.parent / t).exists()]

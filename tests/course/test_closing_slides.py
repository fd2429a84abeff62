"""The closing slides of the last deck: every claim once, with its stored verdict and numbers."""

from __future__ import annotations

import json
import re
import shutil

import closing_slides
import pytest
import write_coverage as coverage

CLAIMS = json.loads(coverage.MAP.read_text(encoding="utf-8"))["claims"]
ROWS = sorted(coverage.stored(), key=coverage.order)
AGAIN = "run: python tools/write_coverage.py, then make slides"


def test_the_decks_are_what_the_tool_writes():
    for path, text in coverage.deck_pages().items():
        assert path.read_text(encoding="utf-8") == text, AGAIN


def test_the_last_deck_alone_carries_them():
    decks = sorted(closing_slides.SLIDES.glob("*.md"))
    carried = [p.name for p in decks if closing_slides.CLASS in p.read_text(encoding="utf-8")]
    assert carried == [p.name for p in decks if p.name[:2].isdigit()][-1:]


def test_each_claim_has_one_line_with_its_verdicts():
    told = [claim for slide in closing_slides.CLOSING for claim in slide.claims.split()]
    assert sorted(told) == sorted(CLAIMS), "put the claim on a slide of tools/closing_slides.py"
    text = closing_slides.closing(ROWS, CLAIMS, coverage.MARKS)
    lines = dict(re.findall(r"^\| (C\d+) (.*) \|$", text, flags=re.M))
    assert set(lines) == set(CLAIMS)
    for claim, line in lines.items():
        marks = {coverage.MARKS[row["outcome"]] for row in ROWS if row["claim"] == claim}
        assert set(re.findall(r'<b class="\w+">(.+?)</b>', line)) == marks, line
        assert re.search(r"\d", line.rsplit("|", 1)[1]), "a verdict without a number"


def test_the_numbers_are_those_of_the_verdict():
    rows = [{"evidence": "Points: MMD 1.5 [.2, -3.1]; x: MMD under label shift -0.8; 20 % 7."}]
    rows += [{"evidence": "best runs: MMD 0.25"}]
    said = closing_slides.key_figures("C10", rows)
    assert said == "points: MMD .25; under label shift −.8"
    rows[0]["evidence"] = "worded otherwise 3.0"
    with pytest.raises(LookupError, match="C10: no number after 'MMD under label shift'"):
        closing_slides.key_figures("C10", rows)


def test_two_lessons_that_differ_are_both_told():
    holds, fails = ({"outcome": o, "lesson": n} for o, n in (("holds", "02_a"), ("fails", "03_b")))
    both = closing_slides.outcomes([holds, fails], coverage.MARKS)
    assert both == '<b class="holds">✔ holds</b> (02)<br><b class="fails">✘ fails</b> (03)'
    assert closing_slides.outcomes([holds, holds], coverage.MARKS).count("holds</b>") == 1


def test_they_move_to_a_new_last_deck_with_their_minutes(tmp_path):
    for path in closing_slides.SLIDES.glob("*.md"):
        shutil.copy(path, tmp_path)
    old = sorted(tmp_path.glob("[0-9][0-9]_*.md"))[-1]
    new = tmp_path / "99_new.md"
    new.write_text("---\nminutes: 1\n---\n\n# New\n\n<!--\nMinutes: 1\n-->\n", encoding="utf-8")
    listed = tmp_path / "README.md"
    row = "| [`99_new`](99_new.html) | nothing | 1 |\n"
    listed.write_text(listed.read_text(encoding="utf-8") + row, encoding="utf-8")
    before = float(closing_slides.minutes(old.read_text(encoding="utf-8")))

    found = closing_slides.pages(ROWS, CLAIMS, coverage.MARKS, tmp_path)
    slides = len(closing_slides.CLOSING)
    assert found[new].count(closing_slides.CLASS) == slides
    assert f"\nminutes: {1 + slides}\n" in found[new]
    assert row.replace("1 |\n", f"{1 + slides} |\n") in found[listed]
    assert closing_slides.CLASS not in found[old]
    assert f"\nminutes: {before - slides:g}\n" in found[old]
    for path, text in found.items():
        path.write_text(text, encoding="utf-8")
    assert closing_slides.pages(ROWS, CLAIMS, coverage.MARKS, tmp_path) == found  # and stay there

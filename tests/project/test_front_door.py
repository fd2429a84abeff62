"""README's first screens: the pictures are there, and the ten results are the lessons' own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULT = re.compile(r"^\| ([^|]+) \| ([^|]+) \| (C\d+) (.) \|$", re.MULTILINE)


def verdicts() -> dict[str, list[str]]:
    """The lines of docs/verdicts.md by claim: a claim may have one in several lessons."""
    lines = {}
    for line in (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8").splitlines():
        if claim := re.match(r"\| (C\d+) \|", line):
            lines.setdefault(claim[1], []).append(line)
    return lines


def test_ten_results():
    assert len(RESULT.findall(README)) == 10


@pytest.mark.parametrize("claim, text, sign", [(m[2], m[1], m[3]) for m in RESULT.findall(README)])
def test_a_result_is_the_lessons_own(claim, text, sign):
    """Every decimal number of README's line stands in the verdict, and so does the sign."""
    lines = verdicts()[claim]
    numbers = re.findall(r"[\d]*\.\d+", text)
    assert numbers, f"{claim}: no number in README's line"
    fitting = [line for line in lines if all(number in line for number in numbers)]
    assert fitting, f"{claim}: README says {numbers}, docs/verdicts.md says other numbers"
    assert any(sign in line for line in fitting), f"{claim}: README's sign is not the verdict's"


@pytest.mark.parametrize("path", re.findall(r'<img src="([^"]+)"', README))
def test_pictures_exist_and_have_descriptions(path):
    assert (ROOT / path).is_file()
    described = re.search(rf'<img src="{re.escape(path)}"[^>]* alt="([^"]+)"', README)
    assert described and len(described[1]) > 20

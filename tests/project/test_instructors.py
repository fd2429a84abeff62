"""The instructors' texts: what they name exists, their clocks add up, their numbers are stored.

Each rule is a function from a text to a list of faults, so that the last tests can break the
texts and see every rule bite.
"""

from __future__ import annotations

import contextlib
import io
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from lesson_header import header_fields
from test_readme import commands, fault

import tlhelpers as tl

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "instructors" / "guide.md").read_text(encoding="utf-8")
ASSESSMENT = (ROOT / "instructors" / "assessment.md").read_text(encoding="utf-8")
LESSONS = {path.name[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
PLANS = ["90 minutes", "Half a day", "One day", "Two days", "Six weeks"]
LONGEST_STRETCH = 100  # minutes without a break
VAGUE = {"understand", "know", "learn", "appreciate", "be", "see"}
EXERCISE = re.compile(r"\b(\d\d)-(\d)\b(?: to \1-(\d))?")
NUMBER = r"\d*\.\d+|\d+"
# An accuracy, a ratio, points with one decimal, a p-value; a share; a number and its interval.
MEASURED = re.compile(rf"(?<![\w.])\d*\.\d+|\b\d+%|(?:{NUMBER}) \[[^\]]+, [^\]]+\]")


@cache
def notebook(lesson: str) -> nbformat.NotebookNode:
    return nbformat.read(LESSONS[lesson], as_version=4)


@cache
def cells(lesson: str) -> set[str]:
    return {cell.id for cell in notebook(lesson).cells}


@cache
def sections(lesson: str) -> set[int]:
    """The numbers of a lesson's sections, `## 3. ...`."""
    text = "\n".join(c.source for c in notebook(lesson).cells if c.cell_type == "markdown")
    return {int(number) for number in re.findall(r"^## (\d+)\. ", text, re.MULTILINE)}


@cache
def exercises(lesson: str) -> set[str]:
    found = (cell.metadata.get("tl", {}).get("exercise") for cell in notebook(lesson).cells)
    return {id for id in found if id}


@cache
def minutes(lesson: str) -> tuple[int, int]:
    """Teaching and exercises, from the lesson's header."""
    told = header_fields(notebook(lesson).cells[0].source)["Minutes"]
    teaching, practice = re.match(r"(\d+) of teaching, (\d+) of exercises", told).groups()
    return int(teaching), int(practice)


def deck_minutes(lesson: str) -> int:
    number = "00" if lesson == "opening" else lesson
    [deck] = (ROOT / "slides").glob(f"{number}_*.md")
    return int(re.search(r"^minutes: (\d+)$", deck.read_text(encoding="utf-8"), re.M)[1])


def section(text: str, title: str, level: int = 2) -> str:
    """The text below a heading, to the next one of its level or above."""
    body = re.split(rf"^{'#' * level} {re.escape(title)}\n", text, flags=re.MULTILINE)[1]
    return re.split(rf"^#{{1,{level}}} ", body, flags=re.MULTILINE)[0]


def rows(text: str, header: str) -> list[list[list[str]]]:
    """All tables below this header row: a list of tables of rows of cells."""
    tables = re.findall(rf"^{re.escape(header)}[^\n]*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.M)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        for table in tables
    ]


def named_exercises(text: str) -> set[str]:
    return {
        f"{lesson}-{number}"
        for lesson, first, last in EXERCISE.findall(text)
        for number in range(int(first), int(last or first) + 1)
    }


def clock(text: str) -> int:
    hours, minute = text.split(":")
    return 60 * int(hours) + int(minute)


# --- the guide ---------------------------------------------------------------------------------


def day_faults(table: list[list[str]]) -> list[str]:
    """Lengths fit the clock, blocks follow each other, nobody sits too long."""
    found, stretch, last = [], 0, None
    for when, told, how, *_ in table:
        start, end = map(clock, when.split("-"))
        if end - start != int(told):
            found.append(f"{when} is not {told} minutes")
        if last not in (None, start):
            found.append(f"{when} does not begin where the block before it ends")
        last = end
        stretch = 0 if how in ("break", "lunch") else stretch + end - start
        if stretch > LONGEST_STRETCH:
            found.append(f"{when}: {stretch} minutes without a break")
    return found


def block_faults(how: str, lesson: str, length: int, what: str) -> list[str]:
    """One block: its cells, sections and exercises are those of its lesson; a deck fits in."""
    if how in ("break", "lunch", "talk"):
        return [f"{how} has a lesson"] if lesson else []
    if how == "deck":
        needed = deck_minutes(lesson)
        return [f"deck {lesson} takes {needed} minutes, not {length}"] if length < needed else []
    if how not in ("run", "exercise"):
        return [f"unknown kind of block: {how}"]
    found = [
        f"{lesson} has no cell {c}" for c in re.findall("`(.+?)`", what) if c not in cells(lesson)
    ]
    wrong = named_exercises(what) - exercises(lesson)
    found += [f"{lesson} has no exercise {id}" for id in sorted(wrong)]
    if how == "exercise" and not named_exercises(what):
        found.append(f"{lesson}: which exercises?")
    return found + section_faults(lesson, what)


def section_faults(lesson: str, text: str) -> list[str]:
    """`sections 1 to 4, 9 and 12` of a lesson that has them."""
    found = []
    for phrase in re.findall(r"sections? ((?:\d+(?:, | to | and )?)+)", text):
        named = {int(number) for number in re.findall(r"\d+", phrase)}
        found += [f"{lesson} has no section {n}" for n in sorted(named - sections(lesson))]
    return found


def plan_faults(plan: str) -> list[str]:
    """A timetable: its days, its blocks, and the table of what is left out."""
    days = rows(plan, "| clock | min | how | lesson | what |")
    blocks = [row for day in days for row in day]
    found = [fault for day in days for fault in day_faults(day)]
    for when, length, how, lesson, what in blocks:
        found += [f"{when}: {f}" for f in block_faults(how, lesson, int(length), what)]
    [balance] = rows(plan, "| lesson | here | of | left out")
    taught = {row[3] for row in blocks} - {"", "opening"}
    listed = {row[0] for row in balance if row[1] != "0"}
    if taught != listed:
        found.append(f"taught {sorted(taught)}, listed {sorted(listed)}")
    for lesson, here, whole, left in balance:
        own = [row for row in blocks if row[3] == lesson]
        found += [f"{lesson}: {f}" for f in lesson_faults(lesson, own, int(here), int(whole), left)]
    return found


def lesson_faults(lesson: str, own: list, here: int, whole: int, left: str) -> list[str]:
    """A lesson's minutes in a plan agree with its header, and what is missing is named."""
    found = section_faults(lesson, left)
    practice = sum(int(row[1]) for row in own if row[2] == "exercise")
    total = sum(int(row[1]) for row in own)
    header = minutes(lesson)
    if total != here:
        found.append(f"its blocks last {total} minutes, not {here}")
    if sum(header) != whole:
        found.append(f"its header says {sum(header)} minutes, not {whole}")
    if total - practice > header[0] or practice > header[1]:
        found.append(f"more than its header's {header[0]} + {header[1]} minutes")
    if (here < whole) != (left != "-"):
        found.append("short of minutes, and nothing is left out" if left == "-" else "complete?")
    done = named_exercises(" ".join(row[4] for row in own))
    missing = exercises(lesson) - done - named_exercises(left)
    if missing and not re.search(r"whole lesson|all exercises|exercises[:,]|exercises$", left):
        found.append(f"exercises {sorted(missing)} are neither done nor left out")
    if done & named_exercises(left):
        found.append(f"{sorted(done & named_exercises(left))} are done and left out")
    return found


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]{4,}", text.lower())


def objective_faults(guide: str) -> list[str]:
    """One objective for each lesson: something to be seen, in the words of the header."""
    [table] = rows(guide, "| lesson | afterwards the learner can | header: teaching + exercises |")
    if [row[0] for row in table] != list(LESSONS):
        return ["not one row for each lesson"]
    found = []
    for lesson, objective, told in table:
        if objective.split()[0] in VAGUE:
            found.append(f"{lesson}: nobody can see a learner {objective.split()[0]}")
        if told != "{} + {}".format(*minutes(lesson)):
            found.append(f"{lesson}: the header does not say {told}")
        aim = header_fields(notebook(lesson).cells[0].source)["You will be able to"]
        if len(set(words(objective)) & set(words(aim))) < 3:
            found.append(f"{lesson}: the header has another aim")
    return found


def self_test_faults(guide: str) -> list[str]:
    """Each question's code prints what its answer says."""
    text = section(guide, "A self-test of ten minutes")
    answers = dict(re.findall(r"^\| (\d) \| (.+?) \| .+ \|$", text, re.MULTILINE))
    questions = re.split(r"^\*\*(\d)\.\*\* ", text.split("<details>")[0], flags=re.MULTILINE)
    asked = dict(zip(questions[1::2], questions[2::2], strict=True))
    found = [] if list(asked) == sorted(answers) == list("12345678") else ["not eight answers"]
    for number, question in asked.items():
        code = re.search(r"```python\n(.*?)```", question, re.DOTALL)
        if code is None or "print(" not in code[1]:
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec("import torch\n" + code[1], {})  # our own text
        if f"prints `{out.getvalue().strip()}`" not in answers[number]:
            found.append(f"question {number} prints {out.getvalue().strip()}")
    interval = tl.wilson_interval(92, 100)
    if f"{interval.low:.3f} to {interval.high:.3f}".replace("0.", ".") not in answers["8"]:
        found.append(f"the interval of 92 in 100 is {interval}")
    return found


# --- the assessment ----------------------------------------------------------------------------


def questions(text: str) -> list[dict]:
    """The questions with their options, key and sources."""
    asked = section(text, "Questions")
    parts = re.split(r"^### (\d+)\. .+\n", asked, flags=re.MULTILINE)
    made = []
    for number, body in zip(parts[1::2], parts[2::2], strict=True):
        stem, key = body.split("<details>")
        made.append(
            {
                "number": int(number),
                "stem": stem,
                "key": key,
                "options": re.findall(r"^- \*\*([A-Z])\*\* (.+)$", stem, re.MULTILINE),
                "right": re.findall(r"^\*\*([A-Z])\.\*\* ", key, re.MULTILINE),
                "wrong": dict(re.findall(r"^- ([A-Z]): (.+)$", key, re.MULTILINE)),
                "taught": taught(key),
            }
        )
    return made


def taught(key: str) -> dict[str, list[str]]:
    """`Taught in: 01 `compare-bits`, `leak-text`; 03 `probe`.` as lesson -> cells."""
    lines = re.findall(r"Taught in: (.+)$", key, re.MULTILINE)
    return {
        lesson: re.findall("`(.+?)`", named)
        for line in lines
        for lesson, named in re.findall(r"\b(\d\d) ((?:`[^`]+`(?:, )?)+)", line)
    }


def question_faults(question: dict) -> list[str]:
    found = []
    letters = [letter for letter, _ in question["options"]]
    if letters != list("ABCD"):
        found.append(f"options {letters}")
    if len(question["right"]) != 1:
        found.append(f"{len(question['right'])} right answers")
    if set(question["wrong"]) != set("ABCD") - set(question["right"]):
        found.append("not one mistake in thinking for each wrong option")
    found += [f"{letter}: too short" for letter, why in question["wrong"].items() if len(why) < 30]
    if not question["taught"]:
        found.append("no cell teaches it")
    for lesson, named in question["taught"].items():
        found += [f"{lesson} has no cell {c}" for c in named if c not in cells(lesson)]
    return found + number_faults(question)


def number_faults(question: dict) -> list[str]:
    """Every measured number stands in the text that the key names."""
    text = question["stem"] + re.sub(r"^- (Numbers|Taught).*$", "", question["key"], flags=re.M)
    text = re.sub(r"```.*?```|\blayer\d\.\d", "", text, flags=re.DOTALL)  # code, names of blocks
    wanted = {n for match in MEASURED.findall(text) for n in re.findall(rf"(?:{NUMBER})%?", match)}
    named = re.findall(r"Numbers: (.+?\.)(?: Taught|$)", question["key"], re.MULTILINE)
    if wanted and not named:
        return [f"{sorted(wanted)}: from where?"]
    source = "".join(source_text(line) for line in named)
    return [
        f"{number} is not in the source" for number in sorted(wanted) if not has(source, number)
    ]


def source_text(line: str) -> str:
    """The stored text that a line of sources names; of the verdicts, the named claims' lines."""
    [path] = re.findall(r"`(.+?)`", line)
    text = (ROOT / path).read_text(encoding="utf-8")
    if path != "docs/verdicts.md":
        return text
    claims = re.findall(r"\bC\d+\b", line)
    return "\n".join(r for r in text.splitlines() if any(f"| {c} |" in r for c in claims))


def has(source: str, number: str) -> bool:
    return bool(re.search(rf"(?<![\d.]){re.escape(number)}(?!\d|\.\d)", source))


def assessment_faults(text: str) -> list[str]:
    made = questions(text)
    found = [f"question {q['number']}: {fault}" for q in made for fault in question_faults(q)]
    if [q["number"] for q in made] != list(range(1, 21)):
        found.append("not twenty questions in order")
    key = "".join(right for q in made for right in q["right"])
    if any(not 4 <= key.count(letter) <= 6 for letter in "ABCD"):
        found.append(f"right answers are not spread: {key}")
    if re.search(r"(.)\1\1", key):
        found.append(f"three times the same letter in a row: {key}")
    longest = [max(q["options"], key=lambda option: len(option[1]))[0] for q in made]
    given_away = sum(letter in q["right"] for letter, q in zip(longest, made, strict=True))
    if given_away > len(made) / 2:
        found.append(f"the longest option is right {given_away} times")
    return found + map_faults(text, made)


def map_faults(text: str, made: list[dict]) -> list[str]:
    [table] = rows(text, "| question | objective: the learner can | lesson | in a one-day class |")
    found = [] if [int(r[0]) for r in table] == [q["number"] for q in made] else ["map: rows"]
    found += [
        f"map: question {q['number']} is not taught in {lesson}"
        for (_, _, lesson, _), q in zip(table, made, strict=False)
        if lesson not in q["taught"]
    ]
    if {row[2] for row in table} != set(LESSONS) - {"00"}:
        found.append("map: a lesson has no question")
    day = {row[3] for row in rows(section(GUIDE, "One day", 3), "| clock | min | how")[0]}
    if [r[0] for r in table if r[3] == "yes"] != [r[0] for r in table if r[2] in day]:
        found.append("map: other lessons than those of the one-day class")
    if sum(row[3] == "yes" for row in table) != 12 or "take the twelve" not in text:
        found.append("map: not twelve for a day")
    return found


# --- tests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", PLANS)
def test_a_timetable_adds_up_and_agrees_with_the_lessons(plan):
    assert not plan_faults(section(GUIDE, plan, 3))


def test_the_short_plans_last_as_long_as_they_say():
    for plan, length in {"90 minutes": 90, "Half a day": 240}.items():
        [day] = rows(section(GUIDE, plan, 3), "| clock | min | how")
        assert sum(int(row[1]) for row in day) == length


def test_there_is_no_other_plan_and_every_week_of_six():
    assert re.findall(r"^### (.+)$", section(GUIDE, "Timetables"), re.MULTILINE) == PLANS
    assert len(rows(section(GUIDE, "Two days", 3), "| clock | min | how")) == 2
    assert len(rows(section(GUIDE, "Six weeks", 3), "| clock | min | how")) == 6


def test_every_lesson_has_an_objective():
    assert not objective_faults(GUIDE)


def test_the_self_test_prints_what_it_says():
    assert not self_test_faults(GUIDE)


def test_the_assessment_has_twenty_questions_with_one_answer_each():
    assert not assessment_faults(ASSESSMENT)


def link_faults(text: str) -> list[str]:
    """Local links whose file or heading is not there."""
    found = []
    for target, anchor in re.findall(r"\]\((?![a-z]+:)([^)#\s]+)(?:#([^)\s]+))?\)", text):
        path = ROOT / "instructors" / target
        if not path.exists():
            found.append(target)
        elif anchor:
            titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            found += [f"{target}#{anchor}"] if anchor not in slugs else []
    return found


@pytest.mark.parametrize("text", [GUIDE, ASSESSMENT], ids=["guide", "assessment"])
def test_links_lead_somewhere(text):
    assert not link_faults(text)
    assert link_faults(text + "[a](none.md) [b](../README.md#none)") == [
        "none.md",
        "../README.md#none",
    ]


@pytest.mark.parametrize("name", ["instructors/guide.md", "instructors/assessment.md"])
def test_every_command_works_in_a_fresh_clone(name):
    made: set[str] = set()
    assert not {line: why for line in commands(name) if (why := fault(line, made))}


def test_the_commands_of_the_guide_are_seen():
    found = commands("instructors/guide.md")
    for line in ("make release", "make lab", "python -m tlhelpers doctor"):
        assert line in found


@pytest.mark.parametrize("text", [GUIDE, ASSESSMENT], ids=["guide", "assessment"])
def test_files_and_environment_variables_that_are_named_exist(text):
    files = set(
        re.findall(r"`((?:docs|data|slides|tools|binder|\.devcontainer|build)/[\w./]*)`", text)
    )
    assert not [f for f in files if not re.match("build/|.*/NN_", f) and not (ROOT / f).exists()]
    used = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "tlhelpers").rglob("*.py"))
    for name in set(re.findall(r"\bTLHELPERS_[A-Z]+\b", text)):
        assert f'"{name}"' in used, name


def test_an_evening_is_enough():
    """Printable: about ten pages each."""
    assert len(GUIDE.splitlines()) <= 475 and len(ASSESSMENT.splitlines()) <= 530


def broken(text: str, old: str, new: str) -> str:
    assert text.count(old) >= 1, f"the text has changed: {old}"
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("plan", "old", "new", "why"),
    [
        ("90 minutes", "09:00-09:10 | 10", "09:00-09:10 | 15", "is not 15 minutes"),
        ("90 minutes", "09:10-09:35 | 25", "09:15-09:40 | 25", "does not begin where"),
        ("Half a day", "| 15 | break |", "| 15 | talk |", "without a break"),
        ("90 minutes", "`compare-bits`", "`compare-bytes`", "no cell compare-bytes"),
        ("90 minutes", "01-1, 01-2, 01-3", "01-1, 01-2, 01-9", "no exercise 01-9"),
        ("90 minutes", "| 01 | 70 | 80 |", "| 01 | 75 | 80 |", "last 70 minutes, not 75"),
        ("90 minutes", "| 01 | 70 | 80 |", "| 01 | 70 | 90 |", "header says 80 minutes"),
        ("90 minutes", "exercise 01-4;", "the rest;", "neither done nor left out"),
        ("90 minutes", "sections 7 to 12", "sections 7 to 13", "no section 13"),
        (
            "90 minutes",
            "| 00 | 10 | 20 | the map; exercise 00-1",
            "| 00 | 10 | 20 | -",
            "nothing is",
        ),
        ("One day", "| 30 | deck | 05", "| 30 | deck | 09", "taught"),
        ("Six weeks", "14:00-14:25 | 25 | deck | 07", "14:00-14:25 | 25 | deck | 05", "takes 30"),
        ("Six weeks", "50 | exercise | 07", "50 | run | 07", "more than its header's 90 + 50"),
    ],
)
def test_a_broken_timetable_is_found(plan, old, new, why):
    assert why in " / ".join(plan_faults(broken(section(GUIDE, plan, 3), old, new)))


@pytest.mark.parametrize(
    ("rule", "old", "new", "why"),
    [
        (objective_faults, "| 05 | run a whole job", "| 05 | understand a job", "nobody can see"),
        (objective_faults, "| 45 + 35 |", "| 45 + 30 |", "does not say 45 + 30"),
        (objective_faults, "\n| 13 | write", "\n| write", "not one row for each lesson"),
        (
            objective_faults,
            "find a method on the map of transfer learning",
            "rest",
            "00: the header",
        ),
        (self_test_faults, "prints `0.67`", "prints `0.33`", "question 3 prints 0.67"),
        (self_test_faults, ".850 to .959", ".900 to .940", "the interval of 92 in 100"),
    ],
)
def test_a_broken_guide_is_found(rule, old, new, why):
    assert why in " / ".join(rule(broken(GUIDE, old, new)))


@pytest.mark.parametrize(
    ("pattern", "new", "why"),
    [
        (r"^- \*\*D\*\* All its", "- **E** All its", "question 1: options"),
        (r"^\*\*B\.\*\* In train", "**A.** or\n**B.** In train", "question 1: 2 right answers"),
        (r"^- C: The loss is thought", "- The loss is thought", "question 1: not one mistake"),
        (r"^- C: The size of a batch .*", "- C: No.", "question 2: C: too short"),
        (r"Taught in: 06 .*", "", "question 9: no cell teaches it"),
        (r"`compare-bits`, `leak-text`", "`compare-bits`, `no-such`", "01 has no cell no-such"),
        (r"0\.348", "0.358", "question 2: 0.358 is not in the source"),
        (r"17\.0 \[12\.6, 21\.4\]", "17.0 [12.6, 21.5]", "question 10: 21.5 is not in"),
        (r"-27 \[-30, -24\]", "-27 [-31, -24]", "question 17: 31 is not in the source"),
        (r"trains 5\.9% of", "trains 7% of", "question 19: 7% is not in the source"),
        (r"verdicts\.md` C22", "verdicts.md` C3", "question 13: .109 is not in the source"),
        (r"^- Numbers: `data/results/zero_shot\.md`\. ", "- ", "question 15: ['.125', '.504'"),
        (r"^### 20\. ", "### 21. ", "not twenty questions"),
        (r"^\*\*[BCD]\.\*\* ", "**A.** ", "right answers are not spread"),
        (r"^(\| 15 \| .+) 09 \|", r"\1 10 |", "map: question 15 is not taught in 10"),
        (r"^(\| 14 \| .+) yes \|", r"\1 - |", "map: other lessons than those of the one-day"),
    ],
)
def test_a_broken_assessment_is_found(pattern, new, why):
    text, changes = re.subn(pattern, new, ASSESSMENT, flags=re.MULTILINE)
    assert changes, f"the text has changed: {pattern}"
    assert why in " / ".join(assessment_faults(text))


def test_an_answer_that_is_always_the_longest_is_found():
    def lengthen(match: re.Match) -> str:
        letter = re.search(r"^\*\*([A-D])\.\*\*", match[2], re.MULTILINE)[1]
        return re.sub(rf"(\*\*{letter}\*\* )", r"\1" + "very " * 30, match[1]) + match[2]

    text = re.sub(r"^(### .+?)(^<details>.+?^</details>)", lengthen, ASSESSMENT, flags=re.M | re.S)
    assert "the longest option is right 20 times" in " / ".join(assessment_faults(text))

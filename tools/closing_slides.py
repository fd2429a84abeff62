"""The verdicts on all claims as the closing slides of the last deck; write_coverage.py writes them.

A slide is one of these if its class says so (`<!-- _class: verdicts -->`). They are taken out of
every deck and put at the end of the last lesson's; the minutes are added up again. The words are
here, the numbers come from data/results/verdicts.json.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

SLIDES = Path(__file__).resolve().parent.parent / "slides"
CLASS = "<!-- _class: verdicts -->"
STYLE = (
    "<style scoped>\ntable { font-size: 21px; line-height: 1.25; }\nth, td { padding: 6px 8px; }\n"
    "th:first-child { width: 44%; }\ntd:nth-child(2) { white-space: nowrap; }\n"
    ".holds { color: var(--green); }\n.fails { color: var(--rust); }\n"
    ".depends { color: var(--blue); }\n</style>"
)
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?: \[[^\]]*\])?"

# Claim -> its key figures. In braces: what stands before the number in the verdict's evidence.
FIGURES = {
    "C1": "time, frozen / all: epoch {full, an epoch with validation}, step {full, a step}, "
    "cached features {25 epochs}",
    "C2": "CPU: {on this cpu make} minutes of pure arithmetic for 25 epochs",
    "C3": "freezing costs, points: near {in points: 5 a class}; handwriting so many more: "
    "{handwriting, 5 a class}",
    "C4": "the worst source, fine-tuned: {20 images of each class} points lost",
    "C5": "insects: 40 images, pre-trained {start reach}; 200 from scratch {200 from scratch}",
    "C6": "higher end, points: insects {Asymptote, in points: insects}; handwriting {handwriting}",
    "C7": "insects {frozen convolutions}, pixels {frozen convolutions [^;]*?against}; "
    "written digits {; digits}, HOG {; digits [^;]*?against}",
    "C8": "lost after the best step: clean {50 images, 0% wrong}; wrong labels "
    "{100 images, 20% wrong}",
    "C9": "points over scratch, other handwriting: fine-tuned {handwriting, out: .*?fine-tuning}; "
    "head alone {handwriting, out: linear probe}",
    "C10": "points: MMD {runs: MMD}; under label shift {MMD under label shift}",
    "C11": r"points: with related {\brelated, 2 labels}; unrelated {unrelated, 2 labels}",
    "C12": "points from one example: fonts {digits in fonts, 10 ways}; handwriting "
    "{handwriting, 10 ways}",
    "C13": "8 unseen classes: {DAP}; among all 48 they lag the seen ones by {by: DAP}",
    "C14": "asymmetric minus symmetric, points: pixels {pixels: CORAL - TCA}; 16 sums, back "
    "{16 sums: target to source - CCA}",
    "C15": "weights against pooling, points: straight line {pooling: straight line}; "
    "real patients, hundredths of R² {pooling: straight line.*real, R²}",
    "C16": "points, 1 label a digit: same grammar {the same grammar 1}; another "
    "{grammar of other digits 1}",
    "C17": "fewer steps: insects {of the tested ones} times, handwriting "
    "{to 90 %: handwriting} times",
    "C18": "steps from scratch: insects, more than {insects more than} times; "
    "handwriting {handwriting} times",
    "C19": "early layers, trained minus random: insects {insects}, digits {digits}, gratings "
    "{gratings}",
    "C20": r"style measured in deep layers: pre-trained {\(grain, colour\),}, random filters "
    r"{\(grain, colour\), [\d.]+ and}",
    "C21": "points over the best of three {three with 200 images}; over one of all "
    "{over one, .* with 200 images}",
    "C22": "lost after the best step: clean {500 images, 0% wrong}; wrong labels "
    "{500 images, 20% wrong}",
    "C23": "error saved by own persons, points: same camera {16 persons: the camera it knows}; "
    "another {16 persons: .*another camera}",
    "C24": "points over full fine-tuning, all images: insects {insects, all images}; handwriting "
    "{handwriting, all images}",
    "C25": "LoRA / full fine-tuning: time of a step {time of a step}, memory {all memory}",
    "C26": "letters lost, points: rate for the new job {5 seeds:}; for both {new job,}",
    "C27": "soup minus its members, points {minus their mean}; half-way: one start {Half-way "
    "between two networks}, two starts {began with the letters,}",
}


class Slide(NamedTuple):
    """A closing slide: its title, its claims, and the speaker's notes."""

    title: str
    claims: str
    say: str
    ask: str
    listen: str


CLOSING = (
    Slide(
        "What is true? Time and data",
        "C1 C2 C5 C6 C17 C18",
        "The articles' claims and what the lessons measured, one line each. The sign says whether "
        "a claim holds, fails, or depends: true in some of the measured cases and not in others. "
        "In brackets is the 95 % interval over several runs; where there is none, it is one "
        "measurement, often of time. All of it with small networks: what happened here, not a law.",
        "Which of these lines would you expect to change on your own machine?",
        '"All of them." The times do; the comparisons at equal steps should stay, and you can run '
        "them.",
    ),
    Slide(
        "What is true? Freezing and fitting",
        "C3 C4 C8 C9 C21 C22",
        "How much to freeze, when a source hurts, and when a network learns the training data by "
        "heart. Most answers are: it depends. The lessons say on what: how far the target is from "
        "the source, how many labels there are, and how many of the labels are wrong.",
        "You fine-tune for too long on labels that are all right. What do you expect to lose?",
        '"A lot, it overfits." Compare the lines with clean and with wrong labels.',
    ),
    Slide(
        "What is true? Features that travel",
        "C7 C10 C14 C19 C20",
        "What is inside the features: whether they beat what people designed by hand, whether "
        "early layers are general, and whether alignment helps. Look at the baseline in each line: "
        "pixels, HOG, random filters, nothing done. Without it the first number would say little.",
        "Why is HOG ahead on written digits and behind on insects?",
        '"The network is worse." Its source had objects, and strokes are what HOG was made for: '
        "distance to the source again.",
    ),
    Slide(
        "What is true? Few labels, other targets",
        "C11 C12 C13 C15 C16 C23",
        "Several tasks, one example, none, other people, other voices, other cameras. The same "
        "method helps in one column and harms or does nothing in the other. That is why each "
        "lesson ends with a check that you can do on your own data before you trust the method.",
        "Which check costs you one hour, and could have saved you a project?",
        '"None, we trust the paper." Test on your own target, against the simplest rival, with an '
        "interval.",
    ),
    Slide(
        "What is true? Small updates",
        "C24 C25 C26 C27",
        "These four claims are newer than the articles; they come from papers. A few percent of "
        "the numbers are enough on these targets, but a step is no faster. Whether a network "
        "forgets depends on the learning rate, and averages work between relatives only.",
        "Your colleague wants LoRA because it trains faster. What do you answer?",
        '"Fewer numbers, so less time." The forward and the backward pass still go through the '
        "whole network.",
    ),
)


def key_figures(claim: str, rows: list[dict[str, str]]) -> str:
    """The words of FIGURES with the numbers of these verdicts' evidence.

    Raises:
        LookupError: the evidence has no such number: the lesson words it otherwise now.
    """
    evidence = " | ".join(row["evidence"] for row in rows)

    def number(match: re.Match) -> str:
        found = re.search(rf"{match[1]}:? ({NUMBER})", evidence)
        if not found:
            raise LookupError(
                f"{claim}: no number after {match[1]!r} in its evidence. "
                "Change FIGURES in tools/closing_slides.py."
            )
        short = re.sub(r"^([-+]?)0\.", r"\1.", found[1])  # .5, as intervals are printed
        return short.replace("-", "\N{MINUS SIGN}").replace(" ", "\N{NO-BREAK SPACE}")

    return re.sub(r"\{([^{}]+)\}", number, FIGURES[claim])


def outcomes(rows: list[dict[str, str]], marks: dict[str, str]) -> str:
    """Sign and word; one for each lesson where two lessons differ."""
    if len({row["outcome"] for row in rows}) == 1:
        rows = rows[:1]
    told = (
        f'<b class="{row["outcome"]}">{marks[row["outcome"]]}</b>'
        + (f" ({row['lesson'][:2]})" if len(rows) > 1 else "")
        for row in rows
    )
    return "<br>".join(told)


def closing(rows: list[dict[str, str]], claims: dict[str, str], marks: dict[str, str]) -> str:
    """The closing slides as Marp Markdown, each after a line of dashes."""
    text = ""
    for slide in CLOSING:
        lines = ["| claim | verdict | measured |", "|---|---|---|"]
        for claim in slide.claims.split():
            mine = [row for row in rows if row["claim"] == claim]
            said = f"{claim} {claims[claim]}", outcomes(mine, marks), key_figures(claim, mine)
            lines.append(f"| {' | '.join(said)} |")
        notes = [f"Say: {slide.say}", "Minutes: 1", f"Ask: {slide.ask}"]
        notes.append(f"Listen for: {slide.listen}")
        parts = [CLASS, STYLE, f"# {slide.title}", "\n".join(lines)]
        text += "\n---\n\n" + "\n\n".join(parts) + "\n\n<!--\n" + "\n".join(notes) + "\n-->\n"
    return text


def without(deck: str) -> str:
    """A deck's text without its closing slides."""
    head, *slides = deck.split("\n---\n\n")
    return "\n---\n\n".join([head, *(s for s in slides if CLASS not in s)]).rstrip("\n") + "\n"


def minutes(deck: str) -> str:
    """What a deck's notes add up to."""
    return f"{sum(map(float, re.findall(r'^Minutes: (.+)$', deck, flags=re.M))):g}"


def pages(
    rows: list[dict[str, str]],
    claims: dict[str, str],
    marks: dict[str, str],
    folder: Path = SLIDES,
) -> dict[Path, str]:
    """What the decks of the lessons must hold, and the list of decks with their minutes."""
    paths = sorted(folder.glob("[0-9][0-9]_*.md"))
    found = {path: without(path.read_text(encoding="utf-8")) for path in paths}
    found[paths[-1]] += closing(rows, claims, marks)
    listed = (folder / "README.md").read_text(encoding="utf-8")
    for path, text in found.items():
        total = minutes(text)
        found[path] = re.sub(r"^minutes: \d+$", f"minutes: {total}", text, count=1, flags=re.M)
        row = rf"(^\| \[`{path.stem}`\].*\| )\d+ \|$"
        listed = re.sub(row, rf"\g<1>{total} |", listed, flags=re.M)
    return found | {folder / "README.md": listed}

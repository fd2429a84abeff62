"""Lessons, decks, figures and boxes for readers who do not see colours, or hear the page read out.

What needs a browser is in tests/browser/test_pages_and_decks.py; docs/accessibility.md lists all.
"""

from __future__ import annotations

import ast
import itertools
import re

import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
from bs4 import BeautifulSoup
from colour_vision import EYES, contrast, distance
from lesson_contract import NOTEBOOKS, code_cells
from matplotlib.colors import to_hex
from torch import nn

import tlhelpers as tl
from tlhelpers.core import notebook as boxes
from tlhelpers.figures import theme
from tlhelpers.jobs.doctor import STATES, Finding, Report
from tlhelpers.teaching import claims, diagrams
from tlhelpers.teaching.checks import STATUSES, CheckResult
from tlhelpers.training.metrics import History

ROOT = NOTEBOOKS.parent
LESSONS = {
    path.stem: nbformat.read(path, as_version=nbformat.NO_CONVERT)
    for path in sorted(NOTEBOOKS.glob("*.ipynb"))
}
DECKS = sorted(path for path in (ROOT / "slides").glob("*.html"))
TEXTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "instructors").glob("*.md")),
    ROOT / "slides" / "README.md",
]
# A widget's cell, and the cell that shows the same where no kernel runs.
TWINS = {
    "where-to-cut-live": "where-to-cut",
    "weight-slider": "weights",
    "own-image-upload": "own-image",
    "threshold-slider": "threshold-figure",
    "text-box": "text-search-once",
}
EMPTY_LINK = re.compile(r"(click )?(here|this|link|this link|read more|more|page|source)\W*", re.I)
# Calls that draw numbers; pictures and clouds of points have none to read out.
CHART = re.compile(r"\.(plot|errorbar|bar|barh|hist|contour|pcolormesh|axhline|semilogy)\(")
WRITES_NUMBERS = re.compile(
    r"tl\.plot_(bars|intervals|parameters|history|lines|differences)\(|log\.add\("
)

each_lesson = pytest.mark.parametrize("name", LESSONS)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def prose(notebook) -> str:
    """The text cells, without listings."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def heading_faults(levels: list[int]) -> list[str]:
    """One title, which comes first, and no level left out on the way down."""
    found = [] if levels.count(1) == 1 and levels[0] == 1 else [f"{levels.count(1)} titles"]
    pairs = itertools.pairwise(levels)
    return found + [f"{deep} after {level}" for level, deep in pairs if deep > level + 1]


# Headings, links, tables


@each_lesson
def test_headings_of_a_lesson_are_in_order(name):
    levels = [len(marks) for marks in re.findall(r"^(#{1,6}) ", prose(LESSONS[name]), flags=re.M)]
    assert heading_faults(levels) == []


@pytest.mark.parametrize("deck", DECKS, ids=lambda deck: deck.stem)
def test_headings_of_every_slide_are_in_order(deck):
    """A slide is a page of its own: the player hides the others, from screen readers too."""
    page = BeautifulSoup(deck.read_text(encoding="utf-8"), "html.parser")
    assert page.html["lang"] == "en"
    for number, slide in enumerate(page.select("foreignObject > section, foreignobject > section")):
        levels = [int(heading.name[1]) for heading in slide.find_all(re.compile(r"^h[1-6]$"))]
        assert heading_faults(levels) == [], f"slide {number + 1}"
    assert number >= 9


def test_faults_of_headings_are_found():
    assert heading_faults([1, 2, 3, 2]) == []
    assert heading_faults([2, 3]) and heading_faults([1, 2, 1]) and heading_faults([1, 3])


def link_faults(text: str) -> list[str]:
    """Links that say nothing when a screen reader lists them alone."""
    text = re.sub(r"`[^`\n]*`", lambda m: m[0].replace("[", "(").replace("]", ")"), text)
    links = re.findall(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s]+)\)", text)
    anchors = re.findall(r'<a [^>]*href="([^"]+)"[^>]*>(.*?)</a>', text, flags=re.S)
    links += [(words, target) for target, words in anchors]
    found, targets = [], {}
    for words, target in links:
        words = " ".join(words.split())
        if EMPTY_LINK.fullmatch(words) or re.match(r"https?://", words):
            found.append(f"[{words}]({target}) does not say where it leads")
        if targets.setdefault(words, target).split("#")[0] != target.split("#")[0]:
            found.append(f"[{words}] leads to {targets[words]} and to {target}")
    return found


@each_lesson
def test_links_of_a_lesson_say_where_they_lead(name):
    assert link_faults(prose(LESSONS[name])) == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_of_the_repository_describe_their_links_and_pictures(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert link_faults(text) == []
    text = re.sub(r"`[^`\n]*`", "", text)
    pictures = BeautifulSoup(text, "html.parser").find_all("img")
    silent = [str(picture) for picture in pictures if not picture.get("alt", "").strip()]
    assert not silent and not re.search(r"!\[\s*\]\(", text)
    levels = [len(marks) for marks in re.findall(r"^(#{1,6}) ", text, flags=re.M)]
    assert heading_faults(levels) == []


def test_faults_of_links_are_found():
    assert link_faults("[the map](a.md), [the list](b.md#x), [the list](b.md#y)") == []
    for text in ("[here](a)", "[Click here](a)", "[https://a.org](a)", "[x](a) [x](b)"):
        assert link_faults(text), text


@each_lesson
def test_tables_of_a_lesson_have_heads(name):
    """Above each table's rule stands its head; the pages make a column of it where it is empty."""
    lines = prose(LESSONS[name]).splitlines()
    for above, rule in itertools.pairwise(lines):
        if re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", rule.strip()):
            assert above.count("|") == rule.count("|"), above
    for table in BeautifulSoup(prose(LESSONS[name]), "html.parser").find_all("table"):
        assert table.find("th"), table


# Figures


def shows(cell) -> list[ast.Call]:
    """The calls that show a figure with its alternative text."""
    calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
    return [call for call in calls if any(keyword.arg == "alt" for keyword in call.keywords)]


def without_numbers(cell) -> bool:
    """Whether a cell draws numbers that nobody hears of: not in alt, note, or a table it names."""
    if not CHART.search(cell.source) or WRITES_NUMBERS.search(cell.source):
        return False
    words = [
        ast.unparse(keyword.value)
        for call in shows(cell)
        for keyword in call.keywords
        if keyword.arg in ("alt", "note")
    ]
    return bool(words) and not re.search(r"\d|\{|\btable\b|\.join\(", " ".join(words))


@each_lesson
def test_alternative_texts_of_charts_hold_numbers(name):
    """That there is one, the contract of a lesson says."""
    silent = [cell.id for cell in code_cells(LESSONS[name]) if without_numbers(cell)]
    assert not silent, f"charts whose numbers nobody hears of: {silent}"


def test_a_chart_without_numbers_is_found():
    def cell(alt):
        return nbformat.v4.new_code_cell(f"ax.plot(x, y)\ntl.show(ax, alt={alt})")

    assert without_numbers(cell("'A line that rises.'"))
    assert not without_numbers(cell("f'A line that rises to {y[-1]}.'"))


@pytest.mark.parametrize("eyes", EYES)
def test_colours_of_series_can_be_told_apart(eyes):
    """Colours of the theme, in any two series of one figure."""
    pairs = itertools.combinations(theme.PALETTE, 2)
    closest = min((distance(a, b, eyes), a, b) for a, b in pairs)
    assert closest[0] > 12, closest


def test_colours_of_series_stand_out_from_white():
    assert min((contrast(colour, "#FFFFFF"), colour) for colour in theme.PALETTE)[0] >= 3


def test_white_letters_can_be_read_on_the_diagrams_and_all_text_on_their_ground():
    for colour in diagrams.COLOURS:
        assert contrast(colour, "#FFFFFF") >= 4.5 and contrast(colour, diagrams.PAPER) >= 4.5
    assert min(contrast(c, diagrams.PAPER) for c in (diagrams.INK, diagrams.MUTED)) >= 4.5


def test_the_simulation_knows_which_colours_meet():
    """Red and green of one lightness meet without M or L cones, and only then."""
    red, green = "#C06040", "#7F8040"
    assert distance(red, green) > 25
    assert distance(red, green, "deuteranopia") < 12 < distance(red, green, "tritanopia")
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


def looks(axes) -> tuple[list, list]:
    """Colour, and what else tells them apart, of the series that Axes show with a name."""
    handles, _ = axes.get_legend_handles_labels()
    legend = axes.get_legend()
    handles = [*(legend.legend_handles if legend else handles)]
    colours, others = [], []
    for handle in handles:
        handle = getattr(handle, "lines", [handle])[0] if hasattr(handle, "lines") else handle
        if hasattr(handle, "get_marker"):
            other = handle.get_marker(), handle.get_linestyle(), handle.get_markerfacecolor()
            colours.append(to_hex(handle.get_color()))
        elif hasattr(handle, "get_hatch") and not hasattr(handle, "get_offsets"):
            other = handle.get_hatch() or ""
            colours.append(to_hex(handle.get_facecolor()))
        else:  # dots
            other = handle.get_paths()[0].vertices.tobytes()
            colours.append(to_hex(handle.get_facecolor()[0]))
        others.append(other)
    return colours, others


def history(last: float) -> History:
    rows = [
        {"epoch": e, "step": e, "train_loss": last, "val_loss": last / e, "seconds": e}
        | {"train_accuracy": last, "val_accuracy": last}
        for e in (1, 2, 3)
    ]
    return History(rows, steps=3)


NAMES = "abcdefg"
NETWORK = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2).requires_grad_(False))
FIGURES = {
    "plot_lines": lambda: tl.plot_lines({n: {1: 0.1, 2: 0.2} for n in NAMES}, "x", "y"),
    "plot_bars": lambda: tl.plot_bars({n: {"x": 1.0, "y": 2.0} for n in NAMES}, "s"),
    "plot_history": lambda: tl.plot_history({n: history(0.5) for n in NAMES}, "val_accuracy"),
    "one history": lambda: tl.plot_history(history(0.5))[0],
    "plot_embedding": lambda: tl.plot_embedding(torch.rand(14, 2), list(range(7)) * 2, NAMES),
    "plot_parameters": lambda: tl.plot_parameters(NETWORK),
    "plot_differences": lambda: tl.plot_differences(
        {("a", "b"): tl.paired_interval(4, 8, 153), ("a", "c"): tl.paired_interval(20, 2, 153)},
        real=[("a", "c")],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_series_differ_without_their_colours(name):
    """In markers, line styles or hatches, each unlike all others of the figure."""
    colours, others = looks(FIGURES[name]())
    assert len(colours) >= 2
    assert len(set(others)) == len(others), others


def test_intervals_differ_without_their_colours():
    """Their rows carry names; the dots differ all the same."""
    axes = tl.plot_intervals({n: tl.wilson_interval(k, 9) for k, n in enumerate(NAMES, 1)})
    markers = [line.get_marker() for line in axes.lines if line.get_marker() != "None"]
    assert len(set(markers)) == len(markers) == 7
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES)


def test_every_plot_function_is_looked_at():
    """Matrices and pictures tell by numbers and ticks; tests/figures checks them."""
    known = {*FIGURES, "plot_intervals", "plot_confusion_matrix"} - {"one history"}
    assert {name for name in tl.__all__ if name.startswith("plot_")} == known


def test_right_and_wrong_pictures_differ_without_colour_and_their_titles_can_be_read():
    axes = tl.show_images(torch.zeros(2, 3, 4, 4), ["a", "b"], correct=[True, False])
    assert [ax.get_title()[0] for ax in axes] == ["✔", "✘"]
    for ax in axes:
        assert contrast(to_hex(ax.title.get_color()), "#FFFFFF") >= 4.5


# Boxes and widgets

QUESTION = ("Which?", [("this", "Because.", True), ("that", "It is not.", False)])
BOXES = {
    **{f"check {s}": lambda s=s: CheckResult("01-1", s, "m")._repr_html_() for s in STATUSES},
    **{
        f"verdict {o}": lambda o=o: claims.Verdict("C1", o, "1 of 2")._repr_html_()
        for o in claims.OUTCOMES
    },
    "doctor": lambda: Report(Finding("disk", s, "1 GB", "wait") for s in STATES)._repr_html_(),
    "quiz": lambda: tl.quiz(*QUESTION)._repr_mimebundle_()["text/html"],
    "progress": lambda: tl.progress()._repr_html_(),
    "advice": lambda: tl.advise(100, 2, "near")._repr_html_(),
}


@pytest.mark.parametrize("name", BOXES)
def test_boxes_say_in_words_what_their_colour_says(name):
    """Colours tint or frame a box; no letter takes one, since none can be read on both grounds."""
    page = BeautifulSoup(BOXES[name](), "html.parser")
    kind, _, state = name.partition(" ")
    if state:
        symbol = {**STATUSES, **claims.OUTCOMES}[state][1]
        assert state in page.get_text() and symbol in page.get_text()
    for tag in page.select("[style]"):
        assert not re.search(r"(?<![-\w])color:", tag["style"]), tag
    for table in page.find_all("table"):
        assert table.find("th", scope=True), "a table without heads"


def test_every_state_has_a_symbol_of_its_own():
    for states in (claims.OUTCOMES, STATES):
        rows = list(states.values())
        assert len({row[-2] for row in rows}) == len({str(row) for row in rows}) == len(rows)
    assert STATUSES["right"][1] != STATUSES["wrong"][1] != STATUSES["not attempted"][1]
    assert set(boxes.COLOURS) >= {row[0] for row in claims.OUTCOMES.values()}


def test_a_quiz_tells_right_from_wrong_without_colour():
    page = BeautifulSoup(tl.quiz(*QUESTION)._repr_mimebundle_()["text/html"], "html.parser")
    answers = [box.get_text() for box in page.find_all("details")]
    assert "✔ Right." in answers[0] and "✘ Not this one." in answers[1]


@each_lesson
def test_what_a_widget_shows_stands_on_the_page_as_well(name):
    cells = {cell.id: (place, cell.source) for place, cell in enumerate(LESSONS[name].cells)}
    for cell in code_cells(LESSONS[name]):
        if not re.search(r"\bwidgets\.\w", cell.source):
            continue
        assert cell.id in TWINS, f"{cell.id}: which cell shows the same without a kernel?"
        place, source = cells[TWINS[cell.id]]
        assert cells[cell.id][0] - 5 <= place < cells[cell.id][0]
        assert re.search(r"^(tl\.show|print|[a-z_]+)\(", source, flags=re.M), "it shows nothing"
        for widget in re.findall(r"widgets\.(?:Selection|Float|Int|Text|Drop)\w*\(.*?\n", source):
            assert "description" in widget


@pytest.mark.parametrize(
    "widget",
    [lambda: tl.quiz(*QUESTION), lambda: tl.upload_panel(lambda *_: None, ["a"])],
    ids=["quiz", "upload_panel"],
)
def test_widgets_of_the_library_have_a_text_for_pages(widget):
    bundle = widget()._repr_mimebundle_()
    words = BeautifulSoup(bundle["text/html"], "html.parser").get_text()
    assert words.strip() and bundle["text/plain"].strip()


def test_a_figure_in_a_notebook_carries_its_text(monkeypatch):
    shown = []
    monkeypatch.setattr("tlhelpers.figures.show.in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    for name in ("plot_lines", "plot_bars", "plot_parameters", "plot_differences"):
        tl.show(FIGURES[name](), alt="A figure.")
    for data in shown:
        alt = BeautifulSoup(data["text/html"], "html.parser").img["alt"]
        assert alt.startswith("A figure. ") and re.search(r"\d", alt)


def test_the_list_of_twins_is_up_to_date():
    ids = {cell.id for notebook in LESSONS.values() for cell in notebook.cells}
    assert {*TWINS, *TWINS.values()} <= ids

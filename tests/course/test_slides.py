"""The decks: built from what is in the repository, self-contained, with notes for the speaker."""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import closing_slides
import pytest

SLIDES = Path(__file__).resolve().parents[2] / "slides"
DECKS = sorted(path.name for path in SLIDES.glob("*.md") if path.name != "README.md")
# As in slides/build.mjs.
SHARED = ["build.mjs", "marp.config.mjs", "package-lock.json", "theme.css"]
FIELDS = ("Say", "Minutes", "Ask", "Listen for")
FIGURE = re.compile(r"figures/[\w.-]+")
# A word of a description that is one of these changes how Marp shows the picture.
FILTERS = set("blur brightness contrast grayscale invert opacity saturate sepia".split())

each_deck = pytest.mark.parametrize("deck", DECKS)


def source(deck: str) -> str:
    return (SLIDES / deck).read_text(encoding="utf-8")


def page(deck: str) -> str:
    return (SLIDES / deck.replace(".md", ".html")).read_text(encoding="utf-8")


def slides_of(deck: str) -> list[str]:
    """The deck's slides, without front matter; fenced listings may hold a line of dashes."""
    _, _, body = source(deck).split("---\n", 2)
    body = re.sub(r"^```.*?^```$", lambda m: m[0].replace("---", "==="), body, flags=re.M | re.S)
    return re.split(r"^---$", body, flags=re.M)


def notes_of(slide: str) -> dict[str, str]:
    """Fields of a slide's speaker notes: its last comment, one `Field: text` a line."""
    comment = re.findall(r"<!--\n(.*?)\n-->", slide, flags=re.S)
    return dict(line.split(": ", 1) for line in comment[-1].splitlines()) if comment else {}


def digest(deck: str) -> str:
    figures = sorted(set(FIGURE.findall(source(deck))))
    found = hashlib.sha256()
    for name in [deck, *SHARED, *figures]:
        found.update(f"{name}\n".encode() + (SLIDES / name).read_bytes())
    return found.hexdigest()


class Loads(HTMLParser):
    """Collects what a page loads, and its pictures without a description."""

    def __init__(self):
        super().__init__()
        self.loads, self.silent = [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        keys = ("src", "srcset", "data", "poster", "xlink:href") + ("href",) * (tag != "a")
        self.loads += [attributes[key] for key in keys if attributes.get(key)]
        if tag == "img" and not (attributes.get("alt") or "").strip():
            self.silent.append(tag)


def test_there_is_an_opening_deck():
    assert "00_opening.md" in DECKS


@each_deck
def test_the_page_was_built_from_these_sources(deck):
    built = re.search(r'<meta name="sources" content="(\w+)">', page(deck))
    assert built and built[1] == digest(deck), f"slides/{deck} changed: make slides"


@each_deck
def test_the_page_carries_everything_it_shows(deck):
    parser = Loads()
    parser.feed(page(deck))
    assert [load[:60] for load in parser.loads if not load.startswith(("data:", "#"))] == []
    assert not re.search(r"@import|url\(\s*[\"']?(?!data:|#)[\w./]", page(deck))
    assert not parser.silent
    pictures = [load for load in parser.loads if load.startswith("data:image/")]
    assert len(pictures) == len(FIGURE.findall(source(deck)))


@each_deck
def test_the_page_shows_the_slides_and_hides_their_notes_for_the_presenter(deck):
    slides = slides_of(deck)
    assert 10 <= sum(closing_slides.CLASS not in slide for slide in slides) <= 20
    assert page(deck).count("<svg data-marpit-svg") == len(slides)
    notes = re.findall(r'<div class="bespoke-marp-note".*?</div>', page(deck), flags=re.S)
    assert len(notes) == len(slides)


@each_deck
def test_every_slide_has_notes_and_every_picture_a_description(deck):
    for number, slide in enumerate(slides_of(deck), 1):
        notes = notes_of(slide)
        assert tuple(notes) == FIELDS, f"{deck} slide {number}: notes need {', '.join(FIELDS)}"
        assert all(text.strip() for text in notes.values()), f"{deck} slide {number}"
        assert 0.25 <= float(notes["Minutes"]) <= 5, f"{deck} slide {number}"
        for alt, name in re.findall(r"!\[(.*?)\]\((.*?)\)", slide, flags=re.S):
            assert name.startswith("figures/"), f"{deck} slide {number}: {name}"
            assert len(alt.split()) >= 6, f"{deck} slide {number}: say what {name} shows"
            wrong = FILTERS & set(alt.split())  # Marp would apply them to the picture
            assert not wrong, f"{deck} slide {number}: write {wrong} another way in a description"


@each_deck
def test_the_minutes_add_up_to_what_the_deck_promises(deck):
    promised = float(re.search(r"^minutes: (\d+)$", source(deck), flags=re.M)[1])
    assert sum(float(notes_of(slide)["Minutes"]) for slide in slides_of(deck)) == promised


def test_the_list_of_decks_names_every_deck_and_its_minutes():
    listed = re.findall(r"^\| \[`(\w+)`\].*\| (\d+) \|$", source("README.md"), flags=re.M)
    minutes = [re.search(r"^minutes: (\d+)$", source(deck), flags=re.M)[1] for deck in DECKS]
    assert listed == [(deck.removesuffix(".md"), m) for deck, m in zip(DECKS, minutes, strict=True)]


@each_deck
def test_the_lesson_numbers_a_deck_speaks_of_exist(deck):
    from tlhelpers.teaching.taxonomy import LESSONS

    assert {int(n) for n in re.findall(r"\b[Ll]esson (\d\d)\b", source(deck))} <= set(LESSONS)


def figures_in_use() -> set[str]:
    return {
        name.removeprefix("figures/") for deck in DECKS for name in FIGURE.findall(source(deck))
    }


@pytest.fixture(scope="module")
def drawing(tmp_path_factory):
    """slides/figures.py as a module; its own imports are those of a script beside it."""
    sys.path.insert(0, str(SLIDES))
    try:
        yield importlib.import_module("figures")
    finally:
        sys.path.remove(str(SLIDES))


def test_every_figure_has_a_function_that_draws_it_and_a_slide_that_shows_it(drawing):
    drawn = {name for module in drawing.modules([]) for name in module.FIGURES}
    for module in drawing.modules([]):
        for name in getattr(module, "KEPT", ()):  # by the script that runs the lesson
            script = Path(module.__file__).name.replace("draw_", "measure_")
            assert f'"{name}"' in (SLIDES / script).read_text(encoding="utf-8")
            drawn.add(name)
    stored = {path.name for path in (SLIDES / "figures").iterdir()}
    assert drawn == stored == figures_in_use()


def test_no_figure_is_heavy():
    for path in (SLIDES / "figures").iterdir():
        assert path.stat().st_size < 150_000, path.name


@pytest.mark.parametrize(
    "name",
    "network_cut.svg three_ways.svg scenarios.svg map_carried.svg map_labels.svg map_decide.svg "
    "intervals.svg lesson_map.svg".split(),
)
def test_the_opening_figures_are_what_the_code_draws_today(drawing, name):
    (module,) = drawing.modules(["00"])
    stored = (SLIDES / "figures" / name).read_text(encoding="utf-8")
    today = module.FIGURES[name]() + "\n"
    # JPEG and PNG encoders differ between versions of Pillow: compare all but the carried pictures.
    carried = re.compile(r"base64,[\w+/=]+")
    assert carried.sub("", today) == carried.sub("", stored), "make slides"

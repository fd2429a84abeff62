"""Pages and decks in a browser: nothing clipped, no link lost, no barrier that axe-core knows.

Every lesson's page is built here without its outputs, which takes seconds; the start page runs. The
slow test runs every lesson and reads its page with all outputs.
"""

from __future__ import annotations

import re
from pathlib import Path

import build_pages
import pytest
from barriers import (
    FAULTS_OF_SLIDES,
    ONE_OF_EACH_KIND,
    barriers,
    lost_links,
    width,
)

ROOT = build_pages.ROOT
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = {path.stem for path in NOTEBOOKS}
DECKS = sorted((ROOT / "slides").glob("*.html"))
DARK = {"index", "00_start_here", "01_weight_freezing"}
NARROW = {"width": 800, "height": 900}

pytest.importorskip("axe_playwright_python", reason="no axe-core: pip install -e '.[browser]'")
each_lesson = pytest.mark.parametrize("name", sorted(NAMES))


def build(path: Path, out: Path, *, run: bool) -> build_pages.Lesson:
    lesson = build_pages.Lesson(path)
    lesson.seconds = 0.0
    if run:
        lesson.run()
        assert not lesson.failure
    (out / f"{path.stem}.html").write_text(lesson.page(NAMES), encoding="utf-8")
    return lesson


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, Path]:
    """The page of every lesson, the start page with its outputs, and the map of them."""
    out = tmp_path_factory.mktemp("pages")
    lessons = [build(path, out, run=path is NOTEBOOKS[0]) for path in NOTEBOOKS]
    build_pages.write_map(lessons, out)
    return {path.stem: path for path in out.glob("*.html")}


@pytest.fixture(scope="module")
def anchors(built) -> dict[str, set[str]]:
    """What links to a page can name: the ids on it."""
    found = {}
    for path in built.values():
        ids = re.findall(r'\b(?:id|name)="([^"]+)"', path.read_text(encoding="utf-8"))
        found[path.name] = set(ids)
    return found


def faults_of(page, path: Path, anchors: dict[str, set[str]]) -> list[str]:
    """Every fault of a page in a window 800 px wide."""
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="light")
    page.goto(path.as_uri())
    page.evaluate(ONE_OF_EACH_KIND)
    found = barriers(page)
    if (wide := width(page)) > NARROW["width"]:
        found.append(f"{wide} px wide in a window of {NARROW['width']}")
    return found + [f"lost link: {link}" for link in lost_links(page, ROOT / "build", anchors)]


def dark_faults_of(page) -> list[str]:
    """Text that is too pale or too dark when the page that is open follows a dark screen."""
    page.emulate_media(color_scheme="dark")
    return [f"dark: {fault}" for fault in barriers(page, "color-contrast")]


@pytest.mark.parametrize("name", ["index", *sorted(NAMES)])
def test_a_page_has_no_barrier(page, built, anchors, name):
    found = faults_of(page, built[name], anchors)
    if name in DARK:  # one style sheet for all: these have everything that it colours
        found += dark_faults_of(page)
    assert not found, "\n".join(["", *found])


@pytest.mark.slow
@each_lesson
def test_a_page_with_all_its_outputs_has_no_barrier(page, anchors, name, tmp_path):
    build(ROOT / "notebooks" / f"{name}.ipynb", tmp_path, run=True)
    found = faults_of(page, tmp_path / f"{name}.html", anchors) + dark_faults_of(page)
    assert not found, "\n".join(["", *found])


@pytest.mark.skipif(not DECKS, reason="no built deck: make slides")
@pytest.mark.parametrize("deck", DECKS, ids=lambda deck: deck.stem)
def test_a_deck_has_no_barrier_and_shows_all_of_every_slide(page, deck):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(deck.as_uri())
    page.emulate_media(media="print")  # shows every slide, one below the other
    count, found = page.evaluate(FAULTS_OF_SLIDES)
    assert count >= 10
    found += barriers(page)
    found += [f"lost link: {link}" for link in lost_links(page, deck.parent, {})]
    assert not found, "\n".join(["", *found])


@pytest.mark.skipif(not DECKS, reason="no built deck: make slides")
def test_a_deck_obeys_the_keyboard_and_shows_one_slide_to_a_screen_reader(page):
    page.goto(DECKS[0].as_uri())
    assert not barriers(page)  # the player's buttons too
    for number in (2, 3):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"location.hash === '#{number}'")
        page.wait_for_timeout(300)  # the player fades
        (title,) = page.get_by_role("main").get_by_role("heading", level=1).all()
        assert title.is_visible()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("location.hash === '#2'")


BARRIERS = {
    "pale": ("<p style='color:#bbb'>text</p>", "color-contrast"),
    "no alternative": (
        "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEAAAAALAAAAAABAAEAAAI='>",
        "image-alt",
    ),
    "no name": ("<button></button>", "button-name"),
    "order": ("<h3>Third</h3>", "heading-order"),
    "no key": (
        "<pre style='width:9em;overflow-x:auto;white-space:pre'>" + "x" * 99 + "</pre>",
        "scrollable-region-focusable",
    ),
}


@pytest.mark.parametrize("kind", BARRIERS)
def test_a_barrier_is_found(page, kind):
    html, rule = BARRIERS[kind]
    page.set_content(
        f"<html lang='en'><title>A page</title><main><h1>A page</h1>{html}</main></html>"
    )
    (found,) = barriers(page)
    assert rule in found


def test_a_page_that_is_too_wide_and_a_lost_link_are_found(page, tmp_path):
    path = tmp_path / "wide.html"
    path.write_text(
        "<!DOCTYPE html><html lang='en'><title>Wide</title><main><h1 id='top'>Wide</h1>"
        "<table><tr><th>x</th><td><div style='width:900px'>y</div></td></tr></table>"
        "<p><a href='#top'>up</a> <a href='#nowhere'>down</a> <a href='gone.html'>out</a></p>"
        "</main>",
        encoding="utf-8",
    )
    found = faults_of(page, path, {})
    assert found[0].endswith("in a window of 800")
    assert found[1:] == ["lost link: #nowhere", "lost link: gone.html"]


def test_a_slide_that_is_too_full_is_found(page):
    slide = "<section style='width:1280px;height:720px;font-size:30px'>{}</section>"
    slides = [slide.format(text) for text in ("<p>A line.</p>", "<p>Line<br></p>" * 30)]
    page.set_content(
        "".join(
            "<svg data-marpit-svg viewBox='0 0 1280 720' style='display:block;width:1280px'>"
            f"<foreignObject width='1280' height='720'>{text}</foreignObject></svg>"
            for text in slides
        )
    )
    count, faults = page.evaluate(FAULTS_OF_SLIDES)
    assert count == 2
    assert {fault.split(":")[0] for fault in faults if "over the edge" in fault} >= {"slide 2"}

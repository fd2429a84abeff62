"""The first lessons in JupyterLab, as a learner works through them: read, run, click, type, stop.

The server is started as `make lab` starts it. Screenshots of figures and messages, in both themes
and two widths, go to `build/browser/` for people to look at.
"""

from __future__ import annotations

import re

import pytest
from contrast import PALE
from lab_page import Lab
from lab_server import LabServer

# The widths of a small laptop and of a large screen; high, so that a screenshot holds whole cells.
NARROW, WIDE = {"width": 1280, "height": 2000}, {"width": 1920, "height": 2000}


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    """A running JupyterLab; it takes `browser` so that none starts where no browser is."""
    server = LabServer(tmp_path_factory.mktemp("course"))
    yield server
    server.stop()


@pytest.fixture
def lab(server, page, folder):
    """JupyterLab in a new window; a test that fails leaves its picture."""
    page.set_viewport_size(NARROW)
    lab = Lab(page, server)
    try:
        yield lab
    except BaseException:
        page.screenshot(path=folder / "failed.png")
        raise


def pictures(lab, folder, lesson: str, *cells: str) -> None:
    """Screenshots of some cells in both themes, in which all outputs must be easy to read."""
    for theme in ("Dark", "Light"):
        lab.theme(theme)
        outputs = lab.panel.locator(".jp-Cell-outputArea")
        pale = outputs.evaluate_all(f"areas => areas.flatMap({PALE})")
        assert not pale, f"low contrast in the {theme} theme: {pale}"
        for cell in cells:
            width = lab.page.viewport_size["width"]
            lab.picture(cell, folder / f"{lesson}-{cell}-{theme.lower()}-{width}.png")


def test_the_start_page_quiz_exercise_and_solution(lab, folder):
    """Lesson 00, from the printed address to the first solved exercise."""
    lab.start()
    lab.run_all(seconds=120)
    assert "Ready" in lab.read("doctor")
    assert "Transductive" in lab.read("map")

    choices = lab.cell("quiz-example").locator(".widget-radio-box input")
    for choice, feedback in ((0, "Not this one"), (1, "Right.")):
        choices.nth(choice).click()
        lab.cell("quiz-example").get_by_text(feedback).wait_for()

    exercise = lab.cell("exercise-1").locator(".jp-RenderedMarkdown")
    hint = exercise.get_by_text("Look at the first question of the map")
    assert not hint.is_visible()
    exercise.get_by_text("Hint 1").click()
    hint.wait_for()

    assert "not attempted" in lab.read("check-1")
    for answer, feedback in (("Inductive", "wrong"), ("Transductive", "right")):
        lab.write("attempt-1", f'family = "{answer}"')
        lab.run("attempt-1")
        lab.run("check-1")
        assert f"00-1: {feedback}" in lab.read("check-1")

    folded = lab.cell("solution-1").locator(".jp-InputPlaceholder")
    assert "Transductive" not in lab.cell("solution-1").inner_text()
    folded.locator(".jp-Placeholder-content").click()
    assert "Transductive" in lab.cell("solution-1").inner_text()

    lab.run("progress")
    assert "1 of 66 exercises solved" in lab.read("progress")
    pictures(lab, folder, "00", "doctor", "map", "quiz-example", "check-1", "progress")
    lab.close()


def test_a_lesson_runs_its_widget_moves_and_its_exercise_answers(lab, folder):
    """Lesson 01: progress bars, figures, a slider, and an exercise that asks for a function."""
    lab.open("01_weight_freezing")
    lab.menu("Run", "Run All Cells")
    lab.page.locator(".jp-OutputArea progress").first.wait_for(state="attached", timeout=120_000)
    lab.wait(seconds=240)
    assert not lab.errors(), lab.errors()
    assert lab.broken_pictures() == [] and len(lab.pictures()) >= 7

    live = lab.cell("where-to-cut-live")
    live.scroll_into_view_if_needed()
    live.locator("img").wait_for()
    before = lab.shown(live.locator("img"))
    live.locator(".noUi-handle").press("ArrowLeft")
    live.get_by_text("layer3", exact=True).wait_for()
    lab.wait()
    assert lab.shown(live.locator("img")) != before

    answer = """def after_one_batch(mean, var, x, momentum=0.1):
    new_mean = (1 - momentum) * mean + momentum * x.mean((0, 2, 3))
    return new_mean, (1 - momentum) * var + momentum * x.var((0, 2, 3)WRONG)"""
    for wrong, feedback in ((", unbiased=False", "wrong"), ("", "right")):
        lab.write("attempt-2", answer.replace("WRONG", wrong))
        lab.run("attempt-2")
        lab.run("check-2")
        assert f"01-2: {feedback}" in lab.read("check-2")
    lab.cell("quiz-eval").locator(".widget-radio-box input").first.click()
    lab.cell("quiz-eval").get_by_text("Not this one").wait_for()
    pictures(lab, folder, "01", "load", "drift", "where-to-cut-live", "quiz-eval", "check-2")
    lab.close()


def test_a_training_run_is_stopped_and_the_lesson_goes_on(lab, folder):
    """Lesson 05: all of it; then a training run, ended by the stop button."""
    lab.page.set_viewport_size(WIDE)
    lab.open("05_ants_and_bees")
    lab.run_all(seconds=300)
    assert lab.broken_pictures() == [] and len(lab.pictures()) >= 10

    lab.select("fine-tuned")
    lab.page.keyboard.press("Control+Enter")
    running = lab.cell("fine-tuned").locator(".jp-OutputArea-output:has(progress)")
    running.get_by_text(re.compile(r"epoch \d")).wait_for()
    lab.panel.get_by_role("button", name="Interrupt the kernel").click()
    lab.wait(seconds=60)
    assert "interrupted after" in lab.read("fine-tuned") and not lab.errors()
    before = lab.shown(lab.cell("curves").locator("img"))
    lab.run("curves")  # draws what the stopped run has learned
    assert not lab.errors(), lab.errors()
    assert lab.shown(lab.cell("curves").locator("img")) != before
    pictures(lab, folder, "05", "fine-tuned", "curves", "test-once", "verdict-c18")
    lab.close()


def test_the_slider_of_the_painted_cat(lab, folder):
    """Lesson 04: the cells up to the slider; another weight shows another picture."""
    lab.open("04_style_transfer")
    lab.select("weight-slider")
    lab.menu("Run", "Run All Above Selected Cell")
    lab.wait(seconds=240)
    lab.run("weight-slider")
    assert not lab.errors(), lab.errors()
    panel = lab.cell("weight-slider")
    seen = {lab.shown(panel.locator("img"))}
    for weight in ("100", "1000"):
        panel.locator(".noUi-handle").press("ArrowRight")
        panel.get_by_text(weight, exact=True).wait_for()
        lab.wait()
        seen.add(lab.shown(panel.locator("img")))
    assert len(seen) == 3
    pictures(lab, folder, "04", "weight-slider", "wall")
    lab.close()

"""Quizzes with a kernel, without one, and with faults; verdicts beside them."""

from __future__ import annotations

import pytest

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.teaching.claims import OUTCOMES, Verdict

CHOICES = [
    ("Nothing", "The buffers of `BatchNorm2d` move <on>.", False),
    ("Its running statistics", "They are buffers: no gradient to switch off.", True),
    ("Its `weight`", "It has no gradient any more.", False),
]


@pytest.fixture
def quiz():
    return tl.quiz("What moves in a frozen `BatchNorm2d`?", CHOICES)


def test_every_choice_gets_its_own_feedback(quiz):
    assert quiz.choice.value is None and quiz.feedback.value == ""
    for index, (_, _, correct) in enumerate(CHOICES):
        quiz.choice.index = index
        assert ("Right." in quiz.feedback.value) is correct
        assert ("✔" in quiz.feedback.value) is correct
    quiz.choice.value = "Its weight"  # a radio button shows plain text
    assert "no gradient any more" in quiz.feedback.value
    quiz.choice.index = 0
    assert "<code>BatchNorm2d</code> move &lt;on&gt;" in quiz.feedback.value
    quiz.choice.index = None
    assert quiz.feedback.value == ""


def test_one_bundle_carries_widget_and_static_twins(quiz):
    bundle = quiz._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == quiz._box.model_id
    page = bundle["text/html"]
    assert page.count("<details>") == len(CHOICES)
    for text in ("What moves", "Its running statistics", "no gradient any more", "no gradient to"):
        assert text in page
    assert "( ) Nothing" in bundle["text/plain"] and "no gradient" not in bundle["text/plain"]


def test_exported_page_unfolds_the_explanations_without_a_kernel(quiz):
    """nbconvert prefers widgets, but takes the HTML where no widget state was stored."""
    nbformat = pytest.importorskip("nbformat")
    from nbconvert import HTMLExporter

    output = nbformat.v4.new_output("display_data", quiz._repr_mimebundle_())
    cell = nbformat.v4.new_code_cell("quiz", outputs=[output])
    page, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert page.count("<details>") == len(CHOICES)
    assert "They are buffers: no gradient to switch off." in page


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ([("a", "why", True)], "two or more choices"),
        ([("a", "why", False), ("b", "why", False)], "exactly one correct"),
        ([("a", "why", True), ("b", "why", True)], "exactly one correct"),
        ([("a", "why", True), ("b", " ", False)], "no feedback for: b"),
        ([("a", "why", True), ("a", "why", False)], "same choice twice"),
    ],
)
def test_faulty_quizzes_are_refused(choices, message):
    with pytest.raises(InputError, match=message):
        tl.quiz("Question?", choices)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_verdict_says_the_outcome_by_colour_symbol_and_word(outcome, capsys):
    result = tl.verdict("C1", outcome, "a step takes .32 of the time", source="LeewayHertz")
    box = result._repr_html_()
    assert f"C1 {outcome} (source: LeewayHertz)" in box and "a step takes .32" in box
    others = [Verdict("C1", other, "x")._repr_html_() for other in OUTCOMES if other != outcome]
    assert OUTCOMES[outcome][1] in box and not any(OUTCOMES[outcome][1] in page for page in others)
    printed = capsys.readouterr().out
    assert printed == f"{result}\n" and printed.isascii() and f"C1 {outcome}" in printed


def test_verdict_refuses_unknown_outcomes_and_empty_evidence():
    with pytest.raises(InputError, match='Did you mean "holds"'):
        tl.verdict("C1", "hold", "numbers")
    with pytest.raises(InputError, match="no evidence"):
        tl.verdict("C1", "holds", "  ")

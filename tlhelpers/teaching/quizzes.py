"""A question with feedback for every choice, readable with and without a running kernel."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.errors import InputError
from ..core.notebook import callout, inline, plain

# ipywidgets gives every choice one line of 20 px, and long ones would run into each other.
_WRAP = """<style>
.tl-quiz .widget-radio-box label {height: auto; white-space: normal; line-height: 1.4;
  margin-bottom: .3em; display: flex; flex-direction: row-reverse; justify-content: flex-end;
  align-items: flex-start}
.tl-quiz .widget-radio-box input {flex: none; height: auto; margin: .15em .5em 0 0}
</style>"""


class Quiz:
    """One question as radio buttons; make it with `quiz()`.

    `choice` (RadioButtons) and `feedback` (HTML) are its widgets: setting `choice.index` does
    what a click does.
    """

    def __init__(self, question: str, choices: Sequence[tuple[str, str, bool]]):
        from ipywidgets import HTML, Layout, RadioButtons, VBox

        self.question, self.choices = question, list(choices)
        self.choice = RadioButtons(
            options=[plain(text) for text, _, _ in self.choices],
            index=None,
            layout=Layout(width="auto"),
        )
        self.choice.add_class("tl-quiz")
        self.feedback = HTML()
        self.choice.observe(self._answer, names="index")
        heading = HTML(f"{_WRAP}<strong>{inline(question)}</strong>")
        self._box = VBox([heading, self.choice, self.feedback])

    def _answer(self, change) -> None:
        self.feedback.value = "" if change.new is None else self._explain(change.new)

    def _explain(self, index: int) -> str:
        _, feedback, correct = self.choices[index]
        return callout(*(("good", "✔ Right.") if correct else ("bad", "✘ Not this one.")), feedback)

    def _static(self) -> str:
        """The quiz for pages without a kernel: each choice unfolds into its explanation."""
        folded = "".join(
            f"<details><summary>{inline(text)}</summary>{self._explain(index)}</details>"
            for index, (text, _, _) in enumerate(self.choices)
        )
        return f"<p><strong>{inline(self.question)}</strong></p>{folded}"

    def __repr__(self) -> str:
        lines = [f"  ( ) {text}" for text, _, _ in self.choices]
        return "\n".join([self.question, *lines])

    def _repr_mimebundle_(self, **_) -> dict:
        """Radio buttons where a kernel runs; front ends and exports without one take the HTML."""
        return {
            **self._box._repr_mimebundle_(),
            "text/html": self._static(),
            "text/plain": repr(self),
        }


def quiz(question: str, choices: Sequence[tuple[str, str, bool]]) -> Quiz:
    """Ask a question; the call is the last line of its cell, which shows it.

    `choices` are `(text, feedback, correct)`: exactly one correct, and feedback for each that
    says why. `Backticks` set code, *asterisks* italics.

    Raises:
        InputError: fewer than two choices, not exactly one correct, equal texts, or no feedback.
    """
    texts = [text for text, _, _ in choices]
    right = [text for text, _, correct in choices if correct]
    if len(texts) < 2 or len(right) != 1:
        raise InputError(
            f'"{question}" needs two or more choices and exactly one correct; '
            f"it has {len(texts)}, {len(right)} of them correct."
        )
    if len(set(texts)) < len(texts):
        raise InputError(f'"{question}" offers the same choice twice: {texts}.')
    silent = [text for text, feedback, _ in choices if not feedback.strip()]
    if silent:
        raise InputError(f'"{question}" has no feedback for: {", ".join(silent)}. Say why.')
    return Quiz(question, choices)

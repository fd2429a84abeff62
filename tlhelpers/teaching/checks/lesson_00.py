"""Check of the start page's exercise: finding one's way on the map."""

from __future__ import annotations

from . import Wrong, exercise


@exercise(
    "00-1",
    wrong={
        "inductive": lambda: "Inductive",
        "unsupervised": lambda: "unsupervised",
        "new classes": lambda: "New classes",
        "the method, not the family": lambda: "domain adaptation",
        "not a word": lambda: 3,
        "something else": lambda: "fine-tuning",
    },
)
def family_of_two_cameras(family):
    """Same task, two domains, labels only in the source: transductive transfer."""
    if not isinstance(family, str):
        raise Wrong('Write the name as text, in quotes: family = "...".')
    word = family.strip().lower()
    if word.startswith("transductive"):
        return "Same task, two domains, labels in one of them: lesson 06 runs it."
    if word.startswith("inductive"):
        raise Wrong("Inductive means that the target has some labels; your camera has none.")
    if word.startswith("unsupervised"):
        raise Wrong("Unsupervised means labels on neither side; the first camera's are labelled.")
    if word.startswith("new classes"):
        raise Wrong("The classes are the same for both cameras: no new ones.")
    if "adaptation" in word:
        raise Wrong("That is the method. To which of the four families does it belong?")
    raise Wrong(f'"{family}" is not one of the four families under "Where are the labels?".')

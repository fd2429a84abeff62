"""A small world to talk about: reviews drawn from a grammar, as many as a lesson needs.

The sentences are made up, so that a lesson may ship them, knows the synonyms by construction and
can draw as many as it needs. Nothing about opinions is written into the words themselves: a good
word is good only because people who use it return, and people who use a bad word leave.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.errors import InputError

# Topic: things, what one does with them, where.
TOPICS = {
    "film": ("film movie scene plot comedy drama", "watched saw followed", "cinema screen"),
    "food": ("soup meal dish cake pizza salad", "ate tasted ordered", "kitchen table"),
    "music": ("song concert album tune band singer", "heard played sang", "stage radio"),
    "travel": ("hotel beach room trip tour island", "visited booked reached", "airport station"),
    "book": ("book novel story chapter poem tale", "read finished opened", "library shelf"),
    "sport": ("match game race goal team player", "won lost joined", "stadium field"),
}
POSITIVE = (
    "good great excellent wonderful superb fantastic brilliant magnificent charming lovely "
    "enjoyable impressive perfect amazing beautiful pleasant"
).split()
NEGATIVE = (
    "bad awful terrible horrible poor nasty disappointing boring dull ugly annoying weak "
    "painful ridiculous stupid unpleasant"
).split()
OPINIONS = {"positive": POSITIVE, "negative": NEGATIVE}
REACTIONS = {
    "positive": "smiled laughed stayed returned cheered thanked".split(),
    "negative": "wept left complained shrugged slept protested".split(),
}
PEOPLE = "we they she he anna paul".split()
_ADVERBS = "very really quite so".split()

# {other} is a second opinion of the same kind.
_TEMPLATES = (
    "{who} {verb} the {opinion} {thing} and {reaction}",
    "the {thing} was {opinion} then {who} {reaction}",
    "{who} {verb} the {thing} at the {place}",
    "a {opinion} and {other} {thing} at the {place}",
    "the {thing} at the {place} was {adverb} {opinion}",
)
# Sentences to classify: nobody reacts in them, so the opinion words alone carry the answer.
_LABELLED = (
    "the {thing} was {opinion}",
    "a {adverb} {opinion} {thing}",
    "{who} {verb} a {opinion} {thing}",
    "a {opinion} {thing} and {other} {place}",
    "the {thing} at the {place} was {opinion}",
)


def small_corpus(n: int, *, seed: int = 0) -> list[list[str]]:
    """`n` unlabelled sentences of the small world, each a list of words.

    A topic fits its verbs and places, an opinion fits the reaction to it. Within a set of synonyms
    the k-th word is drawn with a probability proportional to 1/k (Zipf 1949).

    Raises:
        InputError: fewer than one sentence.
    """
    if n < 1:
        raise InputError(f"small_corpus draws n >= 1 sentences; got {n}.")
    rng = np.random.default_rng(seed)
    kinds = rng.integers(len(_TEMPLATES), size=n)
    return [_fill(_TEMPLATES[kind], rng, rng.choice(list(OPINIONS)), {}) for kind in kinds]


def labelled_sentences(
    n: int, positive: Sequence[str], negative: Sequence[str], *, seed: int = 0
) -> tuple[list[list[str]], np.ndarray]:
    """`n` sentences with an opinion and their labels (n,): 1 for positive, 0 for negative, in turn.

    Opinion words are drawn from the two lists given, all equally often: so a test set can use words
    that no labelled training sentence has.
    """
    rng = np.random.default_rng(seed)
    choice = {"positive": positive, "negative": negative}
    labels = np.arange(n) % 2
    kinds = rng.integers(len(_LABELLED), size=n)
    texts = [
        _fill(_LABELLED[kind], rng, ("negative", "positive")[label], choice)
        for kind, label in zip(kinds, labels, strict=True)
    ]
    return texts, labels


def _fill(template: str, rng: np.random.Generator, opinion: str, choice: dict) -> list[str]:
    """One sentence; `choice` replaces the opinion words, which are then all equally likely."""
    things, verbs, places = (part.split() for part in TOPICS[rng.choice(list(TOPICS))])
    words = choice.get(opinion) or OPINIONS[opinion]
    flat = opinion in choice
    slots = {
        "who": _zipf(PEOPLE, rng),
        "verb": _zipf(verbs, rng),
        "thing": _zipf(things, rng),
        "place": _zipf(places, rng),
        "adverb": _zipf(_ADVERBS, rng),
        "opinion": _zipf(words, rng, flat),
        "other": _zipf(words, rng, flat),
        "reaction": _zipf(REACTIONS[opinion], rng),
    }
    return template.format(**slots).split()


def _zipf(words: Sequence[str], rng: np.random.Generator, flat: bool = False) -> str:
    weights = np.ones(len(words)) if flat else 1 / np.arange(1, len(words) + 1)
    return words[np.searchsorted(np.cumsum(weights), rng.random() * weights.sum())]

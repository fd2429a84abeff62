"""Invented languages about one world: other words, other texts, the same meanings.

Real words' vectors say how likely two words are to stand near each other. From these probabilities
each language draws counts of its own, as an independent text would give them, and calls the words
by names of its own. Nobody translates anything: what two languages have in common comes from the
world that both talk about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from ..core.errors import InputError
from .word_vectors import WordVectors

STRENGTH = 5.0  # of the world: larger, and words are choosier about their company


def sample_counts(
    world: WordVectors, n: int, *, strength: float = STRENGTH, seed: int = 0
) -> np.ndarray:
    """Symmetric counts (V, V) of `n` pairs of neighbouring words, drawn anew for each `seed`.

    The probability of a pair grows with the frequency of both words, 1 / (10 + rank), and with
    exp(strength x cosine): the log-linear model of Arora et al. 2016. `world` holds vectors of
    length 1, the most frequent word first.

    Raises:
        InputError: fewer than one pair.
    """
    if n < 1:
        raise InputError(f"sample_counts draws n >= 1 pairs; got {n}.")
    frequency = _frequency(world)
    cosine = (world.vectors @ world.vectors.T).double().numpy()
    weights = np.outer(frequency, frequency) * np.exp(strength * cosine)
    np.fill_diagonal(weights, 0)
    drawn = np.random.default_rng(seed).multinomial(n, (weights / weights.sum()).ravel())
    counts = drawn.reshape(weights.shape)
    return counts + counts.T


def sample_documents(
    world: WordVectors, topics: Tensor, n: int, *, length: int = 8, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """`n` documents as counts of words (n, V), and the topic of each (n,), in turn.

    A document has `length` words, drawn by their frequency and by exp(3 x cosine) with its topic's
    vector; `topics` is (K, D), vectors of length 1.
    """
    rng = np.random.default_rng(seed)
    likely = _frequency(world) * np.exp(3 * (topics @ world.vectors.T).double().numpy())
    likely /= likely.sum(1, keepdims=True)
    labels = np.arange(n) % len(topics)
    return np.stack([rng.multinomial(length, likely[label]) for label in labels]), labels


def invented_words(
    words: Sequence[str], *, seed: int = 0, shared: float = 0.0, merged: int = 0
) -> dict[str, str]:
    """A dictionary from each of `words` to a word of an invented language.

    A share `shared` of the words stays as it is, like loan words. `merged` pairs of the others get
    one invented word together, like English *match* (a game, and what lights a fire).

    Raises:
        InputError: a share outside 0 to 1, or more merged pairs than there are words for.
    """
    words = list(dict.fromkeys(words))
    rng = np.random.default_rng(seed)
    mixed = [words[i] for i in rng.permutation(len(words))]
    kept = round(shared * len(words)) if 0 <= shared <= 1 else -1
    if kept < 0 or not 0 <= 2 * merged <= len(words) - kept:
        raise InputError(
            f"invented_words takes a share of 0 to 1, and at most as many merged pairs as half of "
            f"the words that are not shared; got shared={shared}, merged={merged}."
        )
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
    lexicon, used = {word: word for word in mixed[:kept]}, set(words)
    for word in mixed[kept:]:
        while (new := "".join(rng.choice(syllables, 3))) in used:
            pass
        used.add(new)
        lexicon[word] = new
    for i in range(merged):
        first, second = mixed[kept + 2 * i : kept + 2 * i + 2]
        lexicon[second] = lexicon[first]
    return {word: lexicon[word] for word in words}


def rename(
    words: Sequence[str], counts: np.ndarray, lexicon: Mapping[str, str]
) -> tuple[list[str], np.ndarray]:
    """The same table of counts in another language; rows of words with one name are added up.

    Words that never occur are left out. Sorted by the name: the order says nothing about meaning.
    """
    names = sorted({lexicon[word] for word in words})
    row = {name: i for i, name in enumerate(names)}
    member = np.zeros((len(words), len(names)), dtype=counts.dtype)
    member[np.arange(len(words)), [row[lexicon[word]] for word in words]] = 1
    table = member.T @ counts @ member
    kept = np.flatnonzero(table.sum(1))
    return [names[i] for i in kept], table[np.ix_(kept, kept)]


def _frequency(world: WordVectors) -> np.ndarray:
    return 1 / np.arange(10, len(world) + 10)

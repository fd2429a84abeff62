"""Invented languages: translating by way of a third one, and labels of another language."""

from __future__ import annotations

import functools

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tlhelpers.data.languages import invented_words, rename, sample_counts, sample_documents
from tlhelpers.data.word_vectors import WordVectors
from tlhelpers.methods.embeddings import ppmi_svd, procrustes, translate

from ..tables import cell
from . import SEEDS

PAIRS, TEXTS, DIMENSIONS = (50, 100, 200), {"A": 400_000, "B": 1_000_000, "C": 400_000}, 30
# C of the logistic regressions, the best of .001 to 100 on seeds 100 to 104. It matters little.
BAG_C, VECTORS_C = 1.0, 0.1
TOPICS = {
    "war": "attack police forces killed".split(),
    "sport": "players career victory round".split(),
    "arts": "music art book album".split(),
    "business": "companies bank economy industry".split(),
}


@functools.cache
def world() -> WordVectors:
    """500 words of GloVe, those of rank 301 to 800."""
    glove = tl.glove_vectors(800)
    return WordVectors(glove.words[300:], glove.vectors[300:]).centred()


def language(pairs: int, seed: int, **lexicon) -> tuple[dict[str, str], WordVectors]:
    """Its dictionary from English, and vectors made of its own text."""
    names = invented_words(world().words, seed=seed, **lexicon)
    words, counts = rename(world().words, sample_counts(world(), pairs, seed=seed), names)
    return names, ppmi_svd(words, counts, DIMENSIONS).centred()


def pivot_scores(seed: int, merged: int) -> list[dict]:
    """A to C by way of B, with a word in the middle and without, and directly."""
    made = {
        name: language(size, 1000 * seed + i, merged=merged if name == "B" else 0)
        for i, (name, size) in enumerate(TEXTS.items())
    }
    (a, space_a), (b, space_b), (c, space_c) = made.values()
    known = [w for w in world().words if all(names[w] in space for names, space in made.values())]
    order = np.random.default_rng(seed).permutation(len(known))
    test, rows = [known[i] for i in order[max(PAIRS) :]], []
    for pairs in PAIRS:
        train = [known[i] for i in order[:pairs]]
        in_a, in_b, in_c = (
            space[[names[word] for word in train]] for names, space in made.values()
        )
        to_b, from_c = procrustes(in_a, in_b), procrustes(in_c, in_b)
        first, second = translate(space_a, space_b, to_b), translate(space_b, space_c, from_c.T)
        shared = translate(space_a, space_c, to_b @ from_c.T)
        direct = translate(space_a, space_c, procrustes(in_a, in_c))
        right = {
            "A to B": [first[a[w]] == b[w] for w in test],
            "B to C": [second[b[w]] == c[w] for w in test],
            "by a word of B": [second[first[a[w]]] == c[w] for w in test],
            "by the shared space": [shared[a[w]] == c[w] for w in test],
            "directly": [direct[a[w]] == c[w] for w in test],
        }
        scores = {name: float(np.mean(answers)) for name, answers in right.items()}
        rows.append({"seed": seed, "merged": merged, "pairs": pairs} | scores)
    return rows


def pivot_part() -> dict:
    rows = [row for m in (0, 40) for seed in SEEDS for row in pivot_scores(seed, m)]
    for m in (0, 40):
        found = {k: cell(rows, k, merged=m, pairs=100) for k in list(rows[0])[3:]}
        print("pivot", m, found, flush=True)
    return {"rows": rows}


def topic_vectors() -> torch.Tensor:
    known = [[word for word in words if word in world()] for words in TOPICS.values()]
    return F.normalize(torch.stack([world()[words].mean(0) for words in known]), dim=1)


def low_resource_scores(seed: int) -> list[dict]:
    """Labels in English, documents in a language of which one word in ten is the same."""
    words = world().words
    _, english = language(TEXTS["B"], 5000 + 2 * seed, shared=1.0)
    names, other = language(TEXTS["A"], 5001 + 2 * seed, shared=0.1)
    same = [w for w in words if names[w] == w and w in english and w in other]
    rotation = procrustes(other[same], english[same])

    def table(space, lexicon, turn=None):
        rows = [
            space[lexicon[w]] if lexicon[w] in space else torch.zeros(DIMENSIONS) for w in words
        ]
        rows = torch.stack(rows)
        return (rows if turn is None else rows @ turn).numpy()

    in_english, aligned, apart = (
        table(english, {w: w for w in words}), table(other, names, rotation), table(other, names),
    )  # fmt: skip
    draw = functools.partial(sample_documents, world(), topic_vectors())
    (train, y), (test, truth) = draw(160, seed=3 * seed), draw(400, seed=3 * seed + 1)
    loans = np.array([names[word] == word for word in words])

    def fit(x, y, c=BAG_C):
        return LogisticRegression(C=c, max_iter=1000).fit(x, y)

    by_words, by_vectors = fit(train, y), fit(train @ in_english, y, VECTORS_C)
    rows = {
        "English labels, bag of words, tested in English": by_words.score(test, truth),
        "English labels, bag of words": by_words.score(test * loans, truth),
        "English labels, bag of shared words": fit(train * loans, y).score(test * loans, truth),
        "English labels, vectors not aligned": by_vectors.score(test @ apart, truth),
        "English labels, vectors aligned": by_vectors.score(test @ aligned, truth),
    }
    for labels in (4, 8, 16, 32, 64, 160):
        own, z = draw(labels, seed=3 * seed + 2)
        rows[f"{labels} own labels, bag of words"] = fit(own, z).score(test, truth)
        rows[f"{labels} own labels, vectors"] = fit(own @ apart, z, VECTORS_C).score(
            test @ apart, truth
        )
    return [{"seed": seed, "arm": arm, "accuracy": float(v)} for arm, v in rows.items()]


def low_resource_part() -> dict:
    rows = [row for seed in SEEDS for row in low_resource_scores(seed)]
    print("low resource", cell(rows, "accuracy", arm="English labels, vectors aligned"), flush=True)
    return {"rows": rows}

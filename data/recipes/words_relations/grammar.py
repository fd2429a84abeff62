"""Which digit follows which, learnt from fonts, helps to read handwriting."""

from __future__ import annotations

import functools
import itertools

import numpy as np
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tlhelpers.methods.relations import forward_backward, transition_matrix

from ..tables import cell
from . import SEEDS

STRICTNESS, SHOTS, STREAM = (0.1, 0.3, 1.0), (0, 1, 2, 3, 5, 10), 500
# About the smallest log loss of C = .1 to 1000 on seeds 100 to 104, for 1 to 10 labels. Accuracy on
# single pictures is the same for 1 and 100; but what relations do depends on how sure it is.
READER_C = 10


def walk(grammar: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """A sequence of `n` digits in which each depends on the one before."""
    digits = [rng.integers(len(grammar))]
    for _ in range(n - 1):
        digits.append(rng.choice(len(grammar), p=grammar[digits[-1]]))
    return np.array(digits)


def relabelled(grammar: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same grammar of other digits: as strict as before, and wrong."""
    order = rng.permutation(len(grammar))
    return grammar[order][:, order]


def evidences(scores: np.ndarray, grammars: list[np.ndarray]) -> np.ndarray:
    """The evidence that `forward_backward` gives, up to one constant, for many grammars at once."""
    table, seen = np.stack(grammars), np.exp(scores - scores.max(1, keepdims=True))
    message, total = np.full((len(grammars), scores.shape[1]), 0.1), np.zeros(len(grammars))
    for row in seen:
        joint = message * row
        scale = joint.sum(1)
        total += np.log(scale)
        message = np.einsum("gi,gij->gj", joint / scale[:, None], table)
    return total


@functools.cache
def voices():
    """Two voices: a reader of fonts, and handwriting (pixels, labels)."""
    fonts, written = tl.font_glyphs(2000, seed=77), tl.handwriting()
    pixels, labels = written.images.flatten(1).numpy(), written.labels.numpy()
    x = fonts.images.flatten(1).numpy()
    return LogisticRegression(C=0.1, max_iter=500).fit(x, fonts.labels), pixels, labels


def relation_scores(seed: int, strictness: float) -> list[dict]:
    """Handwriting read alone, with the source's relations, wrong ones, its own, the true ones."""
    fonts, pixels, labels = voices()
    rng = np.random.default_rng([seed, int(10 * strictness)])
    grammar = rng.dirichlet(np.full(10, strictness), 10)
    transferred = transition_matrix([walk(grammar, 2000, rng)], 10)
    order = rng.permutation(len(labels))
    few, test = order[:400], order[400:]
    digits = walk(grammar, STREAM, rng)
    images = pixels[[rng.choice(test[labels[test] == digit]) for digit in digits]]
    wrong = relabelled(transferred, rng)
    others = [relabelled(transferred, rng) for _ in range(19)]
    rows = []
    for shots in SHOTS:
        reader = fonts
        if shots:
            chosen = np.concatenate([few[labels[few] == digit][:shots] for digit in range(10)])
            reader = LogisticRegression(C=READER_C, max_iter=500)
            reader.fit(pixels[chosen], labels[chosen])
        scores = reader.predict_log_proba(images)
        own = transition_matrix([walk(grammar, 10 * shots, rng)] if shots else [], 10)
        relations = {"transferred": transferred, "wrong": wrong, "own": own, "true": grammar}
        read = {name: forward_backward(scores, r)[0] for name, r in relations.items()}
        found = {name: float((p.argmax(1) == digits).mean()) for name, p in read.items()}
        found["none"] = float((scores.argmax(1) == digits).mean())
        found["sureness"] = float(np.exp(scores.max(1)).mean())
        # A check without labels: do the relations fit better than the same ones of other digits?
        fits = evidences(scores, [transferred, wrong, *others])
        for name, fit in zip(("transferred", "wrong"), fits, strict=False):
            found[f"{name}: better copies"] = int((fits[2:] >= fit).sum())
        rows.append({"seed": seed, "strictness": strictness, "shots": shots} | found)
    return rows


def relations_part() -> dict:
    rows = [row for s in STRICTNESS for seed in SEEDS for row in relation_scores(seed, s)]
    for s, shots in itertools.product(STRICTNESS, (1, 5)):
        names = ("none", "transferred", "wrong", "own", "true")
        found = {n: cell(rows, n, strictness=s, shots=shots) for n in names}
        print("relations", s, shots, found, flush=True)
    return {"rows": rows}

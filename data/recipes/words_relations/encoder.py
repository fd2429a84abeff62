"""The same sentences by a frozen sentence encoder, and sentences of which only the order tells."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tlhelpers.data.small_world import NEGATIVE, POSITIVE

from ..tables import cell
from . import SEEDS, TUNING_SEEDS
from .sentences import LABELS, PENALTIES, TUNED_AT, opinion_task

THINGS = "film meal song hotel book match".split()
ORDER_ARMS = ("order", "order, mean of GloVe", "order, pairs of words")


def order_pairs(n: int, seed: int) -> tuple[list[list[str]], np.ndarray]:
    """`n` sentences in pairs with the same words and opposite labels: only the order tells."""
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(n // 2):
        good, bad, thing = (rng.choice(words) for words in (POSITIVE, NEGATIVE, THINGS))
        texts += [f"the {thing} was {a} and not {b}".split() for a, b in ((bad, good), (good, bad))]
    return texts, np.arange(n) % 2


def cached_encoder() -> Callable[[list[list[str]]], np.ndarray]:
    """Texts -> (N, 384); each text is encoded once. AssetError where the wheel is missing."""
    from tlhelpers.models.sentence_encoder import load_sentence_encoder

    encoder, known = load_sentence_encoder(), {}

    def embed(texts):
        lines = [" ".join(text) for text in texts]
        new = sorted(set(lines) - set(known), key=len)  # of like length: little padding
        for start in range(0, len(new), 64):
            batch = new[start : start + 64]
            known.update(zip(batch, encoder(batch), strict=True))
        return torch.stack([known[line] for line in lines]).numpy()

    return embed


def opinion_scores(seed: int, labels: int, c: float, embed) -> dict[str, float]:
    """Accuracies on seen and unseen opinion words, as in `sentences`."""
    task = opinion_task(seed, labels)
    parts = {name: (embed(texts), answers) for name, (texts, answers) in task.items()}
    model = LogisticRegression(C=c, max_iter=2000).fit(*parts.pop("train"))
    return {name: float(model.score(*part)) for name, part in parts.items()}


def order_score(seed: int, labels: int, c: float, arm: str, embed) -> float:
    """Accuracy on pairs that differ in the order alone."""
    (train, y), (test, truth) = order_pairs(labels, seed), order_pairs(200, seed + 1000)
    if arm == "order, mean of GloVe":
        glove = tl.glove_vectors().centred()
        x, z = (torch.stack([glove[t].mean(0) for t in part]).numpy() for part in (train, test))
    elif arm == "order, pairs of words":
        pairs = CountVectorizer(ngram_range=(2, 2))
        x = pairs.fit_transform(map(" ".join, train))
        z = pairs.transform(map(" ".join, test))
    else:
        x, z = embed(train), embed(test)
    return float(LogisticRegression(C=c, max_iter=2000).fit(x, y).score(z, truth))


def encoder_part() -> dict | None:
    """The encoder on both tasks; None, and its stored rows are kept, where it is not installed."""
    try:
        embed = cached_encoder()
    except tl.AssetError as error:
        print(error)
        return None
    means = {
        c: np.mean([opinion_scores(s, TUNED_AT, c, embed)["seen"] for s in TUNING_SEEDS])
        for c in PENALTIES
    }
    chosen = {"opinions": max(means, key=means.get)}
    for arm in ORDER_ARMS:
        means = {
            c: np.mean([order_score(s, TUNED_AT, c, arm, embed) for s in TUNING_SEEDS])
            for c in PENALTIES
        }
        chosen[arm] = max(means, key=means.get)
    rows = []
    for labels, seed in itertools.product(LABELS, SEEDS):
        row = {"labels": labels, "seed": seed}
        row |= opinion_scores(seed, labels, chosen["opinions"], embed)
        rows.append(row | {a: order_score(seed, labels, chosen[a], a, embed) for a in ORDER_ARMS})
    print("encoder", chosen, cell(rows, "unseen", labels=40), cell(rows, "order", labels=40))
    return {"rows": rows, "chosen": chosen}

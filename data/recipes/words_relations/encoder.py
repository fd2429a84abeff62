"""The same sentences by a frozen sentence encoder, and sentences of which only the order tells."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tlhelpers.data.small_world import NEGATIVE, POSITIVE

from ..tables import cell
from . import TUNING_SEEDS
from .sentences import LABELS, PENALTIES, TUNED_AT, opinion_task

ENCODER_SEEDS = range(5)


def order_pairs(n: int, seed: int) -> tuple[list[list[str]], np.ndarray]:
    """Sentences in pairs with the same words and opposite labels: only the order tells."""
    rng = np.random.default_rng(seed)
    texts = []
    for i in range(n):
        good, bad = rng.choice(POSITIVE), rng.choice(NEGATIVE)
        thing = rng.choice(["film", "meal", "song", "hotel", "book", "match"])
        first, second = (good, bad) if i % 2 else (bad, good)
        texts.append(f"the {thing} was {first} and not {second}".split())
    return texts, np.arange(n) % 2


def encoder_part() -> dict | None:
    """Five seeds only: a sentence takes a hundred times as long as a mean of vectors."""
    from tlhelpers.models.sentence_encoder import load_sentence_encoder

    try:
        encoder = load_sentence_encoder()
    except tl.AssetError as error:
        print(error)
        return None
    known: dict[str, torch.Tensor] = {}

    def embed(texts):
        lines = [" ".join(text) for text in texts]
        new = sorted(set(lines) - set(known), key=len)  # of like length: little padding
        for start in range(0, len(new), 64):
            batch = new[start : start + 64]
            known.update(zip(batch, encoder(batch), strict=True))
        return torch.stack([known[line] for line in lines]).numpy()

    def scores(seed, labels, c):
        task = opinion_task(seed, labels)
        parts = {name: (embed(texts), answers) for name, (texts, answers) in task.items()}
        model = LogisticRegression(C=c, max_iter=2000).fit(*parts.pop("train"))
        return {name: float(model.score(*part)) for name, part in parts.items()}

    means = {c: np.mean([scores(s, TUNED_AT, c)["seen"] for s in TUNING_SEEDS]) for c in PENALTIES}
    best = max(means, key=means.get)
    rows = [
        {"labels": labels, "seed": seed} | scores(seed, labels, best)
        for labels, seed in itertools.product(LABELS, ENCODER_SEEDS)
    ]
    glove = tl.glove_vectors().centred()
    for labels, seed in itertools.product(LABELS, ENCODER_SEEDS):
        (train, y), (test, truth) = order_pairs(labels, seed), order_pairs(200, seed + 1000)
        model = LogisticRegression(C=best, max_iter=2000).fit(embed(train), y)
        vectors = [torch.stack([glove[text].mean(0) for text in t]).numpy() for t in (train, test)]
        mean = LogisticRegression(C=best, max_iter=2000).fit(vectors[0], y)
        row = next(r for r in rows if (r["labels"], r["seed"]) == (labels, seed))
        row["order"] = float(model.score(embed(test), truth))
        row["order, mean of GloVe"] = float(mean.score(vectors[1], truth))
    print("encoder", cell(rows, "unseen", labels=40), cell(rows, "order", labels=40), flush=True)
    return {"rows": rows, "chosen": {"C": best}}

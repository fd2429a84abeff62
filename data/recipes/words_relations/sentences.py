"""Sentences with opinion words that no labelled sentence has, by kind of word vector."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tlhelpers.data.small_world import NEGATIVE, POSITIVE, labelled_sentences, small_corpus
from tlhelpers.methods.embeddings import cooccurrence, ppmi_svd

from ..tables import cell
from . import SEEDS, TUNING_SEEDS

LABELS = (4, 10, 20, 40, 80)  # labelled sentences in all
TUNED_AT = 20
STEPS = 200
HEAD_RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
WORD_RATES = (0.00001, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
PENALTIES = tuple(10.0**power for power in range(-1, 7))  # C of the logistic regressions
# Logistic regression with a C chosen for each; "steps" and "tuned": the same loop and steps.
WORD_ARMS = ["bag of words", "own frozen", "GloVe frozen"]
WORD_ARMS += ["own frozen, steps", "GloVe frozen, steps", "GloVe tuned", "random tuned"]


def opinion_task(seed: int, labels: int) -> dict[str, tuple[list, np.ndarray]]:
    """Training sentences; test sentences with the same opinion words, and with eight others."""
    rng = np.random.default_rng(seed)
    positive, negative = ([words[i] for i in rng.permutation(16)] for words in (POSITIVE, NEGATIVE))
    return {
        "train": labelled_sentences(labels, positive[:8], negative[:8], seed=seed),
        "seen": labelled_sentences(400, positive[:8], negative[:8], seed=seed + 1000),
        "unseen": labelled_sentences(400, positive[8:], negative[8:], seed=seed + 2000),
    }


def bags(texts: list[list[str]], words: list[str]) -> torch.Tensor:
    """Share of each word in each text: (N, V). Times vectors (V, D) it is their mean."""
    row = {word: i for i, word in enumerate(words)}
    table = torch.zeros(len(texts), len(words))
    for line, text in zip(table, texts, strict=True):
        for word in text:
            line[row[word]] += 1 / len(text)
    return table


@functools.cache
def spaces() -> tuple[list[str], dict[str, torch.Tensor]]:
    """All words of the small world, and two tables of vectors for them, entries around 1."""
    words, counts = cooccurrence(small_corpus(6000, seed=0))
    own, glove = ppmi_svd(words, counts, 50).centred(), tl.glove_vectors().centred()
    tables = {"own": own.vectors, "GloVe": glove[words]}
    return words, {name: F.normalize(table, dim=1) * 50**0.5 for name, table in tables.items()}


def vectors_of(arm: str, seed: int) -> torch.Tensor:
    """The table (V, D) that an arm begins with; random ones are drawn anew for each seed."""
    words, tables = spaces()
    if arm.startswith("random"):
        random = torch.randn(len(words), 50, generator=torch.Generator().manual_seed(seed))
        return F.normalize(random, dim=1) * 50**0.5
    return tables.get(arm.split()[0], torch.eye(len(words)))


def train_sentences(vectors, bag, labels, head_rate, word_rate, steps=STEPS):
    """A linear head on the mean word vector; with `word_rate` the vectors are trained as well.

    The head begins at zero, so nothing here is drawn at random.
    """
    vectors = vectors.clone().requires_grad_(word_rate > 0)
    head = torch.nn.Linear(vectors.shape[1], 1)
    for parameter in head.parameters():
        torch.nn.init.zeros_(parameter)
    groups = [{"params": head.parameters(), "lr": head_rate}]
    if word_rate:
        groups.append({"params": [vectors], "lr": word_rate})
    optimizer = torch.optim.Adam(groups)
    target = torch.as_tensor(labels).float()
    for _ in range(steps):
        loss = F.binary_cross_entropy_with_logits(head(bag @ vectors)[:, 0], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return lambda bag: (head(bag @ vectors)[:, 0] > 0).numpy()


@functools.cache
def opinion_bags(seed: int, labels: int) -> dict[str, tuple[torch.Tensor, np.ndarray]]:
    """The texts of `opinion_task` as bags of words."""
    task, (words, _) = opinion_task(seed, labels), spaces()
    return {part: (bags(texts, words), answers) for part, (texts, answers) in task.items()}


def opinion_scores(seed: int, labels: int, arm: str, settings: tuple) -> dict[str, float]:
    """Accuracies on seen and unseen opinion words."""
    parts = dict(opinion_bags(seed, labels))
    bag, answers = parts.pop("train")
    vectors = vectors_of(arm, seed)
    if "tuned" in arm or "steps" in arm:
        predict = train_sentences(vectors, bag, answers, *settings)
    else:
        model = LogisticRegression(C=settings[0], max_iter=2000).fit(bag @ vectors, answers)
        predict = lambda x: model.predict(x @ vectors)  # noqa: E731
    return {part: float((predict(x) == truth).mean()) for part, (x, truth) in parts.items()}


def grid(arm: str) -> list[tuple]:
    if "tuned" not in arm and "steps" not in arm:
        return [(c,) for c in PENALTIES]
    return list(itertools.product(HEAD_RATES, WORD_RATES if "tuned" in arm else (0.0,)))


def words_part() -> dict:
    """All arms with the settings that were best on the tuning seeds."""
    rows, chosen = [], {}
    for arm in WORD_ARMS:
        means = {}
        for settings in grid(arm):
            found = [opinion_scores(seed, TUNED_AT, arm, settings) for seed in TUNING_SEEDS]
            means[settings] = {p: np.mean([f[p] for f in found]) for p in ("seen", "unseen")}
        # Two ways to hold out: other sentences, or other words. It matters for tuned vectors.
        ways = {"seen": "sentences"} | ({"unseen": "words"} if arm == "GloVe tuned" else {})
        for part, way in ways.items():
            best = max(means, key=lambda settings: means[settings][part])
            chosen[f"{arm}, held out: {way}"] = list(best)
            for labels, seed in itertools.product(LABELS, SEEDS):
                scores = opinion_scores(seed, labels, arm, best)
                rows.append({"arm": arm, "way": way, "labels": labels, "seed": seed} | scores)
            print(arm, way, best, cell(rows, "unseen", arm=arm, way=way, labels=40), flush=True)
    return {"rows": rows, "chosen": chosen}

"""Word vectors from counts, what is near what, and how two spaces are laid on each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import InputError
from ..data.word_vectors import WordVectors


def cooccurrence(
    sentences: Sequence[Sequence[str]], *, window: int = 4
) -> tuple[list[str], np.ndarray]:
    """All V words, the most frequent first, and how often each stands near each: counts (V, V).

    Two words are near when they are at most `window` places apart in one sentence. The table is
    symmetric.

    Raises:
        InputError: no words, or a window below 1.
    """
    words, frequency = np.unique([w for s in sentences for w in s], return_counts=True)
    if window < 1 or len(words) == 0:
        raise InputError(f"cooccurrence needs sentences with words and window >= 1; got {window}.")
    words = words[np.argsort(-frequency, kind="stable")].tolist()
    row = {word: i for i, word in enumerate(words)}
    gap = [-1] * window  # between sentences, so that no pair crosses
    ids = np.array([i for s in sentences for i in [*(row[w] for w in s), *gap]])
    counts = np.zeros(len(words) ** 2, dtype=np.int64)
    for distance in range(1, window + 1):
        left, right = ids[:-distance], ids[distance:]
        both = (left >= 0) & (right >= 0)
        counts += np.bincount(left[both] * len(words) + right[both], minlength=len(counts))
    counts = counts.reshape(len(words), len(words))
    return words, counts + counts.T


def pmi(counts: np.ndarray) -> np.ndarray:
    """Pointwise mutual information (V, V) of a table of counts, natural logarithm (Fano 1961).

    log p(a, b) / (p(a) p(b)): 0 where two words meet as often as chance has it, minus infinity
    where they never meet.
    """
    counts = np.asarray(counts, dtype=float)
    alone = counts.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(counts * counts.sum() / np.outer(alone, alone))


def ppmi_svd(words: Sequence[str], counts: np.ndarray, dimensions: int = 50) -> WordVectors:
    """Word vectors (V, D): positive PMI, reduced by a singular value decomposition.

    Negative entries of the PMI become 0; the vectors are the left singular vectors times the
    square roots of the singular values (Levy & Goldberg 2014).

    Raises:
        InputError: a table that is not square, or more dimensions than words.
    """
    if counts.ndim != 2 or counts.shape != (len(words),) * 2 or not 0 < dimensions <= len(words):
        raise InputError(
            f"ppmi_svd takes V words, counts (V, V) and 1 to V dimensions; got {len(words)} words, "
            f"counts {counts.shape} and {dimensions} dimensions."
        )
    positive = np.nan_to_num(np.maximum(pmi(counts), 0))
    u, s, _ = np.linalg.svd(positive)
    vectors = u[:, :dimensions] * np.sqrt(s[:dimensions])
    return WordVectors(list(words), torch.from_numpy(vectors).float())


def nearest_words(
    query: str | Tensor, space: WordVectors, n: int = 5, *, exclude: Sequence[str] = ()
) -> list[tuple[str, float]]:
    """The `n` words with the largest cosine to a word of the space, or to a vector (D,).

    A word is not its own neighbour; further words to leave out are given by `exclude`.
    """
    if isinstance(query, str):
        query, exclude = space[query], [*exclude, query]
    cosine = F.normalize(space.vectors, dim=1) @ F.normalize(query, dim=0)
    cosine[[space.row[word] for word in exclude if word in space]] = -torch.inf
    best = cosine.topk(n)
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [(space.words[i], value) for i, value in pairs]


def analogy(
    a: str, b: str, c: str, space: WordVectors, n: int = 1, *, exclude_query: bool = True
) -> list[tuple[str, float]]:
    """`a` is to `b` as `c` is to ...: the words nearest to b - a + c (3CosAdd, Mikolov 2013).

    The three vectors are brought to length 1 first. With `exclude_query=False` the words a, b and c
    may answer, and mostly do (Linzen 2016).
    """
    va, vb, vc = F.normalize(space[[a, b, c]], dim=1)
    return nearest_words(vb - va + vc, space, n, exclude=[a, b, c] if exclude_query else [])


def procrustes(source: Tensor, target: Tensor) -> Tensor:
    """The rotation W (D, D) that lays N vectors on N others: source @ W is near target.

    Orthogonal Procrustes (Schönemann 1966; for word vectors Xing 2015): lengths and angles stay as
    they are, so few pairs are enough. Mirroring counts as a rotation.

    Raises:
        InputError: tables of unequal shapes.
    """
    from scipy.linalg import orthogonal_procrustes

    if source.shape != target.shape or source.ndim != 2:
        raise InputError(
            f"procrustes takes N pairs, two tables (N, D); got {tuple(source.shape)} and "
            f"{tuple(target.shape)}."
        )
    rotation, _ = orthogonal_procrustes(source.double().numpy(), target.double().numpy())
    return torch.from_numpy(rotation).to(source.dtype)


def translate(source: WordVectors, target: WordVectors, rotation: Tensor) -> dict[str, str]:
    """For each word of the source the target word with the largest cosine to its rotated vector."""
    moved = F.normalize(source.vectors @ rotation, dim=1)
    best = (moved @ F.normalize(target.vectors, dim=1).T).argmax(1)
    return {word: target.words[i] for word, i in zip(source.words, best.tolist(), strict=True)}

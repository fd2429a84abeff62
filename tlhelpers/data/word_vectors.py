"""Words and their vectors: a small table with names for its rows. Nothing is downloaded."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.assets import fetch
from ..core.errors import InputError


@dataclass(frozen=True)
class WordVectors:
    """N words, the most frequent first, and their vectors (N, D).

    `v["tea"]` is a vector (D,), `v[["tea", "cup"]]` a table (2, D); `"tea" in v` and `len(v)` work.

    Raises:
        InputError: more or fewer words than vectors, or a word twice; when asked for a word that
            is not in the table.
    """

    words: Sequence[str]
    vectors: Tensor

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.words) != len(self.vectors):
            raise InputError(
                f"WordVectors takes N words and vectors (N, D); got {len(self.words)} words and "
                f"vectors {tuple(self.vectors.shape)}."
            )
        if len(self.row) != len(self.words):
            raise InputError("WordVectors holds each word once; some are given twice.")

    @functools.cached_property
    def row(self) -> dict[str, int]:
        """Word -> its row in `vectors`."""
        return {word: i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self.row

    def __getitem__(self, words: str | Sequence[str]) -> Tensor:
        if isinstance(words, str):
            return self.vectors[self.rows([words])[0]]
        return self.vectors[self.rows(words)]

    def rows(self, words: Sequence[str]) -> list[int]:
        """Rows of several words."""
        if missing := [word for word in words if word not in self.row]:
            raise InputError(
                f'"{missing[0]}" is not among these {len(self)} words. They are in small letters.'
            )
        return [self.row[word] for word in words]

    def top(self, n: int) -> WordVectors:
        """The `n` most frequent words alone."""
        return WordVectors(list(self.words[:n]), self.vectors[:n])

    def centred(self) -> WordVectors:
        """The same words; the mean vector is taken away, then each vector has length 1.

        The mean says how often a word is used more than what it means (Mu & Viswanath 2018), and
        between unit vectors the scalar product is the cosine.
        """
        moved = self.vectors - self.vectors.mean(0)
        return WordVectors(self.words, torch.nn.functional.normalize(moved, dim=1))


def glove_vectors(n: int = 20_000) -> WordVectors:
    """The `n` most frequent words of GloVe 6B (Pennington et al. 2014), 50 numbers each, float32.

    Trained by their authors on 6 billion words of English Wikipedia and news; public domain.

    Raises:
        InputError: not 1 to 20,000 words.
    """
    from safetensors.torch import load_file

    if not 1 <= n <= 20_000:
        raise InputError(f"glove_vectors holds 1 to 20,000 words; got n={n}.")
    stored = load_file(fetch("words/glove"))
    words = bytes(stored["words"].tolist()).decode().split("\n")
    return WordVectors(words[:n], stored["vectors"][:n].float())

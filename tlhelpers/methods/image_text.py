"""Pictures and sentences in one space: two towers and a contrastive loss (CLIP, 2021).

Radford et al. 2021, *Learning transferable visual models from natural language supervision*
(arXiv 2103.00020). Small: a convolutional network for 32 x 32 pictures, a bag of words for text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.assets import fetch
from ..core.errors import InputError
from ..data.captions import split_words
from ..models.weight_files import read_weights


def clip_loss(images: Tensor, texts: Tensor, scale: Tensor | float) -> Tensor:
    """Mean of two cross-entropies: which of N texts belongs to a picture, and the reverse.

    Args:
        images, texts: unit vectors (N, D); row i of both is a pair, all others are taken as wrong.
        scale: what similarities are multiplied with, 1 / temperature.

    Equal similarities give log N (Oord et al. 2018, InfoNCE; symmetric as in CLIP).

    Raises:
        InputError: other shapes than two equal ones (N, D).
    """
    if images.ndim != 2 or images.shape != texts.shape:
        raise InputError(
            f"pairs are two tensors (N, D); got {tuple(images.shape)} and {tuple(texts.shape)}."
        )
    logits = scale * images @ texts.T
    pairs = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2


def picture_network(outputs: int, width: int = 16) -> nn.Sequential:
    """Three convolutions for pictures (N, 3, 32, 32): `.features` (N, 64 for 16 wide), `.head`."""

    def block(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1):
        layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        return layer, nn.BatchNorm2d(outputs)

    features = nn.Sequential(
        *(*block(3, width, kernel=5, stride=2), nn.ReLU()),
        *(*block(width, 2 * width), nn.MaxPool2d(2), nn.ReLU()),
        *(*block(2 * width, 4 * width), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(64 * width, 4 * width), nn.BatchNorm1d(4 * width), nn.ReLU()),
    )
    network = nn.Sequential()
    network.add_module("features", features)
    network.add_module("head", nn.Linear(4 * width, outputs))
    return network.to(memory_format=torch.channels_last)  # twice as fast on a CPU


class TwoTower(nn.Module):
    """A tower for pictures and a tower for sentences; both end in unit vectors of one space.

    The text tower averages the vectors of a sentence's words. So it cannot know their order, and
    it leaves out words that are not in its vocabulary: see `unknown`.

    Attributes:
        words: the vocabulary, in the order of the word vectors.
        log_scale: logarithm of what similarities are multiplied with; it is learnt, too.
    """

    def __init__(self, words: Iterable[str], size: int = 48):
        super().__init__()
        self.words = list(words)
        self._number = {word: i for i, word in enumerate(self.words)}
        self.picture = picture_network(size)
        self.word = nn.EmbeddingBag(len(self.words) + 1, size, mode="mean", padding_idx=0)
        self.text = nn.Linear(size, size)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def unknown(self, sentence: str) -> list[str]:
        """The words of a sentence that the vocabulary lacks, and that are left out."""
        return [word for word in split_words(sentence) if word not in self._number]

    def word_numbers(self, sentences: Sequence[str]) -> Tensor:
        """Sentences as numbers of their known words, (N, longest); 0 fills up.

        Raises:
            InputError: a plain text for a list of texts, or a sentence without a known word.
        """
        if isinstance(sentences, str):
            raise InputError("give a list of sentences: [sentence].")
        rows = [
            [self._number[word] + 1 for word in split_words(sentence) if word in self._number]
            for sentence in sentences
        ]
        for sentence, row in zip(sentences, rows, strict=True):
            if not row:
                raise InputError(
                    f'"{sentence}" has no word that this model knows. It knows: '
                    f"{', '.join(self.words)}."
                )
        longest = max(map(len, rows))
        filled = [row + [0] * (longest - len(row)) for row in rows]
        return torch.tensor(filled, device=self.log_scale.device)

    def encode_words(self, numbers: Tensor) -> Tensor:
        """`word_numbers` (N, L) as unit vectors (N, D)."""
        return F.normalize(self.text(self.word(numbers)), dim=1)

    def encode_texts(self, sentences: Sequence[str]) -> Tensor:
        """Sentences as unit vectors (N, D)."""
        return self.encode_words(self.word_numbers(sentences))

    def encode_images(self, images: Tensor) -> Tensor:
        """Pictures (N, 3, 32, 32) in [0, 1] as unit vectors (N, D)."""
        return F.normalize(self.picture(images), dim=1)

    def forward(self, images: Tensor, numbers: Tensor) -> Tensor:
        """The contrastive loss of pictures and their captions' `word_numbers`."""
        scale = self.log_scale.exp().clamp(max=100)  # CLIP's bound
        return clip_loss(self.encode_images(images), self.encode_words(numbers), scale)


def load_image_text() -> tuple[TwoTower, dict]:
    """The stored two towers for drawn shapes, in eval mode, and the facts of their training.

    The facts name the class numbers that were `seen` and `unseen`. Raises `AssetError` where the
    file is missing or changed.
    """
    tensors, facts = read_weights(fetch("weights/image_text"))
    model = TwoTower(facts["words"], facts["size"])
    model.load_state_dict({name: value.float() for name, value in tensors.items()}, strict=False)
    return model.eval(), facts

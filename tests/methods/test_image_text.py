"""Two towers: the loss in closed form, what a bag of words must give, and the stored weights."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from data.recipes.image_text import accuracy
from tlhelpers.core.errors import InputError
from tlhelpers.data.shapes import CLASSES, split_classes
from tlhelpers.methods.image_text import TwoTower, clip_loss, load_image_text, picture_network

WORDS = ("a", "blue", "circle", "not", "red", "square")


@pytest.fixture
def towers():
    torch.manual_seed(0)
    return TwoTower(WORDS, size=8).eval()


@pytest.fixture
def pairs():
    return F.normalize(torch.randn(2, 12, 5, generator=torch.Generator().manual_seed(0)), dim=2)


@pytest.mark.parametrize("n", [1, 7, 64])
def test_equal_similarities_cost_log_n(n):
    same = F.normalize(torch.ones(n, 3), dim=1)
    assert clip_loss(same, same, 20.0).item() == pytest.approx(math.log(n), abs=1e-5)


def test_the_loss_is_symmetric(pairs):
    torch.testing.assert_close(clip_loss(*pairs, 4.0), clip_loss(*pairs.flip(0), 4.0))


def test_the_order_of_the_pairs_does_not_matter(pairs):
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(clip_loss(*pairs, 4.0), clip_loss(*pairs[:, order], 4.0))


def test_the_loss_of_orthogonal_pairs_in_closed_form():
    """Own similarity 1, others 0: log(e^s + N - 1) - s on both sides."""
    eye, scale = torch.eye(6), 3.0
    expected = math.log(math.exp(scale) + 5) - scale
    assert clip_loss(eye, eye, scale).item() == pytest.approx(expected, abs=1e-5)
    swapped = clip_loss(eye, eye.roll(1, 0), scale).item()
    assert swapped == pytest.approx(math.log(math.exp(scale) + 5), abs=1e-5)


def test_the_loss_wants_pairs():
    with pytest.raises(InputError, match="pairs are two tensors"):
        clip_loss(torch.zeros(4, 2), torch.zeros(3, 2), 1.0)


def test_both_towers_give_unit_vectors(towers):
    texts = towers.encode_texts(["a red circle", "red"])
    images = towers.encode_images(torch.rand(3, 3, 32, 32))
    for vectors, n in ((texts, 2), (images, 3)):
        assert vectors.shape == (n, 8)
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(n))


def test_a_bag_of_words_knows_no_order_and_no_unknown_word(towers):
    a, b, c, d = towers.encode_texts(
        ["a red circle, a blue square", "a blue circle, a red square", "a red circle", "red CIRCLE"]
    )
    torch.testing.assert_close(a, b)
    assert not torch.allclose(c, d), "the article is a word, too"
    known, more = towers.encode_texts(["a red circle", "two a red shiny circle"])
    torch.testing.assert_close(known, more)
    assert towers.unknown("Two a red, shiny circle!") == ["two", "shiny"]


def test_short_sentences_are_not_changed_by_longer_ones_beside_them(towers):
    alone = towers.encode_texts(["red"])[0]
    torch.testing.assert_close(towers.encode_texts(["red", "a not blue square"])[0], alone)


def test_a_sentence_without_known_words_says_what_is_known(towers):
    with pytest.raises(InputError, match="purple star.*red"):
        towers.encode_texts(["purple star"])
    with pytest.raises(InputError, match="list"):
        towers.encode_texts("a red circle")


def test_the_loss_reaches_every_weight(towers):
    towers.train()
    numbers = towers.word_numbers(["a red circle", "not a blue square"])
    towers(torch.rand(2, 3, 32, 32), numbers).backward()
    assert all(p.grad is not None for p in towers.parameters())
    assert towers.log_scale.grad != 0


def test_the_picture_network_has_features_and_a_head():
    network = picture_network(11).eval()
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(network.head(network.features(images)), network(images))
    assert network(images).shape == (2, 11)


def test_the_stored_towers_were_kept_from_the_unseen_classes():
    towers, facts = load_image_text()
    split = split_classes(0)
    assert facts["unseen"] == split.unseen.tolist() and facts["seen"] == split.seen.tolist()
    assert towers.words == facts["words"] and not towers.training
    assert {word for name in CLASSES for word in name.split()} <= set(towers.words)


@pytest.mark.trained
def test_the_stored_towers_name_combinations_they_never_saw(seed, holds):
    towers, facts = load_image_text()
    found = accuracy(towers, facts["unseen"], seed=1000 + seed)
    holds("accuracy among the unseen", found, above=0.75)

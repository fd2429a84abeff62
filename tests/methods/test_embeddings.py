"""Word vectors against tables worked out by hand, and against what the data were made of."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.data.languages import invented_words, rename, sample_counts, sample_documents
from tlhelpers.data.small_world import NEGATIVE, OPINIONS, POSITIVE, REACTIONS
from tlhelpers.data.word_vectors import WordVectors
from tlhelpers.methods.embeddings import (
    analogy,
    cooccurrence,
    nearest_words,
    pmi,
    ppmi_svd,
    procrustes,
    translate,
)

SENTENCES = ["a b a".split(), "b c".split()]


def test_counts_of_two_sentences_by_hand():
    words, counts = cooccurrence(SENTENCES, window=1)
    assert words == ["a", "b", "c"]
    assert counts.tolist() == [[0, 2, 0], [2, 0, 1], [0, 1, 0]]
    _, wider = cooccurrence(SENTENCES, window=5)
    assert wider.tolist() == [[2, 2, 0], [2, 0, 1], [0, 1, 0]], "a meets itself, from both sides"


def test_pmi_by_hand():
    counts = np.array([[0, 2, 0], [2, 0, 1], [0, 1, 0]])
    # rows add up to 2, 3, 1; 6 in all: PMI(a, b) = log(2 * 6 / (2 * 3)), PMI(b, c) the same
    table = pmi(counts)
    assert table[0, 1] == table[1, 2] == pytest.approx(math.log(2))
    assert table[0, 0] == -np.inf


def test_pmi_of_independent_words_is_zero():
    frequency = np.array([5, 3, 2])
    assert np.allclose(pmi(np.outer(frequency, frequency)), 0)


def test_all_dimensions_of_the_svd_give_the_table_back_in_length():
    """With all dimensions, v @ v.T is the matrix square root of table @ table.T."""
    words, counts = cooccurrence(tl.small_corpus(400, seed=1))
    vectors = ppmi_svd(words, counts, len(words)).vectors.double()
    table = torch.from_numpy(np.nan_to_num(np.maximum(pmi(counts), 0)))
    gram = vectors @ vectors.T
    assert torch.allclose(gram @ gram, table @ table.T, atol=1e-3)


@pytest.mark.trained
def test_synonyms_are_near_in_the_small_world(seed, holds):
    """The nearest word of an opinion word has the same opinion, though nothing says so."""
    words, counts = cooccurrence(tl.small_corpus(6000, seed=seed))
    space = ppmi_svd(words, counts, 50).centred()
    right = [
        nearest_words(word, space, 1)[0][0] in OPINIONS[kind]
        for kind in OPINIONS
        for word in OPINIONS[kind][:8]
    ]
    holds("share of opinion words whose neighbour agrees", np.mean(right), above=0.85)


def test_small_world_is_what_it_says():
    texts = tl.small_corpus(500, seed=3)
    assert texts == tl.small_corpus(500, seed=3) != tl.small_corpus(500, seed=4)
    opposite = {"positive": "negative", "negative": "positive"}
    for text in texts:
        for kind, other in opposite.items():
            if set(text) & set(OPINIONS[kind]):
                assert not set(text) & {*OPINIONS[other], *REACTIONS[other]}
    used, labels = tl.labelled_sentences(100, POSITIVE[:3], NEGATIVE[:3], seed=0)
    assert labels.mean() == 0.5
    spoken = {word for text in used for word in text}
    assert not spoken & {*POSITIVE[3:], *NEGATIVE[3:], *sum(REACTIONS.values(), [])}
    glove = tl.glove_vectors()
    assert all(word in glove for text in texts for word in text)
    with pytest.raises(InputError, match="n >= 1"):
        tl.small_corpus(0)


def test_nearest_and_analogy_leave_out_what_they_should():
    plane = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0]])
    space = WordVectors(["east", "eastish", "north", "west"], plane)
    assert nearest_words("east", space, 1)[0][0] == "eastish"
    assert nearest_words(torch.tensor([5.0, 0.0]), space, 1)[0] == ("east", 1.0)
    assert nearest_words("east", space, 1, exclude=["eastish"])[0][0] == "north"
    barred, free = (
        analogy("north", "north", "east", space, exclude_query=e) for e in (True, False)
    )
    assert (barred[0][0], free[0][0]) == ("eastish", "east")


def test_procrustes_finds_a_rotation_and_keeps_lengths():
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(30, 6, generator=chance)
    true = torch.linalg.qr(torch.randn(6, 6, generator=chance))[0]
    assert torch.allclose(procrustes(x, x @ true), true, atol=1e-5)
    noisy = procrustes(x, x @ true + torch.randn(30, 6, generator=chance))
    assert torch.allclose(noisy.T @ noisy, torch.eye(6), atol=1e-5)
    u, _, vt = torch.linalg.svd(x.T @ (2 * x @ true))
    assert torch.allclose(procrustes(x, 2 * x @ true), u @ vt, atol=1e-5)
    with pytest.raises(InputError, match="N pairs"):
        procrustes(x, x[:5])


def test_a_language_of_the_same_text_is_translated_without_a_mistake():
    glove = tl.glove_vectors(150)
    world = WordVectors(glove.words[50:], glove.vectors[50:]).centred()
    names = invented_words(world.words, seed=1)
    counts = sample_counts(world, 100_000, seed=0)
    space = ppmi_svd(world.words, counts, 20).centred()
    other = ppmi_svd(*rename(world.words, counts, names), 20).centred()
    pairs = world.words[:40]
    rotation = procrustes(space[pairs], other[[names[word] for word in pairs]])
    assert translate(space, other, rotation) == names


def test_invented_words_share_and_merge_as_many_as_asked():
    words = [f"w{i}" for i in range(100)]
    names = invented_words(words, seed=0, shared=0.1, merged=20)
    assert sum(word == name for word, name in names.items()) == 10
    assert len(set(names.values())) == 80
    assert invented_words(words, seed=0) != invented_words(words, seed=1)
    counts = np.ones((100, 100), dtype=int)
    merged_words, merged = rename(words, counts, names)
    assert len(merged_words) == 80 and merged.sum() == counts.sum()
    for wrong in ({"shared": 1.5}, {"merged": 60}, {"shared": 0.9, "merged": 6}):
        with pytest.raises(InputError, match="invented_words"):
            invented_words(words, **wrong)


def test_documents_are_about_their_topic():
    glove = tl.glove_vectors(800)
    world = WordVectors(glove.words[300:], glove.vectors[300:]).centred()
    topics = world[["music", "army"]]
    counts, labels = sample_documents(world, topics, 200, seed=0)
    assert (counts.sum(1) == 8).all() and labels.tolist() == [0, 1] * 100
    means = torch.from_numpy(counts).float() @ world.vectors
    assert ((means @ topics.T).argmax(1).numpy() == labels).mean() > 0.75


def test_glove_vectors_are_the_registered_ones():
    glove = tl.glove_vectors()
    assert len(glove) == 20_000 and glove.words[0] == "the" and glove.vectors.shape[1] == 50
    assert glove["the"][0].item() == pytest.approx(0.418, abs=1e-3), "as in glove.6B.50d.txt"
    assert glove.top(10).words == glove.words[:10]
    assert torch.allclose(glove.centred().vectors.norm(dim=1), torch.ones(len(glove)), atol=1e-5)
    with pytest.raises(InputError, match="zzyzx"):
        glove["zzyzx"]
    with pytest.raises(InputError, match="1 to 20,000"):
        tl.glove_vectors(0)
    with pytest.raises(InputError, match="twice"):
        WordVectors(["a", "a"], torch.zeros(2, 3))
    with pytest.raises(InputError, match="N words"):
        WordVectors(["a"], torch.zeros(2, 3))

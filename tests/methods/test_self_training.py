"""Pseudo-labels by hand: whom to believe, and how many of each class."""

from __future__ import annotations

import pytest
import torch

import tlhelpers as tl

SURE = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.99, 0.01], [0.5, 0.5], [0.7, 0.3]])


@pytest.mark.parametrize(
    ("threshold", "rows", "labels"),
    [
        (0.0, [0, 1, 2, 3, 4, 5], [0, 0, 1, 0, 0, 0]),
        (0.8, [0, 2, 3], [0, 1, 0]),
        (0.9, [0, 3], [0, 0]),  # "at least"
        (1.0, [], []),
    ],
)
def test_threshold(threshold, rows, labels):
    found = tl.pseudo_labels(SURE, threshold)
    assert [part.tolist() for part in found] == [rows, labels]


def test_the_surest_of_each_class():
    rows, labels = tl.pseudo_labels(SURE, 0.0, per_class=2)
    assert rows.tolist() == [0, 2, 3] and labels.tolist() == [0, 1, 0]
    assert tl.pseudo_labels(SURE, 0.95, per_class=2)[0].tolist() == [3]


def test_equal_sureness_is_no_reason_to_keep_too_many():
    rows, _ = tl.pseudo_labels(torch.tensor([[1.0, 0.0]] * 5), 0.5, per_class=3)
    assert rows.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("probabilities", "options", "message"),
    [
        (torch.tensor([[2.0, -1.0]]), {}, "logits"),
        (torch.tensor([[0.2, 0.2]]), {}, "adding up to 1"),
        (torch.tensor([0.5, 0.5]), {}, "N, K"),
        (SURE, {"threshold": 95}, "threshold"),
        (SURE, {"per_class": 0}, "per_class"),
    ],
)
def test_what_cannot_be_believed(probabilities, options, message):
    with pytest.raises(tl.InputError, match=message):
        tl.pseudo_labels(probabilities, **options)

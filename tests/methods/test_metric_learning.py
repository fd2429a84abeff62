"""Metric learning: losses against values by hand, batches and episodes, the shape of training."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl

# two persons; pictures of one 1 and 2 apart, different ones 1, 2, sqrt 2 and sqrt 5 apart
POINTS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
LABELS = torch.tensor([0, 0, 1, 1])


def test_pairs_are_every_pair_once():
    distances, same = tl.pair_distances(POINTS, LABELS)
    assert distances.tolist() == pytest.approx([1, 1, 1, 2**0.5, 2**0.5, 2])
    assert same.tolist() == [True, False, False, False, False, True]


def test_contrastive_loss_by_hand():
    pull, push = (1 + 4) / 2, (0.5**2 + 0.5**2 + 2 * (1.5 - 2**0.5) ** 2) / 4
    assert tl.contrastive_loss(POINTS, LABELS, 1.5).item() == pytest.approx(pull + push)


def test_triplet_loss_is_the_mean_over_unsolved_triplets():
    """Against a loop over anchors, positives and negatives."""
    z = F.normalize(torch.randn(10, 5, generator=torch.Generator().manual_seed(0)))
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 3, 3])
    losses = [
        float((z[a] - z[p]).square().sum() - (z[a] - z[n]).square().sum() + 0.2)
        for a in range(10)
        for p in range(10)
        for n in range(10)
        if a != p and y[a] == y[p] and y[a] != y[n]
    ]
    unsolved = [loss for loss in losses if loss > 0]
    assert 0 < len(unsolved) < len(losses)
    expected = sum(unsolved) / len(unsolved)
    assert tl.triplet_loss(z, y).item() == pytest.approx(expected, rel=1e-5)


def test_solved_batches_have_no_loss_and_no_gradient():
    corners = torch.eye(3).repeat_interleave(2, 0).requires_grad_()
    labels = torch.arange(3).repeat_interleave(2)
    for loss in (tl.contrastive_loss, tl.triplet_loss):
        value = loss(corners, labels)
        value.backward()
        assert value.item() == pytest.approx(0, abs=1e-6)
        assert corners.grad.abs().max() < 1e-5


@pytest.mark.parametrize("loss", [tl.contrastive_loss, tl.triplet_loss])
def test_equal_pictures_have_a_finite_gradient(loss):
    z = torch.zeros(4, 3, requires_grad=True)
    loss(z, LABELS).backward()
    assert z.grad.isfinite().all()


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3]])
@pytest.mark.parametrize("loss", [tl.contrastive_loss, tl.triplet_loss])
def test_batches_without_pairs_are_refused(loss, labels):
    with pytest.raises(tl.InputError, match="balanced_batch"):
        loss(POINTS, torch.tensor(labels))


def test_prototypes_are_means_in_any_order():
    features = torch.tensor([[4.0, 0.0], [0.0, 2.0], [0.0, 4.0]])
    centres = tl.prototypes(features, torch.tensor([1, 0, 0]))
    assert centres.tolist() == [[0.0, 3.0], [4.0, 0.0]]
    logits = tl.prototype_logits(torch.tensor([[0.0, 0.0]]), centres)
    assert logits[0].tolist() == pytest.approx([-9, -16])
    with pytest.raises(tl.InputError, match="needs a sample"):
        tl.prototypes(features, torch.tensor([0, 0, 2]))


def test_balanced_batches_hold_what_was_asked_for():
    labels = torch.tensor([0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3])  # class 0 has one sample only
    for seed in range(5):
        rows = tl.balanced_batch(labels, 3, 3, torch.Generator().manual_seed(seed))
        drawn = labels[rows].view(3, 3)
        assert (drawn == drawn[:, :1]).all() and sorted(drawn[:, 0].tolist()) == [1, 2, 3]
        assert len(rows.unique()) == 9
    with pytest.raises(tl.InputError, match="3 classes have so many"):
        tl.balanced_batch(labels, 4, 3)


def test_episodes_of_clean_features_are_all_right_and_of_noise_at_chance():
    labels = torch.arange(10).repeat_interleave(12)
    noise = torch.randn(120, 8, generator=torch.Generator().manual_seed(0))
    clean = 50 * F.one_hot(labels, 10)[:, :8].float() + noise
    options = {"ways": 5, "shots": 1, "episodes": 200}
    kept = labels < 8
    right = tl.episode_accuracies(clean[kept], labels[kept], **options)
    assert right == [1.0] * 200
    guessed = tl.mean_interval(tl.episode_accuracies(noise, labels, **options))
    assert guessed.low < 0.2 + 0.02 and guessed.high > 0.2 - 0.02


def test_the_same_seed_draws_the_same_episodes():
    """A feature that names the row shows which ones were drawn."""
    labels = torch.arange(6).repeat_interleave(8)
    x = torch.randn(48, 4, generator=torch.Generator().manual_seed(1))
    options = {"ways": 3, "shots": 2, "episodes": 20}
    first = tl.episode_accuracies(x, labels, seed=3, **options)
    assert first == tl.episode_accuracies(x.view(48, 2, 2), labels, seed=3, **options)
    assert first != tl.episode_accuracies(x, labels, seed=4, **options)


@pytest.mark.trained
@pytest.mark.parametrize("loss", [tl.contrastive_loss, tl.triplet_loss])
def test_a_learned_distance_holds_for_new_classes(loss, seed, holds):
    """Classes differ in 3 of 20 numbers, the others are loud: training learns to overlook them."""
    chance = torch.Generator().manual_seed(seed)

    def samples(classes):
        centres = torch.zeros(classes, 20)
        centres[:, :3] = 2 * torch.randn(classes, 3, generator=chance)
        labels = torch.arange(classes).repeat_interleave(8)
        noise = torch.randn(len(labels), 20, generator=chance)
        noise[:, 3:] *= 3
        return centres[labels] + noise, labels

    x, y = samples(30)
    torch.manual_seed(seed)
    network = nn.Linear(20, 8)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(150):
        rows = tl.balanced_batch(y, 10, 4, chance)
        value = loss(F.normalize(network(x[rows])), y[rows])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    new, names = samples(30)
    with torch.no_grad():
        learned = tl.equal_error_rate(*tl.pair_distances(F.normalize(network(new)), names)).rate
    plain = tl.equal_error_rate(*tl.pair_distances(F.normalize(new), names)).rate
    holds("equal error rate saved", plain - learned, above=0.1)

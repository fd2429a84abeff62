"""LogME, LEEP and H-score against closed forms and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from tlhelpers.core.errors import InputError
from tlhelpers.methods.transferability import h_score, leep, log_me, probe_score


def features_and_labels(n=24, width=5, classes=3, seed=0, signal=1.0):
    """Features of `classes` clouds whose centres are `signal` apart, in random order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % classes)
    centres = rng.normal(size=(classes, width)) * signal
    features = centres[labels] + rng.normal(size=(n, width))
    return torch.from_numpy(features), torch.from_numpy(labels)


def brute_force_log_me(features, labels) -> float:
    """Maximise log N(y; 0, F F^T / a + I / b) with a general optimiser, class by class."""
    f = features.numpy()
    n, best = len(f), []
    for k in labels.unique():
        y = (labels == k).double().numpy()

        def negative(logs, y=y):
            covariance = f @ f.T * math.exp(-logs[0]) + np.eye(n) * math.exp(-logs[1])
            return -multivariate_normal(np.zeros(n), covariance).logpdf(y)

        starts = [(a, b) for a in (-2.0, 0.0, 2.0) for b in (-1.0, 1.0, 3.0)]
        best.append(-min(minimize(negative, start, method="Nelder-Mead").fun for start in starts))
    return float(np.mean(best)) / n


@pytest.mark.parametrize("width", [2, 5, 30])  # 30: more features than images
def test_log_me_is_the_maximum_of_the_evidence(width):
    features, labels = features_and_labels(width=width)
    assert log_me(features, labels) == pytest.approx(brute_force_log_me(features, labels), abs=2e-4)


def test_log_me_ignores_rotation_and_scale_and_not_a_shift():
    features, labels = features_and_labels()
    rotation = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0]
    plain = log_me(features, labels)
    assert log_me(7 * features @ rotation, labels) == pytest.approx(plain, abs=1e-4)
    assert abs(log_me(features + 3, labels) - plain) > 1e-3  # it has no constant of its own


def test_log_me_does_not_reward_features_that_only_fit():
    """Thirty random features fit 24 labels without error; the evidence is not impressed."""
    signal, labels = features_and_labels(signal=3.0)
    noise = torch.randn(24, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert log_me(signal, labels) > log_me(noise, labels) + 0.1


def test_leep_of_a_deterministic_head_is_the_conditional_entropy():
    """Source class 0 holds 3 a and 1 b, source class 1 holds 2 b: log-likelihood by hand."""
    said = torch.tensor([0, 0, 0, 0, 1, 1])
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    expected = (3 * math.log(3 / 4) + math.log(1 / 4)) / 6
    assert leep(torch.eye(2)[said], labels) == pytest.approx(expected)


def test_leep_is_0_for_a_head_that_knows_and_minus_log_k_for_one_that_does_not():
    labels = torch.arange(12) % 3
    assert leep(torch.eye(3)[labels], labels) == pytest.approx(0)
    assert leep(torch.full((12, 7), 1 / 7), labels) == pytest.approx(-math.log(3))


def test_h_score_of_one_hot_features_is_k_minus_1():
    labels = torch.arange(30) % 3
    assert h_score(torch.eye(3)[labels], labels, shrink=False) == pytest.approx(2)


def test_h_score_of_two_classes_on_a_line_is_the_explained_variance():
    """One feature, means -1 and 1, variance 1/4 within: 1 / (1 + 1/4)."""
    labels = torch.tensor([0, 0, 1, 1])
    features = torch.tensor([[-1.5], [-0.5], [0.5], [1.5]])
    assert h_score(features, labels, shrink=False) == pytest.approx(1 / 1.25)


def test_the_plain_h_score_is_blind_with_more_features_than_images():
    """Pure noise reaches the maximum, K - 1; the shrunk one does not."""
    noise = torch.randn(20, 60, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(20) % 4
    assert h_score(noise, labels, shrink=False) == pytest.approx(3, abs=1e-6)
    assert h_score(noise, labels) < 1


SCORES = {
    "LogME": log_me,
    "LEEP": lambda features, labels: leep(features.softmax(1), labels),
    "H-score": h_score,
    "H-score, not shrunk": lambda features, labels: h_score(features, labels, shrink=False),
}


@pytest.mark.parametrize("name", SCORES)
def test_names_and_order_do_not_matter(name):
    score = SCORES[name]
    features, labels = features_and_labels()
    plain = score(features, labels)
    assert score(features, torch.tensor([2, 0, 1])[labels]) == pytest.approx(plain, abs=1e-6)
    order = torch.randperm(len(labels))
    assert score(features[order], labels[order]) == pytest.approx(plain, abs=1e-6)
    assert score(features, 10 * labels + 3) == pytest.approx(plain, abs=1e-6)  # gaps in the labels


@pytest.mark.parametrize("name", [*SCORES, "probe"])
def test_every_score_prefers_signal_to_shuffled_labels(name):
    """Mean over ten draws: the features that know the classes score clearly higher."""
    score = SCORES.get(name, lambda f, y: probe_score(f, y)[1])
    gains = []
    for seed in range(10):
        features, labels = features_and_labels(n=60, signal=2.0, seed=seed)
        chance = torch.Generator().manual_seed(seed)
        shuffled = labels[torch.randperm(len(labels), generator=chance)]
        gains.append(score(features, labels) - score(features, shuffled))
    assert np.mean(gains) > 2 * np.std(gains) / math.sqrt(10) and np.mean(gains) > 0.05


def test_probe_score_is_the_accuracy_on_images_left_out():
    features, labels = features_and_labels(n=60, signal=6.0)
    accuracy, likelihood = probe_score(features, labels)
    assert accuracy > 0.95 and -0.3 < likelihood < 0
    noise = torch.randn(60, 100, generator=torch.Generator().manual_seed(0))  # would be fitted
    accuracy, likelihood = probe_score(noise, labels)
    assert accuracy < 0.6 and likelihood < math.log(1 / 3) + 0.1


def test_wrong_input_is_explained():
    features, labels = features_and_labels()
    with pytest.raises(InputError, match="one row for each image"):
        log_me(labels, features)  # the arguments swapped, as in thuml/LogME issue 14
    with pytest.raises(InputError, match="softmax"):
        leep(features, labels)
    with pytest.raises(InputError, match="same label"):
        h_score(features, torch.zeros_like(labels))
    with pytest.raises(InputError, match="two images of each class"):
        probe_score(features, torch.tensor([1] + 23 * [0]))

"""Weights against cases whose true weights are known, and against a peer where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tlhelpers.core.errors import InputError
from tlhelpers.data.cohort import age_density_ratio, draw_cohort
from tlhelpers.methods.instance_weighting import (
    effective_sample_size,
    estimate_shares,
    importance_weights,
    kernel_mean_matching,
)
from tlhelpers.methods.tradaboost import tradaboost


@pytest.fixture
def shifted():
    """Two normal distributions one apart: the true ratio is exp(x - 1/2), straight in x."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 1, (4000, 1)), rng.normal(1, 1, (2000, 1))


def test_weights_are_the_ratio_of_the_densities(shifted):
    source, target = shifted
    weights = importance_weights(source, target)
    true = np.exp(source[:, 0] - 0.5)
    assert weights.mean() == pytest.approx(1)
    assert np.corrcoef(np.log(weights), np.log(true))[0, 1] > 0.999
    assert (weights * source[:, 0]).mean() == pytest.approx(1, abs=0.15)  # the target's mean


def test_equal_domains_have_equal_weights():
    x = np.random.default_rng(0).normal(size=(3000, 2))
    assert importance_weights(x[:2000], x[2000:]) == pytest.approx(1, abs=0.35)
    assert importance_weights(x, x) == pytest.approx(1, abs=1e-3)


def test_the_number_of_target_examples_does_not_matter(shifted):
    source, target = shifted
    thrice = importance_weights(source, np.concatenate([target] * 3))
    assert thrice == pytest.approx(importance_weights(source, target), rel=0.15)


def test_a_clip_makes_more_examples_count(shifted):
    source, target = shifted
    free, clipped = importance_weights(source, target), importance_weights(source, target, clip=2)
    assert clipped.mean() == pytest.approx(1) and clipped.max() <= 2 / np.minimum(free, 2).mean()
    assert effective_sample_size(clipped) > effective_sample_size(free)


def test_the_effective_sample_size():
    assert effective_sample_size([3, 3, 3, 3]) == pytest.approx(4)
    assert effective_sample_size([0, 0, 7]) == pytest.approx(1)
    assert effective_sample_size([1, 3]) == pytest.approx(16 / 10)
    for wrong in ([], [0, 0], [1, -1]):
        with pytest.raises(InputError, match="weights of 0 or more"):
            effective_sample_size(wrong)


def mmd(weights, source, target, width):
    """Squared distance of the weighted means in kernel space, without its constant term."""

    def kernel(a, b):
        return np.exp(-np.square(a[:, None] - b[None]).sum(-1) / (2 * width**2))

    n = len(source)
    within = weights @ kernel(source, source) @ weights / n**2
    return within - 2 * (weights @ kernel(source, target)).mean() / n


def test_matching_moves_the_mean_and_keeps_its_bounds(shifted):
    source, target = shifted[0][:400], shifted[1][:300]
    for bound in (5, 50):
        weights = kernel_mean_matching(source, target, bound=bound)
        assert weights.mean() == pytest.approx(1)
        assert weights.min() >= 0 and weights.max() <= bound + 1e-9
    assert (weights * source[:, 0]).mean() == pytest.approx(target.mean(), abs=0.1)


def test_matching_finds_the_best_weights(shifted):
    """No other weights come nearer: neither equal ones, the true ones, nor small changes."""
    source, target = shifted[0][:200], shifted[1][:200]
    both = np.concatenate([source, target])
    source, target = ((x - both.mean(0)) / both.std(0) for x in (source, target))
    weights = kernel_mean_matching(source, target, bound=5, width=0.5, steps=3000)
    best = mmd(weights, source, target, 0.5)
    rng = np.random.default_rng(0)
    true = np.exp(source[:, 0])
    rivals = [np.ones(200), np.minimum(true / true.mean(), 5)]
    for _ in range(20):
        other = np.clip(weights + 0.1 * rng.normal(size=200), 0, 5)
        rivals.append(other / other.mean())
    assert best <= min(mmd(other, source, target, 0.5) for other in rivals) + 1e-9


def test_a_copy_of_the_source_needs_no_weights():
    x = np.random.default_rng(0).normal(size=(60, 2))
    assert kernel_mean_matching(x, x, steps=3000) == pytest.approx(1, abs=0.02)


def test_shares_are_found_from_mistakes_alone():
    """Right 8 times in 10: 80 of 100 ill and 180 of 900 healthy are called ill, 260 in all."""
    labels = np.repeat([0, 1], 50)
    predictions = np.concatenate([np.repeat([0, 1], [40, 10]), np.repeat([0, 1], [10, 40])])
    seen = np.repeat([0, 1], [740, 260])
    assert estimate_shares(labels, predictions, seen) == pytest.approx([0.9, 0.1])
    with pytest.raises(InputError, match="no inverse"):
        estimate_shares(labels, np.zeros(100), seen)


@pytest.mark.parametrize("method", [importance_weights, kernel_mean_matching])
def test_features_that_do_not_fit_are_refused(method):
    with pytest.raises(InputError, match="same D"):
        method(np.zeros((3, 2)), np.zeros((3, 4)))
    with pytest.raises(InputError):
        method(np.zeros((3, 2)), np.zeros((0, 2)))


def test_a_bound_below_one_is_refused(shifted):
    with pytest.raises(InputError, match="bound"):
        kernel_mean_matching(*shifted, bound=0.5)
    with pytest.raises(InputError, match="clip"):
        importance_weights(*shifted, clip=0)


# --- TrAdaBoost ----------------------------------------------------------------------------------


@pytest.fixture
def contradicted():
    """Ages and markers; in a third of the source the labels are those of the opposite rule."""
    rng = np.random.default_rng(1)
    source, target, test = (rng.normal(size=(n, 2)) for n in (300, 40, 2000))
    rule = [(x[:, 0] > 0).astype(int) for x in (source, target, test)]
    harmful = np.arange(300) < 100
    return source, np.where(harmful, 1 - rule[0], rule[0]), target, rule[1], test, rule[2], harmful


def test_examples_that_contradict_the_target_lose_their_weight(contradicted):
    source, y, target, y_target, test, y_test, harmful = contradicted
    found = tradaboost(source, y, target, y_target, rounds=10)
    assert found.weights.shape == (11, 340) and found.weights.sum(1) == pytest.approx(1)
    assert found.weights[0] == pytest.approx(1 / 340)
    last = found.weights[-1][:300]
    assert last[harmful].mean() < 0.3 * last[~harmful].mean()
    assert (found.predict(test) == y_test).mean() > 0.9


def test_one_round_follows_the_formula(contradicted):
    """Dai et al. 2007: a wrong source example is multiplied by 1 / (1 + sqrt(2 ln n / rounds))."""
    source, y, target, y_target, *_ = contradicted
    found = tradaboost(source, y, target, y_target, rounds=1, learner=LogisticRegression())
    wrong = found.learners[0].predict(np.concatenate([source, target])) != np.r_[y, y_target]
    shrink = 1 / (1 + np.sqrt(2 * np.log(300)))
    error = np.clip(wrong[300:].mean(), 1e-3, 0.499)
    factor = np.where(wrong, np.r_[np.full(300, shrink), np.full(40, (1 - error) / error)], 1)
    assert found.weights[1] == pytest.approx(factor / factor.sum())


def test_the_later_rounds_vote(contradicted):
    """Dai et al. 2007: rounds N/2 (rounded up) to N, each with ln(1 / beta) as its weight."""
    source, y, target, y_target, test, *_ = contradicted
    for rounds, first in ((1, 1), (4, 2), (5, 3)):
        found = tradaboost(source, y, target, y_target, rounds=rounds)
        kept = range(first - 1, rounds)
        votes = sum(-np.log(found.betas[k]) * found.learners[k].predict(test) for k in kept)
        half = sum(-np.log(found.betas[k]) for k in kept) / 2
        assert (found.predict(test) == (votes >= half)).all()


def test_tradaboost_is_for_two_classes(contradicted):
    source, y, target, y_target, *_ = contradicted
    with pytest.raises(InputError, match="label 0 or 1"):
        tradaboost(source, y + 1, target, y_target)
    with pytest.raises(InputError, match="label 0 or 1"):
        tradaboost(source, y[:-1], target, y_target)


# --- on the cohort, and beside a peer -------------------------------------------------------------


@pytest.mark.trained
def test_on_the_cohort_weights_are_near_the_true_ones(seed, holds):
    source = draw_cohort(900, older=0.1, seed=seed)
    target = draw_cohort(300, older=0.95, seed=100 + seed)
    true = age_density_ratio(source.patients[:, 0], source=0.1, target=0.95)
    for name, method in (("classifier", importance_weights), ("matching", kernel_mean_matching)):
        weights = method(source.patients, target.patients)
        old = source.patients[:, 0] > 55
        holds(f"weight on the old, {name}", weights[old].sum() / weights.sum(), above=0.75)
        holds(f"correlation, {name}", np.corrcoef(weights, true)[0, 1], above=0.5)


SKADA = "skada is an optional peer: pip install skada to compare with its numbers"


def test_weights_agree_with_skadas(shifted):
    """Skada fits a normal distribution to each domain: here that is the truth, as is our line."""
    reweight = pytest.importorskip("skada._reweight", reason=SKADA)
    source, target = shifted
    domain = np.repeat([1, -2], [len(source), len(target)])  # skada: sources positive
    x = np.concatenate([source, target])
    peer = reweight.GaussianReweightAdapter().fit(x, sample_domain=domain)
    theirs = peer.compute_weights(x, sample_domain=domain)[: len(source)]
    ours = importance_weights(source, target)
    assert np.corrcoef(np.log(ours), np.log(theirs))[0, 1] > 0.99
    sizes = [effective_sample_size(weights) for weights in (ours, theirs)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.15)


def test_matching_is_at_least_as_near_as_skadas(shifted):
    reweight = pytest.importorskip("skada._reweight", reason=SKADA)
    source, target = shifted[0][:150], shifted[1][:150]
    both = StandardScaler().fit_transform(np.concatenate([source, target]))
    domain = np.repeat([1, -2], 150)  # skada: sources positive, targets negative
    peer = reweight.KMMReweightAdapter(gamma=2.0, B=5.0, eps=1e-6, solver="scipy")
    peer.fit(both, sample_domain=domain)
    ours = kernel_mean_matching(source, target, bound=5, width=0.5, steps=3000)
    source, target = np.split(both, [150])
    theirs = mmd(np.asarray(peer.source_weights_), source, target, 0.5)
    assert mmd(ours, source, target, 0.5) <= theirs + 1e-4

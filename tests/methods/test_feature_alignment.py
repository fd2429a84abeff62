"""Alignment against closed forms: covariances, rotations, eigenvalues; and beside a peer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tlhelpers.core.errors import InputError
from tlhelpers.methods.feature_alignment import (
    coral_map,
    root,
    subspace_alignment,
    transfer_components,
)


@pytest.fixture
def clouds():
    """Two clouds of 5 features with means and covariances of their own."""
    rng = np.random.default_rng(0)
    mix = [rng.normal(size=(5, 5)) for _ in range(2)]
    return rng.normal(size=(300, 5)) @ mix[0] + 3, rng.normal(size=(200, 5)) @ mix[1] - 1


def test_coral_gives_the_source_mean_and_covariance_of_the_target(clouds):
    source, target = clouds
    mapped = coral_map(source, target, shrinkage=0)(source)
    assert mapped.mean(0) == pytest.approx(target.mean(0))
    assert np.cov(mapped.T) == pytest.approx(np.cov(target.T), abs=1e-8)


def test_coral_loses_nothing(clouds):
    source, target = clouds
    there = coral_map(source, target)
    back = (there(source) - there.offset) @ np.linalg.inv(there.matrix) + there.center
    assert back == pytest.approx(source)


def test_coral_of_a_cloud_to_itself_changes_nothing(clouds):
    assert coral_map(clouds[0], clouds[0])(clouds[0]) == pytest.approx(clouds[0])


def test_much_shrinkage_leaves_only_the_means(clouds):
    source, target = clouds
    mapped = coral_map(source, target, shrinkage=1e9)(source)
    assert mapped == pytest.approx(source - source.mean(0) + target.mean(0), abs=1e-5)


def test_roots_of_a_covariance():
    c = np.array([[4.0, 1], [1, 3]])
    assert root(c, 0.5) @ root(c, 0.5) == pytest.approx(c)
    assert root(c, -0.5) @ c @ root(c, -0.5) == pytest.approx(np.eye(2))
    with pytest.raises(InputError, match="no inverse"):
        root(np.ones((2, 2)), -0.5)


def test_subspaces_that_are_the_same_up_to_a_turn_are_aligned(clouds):
    """The target is the source, turned: with all dimensions nothing can be lost, and with the
    source's own components it fits exactly."""
    source = clouds[0]
    map_s, map_t = subspace_alignment(source, source + 7, 3)
    assert map_s(source) == pytest.approx(map_t(source + 7))


def test_with_all_dimensions_alignment_is_centring(clouds):
    """Both full bases are rotations: what remains is each domain minus its mean, turned."""
    source, target = clouds
    map_s, map_t = subspace_alignment(source, target, 5)
    turn = PCA(5).fit(target).components_.T
    signs = np.sign((map_t(target) * ((target - target.mean(0)) @ turn)).sum(0))
    assert map_s(source) == pytest.approx((source - source.mean(0)) @ turn * signs)


def test_components_avoid_the_direction_in_which_the_domains_differ():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(500, 3)), rng.normal(size=(400, 3))
    target[:, 0] += 50
    both = transfer_components(source, target, 2, mu=1e-3)
    s, t = both(source), both(target)
    assert np.abs(s.mean(0) - t.mean(0)).max() < 0.2 * s.std()
    assert abs(np.corrcoef(s[:, 0], source[:, 0])[0, 1]) < 0.2


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_components_solve_the_eigenproblem(clouds, kernel):
    """Pan et al. 2011: variance 1 against cost, the largest ratio first, no two of them mixed."""
    source, target = clouds[0][:60], clouds[1][:40]
    both = transfer_components(source, target, 4, kernel=kernel)
    z = both(np.concatenate([source, target]))
    spread = np.cov(z.T, bias=True)
    assert spread - np.diag(np.diag(spread)) == pytest.approx(0, abs=1e-8 * spread[0, 0])
    assert (np.diff(np.diag(spread)) <= 1e-12).all()


def test_components_are_those_of_the_paper(clouds):
    """Pan et al. 2011: leading eigenvectors of (K L K + mu I)^-1 K H K.

    Not compared with skada 0.6: it treats this matrix as a symmetric one, which it is not."""
    x = np.concatenate([clouds[0][:40], clouds[1][:30]])
    squared = np.square(x[:, None] - x[None]).sum(-1)
    width = np.median(np.square(x[::5, None] - x[None, ::5]).sum(-1))
    kernel, n = np.exp(-squared / width), len(x)
    sign = np.repeat([1 / 40, -1 / 30], [40, 30])
    spread = kernel @ (np.eye(n) - 1 / n) @ kernel
    mu = 0.01 * np.trace(spread / n) / n  # ours comes in units of the mean diagonal
    cost = kernel @ np.outer(sign, sign) @ kernel + mu * np.eye(n)
    values, vectors = np.linalg.eig(np.linalg.solve(cost, spread))
    theirs = kernel @ np.real(vectors[:, np.argsort(-np.real(values))[:3]])
    ours = transfer_components(x[:40], x[40:], 3, mu=0.01, kernel="rbf")(x)
    for k in range(3):
        assert abs(np.corrcoef(ours[:, k], theirs[:, k])[0, 1]) == pytest.approx(1, abs=1e-6)


def test_fewer_components_are_the_first_of_more(clouds):
    few, many = (np.abs(transfer_components(*clouds, d)(clouds[0])) for d in (2, 4))
    assert many[:, :2] == pytest.approx(few)


def test_what_does_not_fit_is_refused(clouds):
    source, target = clouds
    for method in (coral_map, lambda a, b: subspace_alignment(a, b, 2)):
        with pytest.raises(InputError, match="same D"):
            method(source, target[:, :3])
    with pytest.raises(InputError, match="between 1 and 5"):
        subspace_alignment(source, target, 6)
    with pytest.raises(InputError, match="linear"):
        transfer_components(source, target, 2, kernel="cubic")
    with pytest.raises(InputError, match=r"\(N, 5\)"):
        coral_map(source, target)(source[:, :2])


SKADA = "skada is an optional peer: pip install skada to compare with its numbers"


def peer_data(clouds):
    domain = np.repeat([1, -2], [len(cloud) for cloud in clouds])  # sources positive
    return np.concatenate(clouds), domain


def test_coral_agrees_with_skadas(clouds):
    mapping = pytest.importorskip("skada._mapping", reason=SKADA)
    x, domain = peer_data(clouds)
    theirs = mapping.CORALAdapter(reg=1e-9).fit_transform(x, sample_domain=domain)[:300]
    ours = coral_map(*clouds, shrinkage=1e-9)(clouds[0])
    # skada centres the target instead of moving the source there, and divides by N, not N - 1
    assert ours - clouds[1].mean(0) == pytest.approx(theirs, rel=0.01, abs=0.02)


def test_subspace_alignment_agrees_with_skadas(clouds):
    subspace = pytest.importorskip("skada._subspace", reason=SKADA)
    x, domain = peer_data(clouds)
    theirs = subspace.SubspaceAlignmentAdapter(n_components=3).fit_transform(
        x, sample_domain=domain
    )
    maps = subspace_alignment(*clouds, 3)
    ours = np.concatenate([f(cloud) for f, cloud in zip(maps, clouds, strict=True)])
    signs = np.sign((ours * theirs).sum(0))  # a component's direction is arbitrary
    assert ours * signs == pytest.approx(theirs, abs=1e-6)

"""Bridges between feature spaces whose true connection is known; CCA beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.cross_decomposition import CCA

from tlhelpers.core.errors import InputError
from tlhelpers.data.projections import line_sums
from tlhelpers.methods.bridging import cca_bridge, procrustes_bridge, ridge_bridge


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_ridge_finds_a_linear_connection(rng):
    x = rng.normal(size=(100, 6)) * [1, 1, 1, 100, 100, 0.01] + 5
    y = x @ rng.normal(size=(6, 4)) - 2
    bridge = ridge_bridge(x[:60], y[:60], strengths=[1e-8])
    assert bridge(x[60:]) == pytest.approx(y[60:], abs=1e-3)


def test_ridge_without_a_connection_predicts_the_mean(rng):
    x, y = rng.normal(size=(200, 5)), rng.normal(size=(200, 3)) + 4
    bridge = ridge_bridge(x, y)
    assert bridge(x).std() < 0.3 * y.std()
    assert bridge(x).mean() == pytest.approx(4, abs=0.3)


def test_a_constant_feature_does_no_harm(rng):
    x = np.column_stack([rng.normal(size=50), np.ones(50)])
    assert np.isfinite(ridge_bridge(x, x[:, :1])(x)).all()


def test_procrustes_undoes_a_rotation(rng):
    """Spread out unevenly, so that both sides have the same principal components."""
    y = rng.normal(size=(80, 5)) * [5, 4, 3, 2, 1]
    x = 3 * y @ ortho_group.rvs(5, random_state=0) + 10
    x_scale = x.std(0)
    bridge = procrustes_bridge(x / x_scale, y, 5)  # the bridge standardises: give it a rotation
    assert np.corrcoef(bridge(x / x_scale).ravel(), y.ravel())[0, 1] > 0.9
    round_y = rng.normal(size=(2000, 4))
    turned = round_y @ ortho_group.rvs(4, random_state=1)
    assert procrustes_bridge(turned, round_y, 4)(turned) == pytest.approx(round_y, abs=0.15)


def test_procrustes_cannot_bend(rng):
    """Ridge can stretch one direction and not the other; a rotation cannot."""
    x = rng.normal(size=(300, 2))
    y = x * [1, 20]
    errors = [np.square(b(x) - y).mean() for b in (ridge_bridge(x, y), procrustes_bridge(x, y, 2))]
    assert errors[0] < 0.01 * errors[1]


def test_cca_without_shrinkage_is_scikit_learns(rng):
    shared = rng.normal(size=(500, 3))
    x = shared @ rng.normal(size=(3, 5)) + rng.normal(size=(500, 5))
    y = shared @ rng.normal(size=(3, 4)) + rng.normal(size=(500, 4))
    theirs = CCA(3, max_iter=2000, tol=1e-10).fit(x, y).transform(x, y)
    maps = cca_bridge(x, y, shrinkage=0, dimensions=3)
    ours = [f(side) for f, side in zip(maps, (x, y), strict=True)]
    for k in range(3):
        for mine, peer in zip(ours, theirs, strict=True):
            assert abs(np.corrcoef(mine[:, k], peer[:, k])[0, 1]) == pytest.approx(1, abs=1e-3)
        correlation = np.corrcoef(ours[0][:, k], ours[1][:, k])[0, 1]
        assert ours[0][:, k].std(ddof=1) == pytest.approx(correlation, rel=1e-6)


def test_cca_gives_what_one_side_alone_sees_no_weight(rng):
    seen, x_only, y_only = rng.normal(size=(3, 1000))
    maps = cca_bridge(np.column_stack([seen, x_only]), np.column_stack([seen, y_only]), shrinkage=0)
    deviations = maps[0](np.column_stack([seen, x_only])).std(0)
    assert deviations[0] == pytest.approx(1, abs=0.01) and deviations[1] < 0.1


def test_cca_needs_shrinkage_where_pairs_are_few(rng):
    x, y = rng.normal(size=(5, 9)), rng.normal(size=(5, 7))
    with pytest.raises(InputError, match="no inverse"):
        cca_bridge(x, y, shrinkage=0)
    assert np.isfinite(cca_bridge(x, y, shrinkage=0.1)[0](x)).all()


@pytest.mark.parametrize(
    "bridge", [ridge_bridge, cca_bridge, lambda x, y: procrustes_bridge(x, y, 1)]
)
def test_rows_must_be_pairs(bridge):
    with pytest.raises(InputError, match="same object"):
        bridge(np.zeros((5, 2)), np.zeros((4, 2)))
    with pytest.raises(InputError, match="3 pairs"):
        bridge(np.zeros((2, 2)), np.zeros((2, 2)))


def test_procrustes_has_no_more_components_than_pairs_allow(rng):
    with pytest.raises(InputError, match="at most 3"):
        procrustes_bridge(rng.normal(size=(4, 9)), rng.normal(size=(4, 9)), 4)


def test_line_sums_of_one_pixel():
    image = np.zeros((1, 8, 8))
    image[0, 2, 5] = 1
    sums = line_sums(image)[0]
    assert len(sums) == 42 and np.flatnonzero(sums[:16]).tolist() == [2, 8 + 5]
    assert sums.sum() == 4  # one line in each direction
    assert np.flatnonzero(sums[16:29]).tolist() == [6 + 5 - 2]  # the diagonal 3 above the main one
    assert line_sums(image, 2).shape == (1, 16)


def test_every_direction_sees_the_same_ink():
    images = np.random.default_rng(0).random((3, 8, 8))
    images[:, [0, 0, -1, -1], [0, -1, 0, -1]] = 0  # diagonals of one pixel are left out
    sums = line_sums(images)
    ink = images.sum((1, 2))
    for part in np.split(sums, [8, 16, 29], axis=1):
        assert part.sum(1) == pytest.approx(ink)
    with pytest.raises(InputError, match="square"):
        line_sums(np.zeros((3, 8, 7)))
    with pytest.raises(InputError, match="directions"):
        line_sums(images, 3)

"""Simulated cohorts keep what they promise: one thing differs, and the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tlhelpers.core.errors import InputError
from tlhelpers.data.cohort import age_density_ratio, draw_cohort, draw_shift, illness_risk


def test_only_the_ages_depend_on_the_region():
    young, old = (draw_cohort(20000, older=share, seed=1) for share in (0.1, 0.95))
    for cohort, share in ((young, 0.1), (old, 0.95)):
        assert (cohort.patients[:, 0] > 53).mean() == pytest.approx(share, abs=0.03)
        risk = illness_risk(cohort.patients)
        assert cohort.ill.mean() == pytest.approx(risk.mean(), abs=0.02)
    assert old.patients[:, 1:].mean(0) == pytest.approx(young.patients[:, 1:].mean(0), abs=0.05)


def test_the_rule_turns_with_age():
    patients = np.array([[30.0, 1, 0], [30, -1, 0], [80, 1, 0], [80, -1, 0], [55, 1, 0]])
    risk = illness_risk(patients)
    assert risk[0] > 0.7 > 0.3 > risk[1] and risk[2] < 0.3 < 0.7 < risk[3]
    assert risk[4] == pytest.approx(0.5)


def test_the_ratio_of_the_densities_makes_one_region_the_other():
    source = draw_cohort(60000, older=0.1, seed=0).patients[:, 0]
    weights = age_density_ratio(source, source=0.1, target=0.95)
    target = draw_cohort(60000, older=0.95, seed=1).patients[:, 0]
    assert weights.mean() == pytest.approx(1, abs=0.05)
    assert (weights * source).mean() / weights.mean() == pytest.approx(target.mean(), abs=0.5)


def test_a_seed_gives_the_same_patients_again():
    first, again, other = (draw_cohort(5, older=0.5, seed=seed).patients for seed in (3, 3, 4))
    assert (first == again).all() and (first != other).all()
    assert len(draw_cohort(9, older=0.5)[:4]) == 4


def test_a_shift_of_labels_keeps_how_the_classes_look():
    source, target = draw_shift("labels", 20000, seed=0)
    assert source.ill.mean() == pytest.approx(0.5, abs=0.02)
    assert target.ill.mean() == pytest.approx(0.1, abs=0.02)
    for ill in (0, 1):
        means = [part.patients[part.ill == ill].mean(0) for part in (source, target)]
        assert means[0] == pytest.approx(means[1], abs=0.6)


def test_a_shift_of_the_concept_keeps_the_patients():
    source, target = draw_shift("concept", 20000, seed=0)
    assert source.patients.mean(0) == pytest.approx(target.patients.mean(0), abs=0.5)
    limits = []
    for part in (source, target):
        model = LogisticRegression(C=100).fit(part.patients[:, 1:], part.ill)
        limits.append(float(-model.intercept_[0] / model.coef_[0, 0]))
    assert limits == pytest.approx([0, 1], abs=0.1)


def test_a_covariate_shift_keeps_the_rule():
    source, target = draw_shift("covariate", 40000, seed=0)
    for low, high in ((30, 40), (65, 72)):
        shares = []
        for part in (source, target):
            age, marker = part.patients.T
            shares.append(part.ill[(age > low) & (age < high) & (marker > 0.5)].mean())
        assert shares[0] == pytest.approx(shares[1], abs=0.05)


def test_wrong_cohorts_are_refused():
    for n, older in ((0, 0.5), (5, 1.2)):
        with pytest.raises(InputError, match="share of older"):
            draw_cohort(n, older=older)
    with pytest.raises(InputError, match="concept"):
        draw_shift("concepts", 5)

"""Weights beyond the cohort: real patients split by age, and three kinds of shift."""

from __future__ import annotations

import itertools

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV

import tlhelpers as tl

from . import SEEDS
from .cohort import fit_score, learner


def diabetes_data(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Patients (age, sex and eight measurements) and their disease a year later, in four parts.

    The older a patient, the more likely the target: a source and a target that overlap.
    """
    x, y = load_diabetes(return_X_y=True, scaled=False)
    rng = np.random.default_rng(seed)
    in_target = rng.random(len(y)) < 1 / (1 + np.exp((50 - x[:, 0]) / 5))
    target = rng.permutation(np.flatnonzero(in_target))
    parts = {
        "source": np.flatnonzero(~in_target), "test": target[:100], "unlabelled": target[100:],
        "labelled": target[100:120],
    }  # fmt: skip
    x = (x - x.mean(0)) / x.std(0)
    return {name: (x[chosen], y[chosen]) for name, chosen in parts.items()}


def measure_diabetes() -> list[dict]:
    rows = []
    for seed in SEEDS:
        data = diabetes_data(seed)
        (x, y), (x_few, y_few) = data["source"], data["labelled"]
        weights = tl.importance_weights(x, data["unlabelled"][0], clip=10)
        matched = tl.kernel_mean_matching(x, data["unlabelled"][0])
        both = np.concatenate([x, x_few]), np.concatenate([y, y_few])
        arms = {
            "source only": (x, y, None),
            "target only": (x_few, y_few, None),
            "pooled": (*both, None),
            "domain classifier, clipped at 10": (x, y, weights),
            "kernel mean matching": (x, y, matched),
            "oracle": (*data["unlabelled"], None),
        }
        for arm, (features, values, w) in arms.items():
            model = RidgeCV(np.logspace(-2, 4, 25)).fit(features, values, sample_weight=w)
            row = {"part": "diabetes", "seed": seed, "arm": arm, "r2": model.score(*data["test"])}
            if w is not None:
                row |= {"effective": tl.effective_sample_size(w), "source": len(w)}
            rows.append(row)
    return rows


def measure_shifts() -> list[dict]:
    rows = []
    for seed, kind in itertools.product(SEEDS, ("covariate", "labels", "concept")):
        source, target = tl.draw_shift(kind, 1600, seed=seed)
        held, test = source[800:], target[800:]
        source, target = source[:800], target[:800]
        plain = learner("linear", 1.0).fit(source.patients, source.ill)
        shares = tl.estimate_shares(
            held.ill, plain.predict(held.patients), plain.predict(target.patients)
        )
        by_class = (shares / np.bincount(source.ill, minlength=2) * len(source))[source.ill]
        arms = {
            "no weights": (source, None),
            "weights by domain": (
                source,
                tl.importance_weights(source.patients, target.patients),
            ),
            "weights by class": (source, by_class),
            "oracle": (target, None),
        }
        for arm, (train, weights) in arms.items():
            score = fit_score("linear", 1.0, train, test, weights)
            rows.append(
                {"part": "shifts", "seed": seed, "shift": kind, "arm": arm, "accuracy": score}
            )
    return rows

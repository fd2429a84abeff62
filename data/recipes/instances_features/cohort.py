"""Simulated patients: a source of mostly young ones, a target of mostly older ones."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import tlhelpers as tl
from tlhelpers.data.cohort import Cohort

from . import SEEDS, TUNING_SEEDS

STRENGTHS = tuple(10.0**power for power in range(-3, 5))  # at 1e4 no penalty is left
SOURCE, UNLABELLED, ORACLE, TEST = 900, 300, 900, 4000
OLDER = {"source": 0.1, "target": 0.95}
LABELS = (10, 20, 50, 100, 200)


def learner(kind: str, strength: float):
    """Logistic regression on the features, or on the features, their squares and products."""
    terms = [] if kind == "linear" else [PolynomialFeatures(2, include_bias=False)]
    return make_pipeline(
        StandardScaler(), *terms, LogisticRegression(C=strength, max_iter=1000, tol=1e-5)
    )


def fit_score(kind: str, strength: float, train: Cohort, test: Cohort, weights=None) -> float:
    """Accuracy on `test` of a learner trained on `train`, with a weight for each patient."""
    if len(np.unique(train.ill)) == 1:  # ten patients may all be healthy
        return float((test.ill == train.ill[0]).mean())
    model = learner(kind, strength)
    model.fit(train.patients, train.ill, logisticregression__sample_weight=weights)
    return float(model.score(test.patients, test.ill))


def join(*cohorts: Cohort) -> Cohort:
    return Cohort(
        np.concatenate([c.patients for c in cohorts]), np.concatenate([c.ill for c in cohorts])
    )


def cohort_data(seed: int) -> dict[str, Cohort]:
    """Source, unlabelled target, labelled target, the oracle's training set and the test set."""
    sizes = {
        "source": SOURCE, "unlabelled": UNLABELLED, "labelled": max(LABELS), "oracle": ORACLE,
        "test": TEST,
    }  # fmt: skip
    return {
        part: tl.draw_cohort(
            n, older=OLDER["source" if part == "source" else "target"], seed=10 * seed + i
        )
        for i, (part, n) in enumerate(sizes.items())
    }


def cohort_weights(data: dict[str, Cohort]) -> dict[str, np.ndarray]:
    """Weights of the source by method; none of them sees an illness."""
    source, target = data["source"].patients, data["unlabelled"].patients
    true = tl.age_density_ratio(source[:, 0], **OLDER)
    return {
        "domain classifier": tl.importance_weights(source, target),
        "domain classifier, clipped at 10": tl.importance_weights(source, target, clip=10),
        "kernel mean matching": tl.kernel_mean_matching(source, target),
        "true weights": true / true.mean(),
    }


def cohort_arms(data) -> Iterator[tuple[str, int, Cohort, np.ndarray | None]]:
    """Name, number of target labels, training set and weights of every arm of a linear model."""
    source, labelled = data["source"], data["labelled"]
    yield "source only", 0, source, None
    yield "oracle", ORACLE, data["oracle"], None
    for n in LABELS:
        yield "target only", n, labelled[:n], None
        yield "pooled", n, join(source, labelled[:n]), None
    weights = cohort_weights(data)
    for name, values in weights.items():
        yield name, 0, source, values
    values = weights["domain classifier"]
    each = len(source) / tl.effective_sample_size(values)  # a target example counts as a full one
    for n in LABELS:
        both = np.concatenate([values, np.full(n, each)])
        yield "weighted and labels", n, join(source, labelled[:n]), both


def measure_cohort() -> tuple[list[dict], dict]:
    found: dict[tuple, list[float]] = {}
    for seed, kind in itertools.product(TUNING_SEEDS, ("linear", "quadratic")):
        data = cohort_data(seed)
        for arm, n, train, weights in cohort_arms(data):
            for strength in STRENGTHS:
                score = fit_score(kind, strength, train, data["test"], weights)
                found.setdefault((kind, arm, n, strength), []).append(score)
    chosen = {}
    for kind, arm, n, _ in found:
        scores = {s: statistics.fmean(found[kind, arm, n, s]) for s in STRENGTHS}
        chosen[kind, arm, n] = max(scores, key=scores.get)
    rows = []
    for seed in SEEDS:
        data = cohort_data(seed)
        best = (tl.illness_risk(data["test"].patients) > 0.5) == data["test"].ill
        shared = {"part": "cohort", "seed": seed}
        rows.append(shared | {"arm": "true rule", "labels": 0, "accuracy": float(best.mean())})
        for kind in ("linear", "quadratic"):
            for arm, n, train, weights in cohort_arms(data):
                score = fit_score(kind, chosen[kind, arm, n], train, data["test"], weights)
                row = shared | {"learner": kind, "arm": arm, "labels": n, "accuracy": score}
                if weights is not None and not n:
                    row["effective"] = tl.effective_sample_size(weights)
                rows.append(row)
        rows += boosted(data, shared)
    settings = {f"{kind}, {arm}, {n} labels": s for (kind, arm, n), s in chosen.items()}
    return rows, settings


def boosted(data, shared: dict) -> Iterator[dict]:
    """TrAdaBoost with small trees against the same trees on the target's labels, and pooled."""
    source, test = data["source"], data["test"]
    for n in LABELS:
        own = data["labelled"][:n]
        both = join(source, own)
        tree = DecisionTreeClassifier(max_depth=3, random_state=0)
        scores = {
            "tree, target only": tree.fit(own.patients, own.ill).score(test.patients, test.ill),
            "tree, pooled": tree.fit(both.patients, both.ill).score(test.patients, test.ill),
        }
        for rounds in (10, 50):
            booster = tl.tradaboost(
                source.patients, source.ill, own.patients, own.ill, rounds=rounds
            )
            says = booster.predict(test.patients)
            scores[f"TrAdaBoost, {rounds} rounds"] = float((says == test.ill).mean())
        for arm, score in scores.items():
            yield shared | {"learner": "tree", "arm": arm, "labels": n, "accuracy": float(score)}

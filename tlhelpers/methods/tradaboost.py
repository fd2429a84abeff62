"""TrAdaBoost: boosting that finds out which source examples contradict the target."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..core.errors import InputError
from .instance_weighting import matching_features


@dataclass
class TrAdaBoost:
    """Boosting with target examples that gain weight and source examples that lose it.

    Made by `tradaboost`. `weights` has a row for the start and one after each round, the source's
    examples first, each row adding up to 1.
    """

    weights: np.ndarray
    learners: list = field(repr=False)
    betas: np.ndarray = field(repr=False)

    def predict(self, x) -> np.ndarray:
        """Vote of the rounds from the middle one on: 0 or 1 for each row of `x`."""
        last = slice((len(self.learners) - 1) // 2, None)
        says = np.array([learner.predict(x) for learner in self.learners[last]])
        votes = -np.log(self.betas[last])
        return (votes @ says >= votes.sum() / 2).astype(int)


def tradaboost(source, source_labels, target, target_labels, *, rounds: int = 10, learner=None):
    """TrAdaBoost (Dai et al. 2007) for two classes 0 and 1; returns a fitted `TrAdaBoost`.

    A round fits `learner` (scikit-learn's way; by default a tree of depth 3) to all examples with
    their weights. Target examples it gets wrong gain weight, as in AdaBoost. Source examples that
    it gets wrong lose weight: they seem not to follow the target's rule.

    Raises:
        InputError: features that do not fit together, or labels other than 0 and 1.
    """
    from sklearn.base import clone
    from sklearn.tree import DecisionTreeClassifier

    source, target = matching_features(source, target)
    y = np.concatenate([source_labels, target_labels]).astype(int)
    if set(y) - {0, 1} or len(y) != len(source) + len(target) or rounds < 1:
        raise InputError("tradaboost needs a label 0 or 1 for every example, and rounds >= 1.")
    x, n = np.concatenate([source, target]), len(source)
    learner = learner or DecisionTreeClassifier(max_depth=3, random_state=0)
    shrink = 1 / (1 + np.sqrt(2 * np.log(n) / rounds))
    weights, trace, learners, betas = np.full(len(x), 1 / len(x)), [], [], []
    for _ in range(rounds):
        trace.append(weights)
        # Some learners' penalty counts against the sum of the weights: mean 1, as without weights.
        learners.append(clone(learner).fit(x, y, sample_weight=weights * len(x)))
        wrong = learners[-1].predict(x) != y
        error = weights[n:] @ wrong[n:] / weights[n:].sum()
        error = np.clip(error, 1e-3, 0.499)  # at 0 a vote would be infinite, at 1/2 there is none
        beta = error / (1 - error)
        betas.append(beta)
        weights = weights * np.where(wrong, np.repeat([shrink, 1 / beta], [n, len(x) - n]), 1)
        weights = weights / weights.sum()
    return TrAdaBoost(np.array([*trace, weights]), learners, np.array(betas))

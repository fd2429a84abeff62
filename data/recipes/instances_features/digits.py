"""What the two parts on digits share: the tuning third, a classifier and z-scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression

TUNING_DIGITS = 600


# 1 / penalty, the same for every method: from far too strong, to none at all
STRENGTHS = tuple(10.0**power for power in range(-4, 5))


def classify(train, labels, test, test_labels, strength: float = 1.0) -> float:
    """Accuracy of a logistic regression, its features scaled by one number."""
    unit = np.sqrt(np.square(train - train.mean(0)).sum(1).mean() / 40)
    model = LogisticRegression(C=strength, max_iter=2000).fit(train / unit, labels)
    return float(model.score(test / unit, test_labels))


def z_scored(x) -> Callable:
    """x -> z-scores by the mean and standard deviation of `x`."""
    mean, spread = x.mean(0), x.std(0)
    return lambda other: (other - mean) / np.where(spread > 1e-6, spread, 1)

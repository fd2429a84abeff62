"""Scores that predict how well a pre-trained network will transfer, without training it.

All take what the network makes of a few labelled images of the target: its features, or the
probabilities that its old head gives to the *source's* classes. Higher is better. A score compares
networks on one target and one set of images; its value means nothing beyond that.

Sources: H-score, Bao et al. 2019 (ICIP), shrunk as by Ibrahim et al. 2021 (arXiv:2110.06893); LEEP,
Nguyen et al. 2020 (arXiv:2002.12462); LogME, You et al. 2021 (arXiv:2102.11005). That a plain probe
is a rival which each of them has to beat is this course's addition.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..core.errors import InputError


def log_me(features: Tensor, labels: Tensor, *, rounds: int = 100) -> float:
    """LogME: how likely the labels are under the best Bayesian linear model of the features.

    For each class, 0/1 targets y = F w + noise with w ~ N(0, I / a), noise ~ N(0, I / b). The
    evidence p(y | F) has w integrated out, so that it does not reward what merely can be fitted.
    It is maximised over a and b by MacKay's fixed point. The score is the mean logarithm of the
    evidence, in nats, for each image and class. The features are taken as they are: neither centred
    nor scaled, as in the paper.

    Args:
        features: float (N, D), N >= 2. labels: int (N,), two classes or more.
        rounds: limit of the fixed-point iteration, which ends when a / b has settled.

    Raises `InputError` for shapes that do not fit, and for labels of one class.
    """
    f, labels = _checked(features, labels)
    n, width = f.shape
    u, s, _ = np.linalg.svd(f, full_matrices=False)
    squared = s**2
    evidences = []
    for k in np.unique(labels):
        y = (labels == k).astype(float)
        z = u.T @ y  # the part of y that the features can express, by direction
        outside = max(float(y @ y - z @ z), 0.0)
        a, b = 1.0, 1.0
        for _ in range(rounds):
            share = squared / (squared + a / b)  # 1: the data decide; 0: the prior does
            found = share.sum()
            weights = float(((share * z) ** 2 / np.maximum(squared, 1e-30)).sum())
            rest = float((((1 - share) * z) ** 2).sum()) + outside
            before = a / b
            a = found / max(weights, 1e-12)
            b = max(n - found, 1e-12) / max(rest, 1e-12)
            if abs(math.log(a / b / before)) < 1e-4:
                break
        evidences.append(_log_evidence(a, b, squared, z, outside, n))
    return float(np.mean(evidences)) / n


def _log_evidence(a: float, b: float, squared, z, outside: float, n: int) -> float:
    """log N(y; 0, F F^T / a + I / b), in the directions of F and outside of them."""
    variances = squared / a + 1 / b
    inside = np.log(variances).sum() + (z**2 / variances).sum()
    beyond = (n - len(squared)) * math.log(1 / b) + b * outside
    return -0.5 * (float(inside) + beyond + n * math.log(2 * math.pi))


def leep(probabilities: Tensor, labels: Tensor) -> float:
    """LEEP: the mean log-likelihood of the labels if one reads them off the source's classes.

    The old head says "60 % car, 40 % key"; counting gives P(target class | source class); both
    together predict the target class. 0 is perfect, -log K is guessing among K equal classes.

    Args:
        probabilities: float (N, Z), rows add up to 1: the softmax over the *source's* classes.
        labels: int (N,), of the target.

    Raises `InputError` for shapes that do not fit, for logits, and for labels of one class.
    """
    p, labels = _checked(probabilities, labels)
    if (p < 0).any() or np.abs(p.sum(1) - 1).max() > 1e-3:
        raise InputError(
            "leep takes probabilities over the source's classes, and these rows do not add up to "
            "1. Pass logits.softmax(1), the scores first and the labels second."
        )
    joint = np.stack([p[labels == k].sum(0) for k in np.unique(labels)]) / len(p)  # (K, Z)
    given = joint / np.maximum(joint.sum(0), 1e-30)
    column = np.searchsorted(np.unique(labels), labels)
    return float(np.log(np.maximum((given.T[:, column].T * p).sum(1), 1e-30)).mean())


def h_score(features: Tensor, labels: Tensor, *, shrink: bool = True) -> float:
    """H-score: the variance between the classes' means, in units of the features' own variance.

    tr(C^-1 B) with C the covariance of the features (N, D) and B that of their class means: between
    0 and K - 1. With fewer images than features, C cannot be inverted, and the plain score is near
    K - 1 for every network; `shrink` takes Ledoit and Wolf's estimate of C (Ibrahim et al. 2021).

    Raises `InputError` for shapes that do not fit, and for labels of one class.
    """
    f, labels = _checked(features, labels)
    means = np.stack([f[labels == k].mean(0) for k in np.unique(labels)])
    between = means[np.searchsorted(np.unique(labels), labels)] - f.mean(0)
    between = between.T @ between / len(f)
    if not shrink:
        centred = f - f.mean(0)
        return float(
            np.trace(np.linalg.pinv(centred.T @ centred / len(f), hermitian=True) @ between)
        )
    from sklearn.covariance import ledoit_wolf

    covariance, shrinkage = ledoit_wolf(f)
    return float((1 - shrinkage) * np.trace(np.linalg.pinv(covariance, hermitian=True) @ between))


def probe_score(
    features: Tensor, labels: Tensor, *, folds: int = 5, seed: int = 0
) -> tuple[float, float]:
    """Cross-validated linear probe: accuracy, and mean log-likelihood of the left-out labels.

    Logistic regression on standardised features, as in `linear_probe`. The log-likelihood is the
    finer of the two: with 40 images an accuracy has 41 values.

    Raises `InputError` for shapes that do not fit, and for a class with fewer images than 2.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    f, labels = _checked(features, labels)
    fewest = int(np.unique(labels, return_counts=True)[1].min())
    if fewest < 2:
        raise InputError("cross-validation needs two images of each class, a class has one.")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    split = StratifiedKFold(min(folds, fewest), shuffle=True, random_state=seed)
    p = cross_val_predict(model, f, labels, cv=split, method="predict_proba")
    column = np.searchsorted(np.unique(labels), labels)
    likelihood = np.log(np.maximum(p[np.arange(len(p)), column], 1e-30)).mean()
    return float((p.argmax(1) == column).mean()), float(likelihood)


def _checked(values: Tensor, labels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    values, labels = torch.as_tensor(values), torch.as_tensor(labels)
    if values.ndim != 2 or labels.shape != values.shape[:1] or labels.is_floating_point():
        raise InputError(
            f"got {tuple(values.shape)} and labels {labels.dtype} {tuple(labels.shape)}: needed "
            "are one row for each image, (N, D), and then its class as an integer, (N,)."
        )
    if len(labels.unique()) < 2:
        raise InputError("all images have the same label: there is nothing to tell apart.")
    return values.detach().cpu().double().numpy(), labels.cpu().numpy()

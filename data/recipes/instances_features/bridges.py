"""From pixels to line sums, by method and number of pairs."""

from __future__ import annotations

import itertools
import statistics

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tlhelpers.methods.bridging import cca_bridge, procrustes_bridge, ridge_bridge

from . import DIGIT_SEEDS, DIGIT_TUNING_SEEDS
from .digits import TUNING_DIGITS, classify, z_scored

PAIRS = (10, 20, 50, 100, 200, 300)
PIXEL_LABELS, BRIDGE_TEST = 500, 397
BRIDGES = {  # settings tried: of the bridge, and of the classifier
    "line sums to pixels, ridge": ((None,), (0.01, 0.1, 1.0, 10.0)),
    "pixels to line sums, ridge": ((None,), (0.01, 0.1, 1.0, 10.0)),
    "Procrustes": ((0.25, 0.5, 1.0), (0.1, 1.0, 10.0)),
    "CCA": ((0.03, 0.1, 0.3, 1.0, 3.0, 10.0), (0.1, 1.0, 10.0)),
    "CCA, almost no shrinkage": ((1e-4,), (0.1, 1.0, 10.0)),
    "labels copied over the pairs": ((None,), (0.01, 0.1, 1.0, 10.0, 100.0)),
    "labels alone": ((None,), (0.01, 0.1, 1.0, 10.0, 100.0)),
}


def bridge_data(seed: int, directions: int, n: int, tune: bool) -> dict[str, np.ndarray]:
    """Labelled pixels, n pairs, and a test set of which only the line sums are used."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    order = order[:TUNING_DIGITS] if tune else order[TUNING_DIGITS:]
    order = order[np.random.default_rng(seed).permutation(len(order))]
    pixels = digits.data[order] / 16
    sums = tl.line_sums(digits.images[order] / 16, directions)
    labels = digits.target[order]
    first, second = (150, 450) if tune else (PIXEL_LABELS, PIXEL_LABELS + max(PAIRS))
    n = min(n, second - first)
    return {
        "x": pixels[:first], "y": labels[:first], "pair_x": pixels[first : first + n],
        "pair_y": sums[first : first + n], "pair_labels": labels[first : first + n],
        "test": sums[second:], "test_x": pixels[second:], "test_labels": labels[second:],
        "all": sums[:second], "all_labels": labels[:second],
    }  # fmt: skip


def score_bridge(data: dict, method: str, setting, strength: float) -> float:
    """Accuracy on line sums of a classifier that was trained on labelled pixels (or its rivals)."""
    x, y, a, b = (data[key] for key in ("x", "y", "pair_x", "pair_y"))
    test, answers = data["test"], data["test_labels"]
    if method == "line sums to pixels, ridge":
        return classify(x, y, ridge_bridge(b, a)(test), answers, strength)
    if method == "Procrustes":
        most = min(len(a) - 1, b.shape[1])
        bridge = procrustes_bridge(b, a, max(1, round(setting * most)))
        return classify(x, y, bridge(test), answers, strength)
    scale = z_scored(b)
    if method == "pixels to line sums, ridge":
        return classify(ridge_bridge(a, scale(b))(x), y, scale(test), answers, strength)
    if method.startswith("CCA"):
        from_pixels, from_sums = cca_bridge(a, scale(b), shrinkage=setting)
        return classify(from_pixels(x), y, from_sums(scale(test)), answers, strength)
    labels = data["pair_labels"]
    if method == "labels copied over the pairs":
        labels = LogisticRegression(max_iter=2000).fit(x, y).predict(a)
    return classify(scale(b), labels, scale(test), answers, strength)


def measure_bridges() -> tuple[list[dict], dict]:
    rows, settings = [], {}
    for directions, n in itertools.product((4, 2), PAIRS):
        for method, (grid, strengths) in BRIDGES.items():
            scores = {
                (setting, strength): statistics.fmean(
                    score_bridge(bridge_data(seed, directions, n, True), method, setting, strength)
                    for seed in DIGIT_TUNING_SEEDS
                )
                for setting, strength in itertools.product(grid, strengths)
            }
            chosen = settings[f"{directions} directions, {n}, {method}"] = max(
                scores, key=scores.get
            )
            for seed in DIGIT_SEEDS:
                score = score_bridge(bridge_data(seed, directions, n, False), method, *chosen)
                rows.append(
                    {"part": "bridges", "seed": seed, "directions": directions, "pairs": n}
                    | {"arm": method, "accuracy": score}
                )
        print(f"bridges: {directions} directions, {n} pairs", flush=True)
    for directions, seed in itertools.product((4, 2), DIGIT_SEEDS):
        data = bridge_data(seed, directions, 100, False)
        scale = z_scored(data["all"])
        limits = {
            "pixels themselves": classify(
                data["x"], data["y"], data["test_x"], data["test_labels"]
            ),
            "all labels": classify(
                scale(data["all"]), data["all_labels"], scale(data["test"]), data["test_labels"]
            ),
        }
        for arm, score in limits.items():
            row = {"part": "bridges", "seed": seed, "directions": directions, "pairs": 0}
            rows.append(row | {"arm": arm, "accuracy": score})
    return rows, settings

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
from .digits import STRENGTHS, TUNING_DIGITS, classify, z_scored

PAIRS = (10, 20, 50, 100, 200, 300)
PIXEL_LABELS = 500
SENSORS = {  # directions of the lines, and noise in units of each sum's standard deviation
    "42 sums": (4, 0.0),
    "16 sums": (2, 0.0),
    "42 noisy sums": (4, 0.5),
}
BRIDGES = {  # settings tried; each with every strength of the classifier's penalty
    "line sums to pixels, ridge": (None,),
    "pixels to line sums, ridge": (None,),
    "Procrustes": (0.25, 0.5, 1.0),  # share of all dimensions
    "CCA": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1000.0),
    "CCA, almost no shrinkage": (1e-4,),
    "labels copied over the pairs": (None,),
    "labels alone": (None,),
}
LIMITS = {"pixels themselves": (None,), "all labels": (None,)}  # no sensor, and no bridge


def bridge_data(seed: int, sensor: str, n: int, tune: bool) -> dict[str, np.ndarray]:
    """Labelled pixels, n pairs, and a test set of which only the line sums are used."""
    directions, noise = SENSORS[sensor]
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    order = order[:TUNING_DIGITS] if tune else order[TUNING_DIGITS:]
    chance = np.random.default_rng(seed)
    order = order[chance.permutation(len(order))]
    pixels = digits.data[order] / 16
    sums = tl.line_sums(digits.images[order] / 16, directions)
    sums = sums + noise * sums.std(0) * chance.normal(size=sums.shape)
    labels = digits.target[order]
    first, second = (150, 450) if tune else (PIXEL_LABELS, PIXEL_LABELS + max(PAIRS))
    n = min(n, second - first)
    return {
        "x": pixels[:first], "y": labels[:first], "pair_x": pixels[first : first + n],
        "pair_y": sums[first : first + n], "pair_labels": labels[first : first + n],
        "test": sums[second:], "test_x": pixels[second:], "test_labels": labels[second:],
        "all": sums[:second], "all_labels": labels[:second],
    }  # fmt: skip


def bridged(data: dict, method: str, setting) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features and labels to train a classifier on, and features of the line sums to test."""
    x, y, a, b = (data[key] for key in ("x", "y", "pair_x", "pair_y"))
    test = data["test"]
    if method == "pixels themselves":
        return x, y, data["test_x"]
    if method == "all labels":
        scale = z_scored(data["all"])
        return scale(data["all"]), data["all_labels"], scale(test)
    if method == "line sums to pixels, ridge":
        return x, y, ridge_bridge(b, a)(test)
    if method == "Procrustes":
        most = min(len(a) - 1, b.shape[1])
        return x, y, procrustes_bridge(b, a, max(1, round(setting * most)))(test)
    scale = z_scored(b)
    if method == "pixels to line sums, ridge":
        return ridge_bridge(a, scale(b))(x), y, scale(test)
    if method.startswith("CCA"):
        from_pixels, from_sums = cca_bridge(a, scale(b), shrinkage=setting)
        return from_pixels(x), y, from_sums(scale(test))
    labels = data["pair_labels"]
    if method == "labels copied over the pairs":
        labels = LogisticRegression(max_iter=2000).fit(x, y).predict(a)
    return scale(b), labels, scale(test)


def chosen_setting(sensor: str, n: int, method: str) -> tuple:
    """The setting of the bridge and the strength that are best on the tuning digits."""
    found: dict[tuple, list[float]] = {}
    for seed, setting in itertools.product(DIGIT_TUNING_SEEDS, (BRIDGES | LIMITS)[method]):
        data = bridge_data(seed, sensor, n, tune=True)
        parts = bridged(data, method, setting)
        for strength in STRENGTHS:
            score = classify(*parts, data["test_labels"], strength)
            found.setdefault((setting, strength), []).append(score)
    return max(found, key=lambda key: statistics.fmean(found[key]))


def measure_bridges() -> tuple[list[dict], dict]:
    rows, settings = [], {}
    for sensor, n in itertools.product(SENSORS, (*PAIRS, 0)):
        for method in BRIDGES if n else LIMITS:
            setting, strength = chosen_setting(sensor, n, method)
            settings[f"{sensor}, {n}, {method}"] = setting, strength
            for seed in DIGIT_SEEDS:
                data = bridge_data(seed, sensor, n, tune=False)
                score = classify(*bridged(data, method, setting), data["test_labels"], strength)
                row = {"part": "bridges", "seed": seed, "sensor": sensor, "pairs": n}
                rows.append(row | {"arm": method, "accuracy": score})
        print(f"bridges: {sensor}, {n} pairs", flush=True)
    return rows, settings

"""From fonts to handwriting, by alignment method and number of dimensions."""

from __future__ import annotations

import functools
import itertools
import statistics
from collections.abc import Callable

import numpy as np
import torch
from sklearn.decomposition import PCA

import tlhelpers as tl

from . import DIGIT_SEEDS, DIGIT_TUNING_SEEDS
from .digits import STRENGTHS, TUNING_DIGITS, classify, z_scored

DIMENSIONS = {"pixels": (5, 10, 20, 40, 80), "network": (5, 10, 20, 40)}
RENDERS, FONT_STEPS = 1000, 150
METHODS = {
    "none": (None,),
    "means": (None,),
    "z-scores": (None,),
    "own components": (None,),
    "CORAL": (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0),  # at 1000 it only moves the mean
    "subspace alignment": (None,),
    "TCA": (1e-6, 1e-4, 1e-2, 1.0, 100.0),  # below 1e-4 hardly anything changes
    "TCA, RBF kernel": (1e-8, 1e-6, 1e-4, 1e-2, 1.0),
}


def aligned(method: str, setting, s, t, d: int) -> tuple[Callable, Callable]:
    """The maps of the source's and the target's features of one alignment method."""
    if method == "own components":
        both = [PCA(d, random_state=0).fit(x) for x in (s, t)]
        return both[0].transform, both[1].transform
    if method == "subspace alignment":
        return tl.subspace_alignment(s, t, d)
    if method.startswith("TCA"):
        kernel = "rbf" if "RBF" in method else "linear"
        both = cached_components(kernel, setting, s, t)
        return (lambda x: both(x)[:, :d],) * 2
    shared = PCA(d, random_state=0).fit(np.concatenate([s, t])).transform
    a, b = shared(s), shared(t)
    if method == "none":
        return shared, shared
    if method == "means":
        return lambda x: shared(x) - a.mean(0), lambda x: shared(x) - b.mean(0)
    if method == "z-scores":
        return lambda x: z_scored(a)(shared(x)), lambda x: z_scored(b)(shared(x))
    to_target = tl.coral_map(a, b, shrinkage=setting)
    return lambda x: to_target(shared(x)), shared


_components: dict = {}  # the components of the last pair: fewer of them are the first of these


def cached_components(kernel: str, mu: float, s, t) -> Callable:
    key = (kernel, mu, id(s), id(t))
    if key not in _components:
        _components.clear()
        most = min(max(DIMENSIONS["pixels"]), s.shape[1])
        found = tl.transfer_components(s, t, most, mu=mu, kernel=kernel)
        _components[key] = found, s, t  # an id belongs to an array only as long as it is kept
    return _components[key][0]


@functools.cache
def digits_written():
    """Handwriting in the fonts' frame, in a fixed random order: the first third is for tuning."""
    written = tl.handwriting()
    order = torch.randperm(len(written), generator=torch.Generator().manual_seed(0))
    return written[order[:TUNING_DIGITS]], written[order[TUNING_DIGITS:]]


def feature_data(seed: int, tune: bool) -> tl.Domains:
    part = digits_written()[0 if tune else 1]
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(seed))
    cut = len(part) * 2 // 3
    fonts = tl.font_glyphs(RENDERS + 500, seed=seed)
    return tl.Domains(fonts[:RENDERS], fonts[RENDERS:], part[order[:cut]], part[order[cut:]])


def described(domains: tl.Domains, kind: str, seed: int) -> list[np.ndarray]:
    """Features of three parts: pixels, or a network's that was trained on the fonts."""
    parts = (domains.source, domains.target, domains.target_test)
    if kind == "pixels":
        return [part.images.flatten(1).double().numpy() for part in parts]
    network = tl.adapt(domains, "source", steps=FONT_STEPS, batch_size=48, seed=seed).network
    with torch.no_grad():
        return [network.features(part.images).double().numpy() for part in parts]


def score_alignment(features, domains, method, setting, d, strengths) -> list[float]:
    """Accuracy on handwriting of a classifier of fonts, for each strength of its penalty."""
    s, t, t_test = features
    map_s, map_t = aligned(method, setting, s, t, d)
    mapped, seen = map_s(s), map_t(t_test)
    y, answers = (part.labels.numpy() for part in (domains.source, domains.target_test))
    return [classify(mapped, y, seen, answers, strength) for strength in strengths]


def measure_features() -> tuple[list[dict], dict]:
    rows, settings = [], {}
    for kind, sizes in DIMENSIONS.items():
        found: dict[tuple, list[float]] = {}
        for seed in DIGIT_TUNING_SEEDS:
            domains = feature_data(seed, tune=True)
            features = described(domains, kind, seed)
            for method, grid in METHODS.items():
                for setting, d in itertools.product(grid, sizes):
                    scores = score_alignment(features, domains, method, setting, d, STRENGTHS)
                    for strength, score in zip(STRENGTHS, scores, strict=True):
                        found.setdefault((method, d, setting, strength), []).append(score)
            print(f"features, {kind}: tuning seed {seed}", flush=True)
        means = {key: statistics.fmean(scores) for key, scores in found.items()}
        for method, d in itertools.product(METHODS, sizes):
            options = {key[2:]: mean for key, mean in means.items() if key[:2] == (method, d)}
            settings[f"{kind}, {method}, {d}"] = max(options, key=options.get)
        for method in METHODS:
            options = {d: means[(method, d, *settings[f"{kind}, {method}, {d}"])] for d in sizes}
            settings[f"{kind}, {method}, best d"] = max(options, key=options.get)
        for seed in DIGIT_SEEDS:
            domains = feature_data(seed, tune=False)
            features = described(domains, kind, seed)
            for method, d in itertools.product(METHODS, sizes):
                setting, strength = settings[f"{kind}, {method}, {d}"]
                row = {"part": "features", "seed": seed, "features": kind, "arm": method, "d": d}
                (score,) = score_alignment(features, domains, method, setting, d, [strength])
                rows.append(row | {"accuracy": score})
            print(f"features, {kind}: seed {seed}", flush=True)
    return rows, settings

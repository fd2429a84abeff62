"""Measure every method of lesson 11 on fresh seeds: weights, aligned features, bridges.

    OMP_NUM_THREADS=1 python -m data.recipes.instances_features_table

writes data/results/instances_features.json (a row a run) and .md (the tables made of it). There are
five parts:

- cohort: simulated patients, a source of mostly young and a target of mostly older ones;
- diabetes: real patients (Efron et al. 2004), split by age into a source and a target;
- shifts: three kinds of shift, and what two kinds of weights do to each;
- features: fonts to handwriting, by alignment method and number of dimensions;
- bridges: pixels to line sums, by method and number of pairs.

Nothing is chosen on what is reported. The cohorts' settings were chosen on seeds 0 to 4, and 100 to
119 are reported. The penalty for the diabetes is chosen by leaving one training patient out. Of the
1797 handwritten digits a fixed third serves for choosing settings, with their labels (a real target
would have none: that is a favour to every method alike), and seeds 100 to 109 split the rest anew.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.datasets import load_diabetes, load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import tlhelpers as tl
from tlhelpers.data.cohort import Cohort
from tlhelpers.methods.bridging import cca_bridge, procrustes_bridge, ridge_bridge

from .tables import store

NAME = "instances_features"
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
# Cohort
TUNING_SEEDS, SEEDS = range(5), range(100, 120)
SOURCE, UNLABELLED, ORACLE, TEST = 900, 300, 900, 4000
OLDER = {"source": 0.1, "target": 0.95}
LABELS = (10, 20, 50, 100, 200)
# Digits
DIGIT_TUNING_SEEDS, DIGIT_SEEDS = range(3), range(100, 110)
TUNING_DIGITS = 600
DIMENSIONS = {"pixels": (5, 10, 20, 40, 80), "network": (5, 10, 20, 40)}
RENDERS, FONT_STEPS = 1000, 150
PAIRS = (10, 20, 50, 100, 200, 300)
PIXEL_LABELS, BRIDGE_TEST = 500, 397


# --- cohort ---------------------------------------------------------------------------------------


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


# --- diabetes -------------------------------------------------------------------------------------


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


# --- shifts ---------------------------------------------------------------------------------------


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


# --- features -------------------------------------------------------------------------------------


def classify(train, labels, test, test_labels, strength: float = 1.0) -> float:
    """Accuracy of a logistic regression, its features scaled by one number."""
    unit = np.sqrt(np.square(train - train.mean(0)).sum(1).mean() / 40)
    model = LogisticRegression(C=strength, max_iter=2000).fit(train / unit, labels)
    return float(model.score(test / unit, test_labels))


def z_scored(x) -> Callable:
    """x -> z-scores by the mean and standard deviation of `x`."""
    mean, spread = x.mean(0), x.std(0)
    return lambda other: (other - mean) / np.where(spread > 1e-6, spread, 1)


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
        _components[key] = tl.transfer_components(s, t, most, mu=mu, kernel=kernel)
    return _components[key]


METHODS = {
    "none": (None,),
    "means": (None,),
    "z-scores": (None,),
    "own components": (None,),
    "CORAL": (0.01, 0.1, 1.0, 10.0),
    "subspace alignment": (None,),
    "TCA": (1e-4, 1e-2, 1.0, 100.0),
    "TCA, RBF kernel": (1e-6, 1e-4, 1e-2),
}


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
    """Features of the four parts: pixels, or a network's that was trained on the fonts."""
    parts = (domains.source, domains.source_test, domains.target, domains.target_test)
    if kind == "pixels":
        return [part.images.flatten(1).double().numpy() for part in parts]
    network = tl.adapt(domains, "source", steps=FONT_STEPS, batch_size=48, seed=seed).network
    with torch.no_grad():
        return [network.features(part.images).double().numpy() for part in parts]


def score_alignment(features, domains, method, setting, d, strength) -> dict:
    s, s_test, t, t_test = features
    map_s, map_t = aligned(method, setting, s, t, d)
    y = domains.source.labels.numpy()
    mapped = map_s(s)
    return {
        "accuracy": classify(
            mapped, y, map_t(t_test), domains.target_test.labels.numpy(), strength
        ),
        "source_accuracy": classify(
            mapped, y, map_s(s_test), domains.source_test.labels.numpy(), strength
        ),
    }


def measure_features() -> tuple[list[dict], dict]:
    rows, settings = [], {}
    for kind, sizes in DIMENSIONS.items():
        found: dict[tuple, list[float]] = {}
        for seed in DIGIT_TUNING_SEEDS:
            domains = feature_data(seed, tune=True)
            features = described(domains, kind, seed)
            for method, grid in METHODS.items():
                for setting, d, strength in itertools.product(grid, sizes, (0.03, 0.3, 3.0)):
                    score = score_alignment(features, domains, method, setting, d, strength)
                    key = (method, d, setting, strength)
                    found.setdefault(key, []).append(score["accuracy"])
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
                rows.append(row | score_alignment(features, domains, method, setting, d, strength))
            print(f"features, {kind}: seed {seed}", flush=True)
    return rows, settings


# --- bridges --------------------------------------------------------------------------------------

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


# --- the table ------------------------------------------------------------------------------------


def cell(rows: list[dict], column: str = "accuracy", **where) -> str:
    """Mean and 95 % t-interval of one number of the rows that match; "-" where there are none."""
    found = [
        row[column] for row in rows if all(row.get(key) == value for key, value in where.items())
    ]
    return str(tl.mean_interval(found)) if len(found) > 1 else "-"


def table(rows, title: str, arms, columns: dict[str, dict]) -> list[str]:
    """Lines of a Markdown table: a line an arm, a column for each set of conditions."""
    lines = ["", f"| {title} | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    for arm in arms:
        cells = [cell(rows, arm=arm, **where) for where in columns.values()]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return lines


def markdown(rows: list[dict], facts: dict) -> str:
    parts = {
        part: [row for row in rows if row["part"] == part]
        for part in dict.fromkeys(row["part"] for row in rows)
    }
    arms = {part: list(dict.fromkeys(row["arm"] for row in found)) for part, found in parts.items()}
    lines = [
        "# Instances, features, mismatched spaces",
        "",
        f"Accuracy on the target, mean [95 % t-interval]: over {len(SEEDS)} seeds for the cohorts "
        f"and shifts, {len(DIGIT_SEEDS)} for the digits.",
    ]
    for kind in ("linear", "quadratic", "tree"):
        columns = {f"{n} labels": {"learner": kind, "labels": n} for n in (0, *LABELS, ORACLE)}
        used = {r["arm"] for r in parts["cohort"] if r.get("learner") == kind}
        names = [arm for arm in arms["cohort"] if arm in used]
        lines += table(parts["cohort"], f"cohort, {kind} learner", names, columns)
    lines.append(f"\nThe true rule itself: {cell(parts['cohort'], arm='true rule')}.")
    lines += ["", "| diabetes, by age | R² on the target |", "|---|---|"]
    lines += [f"| {arm} | {cell(parts['diabetes'], 'r2', arm=arm)} |" for arm in arms["diabetes"]]
    kinds = ("covariate", "labels", "concept")
    lines += table(parts["shifts"], "shift", arms["shifts"], {k: {"shift": k} for k in kinds})
    for kind, sizes in DIMENSIONS.items():
        columns = {f"d = {d}": {"features": kind, "d": d} for d in sizes}
        lines += table(parts["features"], f"fonts to handwriting, {kind}", METHODS, columns)
    for directions, name in ((4, "42 line sums"), (2, "16 line sums")):
        columns = {
            f"{n} pairs" if n else "all": {"directions": directions, "pairs": n}
            for n in (*PAIRS, 0)
        }
        lines += table(parts["bridges"], f"bridges, {name}", arms["bridges"], columns)
    lines += [
        "",
        f"`{facts['command']}`: {facts['seconds']} s on {facts['machine']}, {facts['date']}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="1 CPU core")
    machine = parser.parse_args().machine
    torch.set_num_threads(1)
    start = time.process_time()
    rows, settings = measure_cohort()
    print(f"cohort: {time.process_time() - start:.0f} s", flush=True)
    rows += measure_diabetes() + measure_shifts()
    print(f"shifts: {time.process_time() - start:.0f} s", flush=True)
    for measure in (measure_bridges, measure_features):
        more, chosen = measure()
        rows, settings = rows + more, settings | chosen
        print(f"{measure.__name__}: {time.process_time() - start:.0f} s", flush=True)
    rows = [shortened(row) for row in rows]  # before the tables: they are made of what is stored
    store(
        NAME,
        {"settings": settings, "rows": rows},
        functools.partial(markdown, rows),
        command="OMP_NUM_THREADS=1 python -m data.recipes.instances_features_table",
        seconds=time.process_time() - start,
        machine=machine,
    )


def shortened(row: dict) -> dict:
    return {k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()}


if __name__ == "__main__":
    main()

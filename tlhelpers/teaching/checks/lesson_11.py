"""Checks of lesson 11: weights, sample size, CORAL, Procrustes, pairs that are off by some rows."""

from __future__ import annotations

import numpy as np

from ...data.projections import line_sums
from ...methods.bridging import ridge_bridge
from ...methods.feature_alignment import coral_map, root
from . import Wrong, attempted, exercise


@exercise(
    "11-1",
    wrong={
        "the probability itself": lambda: lambda p, n, m: p,
        "odds turned over": lambda: lambda p, n, m: (1 - p) / p * n / m,
        "odds without the sizes": lambda: lambda p, n, m: p / (1 - p),
        "sizes turned over": lambda: lambda p, n, m: p / (1 - p) * m / n,
        "one over p": lambda: lambda p, n, m: 1 / p,
        "makes the mean 1": lambda: lambda p, n, m: p / (1 - p) / (p / (1 - p)).mean(),
    },
)
def density_ratio(weights):
    """A place where both densities are equal, and one where the target's is three times as high."""
    # 900 source and 300 target examples: where the densities are equal, 1 in 4 is of the target
    p = np.array([0.25, 0.5, 0.9])
    values = np.asarray(attempted(weights(p.copy(), 900, 300)), dtype=float)
    if values.shape != p.shape:
        raise Wrong(f"A weight for each example: shape {p.shape}, yours has {values.shape}.")
    if np.allclose(values, [1, 3, 27]):
        return (
            "1, 3, 27: where the target's density is three times the source's, each counts thrice."
        )
    if np.allclose(values, p):
        raise Wrong(
            "That is the probability itself. It never exceeds 1, but an example in a place where "
            "the target is 27 times as dense must count 27 times: take the odds."
        )
    if np.allclose(values, 1 / p):
        raise Wrong(
            "1 / p makes the *least* target-like example count most. Take the odds, p over 1 - p."
        )
    if values[0] > values[-1]:
        raise Wrong(
            "The more target-like, the smaller your weight: the fraction is turned over. `p` is "
            "the probability of the *target*, and belongs on top."
        )
    if np.allclose(values, p / (1 - p)):
        raise Wrong(
            "The odds are right, but 900 source examples stand against 300 of the target. At "
            "p = 0.25 both densities are equal, and the weight must be 1: multiply by n_source / "
            "n_target."
        )
    if np.allclose(values, p / (1 - p) / 3):
        raise Wrong("The sizes are turned over: at p = 0.25 the weight must be 1, yours is 1/9.")
    if np.isclose(values.mean(), 1):
        raise Wrong(
            "Odds with mean 1: good enough to train with, but the question is the ratio of the "
            "densities. It has a unit: 1 where both are equal. Use the two sizes."
        )
    raise Wrong(f"At p = 0.25, 0.5, 0.9 the weights are 1, 3, 27; yours are {values.round(3)}.")


@exercise(
    "11-2",
    wrong={
        "turned over": lambda: lambda w: (w**2).sum() / w.sum() ** 2,
        "sum over maximum": lambda: lambda w: w.sum() / w.max(),
        "counts what is not 0": lambda: lambda w: (w > 0).sum(),
        "forgets to square the sum": lambda: lambda w: w.sum() / (w**2).sum(),
        "means for sums": lambda: lambda w: w.mean() ** 2 / (w**2).mean(),
        "the sum": lambda: lambda w: w.sum(),
        "the number of weights": lambda: lambda w: len(w),
        "a number for each weight": lambda: lambda w: w**2 / (w**2).sum(),
    },
)
def effective_size(ess):
    """Equal weights of any size, a single one, and a case in between."""
    equal, single, mixed = np.full(8, 3.0), np.array([0, 0, 5.0, 0]), np.array([1.0, 3.0])
    values = [np.asarray(attempted(ess(w.copy())), dtype=float) for w in (equal, single, mixed)]
    if any(value.size != 1 for value in values):
        raise Wrong(f"One number for all weights together; yours has the shape {values[0].shape}.")
    values = [value.item() for value in values]
    if np.allclose(values, [8, 1, 1.6]):
        return "Eight equal weights count as 8, a single one as 1, whatever their size."
    if np.allclose(values, [1 / 8, 1, 1 / 1.6]):
        raise Wrong("The fraction is turned over: eight equal weights must count as 8.")
    if np.allclose(values, [8, 1, 2]):
        raise Wrong(
            "You count the weights that are not 0. A weight of .001 would count as a whole one."
        )
    if np.allclose(values, [8, 1, 4 / 3]):
        raise Wrong(
            "Sum over maximum knows the largest weight only; all of them make the variance. Use "
            "the squares."
        )
    if np.isclose(values[0], 24):
        raise Wrong("That is the sum: the size of the weights must not matter, 8 times 3 is 8.")
    if np.allclose(values, [1, 1 / 4, 0.8]):
        raise Wrong("With means for sums a factor N is lost: that is the *share* that counts.")
    if np.isclose(values[0], 1 / 3):
        raise Wrong("Square the sum as well: (sum of w)^2 over the sum of w^2.")
    if np.allclose(values, [8, 4, 2]):
        raise Wrong(
            "That is how many weights there are. Of (0, 0, 5, 0) only one counts: the answer is 1."
        )
    cases = zip(("eight equal weights", "(0, 0, 5, 0)", "(1, 3)"), (8, 1, 1.6), values, strict=True)
    name, right, yours = next(case for case in cases if not np.isclose(*case[1:]))
    raise Wrong(
        f"For {name} it is {right}, yours is {yours:.3g}. Square of the sum over the sum of the "
        "squares."
    )


def _coral(order: str):
    def answer(source, target):
        cs, ct = np.cov(source.T), np.cov(target.T)
        centred = source - source.mean(0)
        return {
            "colours first": lambda: centred @ root(ct, 0.5) @ root(cs, -0.5) + target.mean(0),
            "turned over": lambda: centred @ root(cs, 0.5) @ root(ct, -0.5) + target.mean(0),
            "only whitens": lambda: centred @ root(cs, -0.5) + target.mean(0),
            "z-scores": lambda: centred / source.std(0) * target.std(0) + target.mean(0),
            "keeps the mean": lambda: source @ root(cs, -0.5) @ root(ct, 0.5),
            "moves the mean only": lambda: centred + target.mean(0),
            "elementwise powers": lambda: (
                centred @ np.abs(cs) ** -0.5 @ np.abs(ct) ** 0.5 + target.mean(0)
            ),
        }[order]()

    return answer


@exercise(
    "11-3",
    wrong={
        name: (lambda name=name: _coral(name))
        for name in (
            "colours first", "turned over", "only whitens", "z-scores", "keeps the mean",
            "moves the mean only", "elementwise powers",
        )
    },
)  # fmt: skip
def whiten_and_recolour(coral):
    """The mapped source must have the target's mean and covariance."""
    chance = np.random.default_rng(0)
    source = chance.normal(size=(400, 2)) @ np.array([[3.0, 1], [0, 1]]) + [5, 0]
    target = chance.normal(size=(300, 2)) @ np.array([[1.0, -2], [0, 1]]) + [0, -4]
    mapped = np.real(np.asarray(attempted(coral(source.copy(), target.copy()))))
    if mapped.shape != source.shape:
        raise Wrong(
            f"The mapped source keeps its shape {source.shape}; yours is {mapped.shape}. Rows are "
            "examples: matrices stand on the right of them."
        )
    want, have = np.cov(target.T), np.cov(mapped.T)
    if not np.allclose(mapped.mean(0), target.mean(0), atol=0.05):
        raise Wrong(
            f"The mapped source has the mean {mapped.mean(0).round(1)}, the target "
            f"{target.mean(0).round(1)}. Take the source's mean away first; add the target's last."
        )
    if np.allclose(mapped, coral_map(source, target, shrinkage=0)(source), atol=0.1):
        return (
            "Same mean, same covariance. No label was used, and every step can be undone: nothing "
            "is lost."
        )
    if np.allclose(have, want, rtol=0.005, atol=0.005):  # N or N - 1 in the covariance: .1 %
        return (
            "Same mean, same covariance. You took other roots than `fractional_matrix_power` "
            "gives: that is a way to whiten and recolour, too."
        )
    if np.allclose(have, np.cov(source.T), atol=0.05):
        raise Wrong("Only the mean has moved; the covariance is still the source's.")
    if np.allclose(have, np.eye(2), atol=0.05):
        raise Wrong("White, and left so: give it the target's covariance, with power +1/2.")
    if np.allclose(np.diag(have), np.diag(want), rtol=0.02):
        raise Wrong(
            "Each feature has the target's spread, but how they vary *together* is still the "
            "source's: that is the z-score, not the covariance."
        )
    turned = np.cov(_coral("turned over")(source, target).T)
    if np.allclose(have, turned, rtol=0.02):
        raise Wrong(
            "The powers are turned over: -1/2 belongs to the source's covariance (whiten), +1/2 "
            "to the target's (recolour)."
        )
    colours_first = np.cov(_coral("colours first")(source, target).T)
    if np.allclose(have, colours_first, rtol=0.02):
        raise Wrong("The order: whiten first, then recolour. Matrices do not commute.")
    raise Wrong(
        "The covariance is not the target's. The powers are those of *matrices*: "
        "`fractional_matrix_power(c, -0.5)`, not `c ** -0.5`."
    )


def _by_svd(combine):
    def answer(a, b):
        return combine(*np.linalg.svd(a.T @ b))

    return answer


@exercise(
    "11-4",
    wrong={
        "turned the other way": lambda: _by_svd(lambda u, s, vt: vt.T @ u.T),
        "keeps the singular values": lambda: _by_svd(lambda u, s, vt: u * s @ vt),
        "forgets that svd gives V transposed": lambda: _by_svd(lambda u, s, vt: u @ vt.T),
        "least squares": lambda: lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0],
        "the mapped examples": lambda: lambda a, b: a @ _by_svd(lambda u, s, vt: u @ vt)(a, b),
        "all that svd returns": lambda: lambda a, b: np.linalg.svd(a.T @ b),
    },
)
def best_rotation(rotation):
    """A turned cloud with a little noise: the matrix must be orthogonal, and fit best."""
    chance = np.random.default_rng(2)
    a = chance.normal(size=(60, 3)) * [3, 2, 1]
    turn = np.linalg.qr(chance.normal(size=(3, 3)))[0]
    b = a @ turn + 0.3 * chance.normal(size=a.shape)
    w = attempted(rotation(a.copy(), b.copy()))
    if isinstance(w, tuple):
        raise Wrong(f"You return {len(w)} things; return one, the matrix W.")
    w = np.asarray(w, dtype=float)
    if w.shape != (3, 3):
        raise Wrong(f"Return the matrix (3, 3) that turns `a`, not {w.shape}.")
    if not np.allclose(w @ w.T, np.eye(3), atol=1e-6):
        if np.allclose(w, np.linalg.lstsq(a, b, rcond=None)[0], atol=1e-6):
            raise Wrong(
                "That is least squares: it fits best of all matrices, but also stretches and "
                "shears. A rotation has `W @ W.T` = identity."
            )
        raise Wrong(
            "Your matrix stretches: `W @ W.T` is not the identity. Leave the singular values out."
        )
    u, _, vt = np.linalg.svd(a.T @ b)
    if np.allclose(w, u @ vt, atol=1e-6):
        return "Orthogonal, and no other rotation comes nearer to b."
    if np.allclose(w, (u @ vt).T, atol=1e-6):
        raise Wrong("Yours turns b onto a. For `a @ W` near `b` take `a.T @ b`, and then U V^T.")
    raise Wrong(
        "A rotation, but not the best one. `np.linalg.svd` returns V already transposed: U @ Vt."
    )


def _log(offset: int, seed: int):
    """Two sensors' logs: y[i] and x[i + offset] are of one object; 90 rows, 64 and 42 numbers."""
    chance = np.random.default_rng(seed)
    basis = chance.normal(size=(20, 64))
    pictures = chance.normal(size=(100, 20)) @ basis
    sums = line_sums(pictures.reshape(-1, 8, 8))
    return pictures[:90], sums[offset : offset + 90] + 0.1 * chance.normal(size=(90, 42))


def _errors(x, y, most, held_out=True):
    found = []
    for k in range(most + 1):
        a, b = x[k:], y[: len(y) - k]
        cut = 2 * len(a) // 3
        bridge = ridge_bridge(b[:cut], a[:cut], strengths=[1e-9])
        part = slice(cut, None) if held_out else slice(cut)
        found.append(np.square(bridge(b[part]) - a[part]).mean())
    return found


@exercise(
    "11-5",
    wrong={
        "trusts the logs": lambda: lambda x, y, most=5: 0,
        "the largest error": lambda: lambda x, y, most=5: int(np.argmax(_errors(x, y, most))),
        "turned sign": lambda: lambda x, y, most=5: -int(np.argmin(_errors(x, y, most))),
        "never tries the last one": lambda: (
            lambda x, y, most=5: int(np.argmin(_errors(x, y, most - 1)))
        ),
        "moves the other log": lambda: (
            lambda x, y, most=5: int(
                np.argmin([min(_errors(x[: len(x) - k], y[k:], 0)) for k in range(most + 1)])
            )
        ),
        "returns the errors": lambda: lambda x, y, most=5: _errors(x, y, most),
    },
)
def rows_that_belong_together(find_offset):
    """Logs that are 0, 2 and 5 rows apart."""
    found = {}
    for seed, offset in enumerate((2, 0, 5)):
        # y[i] belongs to x[i + offset]
        answer = attempted(find_offset(*_log(offset, seed), 5))
        if not isinstance(answer, (int, np.integer)):
            raise Wrong(f"Return one whole number, the offset; yours is {type(answer).__name__}.")
        found[offset] = int(answer)
    if all(offset == answer for offset, answer in found.items()):
        return (
            "2, 0 and 5 rows. Not one label was needed: wrong pairs betray themselves on pairs "
            "that the bridge has not seen."
        )
    if set(found.values()) == {0}:
        raise Wrong(
            "Always 0: you trust the logs, or move the wrong one. `y[i]` belongs to `x[i + k]`: "
            "compare `x[k:]` with `y[:len(y) - k]`."
        )
    if found[2] == -2:
        raise Wrong("The size is right, the sign is not: k counts rows of `x`, from 0 upwards.")
    if found[2] == 2 and found[5] != 5:
        raise Wrong("2 rows apart is found, 5 is not: try every k up to and including `most`.")
    raise Wrong(
        f"Logs that are 2 rows apart: yours says {found[2]}. Right pairs have the *smallest* error "
        "on held-out rows. Compare `x[k:]` with `y[:len(y) - k]`."
    )

"""Checks of lesson 08, which model and when transfer hurts: scores, shift, safe transfer."""

from __future__ import annotations

import math

import torch

from . import Wrong, attempted, exercise

# --- scores, an honest choice, the gap ----------------------------------------------------------

_SAID = torch.tensor(  # an old head with three classes, five images
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.7, 0.2], [0.2, 0.6, 0.2], [0.3, 0.3, 0.4]]
)
_IS = torch.tensor([0, 0, 1, 1, 1])


def _joint(p, labels):
    return torch.stack([p[labels == k].sum(0) for k in range(int(labels.max()) + 1)]) / len(p)


@exercise(
    "08-1",
    wrong={
        "rows add up to 1": lambda: (
            lambda p, y: (
                ((_joint(p, y) / _joint(p, y).sum(1, keepdim=True))[y] * p).sum(1).log().mean()
            )
        ),
        "the joint itself": lambda: lambda p, y: (_joint(p, y)[y] * p).sum(1).log().mean(),
        "logarithm of the mean": lambda: (
            lambda p, y: ((_joint(p, y) / _joint(p, y).sum(0))[y] * p).sum(1).mean().log()
        ),
        "no logarithm": lambda: (
            lambda p, y: ((_joint(p, y) / _joint(p, y).sum(0))[y] * p).sum(1).mean()
        ),
        "only the most probable class": lambda: (
            lambda p, y: (_joint(p, y) / _joint(p, y).sum(0))[y, p.argmax(1)].log().mean()
        ),
        "the sum over the images": lambda: (
            lambda p, y: ((_joint(p, y) / _joint(p, y).sum(0))[y] * p).sum(1).log().sum()
        ),
        "a number for each image": lambda: (
            lambda p, y: ((_joint(p, y) / _joint(p, y).sum(0))[y] * p).sum(1).log()
        ),
        "sign turned": lambda: (
            lambda p, y: -((_joint(p, y) / _joint(p, y).sum(0))[y] * p).sum(1).log().mean()
        ),
        "logarithm before the sum over source classes": lambda: (
            lambda p, y: ((_joint(p, y) / _joint(p, y).sum(0))[y] * p).log().sum(1).mean()
        ),
        "the head's probabilities forgotten": lambda: (
            lambda p, y: (_joint(p, y) / _joint(p, y).sum(0))[y].sum(1).log().mean()
        ),
        "mean over the source classes": lambda: (
            lambda p, y: ((_joint(p, y) / _joint(p, y).sum(0))[y] * p).mean(1).log().mean()
        ),
    },
)
def log_expected_empirical_prediction(leep):
    """Five images, three source classes, two target classes."""
    value = attempted(leep(_SAID.clone(), _IS.clone()))
    if isinstance(value, torch.Tensor) and value.ndim:
        raise Wrong(
            f"LEEP is one number; yours has shape {tuple(value.shape)}. Take the mean over the "
            "images at the end."
        )
    value, joint = float(value), _joint(_SAID, _IS)
    given = joint / joint.sum(0)
    right = (given[_IS] * _SAID).sum(1)
    by_row = joint / joint.sum(1, keepdim=True)
    known = {
        (by_row[_IS] * _SAID).sum(1).log().mean().item(): "Your table holds P(z | y): its *rows* "
        "add up to 1. P(y | z) asks the other way round: given what the head says, which class is "
        "it? The columns must add up to 1.",
        (joint[_IS] * _SAID).sum(1).log().mean().item(): "You multiplied by P(y, z), the joint "
        "share. Divide each column by its sum first.",
        right.mean().log().item(): "The logarithm comes before the mean: an image that gets a "
        "tiny probability must hurt, and in a mean it would hide among the others.",
        right.mean().item(): "That is the mean probability of the right class. LEEP is the mean of "
        "its *logarithm*: 0 is perfect.",
        given[_IS, _SAID.argmax(1)].log().mean().item(): "You took the most probable source class "
        "only. That score exists (NCE, Tran et al. 2019); LEEP weights all classes by their "
        "probability.",
        right.log().sum().item(): "A sum grows with the number of images. Take the mean.",
        -right.log().mean().item(): "The size is right, the sign is not: a mean of logarithms of "
        "probabilities is never above 0. Leave the minus out.",
        (given[_IS] * _SAID).log().sum(1).mean().item(): "The logarithm comes *after* the sum over "
        "the source classes: first add up the products of each image, then take the logarithm.",
        given[_IS].sum(1).log().mean().item(): "The head's probabilities are missing. Multiply "
        "`given[labels]` by them before you add up.",
        (given[_IS] * _SAID).mean(1).log().mean().item(): "Over the source classes it is a *sum*; "
        "the probabilities are weights already. Take the mean over the images only.",
    }
    if abs(value - right.log().mean().item()) > 1e-4:
        for wrong, why in known.items():
            if abs(value - wrong) < 1e-4:
                raise Wrong(why)
        raise Wrong(
            f"For the check's five images it is {right.log().mean():.4f}; yours {value:.4f}. Count "
            "P(target class | source class), let the old head's probabilities weigh it, and take "
            "the mean logarithm of what each image's own label gets."
        )
    return (
        "The old head and a table of counts make a classifier for the new job, and LEEP is its "
        "log-likelihood. It never looks at a feature."
    )


_RIGHT = torch.tensor(  # the winner of the first half is row 1, of the second half and of all row 2
    [[1, 0, 0, 1, 1, 0, 0, 0], [1, 1, 1, 0, 1, 1, 0, 0], [0, 1, 1, 0, 1, 1, 1, 1]]
).float()


@exercise(
    "08-2",
    wrong={
        "chooses and reports on everything": lambda: (
            lambda r: (int(r.mean(1).argmax()), r.mean(1).max().item())
        ),
        "reports on the half that chose": lambda: (
            lambda r: (int(r[:, :4].mean(1).argmax()), r[:, :4].mean(1).max().item())
        ),
        "chooses on everything": lambda: (
            lambda r: (int(r.mean(1).argmax()), r[int(r.mean(1).argmax()), 4:].mean().item())
        ),
        "chooses again on the second half": lambda: (
            lambda r: (int(r[:, :4].mean(1).argmax()), r[:, 4:].mean(1).max().item())
        ),
        "reports on everything": lambda: (
            lambda r: (
                int(r[:, :4].mean(1).argmax()),
                r[int(r[:, :4].mean(1).argmax())].mean().item(),
            )
        ),
        "the accuracy first": lambda: lambda r: (r[1, 4:].mean().item(), 1),
        "max in place of argmax": lambda: (
            lambda r: (r[:, :4].mean(1).max().item(), r[1, 4:].mean().item())
        ),
        "counts in place of an accuracy": lambda: lambda r: (1, r[1, 4:].sum().item()),
        "halves the candidates": lambda: (
            lambda r: (int(r[:1].mean(1).argmax()), r[0, 4:].mean().item())
        ),
    },
)
def an_honest_choice(honest):
    """Three candidates, eight images."""
    found = attempted(honest(_RIGHT.clone()))
    if not (isinstance(found, (tuple, list)) and len(found) == 2):
        raise Wrong("Return two things: the row of the winner, and its accuracy.")
    if float(found[0]) % 1:
        raise Wrong(
            f"The first value is {float(found[0]):.2f}, and a row number is whole. Return the row "
            "first (`.argmax()`; `.max()` is its accuracy), then the accuracy."
        )
    row, accuracy = int(found[0]), float(found[1])
    if row == 2 and abs(accuracy - 0.75) < 1e-6:
        raise Wrong(
            "Row 2 and .75: you chose on *all* images and report on the same ones. Choose with the "
            "first half, report on the second."
        )
    if row == 2:
        raise Wrong(
            "Row 2 is the best on *all* images, so the second half helped to choose it, and can no "
            "longer judge it. Choose with the first half only."
        )
    if row != 1:
        raise Wrong(
            f"Row {row} is not the best on the first half of the images, the first 4 *columns*: "
            "row 1 has 3 of 4 right there."
        )
    if abs(accuracy - 0.75) < 1e-6:
        raise Wrong(
            ".75 is the accuracy on the images that chose the winner: too kind. Report the other "
            "half."
        )
    if abs(accuracy - 1) < 1e-6:
        raise Wrong(
            "1.00 belongs to row 2: you took the maximum once more, on the second half. The winner "
            "is already chosen; look up *its* accuracy."
        )
    if abs(accuracy - 2) < 1e-6:
        raise Wrong(
            "2 is the *number* of right answers. An accuracy is their share: take the mean."
        )
    if abs(accuracy - 0.625) < 1e-6:
        raise Wrong(
            ".625 is the winner's accuracy on all images, half of which chose it. Report the "
            "second half alone."
        )
    if abs(accuracy - 0.5) > 1e-6:
        raise Wrong(f"Row 1 has 2 of 4 right in the second half: .50, not {accuracy:.2f}.")
    return (
        "Row 1, and .50. That hurts: it looked like .75. Better to be hurt by your own second half "
        "than by the first customer."
    )


@exercise(
    "08-3",
    wrong={
        "sign turned": lambda: lambda t, a: [100 * (x - y) for x, y in zip(t, a, strict=True)],
        "in shares, not points": lambda: lambda t, a: [y - x for x, y in zip(t, a, strict=True)],
        "one number": lambda: lambda t, a: 100 * (sum(a) - sum(t)) / len(t),
        "every seed against the mean": lambda: (
            lambda t, a: [100 * (sum(a) / len(a) - x) for x in t]
        ),
        "relative to the error": lambda: (
            lambda t, a: [100 * (y - x) / (1 - y) for x, y in zip(t, a, strict=True)]
        ),
        "relative to the accuracy": lambda: (
            lambda t, a: [100 * (y - x) / y for x, y in zip(t, a, strict=True)]
        ),
        "without a sign": lambda: (
            lambda t, a: [100 * abs(y - x) for x, y in zip(t, a, strict=True)]
        ),
        "harm only": lambda: (
            lambda t, a: [max(0, 100 * (y - x)) for x, y in zip(t, a, strict=True)]
        ),
        "the errors with transfer": lambda: lambda t, a: [100 * (1 - x) for x in t],
        "sign turned, in shares": lambda: lambda t, a: [x - y for x, y in zip(t, a, strict=True)],
        "pairs of numbers": lambda: lambda t, a: list(zip(t, a, strict=True)),
    },
)
def gap_by_seed(gaps):
    """Three seeds; transfer hurts by 2 points, helps by 10, changes nothing."""
    transfer, alone = [0.78, 0.90, 0.60], [0.80, 0.80, 0.60]
    found = attempted(gaps(list(transfer), list(alone)))
    try:
        found = list(found)
    except TypeError:
        raise Wrong(
            "Return a number for each seed. With a single mean the spread is lost, and with it the "
            "interval."
        ) from None
    try:
        found = [float(value) for value in found]
    except TypeError:
        raise Wrong(
            "Each entry must be one number: the difference of the two accuracies."
        ) from None
    if len(found) != 3:
        raise Wrong(f"There are three seeds, and you return {len(found)} numbers.")
    expected = [2.0, -10.0, 0.0]

    def near(values):
        return all(abs(a - b) < 1e-6 for a, b in zip(found, values, strict=True))

    if near([-2.0, 10.0, 0.0]):
        raise Wrong(
            "The sign is turned. In the first seed transfer is *less* often right (.78 against "
            ".80), so it hurts, and a gap that hurts is positive: error minus error."
        )
    if near([value / 100 for value in expected]):
        raise Wrong("Right in shares; asked for are points: times 100.")
    mean = 100 * sum(alone) / 3
    if near([mean - 100 * value for value in transfer]):
        raise Wrong(
            "You compare each seed with the *mean* of the baseline. A seed stands for the same "
            "images and batches on both sides: pair them, and their luck cancels."
        )
    if near([-0.02, 0.1, 0.0]):
        raise Wrong(
            "Two things: times 100, for points; and turn the sign, because a gap that hurts is "
            "positive."
        )
    if near([10.0, -50.0, 0.0]):
        raise Wrong("You divided by the error. Asked for is the plain difference, in points.")
    if near([2.5, -12.5, 0.0]):
        raise Wrong("You divided by the accuracy. Asked for is the plain difference, in points.")
    if near([2.0, 10.0, 0.0]):
        raise Wrong(
            "In the second seed transfer *helps*, by 10 points: the gap is -10. Leave `abs` out: "
            "with it, help looks like harm."
        )
    if near([2.0, 0.0, 0.0]):
        raise Wrong(
            "In the second seed transfer *helps*, by 10 points: the gap is -10, not 0. With harm "
            "alone the mean over the seeds would be too high."
        )
    if near([22.0, 10.0, 40.0]):
        raise Wrong(
            "Those are the errors with transfer. A gap compares: take the error with target data "
            "only away from them."
        )
    if not near(expected):
        shown = ", ".join(f"{value:.4g}" for value in found)
        raise Wrong(
            "For .78 with transfer and .80 without it the gap is +2 points; you return "
            f"{shown}. Take 100 times the difference, seed by seed."
        )
    return "+2, -10, 0: the first seed alone would have called it harm."


# --- a model that left home, and a source that hurts --------------------------------------------

_HOME_SURE = torch.tensor([0.9, 0.8, 0.7, 1.0])  # mean .85
_BATCH_SURE = torch.tensor([0.6, 0.8, 0.5, 0.7, 0.4])  # mean .60


@exercise(
    "08-4",
    wrong={
        "the mean confidence itself": lambda: lambda home, batch, accuracy: batch.mean(),
        "the drop instead of what is left": lambda: (
            lambda home, batch, accuracy: home.mean() - batch.mean()
        ),
        "sign of the difference": lambda: (
            lambda home, batch, accuracy: accuracy + home.mean() - batch.mean()
        ),
        "a ratio": lambda: lambda home, batch, accuracy: accuracy * batch.mean() / home.mean(),
        "home and accuracy changed over": lambda: (
            lambda home, batch, accuracy: batch.mean() + home.mean() - accuracy
        ),
        "accuracy times confidence": lambda: lambda home, batch, accuracy: accuracy * batch.mean(),
        "one of the means forgotten": lambda: (
            lambda home, batch, accuracy: accuracy - (home.mean() - batch)
        ),
        "sums instead of means": lambda: (
            lambda home, batch, accuracy: accuracy - home.sum() + batch.sum()
        ),
    },
)
def difference_of_confidences(accuracy_by_confidence):
    """Mean confidences .85 at home and .60 in the batch, accuracy .95 at home: .70 is left."""
    value = attempted(accuracy_by_confidence(_HOME_SURE.clone(), _BATCH_SURE.clone(), 0.95))
    if isinstance(value, torch.Tensor) and value.numel() > 1:
        raise Wrong(
            f"You return {value.numel()} numbers, and one is asked for. Take the mean of `home` "
            "and the mean of `batch`, then their difference."
        )
    value = float(value)
    known = {
        0.60: "That is the mean confidence of the batch. At home it was .85 and the accuracy .95: "
        "confidence and accuracy are not on one scale. Use how much it *fell*.",
        0.25: "That is what is lost. Asked for is what is left: take it from the accuracy at home.",
        1.20: "You added the loss: an accuracy of 1.2. The batch is *less* sure than home, so the "
        "accuracy goes down.",
        0.95 * 0.6 / 0.85: "You scaled by the ratio. The rule takes the *difference* of the two "
        "means away.",
        0.50: "You took the accuracy at home away from both confidences. Begin with the accuracy "
        "at home, and take the *fall* of the mean confidence away from it.",
        0.95 * 0.6: "You multiplied accuracy by confidence. The rule takes the *fall* of the mean "
        "confidence away from the accuracy at home.",
        0.95 - 3.4 + 3.0: "You compared sums. Home has 4 pictures and the batch 5: compare means.",
    }
    if abs(value - 0.7) < 1e-5:
        return (
            ".95 - (.85 - .60) = .70. It takes for granted that a network which is surer "
            "by a point is right more often by a point."
        )
    for number, why in known.items():
        if abs(value - number) < 1e-4:
            raise Wrong(why)
    raise Wrong(
        f"Mean confidences .85 at home and .60 in the batch, accuracy .95 at home: .70 is left, "
        f"not {value:.3f}."
    )


@exercise(
    "08-5",
    wrong={
        "forgets the root of 2/pi": lambda: lambda p, e: math.ceil(p * (1 - p) / e**2),
        "rounds down": lambda: lambda p, e: math.floor(2 * p * (1 - p) / (math.pi * e**2)),
        "forgets to square": lambda: lambda p, e: math.ceil((2 * p * (1 - p) / math.pi) ** 0.5 / e),
        "not a whole number": lambda: lambda p, e: 2 * p * (1 - p) / (math.pi * e**2),
        "1 - p forgotten": lambda: lambda p, e: math.ceil(2 * p / (math.pi * e**2)),
        "the error not squared": lambda: lambda p, e: math.ceil(2 * p * (1 - p) / (math.pi * e)),
        "2/pi not squared": lambda: (
            lambda p, e: math.ceil(math.sqrt(2 / math.pi) * p * (1 - p) / e**2)
        ),
        "pi/2 for 2/pi": lambda: lambda p, e: math.ceil(math.pi / 2 * p * (1 - p) / e**2),
        "the fraction turned over": lambda: (
            lambda p, e: math.ceil(math.pi * e**2 / (2 * p * (1 - p)))
        ),
        "a 95 % interval": lambda: lambda p, e: math.ceil(1.96**2 * p * (1 - p) / e**2),
    },
)
def labels_for_an_error(labels_needed):
    """.5 and .1: 15.9 labels, so 16; .9 and .05: 22.9, so 23."""
    found = [attempted(labels_needed(p, e)) for p, e in ((0.5, 0.1), (0.9, 0.05))]
    first = float(found[0])
    if [float(value) for value in found] == [16, 23]:
        return (
            "16 labels at an accuracy of .5, for an error of .1. For half of the error you need "
            "four times as many."
        )
    if abs(first - 50 / math.pi) < 1e-6:
        raise Wrong(f"{first:.1f} labels: nobody gives a tenth of a label. Round up.")
    known = {
        25: "25: that is p(1 - p)/e^2, the n whose *standard deviation* is e. The mean absolute "
        "error of a bell curve is smaller than that, by the root of 2/pi.",
        15: "15 labels are not enough, their error is above .1: round *up*.",
        4: "You solved for the root of n. Square both sides first.",
        32: "32: the factor 1 - p is missing. Under the root stands p(1 - p).",
        2: "2: the error must be squared as well. Square *both* sides, then bring n to the left.",
        20: "20: you left the first factor under its root. Squared, it is 2/pi.",
        40: "40: you multiplied by pi/2. The squared factor is 2/pi, and it stays above the line.",
        1: "1: the fraction is turned over. A smaller error needs *more* labels, so e^2 stands "
        "below the line.",
        97: "That is the n of a 95 % interval as wide as e. Here the *mean* error is asked for.",
    }
    raise Wrong(
        known.get(
            first,
            f"For an accuracy of .5 and an error of .1 it is 50/pi = 15.9, so 16; yours is "
            f"{first:.4g}.",
        )
    )


def _table(good, bad, n):
    import numpy as np
    from scipy.stats import binom

    counts = np.arange(n + 1)
    return np.outer(binom.pmf(counts, n, bad), binom.pmf(counts, n, good))  # [bad, good]


def _below(table):
    import numpy as np

    return float(np.tril(table, -1).sum())


@exercise(
    "08-6",
    wrong={
        "a tie never harms": lambda: lambda good, bad, n: _below(_table(good, bad, n)),
        "a tie always harms": lambda: (
            lambda good, bad, n: _below(_table(good, bad, n)) + _table(good, bad, n).trace()
        ),
        "the good one is taken": lambda: (
            lambda good, bad, n: 1 - _below(_table(good, bad, n)) - _table(good, bad, n).trace() / 2
        ),
        "above the diagonal": lambda: (
            lambda good, bad, n: 1 - _below(_table(good, bad, n)) - _table(good, bad, n).trace()
        ),
        "the diagonal counted one and a half times": lambda: (
            lambda good, bad, n: _below(_table(good, bad, n)) + 1.5 * _table(good, bad, n).trace()
        ),
        "ties alone": lambda: lambda good, bad, n: _table(good, bad, n).trace(),
        "half the ties alone": lambda: lambda good, bad, n: _table(good, bad, n).trace() / 2,
        "a matrix": lambda: _table,
        "the whole table": lambda: lambda good, bad, n: _table(good, bad, n).sum(),
        "one image is asked": lambda: (
            lambda good, bad, n: bad * (1 - good) + 0.5 * (good * bad + (1 - good) * (1 - bad))
        ),
    },
)
def wrong_pick_of_a_validation_set(wrong_pick):
    """.9 against .8 on one image: .45; on 20, and of two equals: a coin."""
    found = [attempted(wrong_pick(*case)) for case in ((0.9, 0.8, 1), (0.7, 0.7, 9))]
    if getattr(found[0], "ndim", 0):
        raise Wrong(
            "You return a whole matrix, and one probability is asked for. Add up the entries where "
            "the bad network is taken."
        )
    one, equal = map(float, found)
    expected = _below(_table(0.9, 0.8, 20)) + float(_table(0.9, 0.8, 20).trace()) / 2
    known = {
        0.08: "You left the ties out: both right, or both wrong. With one image they are 3 cases "
        "in 4, and a coin then takes the worse one in half of them.",
        0.82: "You counted every tie as a wrong choice. A coin decides: half of them.",
        0.55: "That is the probability that the *good* one is taken: rows are the bad network's "
        "right answers, so the bad one wins below the diagonal.",
        0.18: "You added what is *above* the diagonal: there the good network has more right "
        "answers. Take what is below, `np.tril(m, -1)`, and half of the diagonal.",
        1.19: "A probability above 1: `np.tril(m)` holds the diagonal already. Take "
        "`np.tril(m, -1)`, then add half of the diagonal.",
        0.74: "Those are the ties alone. Add what is below the diagonal, and half of the ties.",
        0.37: "Those are half of the ties. Add what is below the diagonal, where the bad network "
        "has more right answers.",
        1.0: "The whole table adds up to 1. Add what is below the diagonal, and half of what is "
        "on it.",
    }
    for number, why in known.items():
        if abs(one - number) < 1e-6:
            raise Wrong(why)
    if abs(one - 0.45) > 1e-6 or abs(equal - 0.5) > 1e-6:
        raise Wrong(
            f"Accuracies .9 and .8, one image: .45; two equals: .5. Yours: {one:.3f}, {equal:.3f}."
        )
    if abs(float(wrong_pick(0.9, 0.8, 20)) - expected) > 1e-6:
        raise Wrong("Right for one image, not for 20: count the right answers of both, 0 to n.")
    many = _below(_table(0.9, 0.8, 100)) + float(_table(0.9, 0.8, 100).trace()) / 2
    return (
        f".9 against .8: wrong in {0.45:.0%} with one image, {expected:.0%} with 20, {many:.0%} "
        "with 100. On the same images two networks often fail together, which makes it rarer."
    )

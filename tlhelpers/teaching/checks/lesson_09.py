"""Checks of lesson 09, one example or none: zero-shot part and one-shot part."""

from __future__ import annotations

import math

import torch

from . import Wrong, attempted, exercise


def _overwrites(scores, seen, offset):
    scores[:, seen] -= offset
    return scores


_SCORES = torch.tensor([[3.0, 2.0, 2.5, 0.0], [1.0, 4.0, 0.0, 3.5]])
_SEEN = torch.tensor([True, True, False, False])


@exercise(
    "09-4",
    wrong={
        "arithmetic mean": lambda: lambda a, b: (a + b) / 2,
        "geometric mean": lambda: lambda a, b: math.sqrt(a * b),
        "forgets the 2": lambda: lambda a, b: a * b / (a + b) if a + b else 0.0,
        "divides by zero": lambda: lambda a, b: 2 * a * b / (a + b),
        "the smaller one": lambda: min,
        "the larger one": lambda: max,
        "no brackets below the bar": lambda: lambda a, b: 2 * a * b / a + b if a + b else 0.0,
        "upside down": lambda: lambda a, b: (a + b) / (2 * a * b) if a * b else 0.0,
        "from reciprocals": lambda: lambda a, b: 2 / (1 / a + 1 / b) if a + b else 0.0,
    },
)
def harmonic_mean_of_accuracies(harmonic):
    """For .9 and .3, for 0 and 0, for .9 and 0."""
    value = float(attempted(harmonic(0.9, 0.3)))
    known = {
        0.6: "That is the arithmetic mean. A model that never answers an unseen class would still "
        "get half of its seen accuracy. Use the formula.",
        math.sqrt(0.27): "That is the geometric mean, the root of the product. The harmonic one is "
        "2 a b / (a + b).",
        0.225: "The 2 is missing: two accuracies of .8 would have the mean .4.",
        0.3: "The smaller of the two ignores the other one. The harmonic mean is near the smaller, "
        "and grows with both.",
        0.9: "Python divides by `a` alone and then adds `b`. Put the sum in brackets: `/ (a + b)`.",
        1.2 / 0.54: "The fraction stands upside down: the product belongs above, the sum below.",
    }
    if abs(value - 0.9) < 1e-6 and abs(harmonic(0.6, 0.3) - 0.6) < 1e-6:
        raise Wrong("The larger of the two hides the weak side, and the weak side is what we ask.")
    for wrong, why in known.items():
        if abs(value - wrong) < 1e-6:
            raise Wrong(why)
    if abs(value - 0.45) > 1e-6:
        raise Wrong(f"For .9 and .3 it is 2 x .27 / 1.2 = .45; yours is {value:.4g}.")
    try:
        nothing = harmonic(0.0, 0.0)
    except ZeroDivisionError:
        raise Wrong(
            "Right, but two zeros divide by zero. A model that is never right has the mean 0: "
            "treat that case on its own."
        ) from None
    if nothing != 0:
        raise Wrong(f"For 0 and 0 the mean is 0; yours is {nothing}.")
    try:
        one_sided = float(harmonic(0.9, 0.0))
    except ZeroDivisionError:
        raise Wrong(
            "Right for .9 and .3, but .9 and 0 divide by zero: a model may be right on seen "
            "classes only. Write it without 1 / b: 2 a b / (a + b)."
        ) from None
    if one_sided != 0:
        raise Wrong(f"For .9 and 0 the mean is 0; yours is {one_sided:.4g}.")
    return "`.45`, where the arithmetic mean says .6: the weak side counts more."


@exercise(
    "09-5",
    wrong={
        "takes it from the unseen classes": lambda: lambda s, seen, c: s - c * (~seen).float(),
        "adds it to the seen classes": lambda: lambda s, seen, c: s + c * seen.float(),
        "takes it from all classes": lambda: lambda s, seen, c: s - c,
        "multiplies": lambda: lambda s, seen, c: torch.where(seen, s * c, s),
        "changes the scores it was given": lambda: _overwrites,
        "the answer for the scores": lambda: lambda s, seen, c: (s - c * seen.float()).argmax(1),
        "the seen classes only": lambda: lambda s, seen, c: s[:, seen] - c,
        "always takes 1": lambda: lambda s, seen, c: s - seen.float(),
    },
)
def calibrated_stacking(calibrate):
    """Two pictures, two seen and two unseen classes, offset 1."""
    given = _SCORES.clone()
    found = attempted(calibrate(given, _SEEN.clone(), 1.0))
    if isinstance(found, torch.Tensor) and found.shape == (2, 2):
        raise Wrong(
            "You returned the scores of the seen classes alone. The unseen classes compete with "
            "them: return all C columns."
        )
    if not isinstance(found, torch.Tensor) or found.shape != _SCORES.shape:
        raise Wrong(
            "Return the new scores, one of each picture and class, (N, C). The answer, `argmax`, "
            "is taken later."
        )
    change = found - _SCORES
    if torch.allclose(change, -torch.ones(2, 4)):
        raise Wrong("The same offset for all classes changes no answer. Only seen classes pay it.")
    if torch.allclose(change, torch.tensor([0.0, 0.0, -1.0, -1.0]).expand(2, 4)):
        raise Wrong(
            "You took it from the unseen classes, which are too rarely answered already. `seen` is "
            "true where the offset belongs."
        )
    if torch.allclose(change, torch.tensor([1.0, 1.0, 0.0, 0.0]).expand(2, 4)):
        raise Wrong("You added it: the seen classes become still stronger. Subtract.")
    if not torch.allclose(change, torch.tensor([-1.0, -1.0, 0.0, 0.0]).expand(2, 4)):
        raise Wrong(
            "Subtract the offset from the scores of the seen classes, and leave the others as they "
            "are. Scores may be negative, so that a factor would not do."
        )
    if not torch.equal(given, _SCORES):
        raise Wrong(
            "Right numbers, but the scores you were given have changed too: the next offset would "
            "come on top. Compute new ones: `scores - ...`."
        )
    if not torch.allclose(calibrate(_SCORES.clone(), _SEEN.clone(), 0.5), _SCORES - 0.5 * _SEEN):
        raise Wrong("Right for the offset 1, wrong for .5: subtract `offset`, not a fixed number.")
    return "The first picture's answer moves to an unseen class, the second's stays."


class _Texts:
    """Stands for the two towers: known unit vectors for two sentences."""

    vectors = {
        "a cup": torch.tensor([1.0, 0.0, 0.0]),
        "one cup": torch.tensor([0.6, 0.8, 0.0]),
        "cup": torch.tensor([0.0, 0.6, 0.8]),
    }

    def encode_texts(self, sentences):
        if isinstance(sentences, str):
            raise Wrong(
                "`encode_texts` takes a list of sentences. One sentence is a list, too: "
                "`[sentence]`."
            )
        for sentence in sentences:
            if "{}" in sentence:
                raise Wrong(
                    f'"{sentence}" still has its gap. Fill in the name: `template.format(name)`.'
                )
            if sentence not in self.vectors:
                raise Wrong(
                    f'You encoded "{sentence}". For the name "cup" and the template "one {{}}" the '
                    'sentence is "one cup".'
                )
        return torch.stack([self.vectors[sentence] for sentence in sentences])


def _ensemble(model, name, templates):
    return model.encode_texts([template.format(name) for template in templates])


@exercise(
    "09-6",
    wrong={
        "not normalised again": lambda: lambda m, n, t: _ensemble(m, n, t).mean(0),
        "the first template only": lambda: lambda m, n, t: _ensemble(m, n, t)[0],
        "the name without templates": lambda: lambda m, n, t: m.encode_texts([n])[0],
        "all vectors": lambda: _ensemble,
        "mean of the components": lambda: lambda m, n, t: _ensemble(m, n, t).mean(1),
        "the largest components": lambda: (
            lambda m, n, t: torch.nn.functional.normalize(_ensemble(m, n, t).amax(0), dim=0)
        ),
        "gaps not filled": lambda: lambda m, n, t: m.encode_texts(t).mean(0),
        "the name after the template": lambda: lambda m, n, t: m.encode_texts([x + n for x in t]),
        "a sentence, not a list": lambda: lambda m, n, t: m.encode_texts(t[0].format(n)),
        "lists of one sentence": lambda: (
            lambda m, n, t: torch.stack([m.encode_texts([x.format(n)]) for x in t]).mean(0)
        ),
    },
)
def prompt_ensemble(ensemble):
    """Two sentences: the mean direction lies half-way between them, with length 1."""
    templates = ["a {}", "one {}"]
    found = attempted(ensemble(_Texts(), "cup", templates))
    if isinstance(found, torch.Tensor) and found.shape == (1, 3):
        raise Wrong(
            "Your result is (1, D), and (D,) is asked for. `encode_texts` gives (N, D) for N "
            "sentences, also for one: give it all sentences at once, and average over the rows."
        )
    if not isinstance(found, torch.Tensor) or found.shape != (3,):
        shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        raise Wrong(f"One vector (D,) for the class is asked for; yours is {shape}. `.mean(0)`?")
    middle = torch.tensor([0.8, 0.4, 0.0])
    if torch.allclose(found, _Texts.vectors["a cup"]):
        raise Wrong("That is the first template alone. Encode all sentences, then average.")
    if torch.allclose(found, _Texts.vectors["cup"]):
        raise Wrong("The name went in without the templates: `template.format(name)`.")
    if torch.allclose(found, middle):
        raise Wrong(
            f"The direction is right, the length is {float(found.norm()):.2f}. Similarities to it "
            "would be too small beside those of other classes: make its length 1 again."
        )
    if not torch.allclose(found, middle / middle.norm(), atol=1e-5):
        raise Wrong(
            "Encode one sentence for each template, average the vectors over the sentences, divide "
            "by the length of the mean."
        )
    return "One vector for a class, from as many sentences as you like."


_DISTANCES = torch.tensor([0.1, 0.5, 0.6, 0.9, 0.3, 0.75, 0.8, 1.1])
_SAME = torch.tensor([True, True, True, True, False, False, False, False])


def _rates(answer):
    """A wrong answer from a function of what opens and of who is the same."""
    return lambda d, same, t: answer((d <= t).float(), same, d, t)


@exercise(
    "09-1",
    wrong={
        "turned round": lambda: _rates(lambda o, s, d, t: ((1 - o[s]).mean(), o[~s].mean())),
        "opens at large distances": lambda: (
            lambda d, s, t: ((d >= t)[~s].float().mean(), (d < t)[s].float().mean())
        ),
        "shares of all pairs": lambda: _rates(
            lambda o, s, d, t: (o[~s].sum() / len(s), (1 - o[s]).sum() / len(s))
        ),
        "right persons who come in": lambda: _rates(lambda o, s, d, t: (o[~s].mean(), o[s].mean())),
        "shares of those who come in": lambda: _rates(
            lambda o, s, d, t: (o[~s].sum() / o.sum(), (1 - o[s]).sum() / (1 - o).sum())
        ),
        "closed at the threshold itself": lambda: (
            lambda d, s, t: ((d < t)[~s].float().mean(), (d >= t)[s].float().mean())
        ),
        "the other kind of pair": lambda: _rates(
            lambda o, s, d, t: (o[s].mean(), (1 - o[~s]).mean())
        ),
        "FRR as 1 - FAR": lambda: _rates(lambda o, s, d, t: (o[~s].mean(), 1 - o[~s].mean())),
        "per cent": lambda: _rates(
            lambda o, s, d, t: (100 * o[~s].mean(), 100 * (1 - o[s]).mean())
        ),
        "counts": lambda: _rates(lambda o, s, d, t: (o[~s].sum(), (1 - o[s]).sum())),
        "one truth for each pair": lambda: _rates(lambda o, s, d, t: (o[~s], 1 - o[s])),
    },
)
def two_error_rates(far_frr):
    """At .75 two of ten strangers come in, and one of four right persons stays out."""
    same = torch.cat([_SAME, torch.zeros(6, dtype=torch.bool)])
    distances = torch.cat([_DISTANCES, torch.linspace(1.2, 1.7, 6)])
    found = attempted(far_frr(distances.clone(), same.clone(), 0.75))
    if not (isinstance(found, (tuple, list)) and len(found) == 2):
        raise Wrong("Return two numbers: the false accept rate, then the false reject rate.")
    if any(torch.as_tensor(value).numel() != 1 for value in found):
        raise Wrong("A rate is one number: take the mean over the pairs of that kind.")
    far, frr = (float(value) for value in found)
    if abs(far - 2 / 10) < 1e-6 and abs(frr - 1 / 4) < 1e-6:
        return (
            "2 of 10 strangers come in, 1 of 4 right persons stays out. Each rate has its own "
            "kind of pair below the fraction bar, so the number of strangers does not matter."
        )
    if abs(far - 1 / 4) < 1e-6 and abs(frr - 2 / 10) < 1e-6:
        raise Wrong("Both numbers are right, in the other order: first FAR, then FRR.")
    if abs(far - 1 / 10) < 1e-6:
        raise Wrong(
            "One pair has exactly the distance of the threshold. The door opens there, too: "
            "`distances <= threshold`."
        )
    if abs(far - 2) < 1e-6:
        raise Wrong("These are counts. A rate is a share: divide by the pairs of that kind.")
    if abs(far - 20) < 1e-4:
        raise Wrong("These are per cent. Return shares, between 0 and 1.")
    if abs(far - 3 / 4) < 1e-6:
        raise Wrong(
            "You looked at the other kind of pair. `same` is true for one person, so strangers are "
            "`~same`: the FAR counts those."
        )
    if abs(far - 2 / 10) < 1e-6 and abs(frr - 8 / 10) < 1e-6:
        raise Wrong(
            "The FRR is not 1 - FAR: that is the share of strangers who stay out. The FRR looks at "
            "the right persons, `same`."
        )
    if min(abs(far - 8 / 10), abs(far - 9 / 10)) < 1e-6:
        raise Wrong(
            "Your door opens at *large* distances. Alike means a small distance: it opens at "
            "`distances <= threshold`."
        )
    if abs(far - 2 / 14) < 1e-6:
        raise Wrong(
            "You divided by all pairs. Then more strangers make the FRR look better. Divide by the "
            "pairs of that kind: 10 strangers, 4 right persons."
        )
    if abs(far - 2 / 5) < 1e-6:
        raise Wrong(
            "That is the share of strangers *among those who came in*. It depends on how many "
            "strangers try. Asked is: of the strangers, how many came in?"
        )
    if abs(frr - 3 / 4) < 1e-6:
        raise Wrong(
            "The second number counts the right persons who come *in*; the errors stay out."
        )
    raise Wrong(f"At threshold .75 it is FAR 2/10 and FRR 1/4; yours are {far:.3f} and {frr:.3f}.")


_ANCHOR = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
_POSITIVE = torch.tensor([[0.3, 0.4], [0.6, 0.8]])  # .5 and 1 away
_NEGATIVE = torch.tensor([[0.0, 2.0], [0.6, 0.0]])  # 2 and .6 away: solved, not solved


def _triplet(combine):
    """A wrong answer from a function of the squared distances and the margin."""
    return lambda a, p, n, margin=0.2: combine(
        (a - p).square().sum(1), (a - n).square().sum(1), margin
    )


@exercise(
    "09-2",
    wrong={
        "signs turned": lambda: _triplet(lambda p, n, m: (n - p + m).clamp_min(0).mean()),
        "no margin": lambda: _triplet(lambda p, n, m: (p - n).clamp_min(0).mean()),
        "margin with a minus": lambda: _triplet(lambda p, n, m: (p - n - m).clamp_min(0).mean()),
        "nothing stops at 0": lambda: _triplet(lambda p, n, m: (p - n + m).mean()),
        "stops at 0 after the mean": lambda: _triplet(
            lambda p, n, m: (p - n + m).mean().clamp_min(0)
        ),
        "distances not squared": lambda: _triplet(
            lambda p, n, m: (p.sqrt() - n.sqrt() + m).clamp_min(0).mean()
        ),
        "one loss for each triplet": lambda: _triplet(lambda p, n, m: (p - n + m).clamp_min(0)),
        "a plain number": lambda: _triplet(lambda p, n, m: (p - n + m).clamp_min(0).mean().item()),
        "sum over the triplets": lambda: _triplet(lambda p, n, m: (p - n + m).clamp_min(0).sum()),
        "mean over the coordinates": lambda: _triplet(
            lambda p, n, m: (p / 2 - n / 2 + m).clamp_min(0).mean()
        ),
        "from the positive to the negative": lambda: (
            lambda a, p, n, margin=0.2: (
                ((a - p).square().sum(1) - (p - n).square().sum(1) + margin).clamp_min(0).mean()
            )
        ),
        "a loss for each coordinate": lambda: (
            lambda a, p, n, margin=0.2: (
                ((a - p).square() - (a - n).square() + margin).clamp_min(0).mean()
            )
        ),
        "absolute value": lambda: _triplet(lambda p, n, m: (p - n + m).abs().mean()),
        "a margin of its own": lambda: _triplet(lambda p, n, m: (p - n + 0.2).clamp_min(0).mean()),
    },
)
def triplet_loss_by_hand(triplet):
    """One solved triplet, one that is not: (0 + 1 - .36 + .2) / 2 = .42."""
    value = attempted(triplet(_ANCHOR.clone(), _POSITIVE.clone(), _NEGATIVE.clone(), 0.2))
    if isinstance(value, torch.Tensor) and value.ndim:
        raise Wrong(f"A loss is one number; yours has shape {tuple(value.shape)}. Take the mean.")
    number = float(value)
    if abs(number - 0.42) > 1e-5:
        if number < -1e-6:
            raise Wrong(
                "Yours is negative: the loss of a triplet that is solved is 0, not less. "
                "`.clamp_min(0)`"
            )
        if abs(number) < 1e-6:
            raise Wrong(
                "You stop at 0 after the mean. The first triplet, solved by far, then pays for the "
                "second one: `.clamp_min(0)` on each triplet, before the mean."
            )
        known = {
            1.975: "The signs are turned: this teaches that strangers are near. The distance to "
            "the *positive* counts as loss, that to the negative is subtracted.",
            0.32: "The margin is missing: without it, equally near is near enough.",
            0.22: "The margin is added, not subtracted: it asks for *more* than just nearer.",
            0.3: "FaceNet compares *squared* distances; leave the root out.",
            0.84: "Sum or mean? The mean over *all* triplets is asked for, and a solved one counts "
            "as 0: `.mean()` after `.clamp_min(0)`.",
            0.26: "A squared distance is the *sum* over the coordinates, `.sum(1)`; you took their "
            "mean.",
            0.28: "Both distances start at the *anchor*: `anchor - positive`, `anchor - negative`.",
            0.3325: "You compared coordinate by coordinate. A squared distance is the sum over the "
            "coordinates, `.sum(1)`; compare after that.",
            2.195: "With an absolute value, a triplet that is solved pays too. Its loss is 0: "
            "`.clamp_min(0)`.",
        }
        for wrong, why in known.items():
            if abs(number - wrong) < 1e-5:
                raise Wrong(why)
        raise Wrong(f"It is (0 + 1 - .36 + .2) / 2 = .42; yours is {number:.4g}.")
    wider = float(triplet(_ANCHOR.clone(), _POSITIVE.clone(), _NEGATIVE.clone(), 0.5))
    if abs(wider - 0.57) > 1e-5:
        raise Wrong(
            "Right for the margin .2, wrong for .5: use the argument `margin`, not a fixed number."
        )
    features = _ANCHOR.clone().requires_grad_()
    loss = triplet(features, _POSITIVE, _NEGATIVE, 0.2)
    if not (isinstance(loss, torch.Tensor) and loss.requires_grad):
        raise Wrong("The number is right, but no gradient flows through it: no `.item()`.")
    return ".42. The solved triplet gives 0 and no gradient: only the other one still teaches."


_SUPPORT = torch.tensor([[4.0, 0.0], [0.0, 0.0], [0.0, 4.0], [2.0, 2.0], [4.0, 4.0], [6.0, 2.0]])
_CLASSES = torch.tensor([1, 0, 0, 2, 2, 1])  # prototypes (0, 2), (5, 1), (3, 3)
_QUERIES = torch.tensor([[0.6, 3.5], [1.6, 1.9], [4.3, 1.5], [3.0, 3.2], [1.3, 0.4]])


def _each_in_order(support, labels, queries):
    classes = int(labels.max()) + 1
    return torch.cdist(queries, support.view(classes, -1, support.shape[1]).mean(1)).argmin(1)


def _by_prototypes(finish):
    def answer(support, labels, queries):
        centres = torch.stack([support[labels == k].mean(0) for k in range(int(labels.max()) + 1)])
        return finish(torch.cdist(queries, centres), queries, centres)

    return answer


def _by_rule(centre, more=1):
    """The nearest of other centres, for the classes 0 to the largest label - 1 + `more`."""
    return lambda support, labels, queries: torch.cdist(
        queries,
        torch.stack([centre(support, labels, k) for k in range(int(labels.max()) + more)]),
    ).argmin(1)


@exercise(
    "09-3",
    wrong={
        "nearest single example": lambda: lambda s, y, q: y[torch.cdist(q, s).argmin(1)],
        "examples taken in order": lambda: _each_in_order,
        "farthest prototype": lambda: _by_prototypes(lambda d, q, c: d.argmax(1)),
        "returns distances": lambda: _by_prototypes(lambda d, q, c: d),
        "dot product": lambda: _by_prototypes(lambda d, q, c: (q @ c.T).argmax(1)),
        "over the wrong axis": lambda: _by_prototypes(lambda d, q, c: d.argmin(0)),
        "sums for means": lambda: _by_rule(lambda s, y, k: s[y == k].sum(0)),
        "the last class left out": lambda: _by_rule(lambda s, y, k: s[y == k].mean(0), 0),
        "a class for each example": lambda: _by_rule(lambda s, y, k: s[y == k].mean(0), 4),
        "the first example of a class": lambda: _by_rule(lambda s, y, k: s[y == k][0]),
        "compared by direction": lambda: _by_prototypes(
            lambda d, q, c: torch.cosine_similarity(q[:, None], c, dim=2).argmax(1)
        ),
    },
)
def the_nearest_prototype(nearest_prototype):
    """Three classes in mixed order; the second query lies next to another class's example."""
    found = attempted(nearest_prototype(_SUPPORT.clone(), _CLASSES.clone(), _QUERIES.clone()))
    if isinstance(found, torch.Tensor) and found.shape == (3,):
        raise Wrong("You chose a query for each prototype; the other axis: `argmin(1)`.")
    if not isinstance(found, torch.Tensor) or found.shape != (len(_QUERIES),):
        raise Wrong(
            "Return one class number for each query, (Q,): `argmin` over the prototypes, which are "
            "the second axis of `cdist(queries, prototypes)`."
        )
    answers = found.tolist()
    if answers == [0, 0, 1, 2, 0]:
        return "Each class is one point now, whatever its examples' order and number."
    if answers == _CLASSES[torch.cdist(_QUERIES, _SUPPORT).argmin(1)].tolist():
        raise Wrong(
            "You took the class of the nearest *single* example. One odd example then speaks for "
            "its whole class; the mean of a class is steadier."
        )
    if answers == torch.cdist(_QUERIES, _prototypes()).argmax(1).tolist():
        raise Wrong("That is the *farthest* prototype: distances want `argmin`.")
    if answers == (_QUERIES @ _prototypes().T).argmax(1).tolist():
        raise Wrong("A dot product prefers long prototypes. Compare distances: `torch.cdist`.")
    if answers == _each_in_order(_SUPPORT, _CLASSES, _QUERIES).tolist():
        raise Wrong("The examples come in any order: choose a class's own by `labels == k`.")
    if (
        answers
        == torch.cosine_similarity(_QUERIES[:, None], _prototypes(), dim=2).argmax(1).tolist()
    ):
        raise Wrong(
            "You compared directions (cosine). These features have lengths that count: use the "
            "distance, `torch.cdist`."
        )
    if answers == _by_rule(lambda s, y, k: s[y == k].sum(0))(_SUPPORT, _CLASSES, _QUERIES).tolist():
        raise Wrong("You added up the examples of a class. Divide by their number: `.mean(0)`.")
    if answers == _by_rule(lambda s, y, k: s[y == k][0])(_SUPPORT, _CLASSES, _QUERIES).tolist():
        raise Wrong(
            "You took the first example of a class for its prototype. Where it has several, take "
            "their mean."
        )
    if max(answers) > 2:
        raise Wrong(
            f"Class {max(answers)} has no example here: a mean of no rows is NaN. There is one "
            "prototype for each class, `labels.max() + 1` of them, not one for each example."
        )
    if 2 not in answers:
        raise Wrong(
            "No query belongs to the last class in your answer: is its prototype missing? The "
            "classes are 0 to `labels.max()`, so there are `labels.max() + 1` of them."
        )
    raise Wrong(f"The classes of the five queries are 0, 0, 1, 2, 0; yours are {answers}.")


def _prototypes():
    return torch.stack([_SUPPORT[_CLASSES == k].mean(0) for k in range(3)])

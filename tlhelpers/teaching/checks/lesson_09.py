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
    },
)
def harmonic_mean_of_accuracies(harmonic):
    """.9 and .3, equal values, and both 0."""
    value = float(attempted(harmonic(0.9, 0.3)))
    known = {
        0.6: "That is the arithmetic mean. A model that never answers an unseen class would still "
        "get half of its seen accuracy. Use the formula.",
        math.sqrt(0.27): "That is the geometric mean, the root of the product. The harmonic one is "
        "2 a b / (a + b).",
        0.225: "The 2 is missing: two accuracies of .8 would have the mean .4.",
        0.3: "The smaller of the two ignores the other one. The harmonic mean is near the smaller, "
        "and grows with both.",
    }
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
    },
)
def calibrated_stacking(calibrate):
    """Two pictures, two seen and two unseen classes, offset 1."""
    given = _SCORES.clone()
    found = attempted(calibrate(given, _SEEN.clone(), 1.0))
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
    return "The first picture's answer moves to an unseen class, the second's stays."


class _Texts:
    """Stands for the two towers: known unit vectors for two sentences."""

    vectors = {
        "a cup": torch.tensor([1.0, 0.0, 0.0]),
        "one cup": torch.tensor([0.0, 1.0, 0.0]),
        "cup": torch.tensor([0.8, 0.6, 0.0]),
    }

    def encode_texts(self, sentences):
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
    },
)
def prompt_ensemble(ensemble):
    """Two sentences at a right angle: their mean direction lies half-way, with length 1."""
    templates = ["a {}", "one {}"]
    found = attempted(ensemble(_Texts(), "cup", templates))
    if not isinstance(found, torch.Tensor) or found.shape != (3,):
        shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        raise Wrong(f"One vector (D,) for the class is asked for; yours is {shape}. `.mean(0)`?")
    middle = torch.tensor([0.5, 0.5, 0.0])
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


_DISTANCES = torch.tensor([0.1, 0.5, 0.6, 0.9, 0.3, 0.7, 0.8, 1.1])
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
    },
)
def two_error_rates(far_frr):
    """At .75 two of ten strangers come in, and one of four right persons stays out."""
    same = torch.cat([_SAME, torch.zeros(6, dtype=torch.bool)])
    distances = torch.cat([_DISTANCES, torch.linspace(1.2, 1.7, 6)])
    found = attempted(far_frr(distances.clone(), same.clone(), 0.75))
    if not (isinstance(found, (tuple, list)) and len(found) == 2):
        raise Wrong("Return two numbers: the false accept rate, then the false reject rate.")
    far, frr = (float(value) for value in found)
    if abs(far - 2 / 10) < 1e-6 and abs(frr - 1 / 4) < 1e-6:
        return (
            "2 of 10 strangers come in, 1 of 4 right persons stays out. Each rate has its own "
            "kind of pair below the fraction bar, so the number of strangers does not matter."
        )
    if abs(far - 1 / 4) < 1e-6 and abs(frr - 2 / 10) < 1e-6:
        raise Wrong("Both numbers are right, in the other order: first FAR, then FRR.")
    if abs(far - 8 / 10) < 1e-6:
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
        }
        for wrong, why in known.items():
            if abs(number - wrong) < 1e-5:
                raise Wrong(why)
        raise Wrong(f"It is (0 + 1 - .36 + .2) / 2 = .42; yours is {number:.4g}.")
    features = _ANCHOR.clone().requires_grad_()
    loss = triplet(features, _POSITIVE, _NEGATIVE, 0.2)
    if not (isinstance(loss, torch.Tensor) and loss.requires_grad):
        raise Wrong("The number is right, but no gradient flows through it: no `.item()`.")
    return ".42. The solved triplet gives 0 and no gradient: only the other one still teaches."


_SUPPORT = torch.tensor([[4.0, 0.0], [0.0, 0.0], [0.0, 4.0], [2.0, 2.0], [4.0, 4.0], [6.0, 2.0]])
_CLASSES = torch.tensor([1, 0, 0, 2, 2, 1])  # prototypes (0, 2), (5, 1), (3, 3)
_QUERIES = torch.tensor([[0.0, 1.9], [1.6, 1.9], [4.3, 1.5], [3.0, 3.2]])


def _each_in_order(support, labels, queries):
    classes = int(labels.max()) + 1
    return torch.cdist(queries, support.view(classes, -1, support.shape[1]).mean(1)).argmin(1)


def _by_prototypes(finish):
    def answer(support, labels, queries):
        centres = torch.stack([support[labels == k].mean(0) for k in range(int(labels.max()) + 1)])
        return finish(torch.cdist(queries, centres), queries, centres)

    return answer


@exercise(
    "09-3",
    wrong={
        "nearest single example": lambda: lambda s, y, q: y[torch.cdist(q, s).argmin(1)],
        "examples taken in order": lambda: _each_in_order,
        "farthest prototype": lambda: _by_prototypes(lambda d, q, c: d.argmax(1)),
        "returns distances": lambda: _by_prototypes(lambda d, q, c: d),
        "dot product": lambda: _by_prototypes(lambda d, q, c: (q @ c.T).argmax(1)),
        "over the wrong axis": lambda: _by_prototypes(lambda d, q, c: d.argmin(0)),
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
    if answers == [0, 0, 1, 2]:
        return "Each class is one point now, whatever its examples' order and number."
    if answers == [0, 2, 1, 2]:
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
    raise Wrong(f"The classes of the four queries are 0, 0, 1, 2; yours are {answers}.")


def _prototypes():
    return torch.stack([_SUPPORT[_CLASSES == k].mean(0) for k in range(3)])

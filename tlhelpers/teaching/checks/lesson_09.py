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

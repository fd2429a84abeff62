"""Checks of lesson 10: the map, shared bits, PCGrad; then pretexts, clusters, pseudo-labels."""

from __future__ import annotations

import numpy as np
import torch

from . import Wrong, attempted, exercise

# (has the source labels, has the target labels, is the task the same): where on the map
_PLACES = {
    (True, True, False): "inductive",
    (False, True, False): "inductive",
    (True, False, True): "transductive",
    (False, False, False): "unsupervised",
    (False, False, True): "unsupervised",
}
_EXAMPLES = {
    (True, True, False): "Labelled letters, then digits with 2 labels a class: multi-task or "
    "fine-tuning.",
    (False, True, False): "Unlabelled pictures of anything, then digits with a few labels: "
    "self-taught learning.",
    (True, False, True): "Labelled fonts, unlabelled handwriting, the same ten digits: domain "
    "adaptation.",
    (False, False, False): "No label anywhere, group the target.",
    (False, False, True): "No label anywhere, group the target.",
}


@exercise(
    "10-1",
    wrong={
        "asks the source first": lambda: (
            lambda source, target, same: (
                "unsupervised" if not source else "inductive" if target else "transductive"
            )
        ),
        "asks for the task alone": lambda: (
            lambda source, target, same: "transductive" if same else "inductive"
        ),
        "never says unsupervised": lambda: (
            lambda source, target, same: "inductive" if target else "transductive"
        ),
        "turns the two round": lambda: (
            lambda source, target, same: (
                "transductive" if target else "inductive" if source else "unsupervised"
            )
        ),
    },
)
def place_on_the_map(place):
    """All five cases that the three corners hold."""
    for case, right in _PLACES.items():
        said = attempted(place(*case))
        if said == right:
            continue
        if said not in _PLACES.values():
            raise Wrong(
                'Return one of the words "inductive", "transductive" and "unsupervised", written '
                f"like this; yours is {said!r}."
            )
        source, target, same = case
        facts = (
            f"Source {'labelled' if source else 'unlabelled'}, target "
            f"{'with some labels' if target else 'unlabelled'}, "
            f"{'the same task' if same else 'another task'}"
        )
        why = {
            "inductive": "Ask for the target's labels first: with some, the problem is inductive, "
            "whether the source has labels or not.",
            "transductive": "The source has labels, the target none, and the task stays the same.",
            "unsupervised": "Without a label on either side no class can be learnt: that leaves "
            "unsupervised transfer.",
        }[right]
        raise Wrong(f"{facts}: {right}, you say {said!r}. {why} {_EXAMPLES[case]}")
    return "The target's labels decide first, the source's second."


def _counts(*columns) -> float:
    joined = np.stack([np.asarray(column) for column in columns])
    counts = np.unique(joined, axis=1, return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


@exercise(
    "10-2",
    wrong={
        "the answer's own entropy": lambda: lambda a, d, entropy: entropy(a),
        "what is left of the digit": lambda: lambda a, d, entropy: entropy(a, d) - entropy(a),
        "of both together": lambda: lambda a, d, entropy: entropy(a, d),
        "the wrong sign": lambda: lambda a, d, entropy: entropy(a, d) - entropy(a) - entropy(d),
        "adds all three": lambda: lambda a, d, entropy: entropy(a) + entropy(d) + entropy(a, d),
        "the digit's own entropy": lambda: lambda a, d, entropy: entropy(d),
        "both columns in one": lambda: lambda a, d, entropy: entropy(torch.stack([a, d])),
    },
)
def told_bits(told):
    """An answer that follows from the digit, one that does not, one that follows in part."""
    digit = torch.arange(8).repeat(4)
    cases = {
        "parity": digit % 2,
        "coin": torch.arange(4).repeat_interleave(8) % 2,
        # the parity of the digit in half of the pictures, 0 in the others
        "half": (digit % 2) * (torch.arange(32) < 16),
    }

    def entropy(*columns):
        if any(np.ndim(column) != 1 for column in columns):
            raise Wrong("Give `entropy` its columns one by one: entropy(a, d).")
        return _counts(*columns)

    values = {}
    for name, answer in cases.items():
        values[name] = float(attempted(told(answer.clone(), digit.clone(), entropy)))
    right = {
        name: _counts(answer) + _counts(digit) - _counts(answer, digit)
        for name, answer in cases.items()
    }
    if all(abs(values[name] - right[name]) < 1e-6 for name in cases):
        return (
            "1 bit for parity, 0 for a coin. Information that two columns share is counted twice "
            "in the sum of their entropies, and once in that of both."
        )
    if values["parity"] < 0:
        raise Wrong("The sign is turned: what two columns share is never below 0.")
    if abs(values["coin"] - 1) < 1e-6:
        raise Wrong(
            "A coin has an entropy of 1 bit, and tells *nothing* of the digit. Take away what is "
            "left when both are looked at: entropy(answer, digit)."
        )
    if abs(values["coin"] - 3) < 1e-6 and abs(values["parity"] - 3) < 1e-6:
        raise Wrong(
            "That is the digit's own entropy, the same for each answer. How much of it has the "
            "answer `a` told? Use entropy(a) and entropy(a, d) as well."
        )
    if abs(values["coin"] - 3) < 1e-6:
        raise Wrong(
            "That is what you still do not know of the digit once the answer is known: 3 bits for "
            "a coin. Asked is what the answer has told: take it from entropy(digit)."
        )
    if abs(values["coin"] - 4) < 1e-6:
        raise Wrong("That is the entropy of both together. Take it from the sum of the two alone.")
    raise Wrong(
        f"For a coin it is 0 bits, for parity 1; yours are {values['coin']:.2f} and "
        f"{values['parity']:.2f}. Two entropies are added, that of both is taken away."
    )


@exercise(
    "10-3",
    wrong={
        "always projects": lambda: lambda g, o: g - (g @ o) / (o @ o) * o,
        "forgets the square": lambda: lambda g, o: g if g @ o >= 0 else g - (g @ o) / o.norm() * o,
        "divides by its own length": lambda: (
            lambda g, o: g if g @ o >= 0 else g - (g @ o) / (g @ g) * o
        ),
        "keeps the conflict only": lambda: lambda g, o: g if g @ o >= 0 else (g @ o) / (o @ o) * o,
        "projects where they agree": lambda: (
            lambda g, o: g if g @ o <= 0 else g - (g @ o) / (o @ o) * o
        ),
        "drops the task": lambda: lambda g, o: g if g @ o >= 0 else torch.zeros_like(g),
        "wrong sign": lambda: lambda g, o: g if g @ o >= 0 else g + (g @ o) / (o @ o) * o,
    },
)
def without_conflict(project):
    """Two gradients that agree, and two that do not; the other one is longer than 1."""
    own, other = torch.tensor([3.0, 1.0]), torch.tensor([0.0, -2.0])
    friend = torch.tensor([4.0, 1.0])
    kept = attempted(project(own.clone(), friend.clone()))
    spared = attempted(project(own.clone(), other.clone()))
    kept, spared = (torch.as_tensor(value, dtype=torch.float32) for value in (kept, spared))
    if kept.shape != own.shape or spared.shape != own.shape:
        raise Wrong(f"A gradient has as many numbers as before, {tuple(own.shape)}.")
    agrees = torch.allclose(kept, own)
    if agrees and torch.allclose(spared, torch.tensor([3.0, 0.0])):
        return (
            "(3, 1) against (0, -2) becomes (3, 0): it no longer works against the other task, and "
            "keeps the rest. Where the two agree nothing changes."
        )
    if not agrees and torch.allclose(spared, own):
        raise Wrong(
            "The condition is turned round: you change the pair that agrees, and leave the one in "
            "conflict as it is. Project where the product is *below* 0."
        )
    if not agrees:
        raise Wrong(
            f"(3, 1) and (4, 1) agree: their product is positive, and the gradient must stay as it "
            f"is. Yours is {kept.numpy().round(2)}: project only where the product is below 0."
        )
    if torch.allclose(spared, own):
        raise Wrong("(3, 1) and (0, -2) have a negative product, and yours is unchanged.")
    if torch.allclose(spared, torch.zeros(2)):
        raise Wrong("You drop the whole gradient: only the part that runs against the other goes.")
    if torch.allclose(spared, torch.tensor([0.0, 1.0])):
        raise Wrong("That is the conflicting part itself. Take it *away* from the gradient.")
    if torch.allclose(spared, torch.tensor([3.0, 2.0])):
        raise Wrong(
            "The product is negative already: subtracting the projection takes the conflict away, "
            "adding it doubles it."
        )
    left = float(spared @ other)
    raise Wrong(
        f"Yours still has the product {left:.2f} with the other gradient; it must be 0. The "
        "projection of g on o is (g @ o) / (o @ o) * o: the square of the other's length."
    )


def _contrastive(change: str):
    def answer(first, second, temperature):
        views = torch.cat([first, second])
        if change != "no lengths":
            views = views / views.norm(dim=1, keepdim=True)
        n = len(first)
        scale = temperature if change == "times the temperature" else 1 / temperature
        scores = views @ views.T * scale
        if change != "itself allowed":
            scores.fill_diagonal_(-torch.inf)
        partner = torch.arange(2 * n).roll(n)
        if change == "next row":
            partner = torch.arange(2 * n).roll(1)
        if change == "one side only":
            scores, partner = scores[:n], partner[:n]
        if change == "the other half only":
            scores, partner = scores[:n, n:], torch.arange(n)
        if change == "diagonal of zeros":
            scores.fill_diagonal_(0)
        loss = torch.nn.functional.cross_entropy(
            scores, partner, reduction="sum" if change == "sum" else "mean"
        )
        return -loss if change == "wrong sign" else loss

    return answer


@exercise(
    "10-4",
    wrong={
        name: (lambda name=name: _contrastive(name))
        for name in (
            "itself allowed", "no lengths", "times the temperature", "next row", "one side only",
            "sum", "wrong sign", "the other half only", "diagonal of zeros",
        )
    },
)  # fmt: skip
def find_the_partner(loss):
    """Three pictures in two views each, of other lengths than 1, and not symmetric."""
    chance = torch.Generator().manual_seed(0)
    first, second = 2 * torch.randn(2, 3, 4, generator=chance)
    # `loss` takes two views (N, D) and a temperature
    found = torch.as_tensor(attempted(loss(first.clone(), second.clone(), 0.5)))
    if found.numel() != 1:
        raise Wrong(f"Return one number, the mean over all views; yours are {found.numel()}.")
    value = float(found)
    made = {
        name: float(_contrastive(name)(first, second, 0.5))
        for name in (
            "right", "itself allowed", "no lengths", "times the temperature", "next row",
            "one side only", "sum", "wrong sign", "the other half only", "diagonal of zeros",
        )
    }  # fmt: skip

    def is_(name):
        return abs(value - made[name]) < 1e-4

    if is_("right"):
        return (
            f"{value:.3f}. Guessing among the five others would give log 5 = {np.log(5):.3f}. No "
            "label was needed: the picture itself says which view is the partner."
        )
    reasons = {
        "itself allowed": "Each view may still choose *itself*, and is its own nearest one. Set "
        "the diagonal of the similarities to minus infinity.",
        "no lengths": "These are dot products of vectors of any length. Divide each view by its "
        "length first, or the network makes the loss small by long vectors.",
        "times the temperature": "You multiply by the temperature. A *low* temperature must make "
        "differences sharper: divide.",
        "next row": "The partner of row i is not the row beside it: the views are stacked, so it "
        "is N rows further on (and row i of the second half has its partner in the first).",
        "one side only": "Only the first views ask: all 2N must.",
        "the other half only": "You compare the first views with the second ones alone. Every one "
        "of the other 2N - 1 views is a possible answer: stack both halves first.",
        "diagonal of zeros": "A similarity of 0 is still a possible answer, since exp(0) = 1. Set "
        "the diagonal to minus infinity.",
        "sum": "That is the sum over the views. Take the mean: a larger batch must not weigh more.",
        "wrong sign": "The sign is turned: it makes partners *unlike*. A loss is positive.",
    }
    for name, reason in reasons.items():
        if is_(name):
            raise Wrong(reason)
    raise Wrong(
        f"Yours is {value:.3f}, it should be {made['right']:.3f}. Four steps: lengths 1, all "
        "similarities over the temperature, the diagonal out, cross-entropy with the partner's row."
    )


def _believe(change: str):
    def answer(p, threshold):
        sure, labels = p.max(1)
        kept = {
            "above, not at": sure > threshold,
            "least sure": sure < threshold,
            "everybody": sure >= 0,
            "margin": p.sort(1).values[:, -1] - p.sort(1).values[:, -2] >= threshold,
        }.get(change, sure >= threshold)
        rows = kept.nonzero()[:, 0]
        if change == "labels first":
            return labels[rows], rows
        if change == "sureness for labels":
            return rows, sure[rows]
        if change == "a label for everybody":
            return rows, labels
        if change == "a mask":
            return kept, labels[rows]
        if change == "first labels":
            return rows, labels[: len(rows)]
        return rows, labels[rows]

    return answer


@exercise(
    "10-5",
    wrong={
        name: (lambda name=name: _believe(name))
        for name in (
            "above, not at", "least sure", "everybody", "margin", "sureness for labels",
            "a label for everybody", "a mask", "first labels", "labels first",
        )
    },
)  # fmt: skip
def whom_to_believe(believe):
    """Five answers about three classes, at a threshold that one of them meets exactly."""
    p = torch.tensor(
        [[0.5, 0.25, 0.25], [0.0, 0.75, 0.25], [0.125, 0.0, 0.875], [0.375, 0.375, 0.25],
         [1.0, 0.0, 0.0]]
    )  # fmt: skip
    # rows 1, 2 and 4 are at least .75 sure
    found = attempted(believe(p.clone(), 0.75))
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise Wrong("Return two things: the rows that are kept, and their labels.")
    rows, labels = (torch.as_tensor(part) for part in found)
    if rows.dtype == torch.bool:
        raise Wrong("Return the *numbers* of the rows, not a mask: `mask.nonzero()[:, 0]`.")
    rows, labels = rows.flatten().tolist(), labels.flatten().tolist()
    if rows == [1, 2, 4] and labels == [1, 2, 0]:
        return "Rows 1, 2 and 4. Whether they are *right* nobody has asked: sure is not right."
    if (rows, labels) == ([1, 2, 0], [1, 2, 4]):
        raise Wrong("These are the right ones in the wrong order: first the rows, then the labels.")
    if max(rows, default=0) < 3 and len(rows) == 3:
        raise Wrong("You ask each *class* for its surest row. Ask each row: `p.max(1)`, not 0.")
    if rows == [2, 4] and len(believe(torch.tensor([[0.8, 0.2]]), 0.75)[0]):
        raise Wrong("Row 1 has exactly .75 and is missing: *at least* the threshold, so `>=`.")
    if rows in ([4], [2, 4]):
        raise Wrong(
            "You ask for the distance between the first and the second answer. The rule looks at "
            "the largest probability alone."
        )
    if rows == [0, 3]:
        raise Wrong("Those are the rows that are *not* sure.")
    if len(rows) == 5:
        raise Wrong("All five are kept: compare the largest probability of a row with `threshold`.")
    if rows == [1, 2, 4] and len(labels) == 5:
        raise Wrong("Five labels for three rows: index the labels with the rows as well.")
    if rows == [1, 2, 4] and labels == [0.75, 0.875, 1.0]:
        raise Wrong("Those are the probabilities. The label is *where* the largest one stands.")
    if rows == [1, 2, 4]:
        raise Wrong("The rows are right. Their labels are labels[rows], not the first three.")
    raise Wrong(
        f"At .75, rows 1, 2 and 4 are kept; yours are {rows}. Compare the largest probability of "
        "each row with the threshold."
    )

"""Checks of lesson 12, words and relations: PPMI, analogies, rotation, pivot, evidence."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ...methods.embeddings import pmi, procrustes
from ...methods.relations import forward_backward
from . import Wrong, attempted, exercise

# Rows add up to 8, 7, 5, 4; 24 in all.
_COUNTS = np.array([[2, 4, 2, 0], [4, 0, 1, 2], [2, 1, 0, 2], [0, 2, 2, 0]])


def _log(values):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(values)


def _ratio(counts):
    return counts * counts.sum() / np.outer(counts.sum(1), counts.sum(1))


@exercise(
    "12-1",
    wrong={
        "not cut at 0": lambda: lambda c: _log(_ratio(c)),
        "forgets the total": lambda: (
            lambda c: np.maximum(_log(c / np.outer(c.sum(1), c.sum(1))), 0)
        ),
        "forgets the logarithm": lambda: lambda c: _ratio(c),
        "logarithm to base 2": lambda: lambda c: np.maximum(_log(_ratio(c)) / np.log(2), 0),
        "without its sign": lambda: lambda c: np.abs(np.nan_to_num(_log(_ratio(c)), neginf=0)),
        "divides by one word only": lambda: (
            lambda c: np.maximum(_log(c * c.sum() / c.sum(1) ** 2), 0)
        ),
    },
)
def positive_pmi_of_a_table(positive_pmi):
    """A table of four words: one pair above chance, one below, one that never met."""
    counts = _COUNTS.copy()
    found = np.asarray(attempted(positive_pmi(counts)), dtype=float)
    expected = np.nan_to_num(np.maximum(pmi(_COUNTS), 0))
    if found.shape != expected.shape:
        raise Wrong(f"For four words the table is (4, 4); yours is {found.shape}.")
    if np.isinf(found).any() or found.min() < 0:
        raise Wrong(
            "There are values below 0: pairs that meet less often than by chance, or never. "
            "*Positive* PMI sets them to 0, after the logarithm."
        )
    if np.allclose(found, expected, atol=1e-6):
        return f"Word 0 and word 1 meet {_ratio(_COUNTS)[0, 1]:.2f} times as often as by chance."
    if np.allclose(found, _ratio(_COUNTS)):
        raise Wrong("That is the ratio itself. PMI is its logarithm: 0 means 'as by chance'.")
    if np.allclose(found, 0):
        raise Wrong("All 0: probabilities are needed. n_ab * N / (n_a * n_b), with N = the total.")
    if np.allclose(found * np.log(2), expected, atol=1e-6):
        raise Wrong("That is in bits. This course counts in nats: the natural logarithm.")
    if not np.allclose(found, found.T):
        raise Wrong(
            "Yours is not symmetric: you divided by one word's sum only, or twice by the same. "
            "`np.outer(n, n)` has n_a * n_b."
        )
    i, j = np.unravel_index(np.abs(found - expected).argmax(), expected.shape)
    raise Wrong(
        f"For words {i} and {j}, with a count of {_COUNTS[i, j]}, it is {expected[i, j]:.4f}; "
        f"yours is {found[i, j]:.4f}."
    )


_NAMES = ("man", "king", "woman", "girl", "queen", "apple", "monarch")
_ROWS = {name: i for i, name in enumerate(_NAMES)}
_TABLE = F.normalize(
    torch.tensor(
        [
            [1.0, 0.1, 0.9, 0.0],  # man
            [1.0, 0.9, 0.9, 0.0],  # king
            [-0.9, 0.2, 1.0, 0.0],  # woman
            [-0.95, 0.05, 1.05, 0.1],  # girl
            [-0.5, 0.8, 0.9, 0.2],  # queen
            [0.0, 0.0, 0.1, 1.0],  # apple
            [0.3, 1.0, 0.3, 0.3],  # monarch
        ]
    ),
    dim=1,
)

_QUESTIONS = {
    ("man", "king", "woman"): "queen",
    ("man", "woman", "girl"): "queen",
    ("queen", "woman", "king"): "man",
}


def _answer(step, exclude=("a", "b", "c")):
    def fourth_word(a, b, c, rows, vectors):
        named = {"a": rows[a], "b": rows[b], "c": rows[c]}
        scores = vectors @ step(*(vectors[row] for row in named.values()))
        scores[[named[name] for name in exclude]] = -torch.inf
        return int(scores.argmax())

    return fourth_word


@exercise(
    "12-2",
    wrong={
        "the question's words may answer": lambda: _answer(lambda a, b, c: b - a + c, ()),
        "only c is barred": lambda: _answer(lambda a, b, c: b - a + c, ("c",)),
        "a - b + c": lambda: _answer(lambda a, b, c: a - b + c),
        "a word, not its row": lambda: (
            lambda *given: list(given[3])[_answer(lambda a, b, c: b - a + c)(*given)]
        ),
        "the same row always": lambda: lambda *given: 4,
        "all scores": lambda: lambda a, b, c, rows, v: v @ (v[rows[b]] - v[rows[a]] + v[rows[c]]),
        "the smallest": lambda: (
            lambda a, b, c, rows, v: int((v @ (v[rows[b]] - v[rows[a]] + v[rows[c]])).argmin())
        ),
        "no arithmetic": lambda: _answer(lambda a, b, c: c + 0 * b),
        "changes the vectors": lambda: _in_place,
    },
)
def the_fourth_word(fourth_word):
    """Three questions about a toy table; in the second one, words of the question lie nearest."""
    for question, answer in _QUESTIONS.items():
        table = _TABLE.clone()
        found = attempted(fourth_word(*question, dict(_ROWS), table))
        if not torch.equal(table, _TABLE):
            raise Wrong("The vectors you were given have changed. Work on the scores only.")
        if isinstance(found, str):
            raise Wrong(f'Return the row number, not the word "{found}".')
        if (size := np.asarray(found).size) != 1:
            raise Wrong(
                f"Return one row number; yours has {size} numbers. `argmax` of the scores is the "
                "row of the best word."
            )
        if not 0 <= int(found) < len(_NAMES):
            raise Wrong(f"Row {int(found)}? This table has the rows 0 to {len(_NAMES) - 1}.")
        name = _NAMES[int(found)]
        a, b, c = question
        if name in question:
            raise Wrong(
                f"{a} : {b} :: {c} : *{name}*? That is a word of the question. The rule of the "
                "test bars all three: set their scores to -torch.inf."
            )
        if name == "apple":
            raise Wrong("*apple* lies on the other side: the *largest* score, and b - a + c.")
        if name == "girl" and answer == "queen":
            other = fourth_word("man", "woman", "girl", dict(_ROWS), table)
            if _NAMES[int(other)] == "queen":
                raise Wrong(
                    f"{a} : {b} :: {c} : girl? That is merely the word nearest to *{c}*: the step "
                    "from a to b is missing."
                )
            raise Wrong(f"{a} : {b} :: {c} : girl? The step goes from a to b: b - a, plus c.")
        if name != answer:
            raise Wrong(f"{a} : {b} :: {c} : {name}? The step is b - a, added to c.")
    return "All three. In the second question, without the rule, *girl* would answer itself."


def _in_place(a, b, c, rows, vectors):
    scores = vectors @ (vectors[rows[b]] - vectors[rows[a]] + vectors[rows[c]])
    vectors[rows[a]] = 0
    scores[[rows[a], rows[b], rows[c]]] = -torch.inf
    return int(scores.argmax())


def _svd(x, y):
    return torch.linalg.svd(x.T @ y)


@exercise(
    "12-3",
    wrong={
        "the wrong way round": lambda: lambda x, y: (_svd(x, y)[0] @ _svd(x, y)[2]).T,
        "with the singular values": lambda: lambda x, y: x.T @ y,
        "least squares": lambda: lambda x, y: torch.linalg.lstsq(x, y).solution,
        "V transposed twice": lambda: lambda x, y: _svd(x, y)[0] @ _svd(x, y)[2].T,
        "rows by rows": lambda: lambda x, y: x @ y.T,
        "no rotation": lambda: lambda x, y: torch.eye(x.shape[1], dtype=x.dtype),
        "all that svd returns": lambda: _svd,
    },
)
def the_rotation(rotation):
    """A known rotation is found again, a noisy one is found as the library finds it."""
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(40, 5, generator=chance, dtype=torch.float64)
    true = torch.linalg.qr(torch.randn(5, 5, generator=chance, dtype=torch.float64))[0]
    noise = torch.randn(40, 5, generator=chance, dtype=torch.float64)
    y = x @ true * torch.tensor([1, 2, 3, 4, 5.0], dtype=torch.float64) + noise
    found = attempted(rotation(x.clone(), (x @ true).clone()))
    if isinstance(found, tuple):
        raise Wrong(f"Those are {len(found)} things, as `svd` returns them. W is U @ Vt.")
    found = torch.as_tensor(found).double()
    if tuple(found.shape) != (5, 5):
        raise Wrong(f"For points in 5 dimensions W is (5, 5); yours is {tuple(found.shape)}.")
    noisy = torch.as_tensor(rotation(x.clone(), y.clone())).double()
    identity = torch.eye(5, dtype=torch.float64)
    if not torch.allclose(noisy.T @ noisy, identity, atol=1e-4):
        if torch.allclose(found, true, atol=1e-4):
            raise Wrong(
                "That bends the space: least squares takes any matrix. A rotation has W^T W = I; "
                "the SVD of X^T Y gives it."
            )
        raise Wrong("W^T W is not the identity. Are the singular values still in it?")
    if torch.allclose(found, true, atol=1e-4) and torch.allclose(
        noisy, procrustes(x, y), atol=1e-4
    ):
        return "Found, from noisy pairs as well: 10 free numbers where any matrix has 25."
    if torch.allclose(found, true.T, atol=1e-4):
        raise Wrong("That lays Y on X. x @ W must come to y: the other way round.")
    u, _, vt = _svd(x, y)
    if torch.allclose(noisy, u @ vt.T, atol=1e-4):
        raise Wrong(
            "A rotation, but not the one: `svd` returns V^T already transposed: W = U @ Vt."
        )
    off = (x @ found - x @ true).norm() / x.norm()
    raise Wrong(
        f"A rotation, but it does not lay x on y: {off:.0%} of the length of x is missing. Take U "
        "and Vt from the SVD of X^T Y."
    )


@exercise(
    "12-4",
    wrong={
        "the product alone": lambda: lambda p, q, n: p * q,
        "the weaker of the two": lambda: lambda p, q, n: min(p, q),
        "the mean": lambda: lambda p, q, n: (p + q) / 2,
        "any second error leads home": lambda: lambda p, q, n: p * q + (1 - p) * (1 - q),
        "lucky whatever the second says": lambda: lambda p, q, n: p * q + (1 - p) / (n - 1),
        "at least one": lambda: lambda p, q, n: 1 - (1 - p) * (1 - q),
        "the sum": lambda: lambda p, q, n: p + q,
        "words, not words - 1": lambda: lambda p, q, n: p * q + (1 - p) * (1 - q) / n,
    },
)
def two_dictionaries(composed):
    """Right twice, wrong twice, and languages of two words."""
    p, q = 0.8, 0.7
    for words in (2, 3, 500):
        value = float(attempted(composed(p, q, words)))
        expected = p * q + (1 - p) * (1 - q) / (words - 1)
        if abs(value - expected) < 1e-6:
            continue
        if abs(value - p * q) < 1e-6:
            raise Wrong(
                "Nearly: with two words in each language, two errors in a row always lead back to "
                "the right one. Add the lucky case."
            )
        if abs(value - min(p, q)) < 1e-6:
            raise Wrong(
                "A chain is weaker than its weakest link when the links fail independently: "
                "multiply the probabilities."
            )
        if abs(value - (p + q) / 2) < 1e-6:
            raise Wrong(
                "A mean would be better than the weaker step. Both must be right: multiply."
            )
        if abs(value - p * q - (1 - p) / max(1, words - 1)) < 1e-6:
            raise Wrong(
                "From a wrong word, a *right* entry of the second dictionary leads to a wrong "
                "word. It must err as well: (1 - q)."
            )
        if abs(value - p * q - (1 - p) * (1 - q)) < 1e-6:
            raise Wrong(
                f"Of {words} words, a second error hits the right one only once in {words - 1}."
            )
        if abs(value - p * q - (1 - p) * (1 - q) / words) < 1e-6:
            raise Wrong("An error hits one of the *other* words: there are words - 1 of them.")
        if abs(value - 1 + (1 - p) * (1 - q)) < 1e-6:
            raise Wrong("That is 'at least one is right'. Both must be: multiply p and q.")
        if not 0 <= value <= 1:
            raise Wrong(f"{value:.2f} is no probability. Both must be right: begin with p * q.")
        raise Wrong(f"For p = .8, q = .7 and {words} words it is {expected:.4f}, not {value:.4f}.")
    return "With 500 words luck adds next to nothing: two steps at .8 and .7 are right in 56 %."


def _sharpest(log_scores, grammars):
    sure = [forward_backward(log_scores, g)[0].max(1).mean() for g in grammars]
    return int(np.argmax(sure))


def _without_relations(log_scores, grammars):
    return int(np.argmax([log_scores.max(1).mean() for _ in grammars]))


@exercise(
    "12-5",
    wrong={
        "the smallest evidence": lambda: (
            lambda scores, grammars: int(
                np.argmin([forward_backward(scores, g)[1] for g in grammars])
            )
        ),
        "the surest reading": lambda: _sharpest,
        "scores without relations": lambda: _without_relations,
        "the evidence itself": lambda: (
            lambda scores, grammars: max(forward_backward(scores, g)[1] for g in grammars)
        ),
        "all evidences": lambda: (
            lambda scores, grammars: [forward_backward(scores, g)[1] for g in grammars]
        ),
        "the grammar itself": lambda: lambda scores, grammars: grammars[0],
        "behind the last": lambda: lambda scores, grammars: len(grammars),
        "the strictest grammar": lambda: (
            lambda scores, grammars: int(np.argmax([np.max(g) for g in grammars]))
        ),
    },
)
def choose_by_evidence(choose):
    """A stream of a known grammar, whose place in the list changes; its rivals are stricter."""
    rng = np.random.default_rng(0)
    following = np.roll(np.eye(4), 1, axis=1)  # 0 1 2 3 0 ..., two times in five anything
    true = 0.6 * following + 0.1
    digits = [0]
    for _ in range(80):
        digits.append(int(rng.choice(4, p=true[digits[-1]])))
    scores = 0.4 * np.eye(4)[digits] + 0.15
    spiky = np.full((4, 4), 0.25)
    spiky[0] = [0.999, 0.0005, 0.0004, 0.0001]
    grammars = {"true": true, "sticky": 0.95 * np.eye(4) + 0.0125, "spiky": spiky}
    grammars["backwards"] = 0.9996 * following.T + 0.0001
    orders = [np.roll(list(grammars), shift).tolist() for shift in (1, 2, 3)]
    named = []
    for order in orders:
        found = attempted(choose(np.log(scores), [grammars[name].copy() for name in order]))
        if (size := np.asarray(found).size) != 1:
            raise Wrong(
                f"Return one position; yours has {size} numbers. Is it a grammar itself, or the "
                "evidence of each? `np.argmax` of the evidences is the position."
            )
        if isinstance(found, (float, np.floating)) and found < 0:
            raise Wrong("That is the evidence itself. Return the *position* of the best grammar.")
        if not 0 <= int(found) < len(order):
            raise Wrong(f"Position {int(found)}? There are {len(order)} grammars, 0 is the first.")
        named.append(order[int(found)])
    if set(named) == {"true"}:
        return (
            "Right, and no label was used. A stricter rival gives surer readings, and fits worse."
        )
    if len(set(named)) > 1:
        raise Wrong(
            "The same grammars in another order, and you take another one: the answer does not "
            "look at them. Each needs a `tl.forward_backward` of its own."
        )
    why = {
        "spiky": "gives the surest reading, and a wrong one. The second result of "
        "`tl.forward_backward` says how well a grammar *fits*.",
        "backwards": "has the largest probabilities. Ask how well a grammar fits the stream.",
        "sticky": "fits worst of all. The *largest* evidence wins; it is a negative number.",
    }
    raise Wrong(f"You took the grammar that {why[named[0]]}")

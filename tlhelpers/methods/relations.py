"""Relations that travel: what follows what in a sequence, and which predicate plays which part."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core.errors import InputError

# --- sequences ----------------------------------------------------------------------------------


def transition_matrix(
    sequences: Sequence[Sequence[int]], classes: int, *, smoothing: float = 1.0
) -> np.ndarray:
    """How often class j follows class i in labelled sequences: (K, K), each row adds up to 1.

    `smoothing` is added to each count (Laplace), so that a pair nobody has seen stays possible.

    Raises:
        InputError: a label outside 0..K-1, or counts of zero without smoothing.
    """
    counts = np.full((classes, classes), float(smoothing))
    for sequence in sequences:
        labels = np.asarray(sequence)
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise InputError(f"labels must lie in 0..{classes - 1}; got up to {labels.max()}.")
        np.add.at(counts, (labels[:-1], labels[1:]), 1)
    sums = counts.sum(1, keepdims=True)
    if not sums.all():
        raise InputError("a class is never followed by anything: give smoothing > 0.")
    return counts / sums


def forward_backward(
    log_likelihoods: np.ndarray, transition: np.ndarray, start: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """What each of T symbols is, given all of them (Rabiner 1989).

    Args:
        log_likelihoods: (T, K), log p(picture t | class k). A constant added to a row changes only
            the second result, so of a classifier's log-probabilities subtract the log of the
            shares of the classes that it was trained on.
        transition: (K, K), p(next class | class), rows add up to 1.
        start: (K,), probabilities of the first class; equal if not given.

    Returns:
        Posterior probabilities (T, K), and log p(all pictures | relations): the higher, the better
        the relations fit the sequence. It needs no label.

    Raises:
        InputError: shapes that do not fit.
    """
    scores = np.asarray(log_likelihoods, dtype=float)
    transition = np.asarray(transition, dtype=float)
    if scores.ndim != 2 or len(scores) == 0 or transition.shape != (scores.shape[1],) * 2:
        raise InputError(
            f"forward_backward takes log-likelihoods (T, K) and transitions (K, K); got "
            f"{scores.shape} and {transition.shape}."
        )
    steps, classes = scores.shape
    largest = scores.max(1, keepdims=True)
    seen = np.exp(scores - largest)  # scaled, so that nothing underflows
    forward, scales = np.empty_like(seen), np.empty(steps)
    message = np.full(classes, 1 / classes) if start is None else np.asarray(start, dtype=float)
    for t in range(steps):
        joint = message * seen[t]
        scales[t] = joint.sum()
        forward[t] = joint / scales[t]
        message = forward[t] @ transition
    backward = np.ones_like(seen)
    for t in range(steps - 2, -1, -1):
        backward[t] = transition @ (seen[t + 1] * backward[t + 1]) / scales[t + 1]
    evidence = float(np.log(scales).sum() + largest.sum())
    return forward * backward, evidence


# --- predicates ---------------------------------------------------------------------------------

Facts = Mapping[str, "set[tuple[str, ...]]"]  # predicate -> the tuples for which it is true
Types = Mapping[str, "tuple[str, ...]"]  # predicate -> the types of its places


@dataclass(frozen=True)
class Rule:
    """If all atoms of the body are true, so is the head. An atom: `("movie", "t", "x")`."""

    body: tuple[tuple[str, ...], ...]
    head: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Rule:
        """`Rule.read("worked_under(x, y) & movie(t, x) -> movie(t, y)")`"""
        atoms = re.findall(r"(\w+)\(([^)]*)\)", text)
        if text.count("->") != 1 or len(atoms) < 2:
            raise InputError(f'a rule reads "p(x, y) & q(y, z) -> r(x, z)"; got "{text}".')
        atoms = [(name, *(v.strip() for v in places.split(","))) for name, places in atoms]
        return cls(tuple(atoms[:-1]), atoms[-1])

    def __str__(self) -> str:
        *body, head = (f"{name}({', '.join(v)})" for name, *v in (*self.body, self.head))
        return f"{' & '.join(body)} -> {head}"

    def renamed(self, names: Mapping[str, str]) -> Rule:
        """The same rule with other predicates."""
        body = tuple((names[name], *variables) for name, *variables in self.body)
        return Rule(body, (names[self.head[0]], *self.head[1:]))


def bindings(body: Sequence[tuple[str, ...]], facts: Facts) -> Iterator[dict[str, str]]:
    """Every way to put things in the place of the variables that makes the body true."""
    if not body:
        yield {}
        return
    name, *variables = body[-1]
    for bound in bindings(body[:-1], facts):
        for things in facts.get(name, ()):
            new = dict(zip(variables, things, strict=True))
            consistent = all(bound.get(v, thing) == thing for v, thing in new.items())
            if consistent and len(set(new.values())) == len(new):
                yield bound | new


def score_rule(rule: Rule, facts: Facts, types: Types, *, prior: float = 2.0) -> float:
    """How much more often the head is true where the body is than anywhere: 0 for no evidence.

    The share of true heads is pulled towards the head's base rate with the weight of `prior`
    observations, and the base rate is taken away. So a rule that was never tried scores 0, and one
    lucky hit does not make a rule. The base rate: facts about the head, of all that its types
    allow.
    """
    name, *variables = rule.head
    true = facts.get(name, set())
    base = len(true) / max(1, math.prod(len(things_of(kind, facts, types)) for kind in types[name]))
    tried = {tuple(bound[v] for v in variables) for bound in bindings(rule.body, facts)}
    return (len(tried & true) + prior * base) / (len(tried) + prior) - base


def things_of(kind: str, facts: Facts, types: Types) -> set[str]:
    """All things of one type that any fact names."""
    return {
        thing
        for name, tuples in facts.items()
        for things in tuples
        for thing, other in zip(things, types[name], strict=True)
        if other == kind
    }


@dataclass(frozen=True)
class PredicateMap:
    """A way to read source rules in the target: which predicate plays which part, and how well."""

    names: dict[str, str]
    score: float


def map_predicates(
    rules: Sequence[Rule], source_types: Types, target_types: Types, target_facts: Facts
) -> list[PredicateMap]:
    """All type-consistent ways to map the rules' predicates to the target's, the best first.

    Two source predicates are never mapped to the same target predicate, and one type of the source
    is the same type of the target everywhere (TAMAR: Mihalkova, Huynh & Mooney 2007; they score
    by pseudo-likelihood, this by the mean of `score_rule`).

    Raises:
        InputError: a rule with a predicate that has no types.
    """
    used = list(dict.fromkeys(atom[0] for rule in rules for atom in (*rule.body, rule.head)))
    if unknown := [name for name in used if name not in source_types]:
        raise InputError(f'the types of "{unknown[0]}" are not given.')
    found = []
    for chosen in itertools.permutations(target_types, len(used)):
        names = dict(zip(used, chosen, strict=True))
        if types_agree(names, source_types, target_types):
            mapped = [score_rule(rule.renamed(names), target_facts, target_types) for rule in rules]
            found.append(PredicateMap(names, float(np.mean(mapped))))
    return sorted(found, key=lambda item: -item.score)


def types_agree(names: Mapping[str, str], source: Types, target: Types) -> bool:
    """Whether each type of the source becomes one type of the target, under all predicates."""
    types: dict[str, str] = {}
    for name, other in names.items():
        if len(source[name]) != len(target[other]):
            return False
        for mine, yours in zip(source[name], target[other], strict=True):
            if types.setdefault(mine, yours) != yours:
                return False
    return len(set(types.values())) == len(types)

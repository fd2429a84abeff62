"""Rules about a university, carried over to films, against rules that are learnt there."""

from __future__ import annotations

import itertools

import numpy as np

from tlhelpers.data.film_world import COUNTERPARTS, FILMS, UNIVERSITY, UNIVERSITY_RULES, film_facts
from tlhelpers.methods.relations import Rule, bindings, map_predicates

from ..tables import cell
from . import SEEDS

DIRECTORS = (1, 2, 3, 5, 8)
HEAD = ("credit", "t", "y")  # a film, and who is named in it


def rules_about(head: tuple[str, ...]) -> list[Rule]:
    """All rules with one or two atoms about variables x, y, t that the types allow."""
    of_type = {"human": "xy", "film": "t"}
    atoms = [
        (name, *places)
        for name, types in FILMS.items()
        for places in itertools.product(*(of_type[kind] for kind in types))
        if len(set(places)) == len(places) and (name, *places) != head
    ]
    bodies = [body for size in (1, 2) for body in itertools.combinations(atoms, size)]
    return [Rule(b, head) for b in bodies if {"t", "y"} <= {v for _, *vs in b for v in vs}]


def without_directors(facts: dict) -> tuple[dict, set]:
    """The facts without the directors' credits, and these credits."""
    hidden = {(film, who) for film, who in facts["credit"] if (who,) in facts["director"]}
    return facts | {"credit": facts["credit"] - hidden}, hidden


def credits_found(rule: Rule, facts: dict, hidden: set) -> float:
    """F1 of the hidden credits of directors that a rule predicts."""
    said = {(b["t"], b["y"]) for b in bindings(rule.body, facts)} - facts["credit"]
    hits = len(said & hidden)
    return 2 * hits / max(1, len(said) + len(hidden))


def best_of(candidates: list, scores: list[float]) -> list:
    """All candidates with the largest score: few facts often leave several."""
    return [c for c, score in zip(candidates, scores, strict=True) if score == max(scores)]


def mapped_rule(rule: Rule) -> Rule | None:
    """A mapped rule with the variables t and y in its head; None if it says nothing on credits."""
    if rule.head[0] != HEAD[0]:
        return None
    names = dict(zip(rule.head[1:], HEAD[1:], strict=True))
    return Rule(tuple((n, *(names.get(v, v) for v in vs)) for n, *vs in rule.body), HEAD)


def predicate_scores(seed: int) -> list[dict]:
    """F1 of the mapped rule and of one learnt here; the mean where several are equally good."""
    rules = [Rule.read(text) for text in UNIVERSITY_RULES]
    test = without_directors(film_facts(15, seed=1000 + seed))
    candidates, rows = rules_about(HEAD), []
    for directors in DIRECTORS:
        facts = film_facts(directors, seed=seed)
        ranked = map_predicates(rules, UNIVERSITY, FILMS, facts)
        maps = best_of(ranked, [found.score for found in ranked])
        mapped = [mapped_rule(rules[0].renamed(found.names)) for found in maps]
        # Learnt here: the rule that best predicts the directors' credits of the observed facts.
        observed = without_directors(facts)
        learnt = best_of(candidates, [credits_found(rule, *observed) for rule in candidates])
        rows.append(
            {
                "seed": seed,
                "directors": directors,
                "facts": sum(map(len, facts.values())),
                "mapped right": float(np.mean([found.names == COUNTERPARTS for found in maps])),
                "F1, mapped": float(
                    np.mean([credits_found(rule, *test) if rule else 0 for rule in mapped])
                ),
                "F1, learnt here": float(np.mean([credits_found(rule, *test) for rule in learnt])),
                "equally good maps": len(maps),
                "equally good rules": len(learnt),
                "maps": len(ranked),
                "rules": len(candidates),
            }
        )
    return rows


def predicates_part() -> dict:
    rows = [row for seed in SEEDS for row in predicate_scores(seed)]
    for d in DIRECTORS:
        names = list(rows[0])[2:]
        print("predicates", d, {n: cell(rows, n, directors=d) for n in names}, flush=True)
    return {"rows": rows}

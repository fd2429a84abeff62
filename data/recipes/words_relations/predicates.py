"""Rules about a university, carried over to films, against rules that are learnt there."""

from __future__ import annotations

import itertools

from tlhelpers.data.film_world import COUNTERPARTS, FILMS, UNIVERSITY, UNIVERSITY_RULES, film_facts
from tlhelpers.methods.relations import Rule, bindings, map_predicates

from ..tables import cell
from . import SEEDS

DIRECTORS = (1, 2, 3, 5, 8)


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


def predicate_scores(seed: int) -> list[dict]:
    rules = [Rule.read(text) for text in UNIVERSITY_RULES]
    test = without_directors(film_facts(15, seed=1000 + seed))
    rows = []
    for directors in DIRECTORS:
        facts = film_facts(directors, seed=seed)
        ranked = map_predicates(rules, UNIVERSITY, FILMS, facts)
        head = ("credit", "t", "y")
        candidates = rules_about(head)
        # Learnt here: the rule that best predicts the directors' credits of the observed facts.
        observed = without_directors(facts)
        scratch = max(candidates, key=lambda rule: credits_found(rule, *observed))
        mapped = rules[0].renamed(ranked[0].names)
        names = dict(zip(mapped.head[1:], ("t", "y"), strict=True))
        mapped = Rule(
            tuple((n, *(names.get(v, v) for v in vs)) for n, *vs in mapped.body),
            (mapped.head[0], "t", "y"),
        )
        rows.append(
            {
                "seed": seed,
                "directors": directors,
                "facts": sum(map(len, facts.values())),
                "mapped right": ranked[0].names == COUNTERPARTS,
                "F1, mapped": credits_found(mapped, *test),
                "F1, learnt here": credits_found(scratch, *test),
                "maps": len(ranked),
                "rules": len(candidates),
            }
        )
    return rows


def predicates_part() -> dict:
    rows = [row for seed in SEEDS for row in predicate_scores(seed)]
    for d in DIRECTORS:
        names = ("facts", "mapped right", "F1, mapped", "F1, learnt here", "maps", "rules")
        print("predicates", d, {n: cell(rows, n, directors=d) for n in names}, flush=True)
    return {"rows": rows}

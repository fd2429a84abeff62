"""Facts about a university and about films: other words, partly the same relations."""

from __future__ import annotations

import numpy as np

from ..core.errors import InputError

# predicate -> the types of its places
UNIVERSITY = {
    "professor": ("person",),
    "student": ("person",),
    "advised_by": ("person", "person"),
    "wrote": ("paper", "person"),
}
# What holds at the university: a student's papers carry the professor's name, too.
UNIVERSITY_RULES = (
    "advised_by(x, y) & wrote(p, x) -> wrote(p, y)",
    "advised_by(x, y) -> student(x)",
    "advised_by(x, y) -> professor(y)",
)
FILMS = {
    "director": ("human",),
    "actor": ("human",),
    "singer": ("human",),
    "worked_under": ("human", "human"),
    "friends": ("human", "human"),
    "credit": ("film", "human"),
    "review": ("film", "human"),
}
# Which part each predicate of the university plays among the films.
COUNTERPARTS = {
    "advised_by": "worked_under",
    "wrote": "credit",
    "student": "actor",
    "professor": "director",
}


def film_facts(directors: int, *, seed: int = 0) -> dict[str, set[tuple[str, ...]]]:
    """Facts about `directors` directors, their actors and films: predicate -> tuples.

    Each director has three actors and one to three films; in a film play two of them and, one time
    in three, a guest. A tenth of the directors' credits is missing. Friends, singers and reviewers
    are drawn at random: predicates of the same types that mean something else.

    Raises:
        InputError: fewer than one director.
    """
    if directors < 1:
        raise InputError(f"film_facts needs one director or more; got {directors}.")
    rng = np.random.default_rng(seed)
    facts: dict[str, set[tuple[str, ...]]] = {name: set() for name in FILMS}
    crews = {f"director{i}": [f"actor{3 * i + j}" for j in range(3)] for i in range(directors)}
    actors = [actor for crew in crews.values() for actor in crew]
    people = [*crews, *actors]
    film = 0
    for director, crew in crews.items():
        facts["director"].add((director,))
        for actor in crew:
            facts["actor"].add((actor,))
            facts["worked_under"].add((actor, director))
        for _ in range(rng.integers(1, 4)):
            title, film = f"film{film}", film + 1
            cast = list(rng.choice(crew, 2, replace=False))
            if rng.random() < 1 / 3:
                cast.append(rng.choice(actors))
            facts["credit"] |= {(title, str(actor)) for actor in cast}
            if rng.random() < 0.9:
                facts["credit"].add((title, director))
            facts["review"] |= {(title, str(someone)) for someone in rng.choice(people, 2)}
    for _ in range(4 * directors):
        one, other = rng.choice(people, 2, replace=False)
        facts["friends"].add((str(one), str(other)))
    facts["singer"] = {(someone,) for someone in people if rng.random() < 0.3}
    return facts

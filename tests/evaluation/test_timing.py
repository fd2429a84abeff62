"""A race: whose turn it is, and what counts."""

from __future__ import annotations

import pytest

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.evaluation import timing


def test_actions_take_turns_and_the_first_round_does_not_count(monkeypatch):
    turns, clock = [], [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])

    def action(name, seconds):
        def act():
            turns.append(name)
            clock[0] += seconds[turns.count(name) - 1]

        return act

    found = tl.race({"a": action("a", [9, 3, 1]), "b": action("b", [9, 2, 4])}, rounds=2)
    assert turns == ["a", "b"] * 3
    assert found == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize(("actions", "rounds"), [({}, 3), ({"a": int}, 0)])
def test_a_race_needs_somebody_who_runs(actions, rounds):
    with pytest.raises(InputError, match="actions and rounds"):
        tl.race(actions, rounds)

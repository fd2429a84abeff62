"""Seconds of several actions, compared fairly on a machine that does other things as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..core.errors import InputError


def race(actions: Mapping[str, Callable[[], object]], rounds: int = 5) -> dict[str, list[float]]:
    """Seconds of every action in every round, the fastest first.

    The actions take turns, so that a busy moment slows all of them and not one alone. A first round
    warms up and does not count. Compare `min(seconds)`: whatever else the machine did can only
    have made an action slower. On a GPU an action has to wait for its own result (`loss.item()`).

    Raises:
        InputError: no action, or no round.
    """
    if not actions or rounds < 1:
        raise InputError(f"race needs actions and rounds; got {len(actions)} and {rounds}.")
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds + 1):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - start)
    return {name: sorted(times[1:]) for name, times in seconds.items()}

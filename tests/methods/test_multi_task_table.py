"""The stored table of lesson 10 on tasks is complete, bears out the text, and can be repeated."""

from __future__ import annotations

import json
from collections import Counter
from statistics import fmean

import pytest

import tlhelpers as tl
from data.recipes import multi_task_table as recipe
from data.recipes import self_taught_table as taught
from data.recipes.tables import RESULTS, select


@pytest.fixture(scope="module")
def stored():
    return json.loads((RESULTS / f"{recipe.NAME}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def gain(stored):
    """First minus second, seed by seed, in points: mean and interval."""

    def over_seeds(first: dict, second: dict, **where) -> tl.Interval:
        both = (select(stored["rows"], "accuracy", **where, **arm) for arm in (first, second))
        return tl.mean_interval([100 * (a - b) for a, b in zip(*both, strict=True)])

    return over_seeds


def arms(first: str, second: str, shots: int = 2) -> dict:
    return {"first": {"arm": first}, "second": {"arm": second}, "part": "arms", "shots": shots}


def test_the_markdown_is_made_of_the_rows(stored):
    text = (RESULTS / f"{recipe.NAME}.md").read_text(encoding="utf-8")
    assert text == recipe.markdown(stored["rows"], stored["bits"], stored)


def test_every_arm_has_every_seed_and_none_was_tuned_on(stored):
    found = Counter((r["arm"], r["shots"]) for r in stored["rows"] if r["part"] == "arms")
    wanted = {(arm, 2) for arm in (*recipe.MAIN_ARMS, *recipe.MORE_ARMS)}
    wanted |= {(arm, 5) for arm in recipe.AT_FIVE}
    assert found == dict.fromkeys(wanted, len(recipe.SEEDS))
    found = Counter((r["main"], r["partner"]) for r in stored["rows"] if r["part"] == "pairs")
    wanted = {(main, partner) for main in recipe.ROWS for partner in (None, *recipe.PARTNERS)}
    assert found == dict.fromkeys(wanted, len(recipe.PAIR_SEEDS))
    assert not {row["seed"] for row in stored["rows"]} & set(recipe.TUNING_SEEDS)


def test_a_row_is_shaped_as_the_recipe_makes_it(stored, monkeypatch):
    """One step of each arm: the same names as in the stored rows of that arm."""
    monkeypatch.setattr(recipe, "STEPS", 2)
    data = recipe.draw(0, 2, False)
    for arm in (*recipe.MAIN_ARMS, *recipe.MORE_ARMS):
        kind, how = arm.split(", ")
        row = recipe.train(data, "digit", recipe.TASKS_OF[kind], how, 0.01, 1.0, 0)
        told = {"part", "seed", "shots", "arm"}
        for kept in (r for r in stored["rows"] if r.get("arm") == arm):
            assert set(kept) - told == set(row), arm
            for name in ("cosines", "weights"):
                assert set(kept.get(name, ())) == set(row.get(name, ())), arm


def test_no_chosen_rate_is_at_the_edge_of_what_was_tried(stored):
    for arm, chosen in stored["settings"].items():
        strength = f"{chosen.get('strength', 0):g} x "  # of soft sharing: its rates alone
        tried = [t for t in chosen["tried"] if " x " not in t or t.startswith(strength)]
        rates = sorted(float(t.split(" x ")[-1]) for t in tried)
        assert not rates or rates[0] < chosen["rate"] < rates[-1], arm


@pytest.mark.parametrize("shots", [2, 5])
def test_related_tasks_help_and_unrelated_ones_harm(gain, shots):
    assert gain(**arms("related, equal", "alone, equal", shots)).low > 10
    assert gain(**arms("unrelated, equal", "alone, equal", shots)).high < -10
    together = gain(**arms("related, equal", "related, frozen", shots))
    assert together.low < 0 < together.high  # not what "at once" brings


def test_soft_sharing_brings_most_of_the_gain_and_pixels_beat_the_network_alone(gain):
    assert gain(**arms("related, soft", "alone, equal")).low > 10
    assert gain(**arms("related, soft", "related, equal")).mean > -10
    assert gain(**arms("alone, pixels", "alone, equal")).low > 3


def test_neither_repair_makes_bad_company_good(gain):
    for way in ("uncertainty", "PCGrad"):
        assert gain(**arms(f"unrelated, {way}", "alone, equal")).high < 0
    assert gain(**arms("related, PCGrad", "related, equal")).mean < -3
    assert gain(**arms("unrelated, PCGrad", "unrelated, equal")).mean > 0


def test_two_families_of_tasks(gain):
    def beside(main, partner):
        return gain({"partner": partner}, {"partner": None}, part="pairs", main=main)

    for main in ("digit", "parity", "loops"):
        for partner in ("digit", "parity", "loops"):
            assert beside(main, partner).mean > 0
        for partner in ("tilt", "noise", "coin"):
            assert beside(main, partner).high < 0  # nor is the coin a neutral filler
    for main in ("tilt", "noise"):
        for partner in ("digit", "parity", "loops"):
            assert beside(main, partner).high < 0


def test_the_angles_are_near_ninety_degrees(stored):
    for kind in ("related", "unrelated"):
        rows = [r for r in stored["rows"] if r.get("arm") == f"{kind}, equal" and r["shots"] == 2]
        for task in recipe.TASKS_OF[kind]:
            assert abs(fmean(row["cosines"][task] for row in rows)) < 0.1, task
    coin = [r["cosines"]["coin"] for r in stored["rows"] if r.get("arm") == "unrelated, equal"]
    assert fmean(coin) > 0  # although nobody can learn it


@pytest.mark.trained
def test_company_helps_and_harms_when_it_is_trained_again(seed, holds):
    """Two draws, at the stored learning rates; the stored gains are 21 to 35 and -12 to -17."""
    settings = json.loads((RESULTS / f"{recipe.NAME}.json").read_text(encoding="utf-8"))["settings"]

    def accuracy(kind: str, draw: int) -> float:
        rate = settings[f"{kind}, equal"]["rate"]
        data = recipe.draw(draw, 2, False)
        tasks = recipe.TASKS_OF[kind]
        return recipe.train(data, "digit", tasks, "equal", rate, 0.0, draw)["accuracy"]

    alone, related, unrelated = (
        fmean(accuracy(kind, draw) for draw in (20 + 2 * seed, 21 + 2 * seed))
        for kind in ("alone", "related", "unrelated")
    )
    holds("gain beside related tasks", related - alone, above=0.1)
    holds("gain beside unrelated tasks", unrelated - alone, below=-0.03)


@pytest.mark.trained
def test_pseudo_labels_gain_by_what_they_leave_out(seed, holds):
    """Two draws of 20 rendered digits; the stored gains of equal shares are 5 to 23 points."""
    found = {rule: [] for rule in ("all answers", "equal shares")}
    for draw in (200 + 2 * seed, 201 + 2 * seed):
        parts = taught.situation("rendered, 20 labels", draw)
        for rule, runs in found.items():
            rounds = taught.self_train(taught.by_regression, taught.RULES[rule], *parts, draw)
            first, *_, last = rounds
            runs.append((last["accuracy"] - first["accuracy"], last["kept_mistakes"]))
    gains = {rule: fmean(gain for gain, _ in runs) for rule, runs in found.items()}
    holds("gain of equal shares", gains["equal shares"], above=0.02)
    holds("gain of all answers", gains["all answers"], above=-0.03, below=0.06)
    kept = fmean(kept for _, kept in found["all answers"])
    holds("first mistakes kept by all answers", kept, above=0.95)

"""The environment variables: every one is known, and a wrong value is named with its remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tlhelpers.core import environment
from tlhelpers.core.errors import InputError
from tlhelpers.core.process_group import connect

ROOT = Path(__file__).resolve().parents[2]


def test_every_variable_that_something_reads_is_known(monkeypatch):
    """A name that is missing from the table would be called misspelt."""
    files = [p for part in ("tlhelpers", "tools", "tests") for p in (ROOT / part).rglob("*.py")]
    read = (
        r"""environ(?:\.get\(|\[)\s*["'](TLHELPERS_[A-Z_]+)|(?:choice|factor)\("(TLHELPERS_\w+)"""
    )
    names = set()
    for path in [*files, ROOT / "conftest.py"]:
        for found in re.findall(read, path.read_text(encoding="utf-8")):
            names |= set(filter(None, found))
    assert len(names) > 8
    for name in names:
        monkeypatch.setenv(name, "1")
    assert environment.unknown() == []


def test_a_misspelt_name_is_noticed(monkeypatch):
    monkeypatch.setenv("TLHELPERS_BUDGT", "0.2")
    (sentence,) = environment.unknown()
    assert "Did you mean TLHELPERS_BUDGET?" in sentence


def test_an_empty_value_is_none(monkeypatch):
    """Containers pass a variable on that way when it is not set outside."""
    monkeypatch.setenv("TLHELPERS_PROFILE", "")
    monkeypatch.setenv("TLHELPERS_BUDGET", "")
    assert environment.choice("TLHELPERS_PROFILE", environment.PROFILES) == "mini"
    assert environment.factor("TLHELPERS_BUDGET") == 1


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1,5", "much"])
def test_a_factor_is_a_number_above_zero(monkeypatch, value):
    monkeypatch.setenv("TLHELPERS_BUDGET", value)
    with pytest.raises(InputError, match="TLHELPERS_BUDGET is .* give a number above 0"):
        environment.factor("TLHELPERS_BUDGET")


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"])
def test_the_place_in_a_job_is_a_whole_number(monkeypatch, name):
    right = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    for key, value in {**right, name: "one"}.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(InputError, match=f'{name} is "one", not a whole number.*unset RANK'):
        with connect():
            pass

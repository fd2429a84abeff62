"""The script behind `make test-anywhere`: what it reads from pytest, and what it says of it."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree

import anywhere
import pytest

REPORT = """<testsuites><testsuite>
<testcase classname="tests.models.test_a" name="test_it[0-alexnet]"><properties>
  <property name="loss" value="[0.02, -Infinity, 0.1]"/></properties></testcase>
<testcase classname="tests.models.test_a" name="test_it[1-alexnet]"><properties>
  <property name="loss" value="[0.3, -Infinity, 0.1]"/></properties><failure/></testcase>
<testcase classname="tests.models.test_a" name="test_other[1]"/>
</testsuite></testsuites>"""


def test_the_table_shows_the_worst_of_all_seeds_and_settings():
    cases = dict(map(anywhere.read_case, ElementTree.fromstring(REPORT).iter("testcase")))
    lines, failures = anywhere.table({"AVX2, 2 threads": cases, "fp32, 1 threads": cases})
    assert lines[2:] == ["| test_a::test_it[alexnet] | loss | < 0.1 | 0.02 | 0.3 | 4 |"]
    assert failures == [
        f"test_a::test_it[1-alexnet] with {setting}"
        for setting in ("AVX2, 2 threads", "fp32, 1 threads")
    ]


@pytest.mark.parametrize(
    ("name", "short"),
    [("t", "t"), ("t[3]", "t"), ("t[12-resnet18]", "t[resnet18]"), ("t[resnet18]", "t[resnet18]")],
)
def test_the_seed_is_taken_out_of_the_name(name, short):
    assert anywhere.without_seed(name) == short


def test_other_processors_are_played_on_x86_only(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert anywhere.processors() == ["as it is", "fp32"]
    monkeypatch.setattr("platform.machine", lambda: "AMD64")
    assert anywhere.processors() == list(anywhere.PROCESSORS)


@pytest.mark.trained
def test_the_settings_arrive(seed, holds):
    """The cheapest trained test: which seeds and threads this run has."""
    import torch

    seeds = int(os.environ.get("TLHELPERS_TEST_SEEDS", "1"))
    holds("seed", seed, above=-1, below=seeds)
    threads = os.environ.get("TLHELPERS_TEST_THREADS", torch.get_num_threads())
    assert torch.get_num_threads() == int(threads)


def test_a_bound_that_is_missed_fails(holds):
    with pytest.raises(AssertionError, match="loss is 0.3, not between 0 and 0.1"):
        holds("loss", 0.3, above=0, below=0.1)

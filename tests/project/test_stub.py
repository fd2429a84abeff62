"""Editors and type checkers see every public name: the stub equals the table of lazy names."""

from __future__ import annotations

import pytest
from write_stub import STUB, stub_text

import tlhelpers as tl


def test_the_stub_equals_the_table():
    assert STUB.read_text(encoding="utf-8") == stub_text(), "run: python tools/write_stub.py"


@pytest.mark.parametrize("start", ["import tlhelpers as tl\ntl.", "import tlhelpers\ntlhelpers."])
def test_an_editor_completes_every_public_name(start):
    jedi = pytest.importorskip("jedi")  # what JupyterLab's and many editors' completion asks
    names = {completion.name for completion in jedi.Script(start).complete()}
    assert set(tl.__all__) <= names


def test_a_notebook_completes_and_explains_a_name():
    jedi = pytest.importorskip("jedi")
    names = {completion.name for completion in jedi.Interpreter("tl.", [{"tl": tl}]).complete()}
    assert set(tl.__all__) <= names
    [signature] = jedi.Interpreter("tl.fit(", [{"tl": tl}]).get_signatures()
    assert [parameter.name for parameter in signature.params][:2] == ["model", "train"]

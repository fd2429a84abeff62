"""Set-up, profiles, devices, assets; and what importing the package costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

import tlhelpers as tl
from tlhelpers.core import assets, runtime
from tlhelpers.core.errors import AssetError, InputError


def test_setup_prints_what_it_decided(monkeypatch, capsys):
    monkeypatch.setenv("TLHELPERS_PROFILE", "mini")
    monkeypatch.delenv("TLHELPERS_BACKBONE", raising=False)
    chosen = tl.setup(seed=5, backbone="resnet18", device="cpu")
    text = capsys.readouterr().out
    assert chosen == tl.Runtime("mini", torch.device("cpu"), 5, "resnet18")
    assert "mini" in text and "resnet18" in text and torch.__version__ in text


def test_the_environment_chooses_the_backbone(monkeypatch):
    monkeypatch.setenv("TLHELPERS_BACKBONE", "efficientnet_lite0")
    assert tl.setup(backbone="resnet18", quiet=True).backbone == "efficientnet_lite0"


def test_unknown_profile_and_device(monkeypatch):
    monkeypatch.setenv("TLHELPERS_PROFILE", "mini")
    with pytest.raises(InputError, match='Did you mean "full"'):
        tl.setup("ful", quiet=True)
    assert os.environ["TLHELPERS_PROFILE"] == "mini", "a refused profile must not stay behind"
    with pytest.raises(InputError, match="not on this machine"):
        tl.get_device("tpu")


def test_budget_scales_steps(monkeypatch):
    monkeypatch.delenv("TLHELPERS_BUDGET", raising=False)
    assert tl.budget(240) == 240
    monkeypatch.setenv("TLHELPERS_BUDGET", "0.1")
    assert tl.budget(240) == 24 and tl.budget(3) == 1
    for wrong in ("fast", "0", "-1", "nan"):
        monkeypatch.setenv("TLHELPERS_BUDGET", wrong)
        with pytest.raises(InputError, match="above 0"):
            tl.budget(240)


def test_seed_repeats():
    def draw():
        generator = tl.seed_everything(7)
        return torch.rand(3).tolist() + torch.rand(3, generator=generator).tolist()

    assert draw() == draw()


def test_autocast_only_where_the_hardware_has_bf16(monkeypatch):
    monkeypatch.delenv("TLHELPERS_PRECISION", raising=False)
    device = torch.device("cpu")
    with tl.autocast(device):
        out = nn.Linear(4, 4)(torch.rand(2, 4))
    expected = torch.bfloat16 if runtime.has_bfloat16(device) else torch.float32
    assert out.dtype == expected
    monkeypatch.setenv("TLHELPERS_PRECISION", "fp32")
    with tl.autocast(device):
        assert nn.Linear(4, 4)(torch.rand(2, 4)).dtype == torch.float32


def test_unknown_name_of_the_package_is_guessed():
    with pytest.raises(AttributeError, match='Did you mean "freeze"'):
        _ = tl.freze
    assert "fit" in dir(tl)


def test_every_public_name_exists():
    for name in tl.__all__:
        assert getattr(tl, name).__doc__, f"tl.{name} has no docstring"


def fresh_process(code: str) -> list[str]:
    """The words that `code` prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_import_costs_little():
    """At most .15 s and no heavy library: each waits for its use. The better of up to two tries."""
    heavy = {"torch", "torchvision", "numpy", "matplotlib", "sklearn", "timm", "IPython"}
    code = (
        "import sys, time; before = set(sys.modules); t = time.perf_counter()\n"
        "import tlhelpers\n"
        "print(time.perf_counter() - t, *sorted(set(sys.modules) - before))"
    )

    def cost() -> float:
        seconds, *modules = fresh_process(code)
        assert not heavy & set(modules)
        return float(seconds)

    assert any(cost() <= 0.15 for _ in range(2))


@pytest.mark.parametrize("arguments", [[], ["--help"], ["finetune", "--help"], ["nonsense"]])
def test_help_and_usage_errors_do_not_import_torch(arguments):
    code = (
        f"import runpy, sys; sys.argv = ['tlhelpers', *{arguments}]\n"
        "try:\n    runpy.run_module('tlhelpers', run_name='__main__')\n"
        "except SystemExit as end:\n    print('ended', end.code, 'torch' in sys.modules)"
    )
    status = "0" if "--help" in arguments else "2"
    assert fresh_process(code)[-3:] == ["ended", status, "False"]


def test_digest_of_a_folder_sees_names_and_bytes(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"1")
    first = assets.sha256(tmp_path)
    (tmp_path / "a.txt").rename(tmp_path / "b.txt")
    second = assets.sha256(tmp_path)
    (tmp_path / "b.txt").write_bytes(b"2")
    assert len({first, second, assets.sha256(tmp_path)}) == 3


@pytest.fixture
def own_registry(tmp_path, monkeypatch):
    """A data folder with one file, in place of the embedded one."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "x.bin").write_bytes(b"hello")
    item = {"path": "x.bin", "sha256": assets.sha256(folder / "x.bin"), "command": "make x"}
    gone = {"path": "gone.bin", "sha256": "0", "command": "make gone"}
    (folder / "registry.json").write_text(json.dumps({"x": item, "gone": gone}), encoding="utf-8")
    monkeypatch.setattr(assets, "data_dir", lambda: folder)
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    assets.registry.cache_clear()
    assets._digest_once.cache_clear()
    yield folder
    assets.registry.cache_clear()
    assets._digest_once.cache_clear()


def test_fetch_finds_checks_and_explains(own_registry, tmp_path, monkeypatch):
    assert tl.fetch("x").read_bytes() == b"hello"
    with pytest.raises(AssetError, match='no embedded item "y"'):
        tl.fetch("y")
    with pytest.raises(AssetError, match="make gone"):
        tl.fetch("gone")
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "x.bin").write_bytes(b"mine")
    monkeypatch.setenv("TLHELPERS_DATA", str(shared))
    assert tl.fetch("x").read_bytes() == b"mine"
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(AssetError, match="no such folder"):
        tl.fetch("x")


def test_fetch_refuses_a_changed_file(own_registry):
    (own_registry / "x.bin").write_bytes(b"other")
    with pytest.raises(AssetError, match="SHA-256"):
        tl.fetch("x")

"""LoRA begins as the trunk, merges to within rounding, comes off bit by bit, knows its trunk."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.models.mini_vit import mini_vit

ALL = ("qkv", "attn.proj", "fc1", "fc2")


@pytest.fixture
def pictures():
    return torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def trunk(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return mini_vit(3).eval()


def taught(layers=ALL, rank: int = 2, scale: float = 1.0) -> nn.Module:
    """A network whose updates are no longer 0."""
    model = trunk()
    tl.add_lora(model, layers, rank, scale)
    with torch.no_grad():
        for layer in tl.lora_layers(model).values():
            layer.B.normal_(std=0.05)
    return model


def test_at_the_start_it_is_the_trunk_bit_by_bit(pictures):
    model = trunk()
    before = model(pictures)
    names = tl.add_lora(model, ALL, rank=4)
    assert len(names) == 6 * 4 and names[0] == "blocks.0.attn.qkv"
    assert torch.equal(model(pictures), before)


def test_it_trains_the_updates_and_the_head_and_nothing_else(pictures):
    model = trunk()
    tl.add_lora(model, ("qkv",), rank=3)
    head = 3 * 96 + 3
    assert tl.count_parameters(model)["trainable"] == 6 * 3 * (96 + 288) + head
    before = tl.fingerprint(model)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)  # frozen ones get no gradient
    for _ in range(2):  # A moves from the second step on: its gradient is 0 while B is 0
        optimizer.zero_grad()
        F.cross_entropy(model(pictures), torch.arange(6) % 3).backward()
        optimizer.step()
    moved = tl.changed(before, tl.fingerprint(model))
    assert {name.split(".")[-1] for name in moved if not name.startswith("head.")} == {"A", "B"}
    assert len(moved) == 6 * 2 + 2


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_merging_computes_the_same_and_leaves_the_network_alone(pictures, scale):
    model = taught(scale=scale)
    before = tl.fingerprint(model)
    plain = tl.merge_lora(model)
    assert not tl.lora_layers(plain) and not tl.changed(before, tl.fingerprint(model))
    assert [n for n, _ in plain.named_parameters()] == [n for n, _ in trunk().named_parameters()]
    torch.testing.assert_close(plain(pictures), model(pictures), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(plain(pictures), trunk()(pictures), atol=1e-3)


def test_merging_twice_is_refused():
    with pytest.raises(InputError, match="no LoRA update"):
        tl.merge_lora(tl.merge_lora(taught()))
    with pytest.raises(InputError, match="already"):
        tl.add_lora(taught())


def test_it_comes_off_without_a_trace():
    model = taught()
    tl.remove_lora(model)
    assert not tl.changed(tl.fingerprint(trunk()), tl.fingerprint(model))


def test_a_file_holds_the_task_and_no_trunk(tmp_path, pictures):
    model = taught(("qkv",), rank=2)
    path = tl.save_lora(model, tmp_path / "task.safetensors", classes=["a", "b", "c"])
    numbers = 6 * 2 * (96 + 288) + 3 * 96 + 3
    assert 4 * numbers < path.stat().st_size < 4 * numbers + 8000
    other = trunk()
    facts = tl.load_lora(other, path)
    assert facts["classes"] == ["a", "b", "c"] and facts["rank"] == 2
    assert torch.equal(other(pictures), model(pictures))
    tl.load_lora(other, path)  # once more, in the place of the first
    assert torch.equal(other(pictures), model(pictures))


def test_a_file_brings_its_number_of_classes(tmp_path, pictures):
    model = trunk()
    tl.replace_head(model, 7)
    tl.add_lora(model)
    path = tl.save_lora(model, tmp_path / "seven.safetensors", classes=list("abcdefg"))
    other = trunk()
    tl.load_lora(other, path)
    assert other(pictures).shape == (6, 7)


def test_another_trunk_is_refused_and_left_unchanged(tmp_path):
    path = tl.save_lora(taught(), tmp_path / "task.safetensors", classes=["a", "b", "c"])
    other = trunk(seed=1)
    before = tl.fingerprint(other)
    with pytest.raises(InputError, match="another trunk"):
        tl.load_lora(other, path)
    assert not tl.changed(before, tl.fingerprint(other))


def test_the_digest_forgets_head_and_updates_and_nothing_else():
    model = trunk()
    digest = tl.trunk_digest(model)
    tl.replace_head(model, 9)
    tl.add_lora(model, ALL)
    assert tl.trunk_digest(model) == digest
    with torch.no_grad():
        model.norm.bias += 1e-7
    assert tl.trunk_digest(model) != digest


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda path: tl.add_lora(trunk(), rank=0), "rank of 1"),
        (lambda path: tl.add_lora(trunk(), ("query",)), "no layer ends in.*qkv"),
        (lambda path: tl.add_lora(trunk(), ("norm1",)), "no linear layer"),
        (lambda path: tl.remove_lora(trunk()), "no LoRA update"),
        (lambda path: tl.save_lora(trunk(), path, classes=[]), "no LoRA update"),
        (lambda path: tl.load_lora(trunk(), path), "no LoRA file"),
    ],
)
def test_wrong_input_says_what_to_do(tmp_path, call, says):
    path = tmp_path / "checkpoint.safetensors"
    tl.save_checkpoint(trunk(), path, backbone="vit", classes=["a", "b", "c"])
    with pytest.raises(InputError, match=says):
        call(path)


def test_it_agrees_with_peft(pictures):
    """The same A and B in peft's layer give the same answers."""
    peft = pytest.importorskip("peft")
    model = taught(("qkv",), rank=2, scale=0.5)
    config = peft.LoraConfig(r=2, lora_alpha=1, target_modules=["qkv"], lora_dropout=0.0)
    theirs = peft.get_peft_model(trunk(), config).eval()
    with torch.no_grad():
        for name, layer in tl.lora_layers(model).items():
            same = theirs.base_model.model.get_submodule(name)
            same.lora_A["default"].weight.copy_(layer.A)
            same.lora_B["default"].weight.copy_(layer.B)
    torch.testing.assert_close(theirs(pictures), model(pictures), atol=1e-5, rtol=1e-5)
    merged = theirs.merge_and_unload()
    torch.testing.assert_close(merged(pictures), tl.merge_lora(model)(pictures))

"""Small updates: what each method trains, and that it begins where the pre-trained network is."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.models.mini_vit import mini_vit

HEAD, BLOCK = 96 * 3 + 3, 2 * 96  # numbers of the head, of one LayerNorm
METHODS = {  # what it does, and how many numbers it trains
    "head": (tl.train_head, HEAD),
    "norms": (tl.train_norms, HEAD + 13 * BLOCK),
    # Of each block: two norms, qkv, proj, fc1, fc2; then the patches' and the last norm's.
    "biases": (tl.train_biases, HEAD + 6 * (2 * 96 + 288 + 96 + 192 + 96) + 96 + 96),
    "adapters": (lambda m: tl.add_adapters(m, 4), HEAD + 12 * (2 * 96 * 4 + 4 + 96)),
    "prompts": (lambda m: tl.add_prompts(m, 5), HEAD + 5 * 96),
}


def network() -> nn.Module:
    torch.manual_seed(0)
    return mini_vit(3).eval()


def pictures() -> torch.Tensor:
    return torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", METHODS)
def test_it_trains_what_it_says(name):
    change, numbers = METHODS[name]
    model = network()
    change(model)
    assert tl.count_parameters(model)["trainable"] == numbers
    before = tl.fingerprint(model)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(model(pictures()), torch.arange(6) % 3).backward()
        optimizer.step()
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert set(tl.changed(before, tl.fingerprint(model))) == trained


@pytest.mark.parametrize("name", METHODS)
def test_it_begins_as_the_trunk_except_for_prompts(name):
    model = network()
    before = model(pictures())
    METHODS[name][0](model)
    after = model(pictures())
    assert after.shape == before.shape
    assert torch.equal(after, before) is (name != "prompts")


def test_prompts_are_seen_but_not_counted_as_patches():
    model = network()
    tl.add_prompts(model, 5)
    assert model.forward_features(pictures()).shape == (6, 65 + 5, 96)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: tl.add_adapters(network(), 0), "width of 1"),
        (lambda: tl.add_prompts(network(), 0), "one prompt or more"),
        (lambda: tl.add_adapters(nn.Linear(2, 2)), "vision transformer of timm, not Linear"),
        (lambda: tl.train_norms(tl.digit_network()), "no LayerNorm"),
    ],
)
def test_wrong_input_says_what_to_do(call, says):
    with pytest.raises(InputError, match=says):
        call()


def test_prompts_refuse_a_network_that_averages_its_tokens():
    model = network()
    model.global_pool = "avg"
    with pytest.raises(InputError, match="averaged"):
        tl.add_prompts(model)

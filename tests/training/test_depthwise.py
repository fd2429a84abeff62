"""Gradients of depthwise convolutions in fp32 under bf16 autocast: the same ones, only sooner."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import tlhelpers as tl
from tlhelpers.core.runtime import has_bfloat16
from tlhelpers.training.depthwise import _Depthwise, quick_depthwise

CPU = torch.device("cpu")


def gradients(conv, x, *, quick):
    x = x.clone().requires_grad_()
    conv.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        if quick:
            with quick_depthwise(CPU):
                out = conv(x)
        else:
            out = conv(x)
    out.float().square().sum().backward()
    return [out.detach(), x.grad] + [p.grad for p in conv.parameters()]


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 5, "stride": 2},
        {"kernel_size": 3, "dilation": 2, "bias": False},
        {"kernel_size": 3, "out_channels": 16},  # two filters for each channel
    ],
)
def test_same_results_as_autocast_alone(settings):
    torch.manual_seed(0)
    conv = nn.Conv2d(8, groups=8, **{"out_channels": 8} | settings)
    x = torch.randn(2, 8, 13, 11)
    plain, quick = gradients(conv, x, quick=False), gradients(conv, x, quick=True)
    assert plain[0].dtype == quick[0].dtype == torch.bfloat16
    assert torch.equal(plain[0], quick[0])
    for a, b in zip(plain[1:], quick[1:], strict=True):
        assert a.dtype == b.dtype
        torch.testing.assert_close(a, b, rtol=0.05, atol=0.02 * a.abs().max().item())


def test_only_depthwise_convolutions_that_learn_under_autocast_are_taken(monkeypatch):
    taken = []
    apply = _Depthwise.apply
    monkeypatch.setattr(_Depthwise, "apply", lambda *args: taken.append(args[6]) or apply(*args))
    x = torch.randn(1, 8, 9, 9)
    depthwise, grouped, full = (nn.Conv2d(8, 8, 3, groups=g) for g in (8, 4, 1))
    with quick_depthwise(CPU):
        depthwise(x)  # no autocast
        with torch.autocast("cpu", dtype=torch.bfloat16):
            grouped(x), full(x), nn.Conv2d(8, 8, 3, groups=8, padding="same")(x)
            with torch.no_grad():
                depthwise(x)
            depthwise.requires_grad_(False)(x)
            assert taken == []
            depthwise.requires_grad_(True)(x)
    assert taken == [8]


def test_a_frozen_filter_still_hands_the_gradient_on():
    conv = nn.Conv2d(4, 4, 3, groups=4).requires_grad_(False)
    x = torch.randn(1, 4, 8, 8, requires_grad=True)
    with quick_depthwise(CPU), torch.autocast("cpu", dtype=torch.bfloat16):
        conv(x).float().sum().backward()
    assert x.grad.abs().sum() > 0 and conv.weight.grad is None


def test_fit_takes_the_quick_way(monkeypatch):
    monkeypatch.delenv("TLHELPERS_PRECISION", raising=False)
    if not has_bfloat16(CPU):
        pytest.skip("no native bf16 on this CPU: fit computes in fp32, where the way is quick")
    taken = []
    apply = _Depthwise.apply
    monkeypatch.setattr(_Depthwise, "apply", lambda *args: taken.append(args[6]) or apply(*args))
    data = tl.ImageTensors(
        torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.arange(4) % 2, ["a", "b"]
    )
    model = nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.Flatten(), nn.Linear(216, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    tl.fit(model, tl.BatchLoader(data, 2, size=8), optimizer=optimizer, epochs=1, progress=False)
    assert taken == [3, 3]

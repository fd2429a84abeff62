"""Averages and sums of weights against arithmetic by hand."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import tlhelpers as tl


def network(seed: int, outputs: int = 2) -> nn.Module:
    torch.manual_seed(seed)
    layers = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.LazyLinear(outputs)
    )
    layers.train()(torch.randn(4, 1, 5, 5))
    return layers


def test_the_average_is_the_mean_of_every_weight_and_buffer():
    three = [network(seed) for seed in range(3)]
    before = [tl.fingerprint(one) for one in three]
    mean = tl.average_weights(three)
    for name, value in mean.state_dict().items():
        wanted = sum(one.state_dict()[name].double() for one in three) / 3
        torch.testing.assert_close(value.double(), wanted, rtol=1e-5, atol=1e-6)
    assert not mean.training
    assert [tl.fingerprint(one) for one in three] == before


def test_the_average_of_one_is_a_copy():
    one = network(0)
    mean = tl.average_weights([one])
    assert not tl.changed(tl.fingerprint(one), tl.fingerprint(mean))
    mean[0].weight.data.zero_()
    assert one[0].weight.abs().max() > 0


def test_the_average_of_two_is_half_way_between_them():
    two = [network(seed) for seed in range(2)]
    mean, between = tl.average_weights(two), tl.interpolate_weights(*two, 0.5)
    for name, value in between.state_dict().items():
        torch.testing.assert_close(mean.state_dict()[name], value)


def test_start_plus_its_task_vector_is_the_tuned_network():
    start, tuned = network(0), network(1)
    found = tl.add_task_vectors(start, [tl.task_vector(start, tuned)])
    for name, value in tuned.named_parameters():
        torch.testing.assert_close(dict(found.named_parameters())[name], value)
    for name, value in start.named_buffers():  # statistics are measured, not added
        assert torch.equal(dict(found.named_buffers())[name], value)


def test_vectors_add_up_scale_and_cancel():
    start, a, b = (network(seed) for seed in range(3))
    before = tl.fingerprint(start)
    vectors = [tl.task_vector(start, other) for other in (a, b)]
    summed = tl.add_task_vectors(start, vectors, 0.5)
    torch.testing.assert_close(summed[0].weight, (a[0].weight + b[0].weight) / 2)
    back = tl.add_task_vectors(tl.add_task_vectors(start, vectors, 1.0), vectors, -1.0)
    torch.testing.assert_close(back[0].weight, start[0].weight)
    assert not tl.changed(before, tl.fingerprint(start))
    assert not any(value.requires_grad for value in vectors[0].values())


def test_relu_networks_with_hidden_units_in_another_order_compute_the_same_but_not_their_mean():
    """Why two trainings from scratch cannot be averaged: units have no fixed place."""
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 3))
    second, order = copy.deepcopy(first), torch.arange(15, -1, -1)
    with torch.no_grad():
        second[0].weight.copy_(first[0].weight[order])
        second[0].bias.copy_(first[0].bias[order])
        second[2].weight.copy_(first[2].weight[:, order])
    x = torch.randn(50, 5)
    torch.testing.assert_close(first(x), second(x))
    assert (tl.average_weights([first, second])(x) - first(x)).abs().mean() > 0.1


@pytest.mark.parametrize(
    "call",
    [
        lambda: tl.average_weights([]),
        lambda: tl.average_weights([network(0), network(0, outputs=5)]),
        lambda: tl.task_vector(network(0), network(0, outputs=5)),
        lambda: tl.add_task_vectors(network(0), [{"0.weight": torch.ones(1)}]),
    ],
)
def test_networks_that_do_not_fit_are_refused(call):
    with pytest.raises(tl.InputError, match="at least one|heads"):
        call()

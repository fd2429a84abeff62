"""The small vision transformer: its size, its facts, and random weights on request."""

from __future__ import annotations

import torch

import tlhelpers as tl


def test_it_comes_with_its_facts():
    trunk = tl.load_mini_vit()
    assert trunk.image_size == 64 and trunk.preprocessing["size"] == 64
    assert len(trunk.categories) == 28 and "ants" not in trunk.categories
    assert tl.count_parameters(trunk.model)["total"] < 500_000 and not trunk.model.training
    with torch.no_grad():
        assert trunk.model(torch.zeros(2, 3, 64, 64)).shape == (2, 28)
        assert trunk.model.forward_features(torch.zeros(2, 3, 64, 64)).shape == (2, 65, 96)


def test_without_pre_training_it_is_the_same_network_with_other_weights():
    trunk, random = tl.load_mini_vit().model, tl.load_mini_vit(pretrained=False)
    assert random.categories == [] and random.image_size == 64
    names = [[n for n, _ in network.named_parameters()] for network in (trunk, random.model)]
    assert names[0] == names[1]
    assert len(tl.changed(tl.fingerprint(trunk), tl.fingerprint(random.model))) > 40

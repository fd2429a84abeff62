"""How far apart two domains are for a network, and what that means for its accuracy."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...data.domains import Domains
from .losses import check_pair, mutual_information
from .networks import to_float


def domain_probe(source: Tensor, target: Tensor, *, seed: int = 0) -> float:
    """Accuracy of a *fresh* linear classifier that tells source from target features: 0.5 to 1.

    Fitted on half of each sample and scored on the other half, both domains cut to equal size. This
    is what judges alignment: a discriminator that took part in the training is not independent.
    """
    check_pair(source, target)
    n = min(len(source), len(target)) // 2
    if n < 2:
        raise InputError("domain_probe needs four or more samples of each domain.")
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    chance = torch.Generator().manual_seed(seed)
    halves = [[], []]
    for features in (source, target):
        order = torch.randperm(len(features), generator=chance)
        for half, chosen in zip(halves, order[: 2 * n].split(n), strict=True):
            half.append(features.detach().cpu()[chosen].float())
    domains = np.repeat([0, 1], n)
    fit, score = (torch.cat(half).numpy() for half in halves)
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    return float(probe.fit(fit, domains).score(score, domains))


def proxy_a_distance(accuracy: float) -> float:
    """2 (1 - 2 error) of a domain probe: 0 where it guesses, 2 where it is never wrong.

    Ben-David et al. 2007.
    """
    return 2 * (1 - 2 * (1 - accuracy))


@torch.no_grad()
def measure_domains(network: nn.Module, domains: Domains) -> dict[str, float]:
    """What a trained network (with `.features` and `.head`, in eval mode) does in both domains.

    `target_accuracy` and `source_accuracy` on the test sets; `probe_accuracy` of a fresh
    `domain_probe` between both test sets' features; `a_distance`; `mutual_information` of the
    predictions for the unlabelled target, the score that needs no label.
    """
    parts = {"source": domains.source_test, "target": domains.target_test}
    features = {name: _features(network, part.images) for name, part in parts.items()}
    result = {}
    for name, part in parts.items():
        right = network.head(features[name]).argmax(1) == part.labels
        result[f"{name}_accuracy"] = right.float().mean().item()
    probe = domain_probe(features["source"], features["target"])
    logits = network.head(_features(network, domains.target.images))
    return result | {
        "probe_accuracy": probe,
        "a_distance": proxy_a_distance(probe),
        "mutual_information": mutual_information(logits).item(),
    }


def _features(network: nn.Module, images: Tensor, batch_size: int = 256) -> Tensor:
    if network.training:
        raise InputError("measure_domains needs a network in eval mode: call network.eval().")
    return torch.cat([network.features(to_float(x)) for x in images.split(batch_size)])

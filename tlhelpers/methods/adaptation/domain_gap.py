"""How far apart two domains are for a network, and what that means for its accuracy."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...data.digits import Domains
from .losses import check_pair, information


def domain_probe(source: Tensor, target: Tensor, *, seed: int = 0) -> float:
    """Accuracy of a *fresh* linear classifier that tells source from target features: 0.5 to 1.

    Fitted on half of each sample and scored on the other half, both domains cut to equal size. This
    is the judge of alignment: a discriminator that took part in the training is a party.
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
    """What a trained network (eval mode) does in both domains.

    `target_accuracy` and `source_accuracy` on the test sets; `probe_accuracy` of a fresh
    `domain_probe` between both test sets' features; `a_distance`; `information` on the unlabelled
    target, the score that needs no label.
    """
    kinds = {"source": domains.source_test, "target": domains.target_test}
    features = {kind: network.features(part.images) for kind, part in kinds.items()}
    result = {
        f"{kind}_accuracy": (network.head(features[kind]).argmax(1) == part.labels)
        .float()
        .mean()
        .item()
        for kind, part in kinds.items()
    }
    probe = domain_probe(features["source"], features["target"])
    return result | {
        "probe_accuracy": probe,
        "a_distance": proxy_a_distance(probe),
        "information": information(network(domains.target.images)).item(),
    }

"""Several source networks against one, by heads on their frozen features."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from torch import nn

from . import FIRST_SEED
from .networks import CAPITALS, PRETRAINING, SIGNS, SMALL, few, parts, source_network


def features(networks: list[nn.Module], part) -> list[np.ndarray]:
    """Frozen features (N, 64) of each network."""
    with torch.no_grad():
        return [network.features(part.images).numpy() for network in networks]


def measure_combination(run: int, record) -> None:
    """Heads on the features of one, of three different and of three equal source networks."""
    seed = FIRST_SEED + run
    sets = parts(seed)
    steps = PRETRAINING // 2
    jobs = {"capitals": CAPITALS, "small letters": SMALL, "signs": SIGNS}
    every = "".join(jobs.values())
    different = [source_network(seed, characters, steps, 1500) for characters in jobs.values()]
    equal = [source_network(seed + 1000 * i, every, steps, 1500) for i in range(3)]
    longer = [source_network(seed, every, 3 * steps, 4500)]
    for shots in (2, 20):
        train = few(sets["handwriting"], shots, seed)
        y = train.labels.numpy()
        truth = sets["handwriting test"].labels.numpy()

        def note(arm: str, predicted: np.ndarray, shots=shots, truth=truth) -> None:
            right = float((predicted == truth).mean())
            record(part="combine", run=run, method=arm, shots=shots, inside=right)

        for name, group in (("different jobs", different), ("one job", equal), ("longer", longer)):
            inputs = features(group, train), features(group, sets["handwriting test"])
            heads = [LogisticRegression(max_iter=2000).fit(x, y) for x in inputs[0]]
            given = [head.predict_proba(x) for head, x in zip(heads, inputs[1], strict=True)]
            if name == "longer":
                note("one network, all characters, three times the steps", given[0].argmax(1))
                continue
            if name == "different jobs":
                for job, one in zip(jobs, given, strict=True):
                    note(f"one network: {job}", one.argmax(1))
            else:
                note("one network, all characters", given[0].argmax(1))
            note(f"averaged heads, {name}", np.mean(given, 0).argmax(1))
            together = LogisticRegression(max_iter=2000).fit(np.hstack(inputs[0]), y)
            note(f"one head on all features, {name}", together.predict(np.hstack(inputs[1])))
            # Stacking: a head on the heads' answers, learned from answers on left-out folds.
            folds = min(5, shots)
            left_out = [
                cross_val_predict(head, x, y, cv=folds, method="predict_log_proba")
                for head, x in zip(heads, inputs[0], strict=True)
            ]
            second = LogisticRegression(max_iter=2000).fit(np.hstack(left_out), y)
            note(
                f"stacked heads, {name}", second.predict(np.hstack(np.log(np.array(given) + 1e-9)))
            )

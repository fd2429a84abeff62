"""Train a network on a labelled source and an unlabelled target at the same time."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from time import process_time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.errors import InputError, nearest
from ...data.domains import Domains
from ...models.backbone import Backbone
from . import losses as A
from .adversary import Adversary
from .networks import digit_network, domain_network, jitter, to_float

# "source" and "oracle" are the two ends of the scale, "linear_mmd" is DDC's distance of means
METHODS = (
    *("source", "oracle"),
    *("linear_mmd", "mmd", "coral"),
    *("reversal", "confusion"),
    "mutual_information",
)
# DDC: its authors' weight. CORAL: its authors' rule, that its loss ends about as large as the
# task's. Mutual information: small, so that early mistakes do not become confident ones.
STRENGTHS = {"linear_mmd": 0.25, "coral": 10.0, "mutual_information": 0.1}
_LOSSES = {"linear_mmd": A.linear_mmd, "mmd": A.mmd, "coral": A.coral}


@dataclass
class AdaptationRun:
    """A trained network and what its training looked like.

    Attributes:
        network: in eval mode; `network.features(images)` is (N, D), `network.head` makes logits.
        trace: a row a step: step, strength, task_loss, domain_loss, and domain_accuracy where
            there is a discriminator (in the training, on its own batch).
        seconds: processor time the training took, over all threads.
    """

    network: nn.Module
    trace: list[dict] = field(default_factory=list)
    seconds: float = 0.0

    def column(self, name: str) -> list[float]:
        """One column of the trace."""
        return [row[name] for row in self.trace]

    def recent(self, name: str, steps: int = 100) -> float | None:
        """Mean of a column over the last `steps` steps; None if it was not recorded."""
        values = [row[name] for row in self.trace[-steps:] if name in row]
        return sum(values) / len(values) if values else None


def adapt(
    domains: Domains,
    method: str = "source",
    *,
    network: nn.Module | Backbone | None = None,
    steps: int = 600,
    batch_size: int = 64,
    lr: float = 1e-3,
    strength: float | None = None,
    discriminator_steps: int = 1,
    penalty: float = 0.0,
    feature_norm: bool = True,
    seed: int = 0,
) -> AdaptationRun:
    """Train a network on source labels while `method` makes use of target images.

    Source and target go through the network as *one* batch: apart, BatchNorm would give each domain
    its own statistics in training and a mixture of both afterwards. Adam; images jittered.

    Args:
        method: one of `METHODS`. Only "oracle" sees target labels (and nothing else).
        network: what to train a copy of. A `Backbone` becomes a `domain_network`; a module of your
            own needs `.features` (images in [0, 1] to (N, D)) and a linear `.head`. None takes a
            fresh `digit_network`, which reads 16 x 16 grey images only.
        batch_size: images of each domain a step.
        lr: learning rate; 3e-4 suits a pre-trained backbone.
        strength: highest weight of the alignment, which rises along `reversal_schedule`; None
            takes that of `STRENGTHS`, or 1.
        discriminator_steps: of the discriminator, for each step of the features.
        penalty: weight of the `gradient_penalty` in the discriminator's loss.
        feature_norm: a BatchNorm behind the features; see `digit_network`.
        seed: for initial weights, batches and jitter; torch's own generator is left as it was.

    Raises:
        InputError: unknown method, no step, or images that the network cannot read.
    """
    if method not in METHODS:
        raise InputError(f'unknown method "{method}".{nearest(method, METHODS)}')
    if steps < 1 or discriminator_steps < 1:
        raise InputError("adapt() needs steps and discriminator_steps of 1 or more.")
    strength = STRENGTHS.get(method, 1.0) if strength is None else strength
    labelled = domains.target if method == "oracle" else domains.source
    device = labelled.images.device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(network, domains, feature_norm).to(device).train()
        width = network.head.in_features
        adversary = Adversary(method, width, discriminator_steps, penalty, device)
        optimizer = torch.optim.Adam(network.parameters(), lr)
        trace, start = [], process_time()
        for step in range(steps):
            images, labels = _draw(labelled, batch_size)
            if method not in ("source", "oracle"):
                images = torch.cat([images, _draw(domains.target, batch_size)[0]])
            features = network.features(images)
            logits = network.head(features)
            task = F.cross_entropy(logits[:batch_size], labels)
            weight = strength * A.reversal_schedule(step / steps)
            row = {"step": step + 1, "strength": weight, "task_loss": task.item()}
            optimizer.zero_grad()
            if method == "mutual_information":
                score = A.mutual_information(logits[batch_size:])
                task = task - weight * score
                row["domain_loss"] = score.item()
            elif method in _LOSSES:
                distance = _LOSSES[method](features[:batch_size], features[batch_size:])
                task = task + weight * distance
                row["domain_loss"] = distance.item()
            elif method in ("reversal", "confusion"):
                task = task + adversary.loss(features, weight, row)
            task.backward()
            optimizer.step()
            adversary.after_features()
            trace.append(row)
    return AdaptationRun(network.eval(), trace, process_time() - start)


def _network(network, domains: Domains, feature_norm: bool) -> nn.Module:
    """The network to train: a copy of the one given, or a fresh one for digits."""
    if isinstance(network, Backbone):
        return domain_network(network, domains.class_count, feature_norm=feature_norm)
    if network is None:
        shape = tuple(domains.source.images.shape[1:])
        if shape != (1, 16, 16):
            raise InputError(
                f"adapt() reads grey images (1, 16, 16) unless it is given a network; these are "
                f'{shape}. Pass network=tl.load_backbone("resnet18"), or any other backbone.'
            )
        return digit_network(domains.class_count, feature_norm=feature_norm)
    parts = (getattr(network, "features", None), getattr(network, "head", None))
    if not isinstance(parts[0], nn.Module) or not isinstance(parts[1], nn.Linear):
        raise InputError(
            f"adapt() needs a network with .features and a linear .head; {type(network).__name__} "
            "lacks them. Pass a Backbone (what tl.load_backbone returned, not its .model), or "
            "nn.Sequential(OrderedDict(features=..., head=nn.Linear(...)))."
        )
    return copy.deepcopy(network)


def _draw(part, n: int) -> tuple[Tensor, Tensor]:
    """A random batch: jittered images in [0, 1], and labels."""
    chosen = torch.randint(len(part), (n,)).to(part.labels.device)
    images = part.images[chosen]
    # Around a digit is paper; around a photograph its outermost pixels are the best guess.
    padding = "border" if images.dtype == torch.uint8 else "zeros"
    return jitter(to_float(images), padding=padding), part.labels[chosen]

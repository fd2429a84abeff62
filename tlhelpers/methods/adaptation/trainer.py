"""Training a small network on a labelled source and an unlabelled target at once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from time import process_time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.errors import InputError, nearest
from ...data.digits import Domains
from . import losses as A

# "source" and "oracle" are the two ends of the scale, "mean" is DDC's distance of means
METHODS = ("source", "oracle", "mean", "mmd", "coral", "reversal", "confusion", "information")
# The weight of DDC's authors; CORAL's by its authors' rule, that its loss ends about as large as
# the task's; the third keeps confident mistakes from setting while the network knows little.
STRENGTHS = {"mean": 0.25, "coral": 10.0, "information": 0.1}
_LOSSES = {"mean": A.mean_distance, "mmd": A.mmd, "coral": A.coral}


@dataclass
class AdaptationRun:
    """A trained network and what its training looked like.

    Attributes:
        network: in eval mode; `network.features(images)` is (N, 64), `network.head` makes logits.
        trace: a row a step: step, strength, task_loss, domain_loss, and domain_accuracy where
            there is a discriminator (that of the discriminator in the game, on its own batch).
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


def digit_network(classes: int = 10, *, feature_norm: bool = True) -> nn.Sequential:
    """Two convolutions and a 64-wide layer for 16 x 16 grey images: `.features` and `.head`.

    `feature_norm` puts a BatchNorm behind the 64-wide layer. Alignment wants it, and a network that
    sees the source only is better without it: a fair comparison is made with both.
    """
    norm = nn.BatchNorm1d(64) if feature_norm else nn.Identity()
    features = nn.Sequential(
        # ReLU behind the pooling: the same values as before it, from a quarter of the work
        *(nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(48 * 4 * 4, 64), norm, nn.ReLU()),
    )
    network = nn.Sequential(OrderedDict(features=features, head=nn.Linear(64, classes)))
    return network.to(memory_format=torch.channels_last)  # twice as fast on a CPU


def domain_discriminator(width: int = 64) -> nn.Sequential:
    """Small classifier that reads features (N, 64) and says source or target, (N, 2) logits.

    Without BatchNorm: its batches mix the domains it is to tell apart.
    """
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 2))


def jitter(images: Tensor, amount: float = 0.1) -> Tensor:
    """Shift, scale, shear each image a little: an affine map off the identity by up to `amount`."""
    offset = (torch.rand(len(images), 2, 3) * 2 - 1) * amount
    maps = (torch.eye(2, 3) + offset).to(images)
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def adapt(
    domains: Domains,
    method: str = "source",
    *,
    steps: int = 600,
    batch_size: int = 64,
    strength: float | None = None,
    discriminator_steps: int = 1,
    penalty: float = 0.0,
    feature_norm: bool = True,
    seed: int = 0,
) -> AdaptationRun:
    """Train a `digit_network` on source labels while `method` makes use of target images.

    Source and target go through the network as *one* batch: apart, BatchNorm would give each domain
    its own statistics in training and a mixture of both afterwards. Adam, 1e-3; images jittered.

    Args:
        method: one of `METHODS`. Only "oracle" sees target labels (and nothing else).
        batch_size: images of each domain a step.
        strength: highest weight of the alignment, which rises along `reversal_schedule`; None
            takes that of `STRENGTHS`, or 1.
        discriminator_steps: of the discriminator, for each step of the features.
        penalty: weight of the `gradient_penalty` in the discriminator's loss.
        feature_norm: see `digit_network`.
        seed: for initial weights, batches and jitter; torch's own generator is left as it was.

    Raises:
        InputError: unknown method, or no step.
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
        network = digit_network(feature_norm=feature_norm).to(device)
        game = _Game(method, discriminator_steps, penalty, device)
        optimizer = torch.optim.Adam(network.parameters(), 1e-3)
        trace, start = [], process_time()
        for step in range(steps):
            chosen = torch.randint(len(labelled), (batch_size,))
            images, labels = jitter(labelled.images[chosen]), labelled.labels[chosen]
            if method not in ("source", "oracle"):
                others = torch.randint(len(domains.target), (batch_size,))
                images = torch.cat([images, jitter(domains.target.images[others])])
            features = network.features(images)
            logits = network.head(features)
            task = F.cross_entropy(logits[:batch_size], labels)
            weight = strength * A.reversal_schedule(step / steps)
            row = {"step": step + 1, "strength": weight, "task_loss": task.item()}
            optimizer.zero_grad()
            if method == "information":
                score = A.information(logits[batch_size:])
                task = task - weight * score
                row["domain_loss"] = score.item()
            elif method in _LOSSES:
                distance = _LOSSES[method](features[:batch_size], features[batch_size:])
                task = task + weight * distance
                row["domain_loss"] = distance.item()
            elif method in ("reversal", "confusion"):
                task = task + game.play(features, weight, row)
            task.backward()
            optimizer.step()
            game.after_features()
            trace.append(row)
    return AdaptationRun(network.eval(), trace, process_time() - start)


class _Game:
    """The discriminator's side: it learns to tell the domains, the features to be told by none."""

    def __init__(self, method: str, steps: int, penalty: float, device: torch.device):
        self.method, self.steps, self.penalty = method, steps, penalty
        self.discriminator = domain_discriminator().to(device)
        self.optimizer = torch.optim.Adam(self.discriminator.parameters(), 1e-3)
        self._pending = False

    def play(self, features: Tensor, weight: float, row: dict) -> Tensor:
        """Let the discriminator learn, then return the loss that confuses it."""
        half = len(features) // 2
        domain = torch.arange(2, device=features.device).repeat_interleave(half)
        still = features.detach()
        # Reversal trains both sides in one backward pass, which is the last of its steps.
        for _ in range(self.steps - (self.method == "reversal")):
            loss = F.cross_entropy(self.discriminator(still), domain) + self._smooth(still, half)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        if self.method == "reversal":
            self.optimizer.zero_grad()
            logits = self.discriminator(A.reverse_gradient(features, weight))
            loss = F.cross_entropy(logits, domain)
            row["domain_loss"] = loss.item()
            loss, self._pending = loss + self._smooth(still, half), True
        else:
            self.discriminator.requires_grad_(False)
            logits = self.discriminator(features)
            loss = A.confusion_loss(logits)
            row["domain_loss"] = F.cross_entropy(logits, domain).item()
            loss = weight * loss
            self.discriminator.requires_grad_(True)
        row["domain_accuracy"] = (logits.argmax(1) == domain).float().mean().item()
        return loss

    def after_features(self) -> None:
        """Gradient reversal: the discriminator's step, after the shared backward pass."""
        if self._pending:
            self.optimizer.step()
            self._pending = False

    def _smooth(self, still: Tensor, half: int) -> Tensor | float:
        if not self.penalty:
            return 0.0
        return self.penalty * A.gradient_penalty(self.discriminator, still[:half], still[half:])

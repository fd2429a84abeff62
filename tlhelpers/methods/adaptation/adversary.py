"""Adversarial training: a discriminator tells the domains apart, the features confuse it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from . import losses as A
from .networks import domain_discriminator


class Adversary:
    """The discriminator of gradient reversal or of the confusion loss, and its optimizer."""

    def __init__(self, method: str, width: int, steps: int, penalty: float, device: torch.device):
        self.method, self.steps, self.penalty = method, steps, penalty
        self.discriminator = domain_discriminator(width).to(device)
        self.optimizer = torch.optim.Adam(self.discriminator.parameters(), 1e-3)
        self._pending = False

    def loss(self, features: Tensor, weight: float, row: dict) -> Tensor:
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

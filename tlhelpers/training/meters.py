"""Sums of loss and correct answers over the batches of an epoch."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.process_group import SINGLE_PROCESS, ProcessGroup


class Meter:
    """Kept on the device, so that counting does not make the step loop wait for it."""

    def __init__(self, device: torch.device, processes: ProcessGroup = SINGLE_PROCESS):
        self.loss = torch.zeros((), device=device)
        self.correct = torch.zeros((), device=device)
        self.n, self.processes = 0, processes

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch: its mean loss, logits (B, K) and labels (B,)."""
        self.loss += loss * len(labels)  # per sample: the last batch may be short
        self.correct += (logits.argmax(1) == labels).sum()
        self.n += len(labels)

    def result(self) -> dict[str, float]:
        """{loss, accuracy, correct, n}: means and counts over all samples of all processes."""
        sums = torch.stack([self.loss, self.correct, self.loss.new_tensor(self.n)])
        loss, correct, n = self.processes.sum(sums).tolist()
        return {"loss": loss / n, "accuracy": correct / n, "correct": round(correct), "n": round(n)}

    def sums(self) -> dict[str, Tensor]:
        """This process's sums, for a snapshot."""
        return {"loss": self.loss, "correct": self.correct}

    def load(self, sums: dict[str, Tensor], n: int) -> None:
        """Go on from the sums of a snapshot."""
        self.loss.copy_(sums["loss"])
        self.correct.copy_(sums["correct"])
        self.n = n

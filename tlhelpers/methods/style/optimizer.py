"""L-BFGS on the pixels of an image; a step that goes wrong is undone."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ...core.errors import InputError

_RETRIES = 6


class ImageOptimizer:
    """Optimises an image with L-BFGS; `best` is the best image found, clamped to [0, 1].

    `losses` turns an image (1, 3, H, W) into (loss, content loss, style loss). One `step()` is one
    evaluation. L-BFGS remembers `history` steps: torch's default of 100 needs five times the
    memory (`python -m benchmarks.style_transfer`, VGG-16). It steps without a line search, which
    now and then explodes. Such a step is undone: L-BFGS starts again from the best image, with
    half the learning rate and without its history.
    """

    def __init__(
        self,
        start: Tensor,
        losses: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]],
        history: int = 20,
    ):
        self.losses, self.history, self.rows = losses, history, []
        self.lowest, self._best = math.inf, start.clone()
        self.lr_scale, self.retries = 1.0, 0
        self._begin()

    @property
    def best(self) -> Tensor:
        return self._best.clamp(0, 1)

    def step(self) -> bool:
        """One evaluation and one step; False when it had to give up."""
        self.optimizer.step(self._closure)
        row = self.rows[-1]
        # A bad value alone is no reason to undo the step: only one that makes no sense.
        wild = not math.isfinite(row["loss"]) or row["loss"] > 20 * self.rows[0]["loss"] + 1
        if wild or not self._is_picture().item():
            if not math.isfinite(self.lowest):
                raise InputError(
                    "the loss is not a number at the very first step. Do the network's weights "
                    "hold NaN, or is style_weight too large?"
                )
            self.retries += 1
            self.lr_scale /= 2
            self._begin()
        return self.retries <= _RETRIES

    def _begin(self) -> None:
        self.image = self._best.clone().requires_grad_()
        self.optimizer = torch.optim.LBFGS(
            [self.image],
            lr=self.lr_scale,
            max_iter=1,
            history_size=self.history,
            tolerance_grad=0,
            tolerance_change=0,
        )

    def _closure(self) -> Tensor:
        self.optimizer.zero_grad()
        loss, content_loss, style_loss = self.losses(self.image)
        loss.backward()
        values = torch.stack([loss, content_loss, style_loss, self._is_picture()])
        *values, picture = values.tolist()  # one wait for the device, not one a number
        names = ("loss", "content", "style")
        self.rows.append({"step": len(self.rows) + 1, **dict(zip(names, values, strict=True))})
        # Only a picture is worth keeping: an all-black one can have a low loss.
        if values[0] < self.lowest and picture:
            self.lowest, self._best = values[0], self.image.detach().clone()
        return loss

    def _is_picture(self) -> Tensor:
        """Whether every pixel is a number and they are not all alike: 1 or 0, on the device."""
        image = self.image.detach()
        return (image.isfinite().all() & (image.clamp(0, 1).std() >= 0.004)).float()

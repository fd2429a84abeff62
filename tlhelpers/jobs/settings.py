"""How a fine-tuning job trains."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import InputError, arguments, nearest

METHODS = ("probe", "lp-ft", "full")


@dataclass(frozen=True)
class Settings:
    """How a job trains.

    Attributes:
        method: "probe" fits a linear head on frozen features (logistic regression); "lp-ft" then
            trains the whole network from there (Kumar et al. 2022, arXiv:2202.10054); "full" trains
            all of it from a random head. Normalisation layers stay frozen.
        weights: a file with other weights for the backbone (see `load_backbone`).
        train_from: the first layer that "lp-ft" and "full" train, such as "layer3"; all before it
            stay as they are (see `freeze_to`). None trains all layers.
        lr, backbone_lr: of the head and of all other layers (AdamW, one cycle).
        val_share, test_share: what is split off where DATA has no such folders.
        size: side of the images in pixels; None is what the backbone was trained on.
    """

    backbone: str
    method: str = "lp-ft"
    epochs: int = 4
    batch_size: int = 32
    lr: float = 1e-3
    backbone_lr: float = 1e-4
    weight_decay: float = 1e-2
    val_share: float = 0.15
    test_share: float = 0.15
    size: int | None = None
    seed: int = 0
    on_error: str = "raise"
    weights: str | None = None
    train_from: str | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f'no method "{self.method}".{nearest(self.method, METHODS)}')
        if self.epochs < 1 or self.batch_size < 2 or min(self.lr, self.backbone_lr) <= 0:
            names = ("epochs", "batch_size", "lr", "backbone_lr")
            given = arguments(**{name: getattr(self, name) for name in names})
            raise InputError(f"{given}: at least 1 epoch, batches of 2, and rates above 0.")
        if self.train_from and self.method == "probe":
            raise InputError(
                f'{arguments(train_from=self.train_from)}: method "probe" trains the head alone. '
                'Take method "lp-ft", or leave train_from out.'
            )
        if self.size is not None and self.size < 8:
            raise InputError(f"{arguments(size=self.size)}: pictures need 8 pixels or more.")

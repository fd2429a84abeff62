"""Small updates of a vision transformer: what else, besides LoRA, trains few numbers.

Each function freezes a network of timm's class `VisionTransformer`, except its head, and makes the
few parameters of one method trainable. All of them begin as the pre-trained network does, but for
the prompts, which attention sees from the first step on.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import InputError
from ..models.heads import get_heads


class Adapter(nn.Module):
    """A narrow detour, x + up(gelu(down(x))); `up` is 0 at the start. (..., dim) -> (..., dim).

    Houlsby et al. 2019, arXiv 1902.00751.
    """

    def __init__(self, dim: int, width: int):
        super().__init__()
        self.down, self.up = nn.Linear(dim, width), nn.Linear(width, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.up(F.gelu(self.down(x)))


class Prompts(nn.Module):
    """Learnt tokens behind the picture's own: (B, N, dim) -> (B, N + count, dim).

    Jia et al. 2022 (visual prompt tuning, shallow), arXiv 2203.12119.
    """

    def __init__(self, dim: int, count: int):
        super().__init__()
        self.tokens = nn.Parameter(torch.empty(1, count, dim))
        nn.init.normal_(self.tokens, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.tokens.expand(len(x), -1, -1)], 1)


def train_head(model: nn.Module) -> None:
    """Freeze all but the head: a linear probe."""
    model.requires_grad_(False)
    for _, head in get_heads(model):
        head.requires_grad_(True)


def train_biases(model: nn.Module) -> None:
    """Train the head and everything that is added: biases. BitFit, Ben Zaken 2022, 2106.10199."""
    train_head(model)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.requires_grad_(True)


def train_norms(model: nn.Module) -> None:
    """Train the head, and scale and shift of every LayerNorm.

    Frankle, Schwab & Morcos 2021 train the same of BatchNorm, arXiv 2003.00152.
    """
    train_head(model)
    norms = [layer for layer in model.modules() if isinstance(layer, nn.LayerNorm)]
    if not norms:
        raise InputError("train_norms: this network has no LayerNorm; take a vision transformer.")
    for layer in norms:
        layer.requires_grad_(True)


def add_adapters(model: nn.Module, width: int = 8) -> None:
    """Train the head, and an adapter behind every attention and every perceptron.

    Args:
        width: numbers in the middle of an adapter, which has 2 * dim * width weights.

    Raises:
        InputError: no vision transformer of timm, or a width below 1.
    """
    blocks, dim = _blocks(model, "add_adapters")
    if width < 1:
        raise InputError(f"width={width}: an adapter needs a width of 1 or more.")
    train_head(model)
    like = next(model.parameters())
    for block in blocks:
        for place in ("ls1", "ls2"):  # where timm scales what a layer adds; nothing, as a rule
            layer = nn.Sequential(getattr(block, place), Adapter(dim, width).to(like))
            setattr(block, place, layer)


def add_prompts(model: nn.Module, count: int = 8) -> None:
    """Train the head, and `count` tokens that are put behind those of each picture.

    Raises:
        InputError: no vision transformer of timm, one that averages its tokens, or no prompt.
    """
    _, dim = _blocks(model, "add_prompts")
    if count < 1:
        raise InputError(f"count={count}: give one prompt or more.")
    if model.global_pool != "token":
        raise InputError(
            f'add_prompts: this network pools its tokens ("{model.global_pool}"), so prompts would '
            "be averaged with the picture; take one that reads its class token."
        )
    train_head(model)
    prompts = Prompts(dim, count).to(next(model.parameters()))
    model.norm_pre = nn.Sequential(model.norm_pre, prompts)  # the last step before the blocks


def _blocks(model: nn.Module, what: str) -> tuple[list[nn.Module], int]:
    blocks = list(getattr(model, "blocks", []))
    if not blocks or not all(hasattr(block, "ls1") for block in blocks):
        raise InputError(
            f"{what} takes a vision transformer of timm, not {type(model).__name__}: "
            "tl.load_mini_vit().model is one."
        )
    return blocks, model.embed_dim

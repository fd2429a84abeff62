"""A small vision transformer: timm's own class, half as wide and half as deep as ViT-Tiny.

Sources: ViT (Dosovitskiy et al., 2021, arXiv:2010.11929); ViT-Tiny and distillation from a
convolutional network (Touvron et al., 2021, arXiv:2012.12877).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core import assets
from .backbone import Backbone
from .mini_files import read_mini

if TYPE_CHECKING:
    from timm.models.vision_transformer import VisionTransformer

SIZE, PATCH, DEPTH = 64, 8, 6


def mini_vit(num_classes: int = 28, *, width: float = 1 / 2) -> VisionTransformer:
    """A vision transformer for images of 64 x 64 pixels, float (B, 3, 64, 64).

    64 patches of 8 x 8 pixels and one class token, 96 numbers each; six blocks, three heads.
    `width` is relative to ViT-Tiny's 192 numbers. The multi-layer perceptrons are twice as wide as
    a token. Returns logits (B, num_classes). Dosovitskiy et al. 2021, arXiv:2010.11929.
    """
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        img_size=SIZE,
        patch_size=PATCH,
        num_classes=num_classes,
        embed_dim=round(192 * width),
        depth=DEPTH,
        num_heads=round(6 * width),
        mlp_ratio=2,
    )


def load_mini_vit(pretrained: bool = True) -> Backbone:
    """The course's small vision transformer, pre-trained on 28 drawn classes.

    It is the same in both profiles. `pretrained=False` gives random weights.
    """
    return read_mini("vit", assets.fetch("weights/vit"), pretrained, mini_vit)

"""Drawn ants and bees on slides: as they are, and as a network sees them."""

from __future__ import annotations

from shapes import picture

import tlhelpers as tl
from tlhelpers.teaching.diagrams import COLOURS, MUTED, PAPER, svg, text

INSECTS = (10, 2, 7, 14, 21, 0, 4, 6)  # numbers of the images shown, ants and bees in turn


def insect(kind: str, number: int):
    """Image `number` of the embedded training set's `kind` ("ants", "bees"), a Pillow image."""
    from PIL import Image

    path = tl.data_dir() / "ants_bees" / "train" / kind / f"{number:03d}.jpg"
    return Image.open(path).convert("RGB")


def drawn_insects():
    """Ants and bees of the embedded training set, in one row."""
    from PIL import Image

    row = Image.new("RGB", (8 * 140 - 12, 128), PAPER)
    for i, number in enumerate(INSECTS):
        row.paste(insect(("ants", "bees")[i % 2], number), (140 * i, 0))
    return row


def what_layers_see() -> str:
    """A drawn bee and its strongest channels at three depths of EfficientNet-Lite0 (ImageNet)."""
    import torch
    from PIL import Image

    network = tl.load_backbone("efficientnet_lite0")
    bee = insect("bees", INSECTS[1]).resize((224, 224), Image.Resampling.BICUBIC)
    images = torch.frombuffer(bytearray(bee.tobytes()), dtype=torch.uint8)
    images = images.view(1, 224, 224, 3).permute(0, 3, 1, 2) / 255
    seen: dict[str, torch.Tensor] = {}
    depths = {"bn1": "early: edges", "blocks.2": "middle: parts", "blocks.6": "late"}
    for name in depths:
        layer = network.model.get_submodule(name)
        layer.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out[0]}))
    with torch.inference_mode():
        network.model((images - network.mean[0]) / network.std[0])
    parts = [picture(6, 78, 270, bee), text(6, 44, 25, "image", font_weight=700)]
    for column, (name, words) in enumerate(depths.items()):
        x = 308 + 290 * column
        parts.append(text(x, 44, 25, words, font_weight=700, fill=COLOURS[column]))
        maps = seen[name]
        for i, channel in enumerate(maps.flatten(1).var(1).argsort(descending=True)[:4].tolist()):
            gray = maps[channel] - maps[channel].min()
            gray = (255 * gray / gray.max()).byte().numpy()
            parts.append(
                picture(x + 138 * (i % 2), 78 + 138 * (i // 2), 132, Image.fromarray(gray))
            )
        size = "{} x {}".format(*maps.shape[1:])
        parts.append(text(x, 382, 20, f"{len(maps)} channels of {size}", fill=MUTED))
    return svg(1160, 396, "".join(parts), "A bee as three depths of a network see it")

"""The gallery's style pictures, made with VGG-16's real convolutions (fine-tuned to edges).

    python -m tlhelpers fetch vgg16_edges
    python -m data.recipes.style_gallery

Writes data/gallery/style_*.jpg and, beside them, style.json: size, steps, both measures and the CPU
seconds of each picture. Contents and styles are the course's own (data/cards/styles.md).
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from PIL import Image

import tlhelpers as tl

GALLERY = Path(__file__).resolve().parents[1] / "gallery"
SIZE, STEPS, STYLE_WEIGHT = 224, 80, 50.0
PAIRS = (
    ("cat", "dashes"),
    ("cat", "mosaic"),
    ("cat", "woodcut"),
    ("cup", "waves"),
    ("butterfly", "glass"),
    ("boat", "dashes"),
)


def main() -> None:
    backbone, rows = tl.load_backbone("vgg16_edges"), []
    GALLERY.mkdir(exist_ok=True)
    for content, style in PAIRS:
        began = time.process_time()
        result = tl.stylize(
            backbone,
            tl.fetch("styles") / f"content_{content}.jpg",
            tl.fetch("styles") / f"style_{style}.jpg",
            size=SIZE,
            steps=STEPS,
            style_weight=STYLE_WEIGHT,
            progress=False,
        )
        pixels = (result.image * 255).round().byte().permute(1, 2, 0).numpy()
        path = GALLERY / f"style_{content}_{style}.jpg"
        Image.fromarray(pixels).save(path, quality=88, optimize=True)
        rows.append(
            {
                "content": content,
                "style": style,
                "gram_fall": round(result.gram_fall, 4),
                "content_correlation": round(result.content_correlation, 3),
                "cpu_seconds": round(time.process_time() - began, 1),
            }
        )
        print(rows[-1], flush=True)
    facts = {
        "backbone": backbone.source,
        "size": SIZE,
        "steps": STEPS,
        "style_weight": STYLE_WEIGHT,
        "command": "python -m data.recipes.style_gallery",
        "pictures": rows,
    }
    text = json.dumps(facts, indent=1) + "\n"
    (GALLERY / "style.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

"""Draw the source set, on which the mini networks are pre-trained, or only look at it.

python -m data.recipes.draw_source --out build/source            # 450 JPEG files of each class
python -m data.recipes.draw_source --sheet build/source.png      # three of each class
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from .catalogue import CRITTERS, OBJECTS, SOURCE, draw_classes
from .sheets import contact_sheet

SEED = 1001
TRAIN, HELD_OUT = 400, 50  # images of each class
SELECTIONS = {"all": SOURCE, "critters": CRITTERS, "objects": OBJECTS}


def draw_one_class(name: str, count: int, seed: int, size: int) -> np.ndarray:
    """`count` images of class `name`: uint8 (count, size, size, 3)."""
    return draw_classes([name], count, seed, size)[0]


def source_set(
    count: int = TRAIN + HELD_OUT,
    *,
    seed: int = SEED,
    size: int = 128,
    cache: Path | None = None,
    workers: int = 2,
) -> np.ndarray:
    """All source classes, in the order of `SOURCE`: uint8 (classes, count, size, size, 3).

    With `cache`, a .npy file is read if it is there and written if it is not.
    """
    if cache is not None and cache.exists():
        return np.load(cache, mmap_mode="r")
    draw = partial(draw_one_class, count=count, seed=seed, size=size)
    with ProcessPoolExecutor(workers) as pool:
        images = np.stack(list(pool.map(draw, SOURCE)))
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, images)
    return images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for one subfolder of JPEG files a class")
    parser.add_argument("--sheet", type=Path, help="contact sheet to write (three of each class)")
    parser.add_argument("--count", type=int, default=TRAIN + HELD_OUT, help="images of each class")
    parser.add_argument("--size", type=int, default=128, help="pixels a side")
    args = parser.parse_args()
    if args.sheet:
        args.sheet.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(draw_classes(SOURCE, 3, SEED, args.size)[0], 12).save(args.sheet)
    if args.out:
        for name, images in zip(SOURCE, source_set(args.count, size=args.size), strict=True):
            folder = args.out / name
            folder.mkdir(parents=True, exist_ok=True)
            for i, image in enumerate(images):
                Image.fromarray(image).save(folder / f"{i:03d}.jpg", quality=88)
            print(f"{name}: {len(images)} images", flush=True)


if __name__ == "__main__":
    main()

"""Draw the target set: data/ants_bees/{train,val}/{ants,bees}/NNN.jpg.

python -m data.recipes.draw_ants_bees                               # the embedded set
python -m data.recipes.draw_ants_bees --out build/fresh --fresh 300 # 300 new images of each class
python -m data.recipes.draw_ants_bees --sheet data/contact_sheet.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from .catalogue import TARGETS, draw, draw_classes
from .sheets import contact_sheet

SIZE, QUALITY = 128, 88
# As many as in the real photographs "hymenoptera_data", so that both can be used alike.
COUNTS = {"train": {"ants": 123, "bees": 121}, "val": {"ants": 70, "bees": 83}}
# One seed a purpose. "tune" chose learning rates, "fresh" is what results are reported on.
SEEDS = {"train": 11, "val": 12, "tune": 13, "fresh": 14}
EMBEDDED = Path(__file__).resolve().parents[1] / "ants_bees"


def fresh_set(count: int, *, seed: int = SEEDS["fresh"], size: int = SIZE):
    """New ants and bees that no training has seen, `count` of each.

    Returns images uint8 (2 * count, size, size, 3) and labels int64 (2 * count,): 0 ants, 1 bees.
    """
    return draw_classes(TARGETS, count, seed, size)


def write_split(folder: Path, counts: dict[str, int], seed: int) -> None:
    """Write counts[name] JPEG files into folder/name for every class."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            image = Image.fromarray(draw(name, i, seed, SIZE))
            image.save(folder / name / f"{i:03d}.jpg", quality=QUALITY, optimize=True)


def embedded_sheet() -> Image.Image:
    """Fourteen ants, fourteen bees and one image of every source class, small enough for a page."""
    from .draw_source import SEED, SOURCE

    targets = [draw(name, i, SEEDS["train"], SIZE) for name in TARGETS for i in range(14)]
    images = np.stack([*targets, *(draw(name, 1, SEED, SIZE) for name in SOURCE)])
    small = [Image.fromarray(image).resize((84, 84), Image.LANCZOS) for image in images]
    # Without the two lowest bits, which hold nothing but grain, PNG packs half as large.
    return contact_sheet(np.stack(small) & 0b11111100, 14)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=EMBEDDED, help="folder for the image files")
    parser.add_argument("--fresh", type=int, metavar="N", help="N new images a class instead")
    parser.add_argument("--sheet", type=Path, help="write only a contact sheet")
    args = parser.parse_args()
    if args.sheet:
        embedded_sheet().save(args.sheet, optimize=True)
    elif args.fresh:
        write_split(args.out, dict.fromkeys(TARGETS, args.fresh), SEEDS["fresh"])
    else:
        for split, counts in COUNTS.items():
            write_split(args.out / split, counts, SEEDS[split])


if __name__ == "__main__":
    main()

"""Draw the set of the capstone, with the faults of a folder that was collected in real life.

python -m data.recipes.garden                       # data/garden/
python -m data.recipes.garden --sheet build/g.png   # only look at some

`pictures/` has a folder for each visitor of a garden, `other/` what no class is meant for.
`planted.json` tells what is wrong: copies, wrong labels, and one class mostly on one background.
"""

from __future__ import annotations

import argparse
import json
import shutil
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from . import visitors
from .backgrounds import KINDS, petal
from .catalogue import draw
from .scene import Subject, render
from .sheets import contact_sheet

FOLDER = Path(__file__).resolve().parents[1] / "garden"
SEED, SIZE, QUALITY = 41, 112, 80
EACH = 84  # different pictures of each class
CLASSES = {
    "bumblebees": visitors.bumblebee,
    "hoverflies": visitors.hoverfly,
    "wasps": visitors.wasp,
}
# The shortcut: most hoverflies were photographed on petals, and nobody else was so often.
ON_PETALS = {"bumblebees": 0.08, "hoverflies": 0.8, "wasps": 0.08}
ELSEWHERE = tuple(kind for kind in KINDS if kind is not petal)
COPIED, BURSTS, IN_TWO_CLASSES, WRONG = 6, 2, 2, 6
OTHER = ("butterfly", "ladybird", "spider", "beetle", "snail", "bees", "ants", "dragonfly",
         "flower", "leaf", "cup", "umbrella")  # fmt: skip
OF_EACH_OTHER = 3


def visitor(name: str, index: int, seed: int = SEED, size: int = SIZE) -> np.ndarray:
    """Picture `index` of a class: uint8 (size, size, 3), independent of all other pictures."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), index])
    kinds = (petal,) if rng.random() < ON_PETALS[name] else ELSEWHERE
    subject = Subject(name, CLASSES[name], size=(0.6, 0.96), leaf_in_front=0.15)
    return render(subject, rng, size, kinds)


def copies(image: Image.Image, rng: np.random.Generator, count: int) -> list[Image.Image]:
    """What a second upload makes of a picture: cropped a little, mirrored, lighter or darker."""
    made = []
    for _ in range(count):
        edge = int(rng.integers(2, 5))
        box = (edge, edge, image.width - edge, image.height - edge)
        copy = image.crop(box).resize(image.size, Image.BILINEAR)
        copy = ImageOps.mirror(copy) if rng.random() < 0.4 else copy
        made.append(ImageEnhance.Brightness(copy).enhance(rng.uniform(0.88, 1.12)))
    return made


def collect() -> tuple[dict[str, list[Image.Image]], dict]:
    """The pictures of each folder, and by position which of them have which fault."""
    rng = np.random.default_rng(SEED)
    rows = [
        (name, Image.fromarray(visitor(name, i)), name) for name in CLASSES for i in range(EACH)
    ]
    order = rng.permutation(len(rows))
    wrong, copied, burst, torn = np.split(
        order, np.cumsum([WRONG, COPIED, BURSTS, IN_TWO_CLASSES])
    )[:4]
    extra = []  # (folder, picture, class, row it repeats)
    for row in wrong:
        _, picture, name = rows[row]
        rows[row] = (rng.choice([n for n in CLASSES if n != name]), picture, name)
    for row in [*copied, *burst]:
        folder, picture, name = rows[row]
        for copy in copies(picture, rng, 1 if row in copied else 2):
            extra.append((folder, copy, name, row))
    for row in torn:
        folder, picture, name = rows[row]
        other = rng.choice([n for n in CLASSES if n != folder])
        extra.append((other, copies(picture, rng, 1)[0], name, row))
    place = rng.permutation(len(rows) + len(extra))  # so that no file name gives anything away
    everything = [*rows, *(entry[:3] for entry in extra)]
    folders: dict[str, list[Image.Image]] = {name: [] for name in CLASSES}
    path_of = {}
    for at in place:
        folder, picture, _ = everything[at]
        path_of[int(at)] = f"{folder}/{len(folders[folder]):03d}.jpg"
        folders[folder].append(picture)
    planted = {
        "copies": [[path_of[int(r)], path_of[len(rows) + i]] for i, (*_, r) in enumerate(extra)],
        "wrong labels": {
            path_of[i]: name for i, (folder, _, name) in enumerate(everything) if folder != name
        },
        "share on petals": ON_PETALS,
    }
    return folders, planted


def write(folder: Path) -> None:
    """Write the whole set; what was there is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    folders, planted = collect()
    for name, pictures in folders.items():
        _save_all(pictures, folder / "pictures" / name)
    others = [draw(name, i, SEED, SIZE) for name in OTHER for i in range(OF_EACH_OTHER)]
    _save_all([Image.fromarray(image) for image in others], folder / "other")
    text = json.dumps(planted, indent=1) + "\n"
    (folder / "planted.json").write_text(text, encoding="utf-8", newline="\n")


def _save_all(pictures: list[Image.Image], folder: Path) -> None:
    folder.mkdir(parents=True)
    for i, picture in enumerate(pictures):
        picture.save(folder / f"{i:03d}.jpg", quality=QUALITY, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the set")
    parser.add_argument("--sheet", type=Path, help="write only a contact sheet of each class")
    args = parser.parse_args()
    if args.sheet:
        images = [visitor(name, i) for name in CLASSES for i in range(28)]
        contact_sheet(np.stack(images), 14).save(args.sheet)
    else:
        write(args.out)


if __name__ == "__main__":
    main()

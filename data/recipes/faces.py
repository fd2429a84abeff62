"""Draw the persons of lesson 09's door: data/faces/{train,threshold,test}.jpg and persons.json.

python -m data.recipes.faces                     # about 10 s
python -m data.recipes.faces --sheet faces.png   # some persons, large
python -m data.recipes.faces --shortcuts         # can they be told apart without learning?

A file holds one row of pictures for each person. No person is in two files.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from .backgrounds import background
from .persons import Person, Portrait, new_moment, new_person
from .scene import OVERSAMPLING, develop, paint_patches
from .sheets import contact_sheet
from .sketch import Sketch

SIZE, PICTURES, QUALITY, SEED = 48, 10, 83, 91
PERSONS = {"train": 96, "threshold": 32, "test": 32}
FOLDER = Path(__file__).resolve().parents[1] / "faces"
SHORTCUTS = FOLDER.parent / "results" / "faces_shortcuts.json"


def person(split: str, number: int) -> Person:
    """Person `number` of a split; the same on every call."""
    return new_person(np.random.default_rng([SEED, zlib.crc32(split.encode()), number]))


def picture(who: Person, split: str, number: int, index: int, size: int = SIZE) -> np.ndarray:
    """Picture `index` of a person: uint8 (size, size, 3), another moment each time."""
    rng = np.random.default_rng([SEED, zlib.crc32(split.encode()), number, index])
    canvas = size * OVERSAMPLING
    angle = rng.uniform(-2.9, -0.25)  # light from above, from the left or from the right
    light = np.array([math.cos(angle), math.sin(angle)])
    sketch = Sketch(rng, light)
    Portrait(sketch, who, new_moment(rng)).draw()

    turn, scale = rng.normal(0, 0.13), rng.uniform(0.33, 0.4)
    c, s = math.cos(turn), math.sin(turn)
    middle = np.array([0.5, 0.5]) + rng.uniform(-0.05, 0.05, 2)
    pose = np.array([[c, -s], [s, c]]) * scale
    patches = [p._replace(outline=p.outline @ pose.T + middle) for p in sketch.patches]

    scene, _ = background(rng, canvas)
    scene = scene.filter(ImageFilter.BoxBlur(rng.uniform(0.01, 0.03) * canvas))
    paint_patches(scene, patches)
    image = np.asarray(scene.reduce(OVERSAMPLING), np.float32)
    warmth = rng.normal(0, 0.07)  # lamp light is warm, an overcast day is cold
    image = image * np.array([1 + warmth, 1, 1 - warmth]) * rng.uniform(0.72, 1.1)
    return develop(image, light, rng)


def row(split: str, number: int, size: int = SIZE) -> np.ndarray:
    """All pictures of a person: uint8 (PICTURES, size, size, 3)."""
    who = person(split, number)
    return np.stack([picture(who, split, number, index, size) for index in range(PICTURES)])


def sheet_of(split: str, count: int) -> Image.Image:
    """The pictures of `count` persons of a split, a row for each."""
    faces = np.concatenate([row(split, number) for number in range(count)])
    return contact_sheet(faces, PICTURES, gap=0)


def fresh_persons(number: int, count: int = 32) -> np.ndarray:
    """Persons that are in no split: uint8 (count * PICTURES, 3, SIZE, SIZE), as if stored."""
    file = io.BytesIO()
    _save(sheet_of(f"fresh {number}", count), file)
    tiles = np.asarray(Image.open(file)).reshape(count, SIZE, PICTURES, SIZE, 3)
    return tiles.transpose(0, 2, 4, 1, 3).reshape(-1, 3, SIZE, SIZE)


def _save(sheet: Image.Image, file) -> None:
    sheet.save(file, "JPEG", quality=QUALITY, subsampling=0, optimize=True)


def shortcuts() -> dict[str, float]:
    """Equal error rate of plain distances between the stored test pictures; guessing has 0.5."""
    import tlhelpers as tl

    from .shortcuts import colour_histogram, edges, mean_colour

    faces = tl.load_faces("test")
    images = faces.images.permute(0, 2, 3, 1).numpy()
    middle = images[:, SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4]
    backbone = tl.load_backbone("resnet18")
    network = tl.extract_features(
        backbone.model, tl.BatchLoader(faces, 64, **backbone.preprocessing)
    )
    found = {
        "pixels": images.reshape(len(images), -1) / 255,
        "colour histogram": colour_histogram(images),
        "colour histogram of the middle": colour_histogram(middle),
        "mean colour of the middle": mean_colour(middle),
        "edge density": edges(images),
        "mini ResNet-18, not trained on faces": network.features.numpy(),
    }
    rates = {}
    for name, features in found.items():
        distances = tl.pair_distances(torch.tensor(features, dtype=torch.float32), faces.labels)
        rates[name] = round(tl.equal_error_rate(*distances).rate, 3)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path, help="write only a sheet of twelve persons")
    parser.add_argument("--shortcuts", action="store_true", help="write only results/")
    args = parser.parse_args()
    if args.shortcuts:
        SHORTCUTS.write_text(json.dumps(shortcuts(), indent=1) + "\n", encoding="utf-8")
        print(SHORTCUTS.read_text(encoding="utf-8"))
        return
    if args.sheet:
        rows = np.concatenate([row("train", n, 96) for n in range(12)])
        contact_sheet(rows, PICTURES).save(args.sheet)
        return
    FOLDER.mkdir(exist_ok=True)
    facts = {}
    for split, count in PERSONS.items():
        _save(sheet_of(split, count), FOLDER / f"{split}.jpg")
        facts[split] = {"tone": [person(split, number).tone for number in range(count)]}
    text = json.dumps({"pictures": PICTURES, "size": SIZE, **facts}) + "\n"
    (FOLDER / "persons.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

"""Write the cards of the embedded items and data/registry.json, with sizes and digests.

python -m data.recipes.make_registry        # after any change under data/
"""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill

from tlhelpers.core.assets import sha256

DATA = Path(__file__).resolve().parents[1]
LICENCE = "CC0-1.0 (recipes: MIT)"
NETWORKS = ("resnet18", "alexnet", "vgg16")

ANTS_BEES_CARD = """\
# Drawn ants and bees

**What.** {files} colour images of 128 x 128 pixels, JPEG, in ImageFolder layout: `train/ants`
{train_ants}, `train/bees` {train_bees}, `val/ants` {val_ants}, `val/bees` {val_bees}. The public
ants-and-bees tutorial has as many photographs, so that lessons run on either set. Each image shows
one insect on soil, a leaf, a petal, bark, a meadow or a wall, at any angle, in varying light and
focus, sometimes half hidden by grass or a leaf.

**What the classes differ in.** Anatomy: an ant has a petiole, elbowed antennae and long legs; a
bee has a broad waist, short antennae, wings, often stripes and fur. There are exceptions:
{winged:.0%} of the ants have wings, {wingless:.0%} of the bees have none, a third of the ants have
stripes. Both classes take their colours from one palette.

**What they do not differ in.** Accuracy of a logistic regression on simple numbers, trained on
`train`, tested on 600 new images (`python -m data.recipes.shortcuts`): {shortcuts}.

**How made.** Drawn by our own code with Pillow and NumPy; nothing was copied or traced, no
photograph and no generative model was used. Command: `{command}`. Seeds: {seeds}. Image *i* of a
class stays the same, whatever else is drawn; `data.recipes.draw_ants_bees.fresh_set` draws any
number of new images.

**Limits.** Drawings of two idealised bodies: a model trained on them has not seen a real insect.
They are good for learning methods. Their numbers say nothing about photographs.

**Licence.** Images: CC0 1.0. Code: MIT.

**Size and digest.** {size:.2f} MB; SHA-256 over sorted paths and file digests:
`{digest}`
"""

FACES_CARD = """\
# Drawn faces

**What.** {files} colour images of {side} x {side} pixels: {pictures} pictures each of {persons}.
`faces/SPLIT.jpg` has a row for each person. No person is in two splits. `tl.load_faces(split)`
reads them. `persons.json` holds the index of each person's skin tone, from light (0) to dark (5).

**What makes a person.** The shape of face, eyes, brows, nose, mouth and ears; colours of skin,
hair and iris; hair style, beard, freckles, a mole. Every trait is drawn independently of the
others, so nothing follows from the skin's tone.

**What changes from picture to picture.** Turn and tilt of the head, expression, gaze, light,
colour of the light, focus, background, clothes; glasses (half of the pictures, a third of these
dark), hat (a third), scarf (a fifth). None of them depends on the person.

**How hard it is.** Equal error rate of plain distances between two pictures of the test persons,
where guessing has 0.5 (`{command} --shortcuts`): {shortcuts}.

**How made.** Drawn by our own code with Pillow and NumPy; nothing was copied or traced, no
photograph and no generative model was used. Command: `{command}`. Seed: {seed}.

**Limits.** These characters do not exist. Numbers measured on them say nothing about the faces of
people, and a door trained on them must not guard anything.

**Licence.** Images: CC0 1.0. Code: MIT.

**Size and digest.** {size:.2f} MB; SHA-256 over sorted paths and file digests:
`{digest}`
"""

WEIGHTS_CARD = """\
# Mini {title}, pre-trained on drawn images

**What.** torchvision's {title} with a quarter of its channels
(`tlhelpers.models.mini.{architecture}`), {parameters:,} parameters, stored as fp16 safetensors.
Input: {image_size} x {image_size} pixels, RGB in 0..1, mean {mean}, standard deviation {std}.
{folded}
**Trained on.** {training_images:,} images drawn by `data.recipes.draw_source` (drawing seed
{drawing_seed}), {classes_count} classes, without ants and bees:
{classes}.

**Accuracy.** {source_accuracy:.3f} on {held_out_images:,} held-out source images, as stored.

**How made.** `{command}`: AdamW, one-cycle schedule up to {rate:g}, batches of 32,
{stages}, {optimizer_steps:,} steps; label smoothing .05; random turns, shifts, scales and
mirroring; training seed {training_seed}. It took {minutes} minutes on one core of a busy 2-core
machine.

**Limits.** It has seen drawn shapes on drawn backgrounds only. It replaces ImageNet weights where
no download is possible. The methods are the same with both; the numbers are not.

**Licence.** Weights: CC0 1.0. Code: MIT.

**Size and digest.** {size:.2f} MB; SHA-256 `{digest}`
"""


STYLES_CARD = """\
# Pictures for style transfer

**What.** {files} colour images of 256 x 256 pixels, JPEG. Styles, `style_*.jpg`: {styles}.
Contents, `content_*.jpg`: {drawn} (drawn) and {photographs} (photographs).

**How made.** Styles and drawn contents by our own code with Pillow and NumPy, seed {seed}; nothing
was copied or traced, no generative model was used. Command: `{command}`. The photographs are crops
of two that scikit-image carries in its package: `chelsea`, the cat of Stefan van der Walt, and
`coffee`, a cup by Rachel Michetti, both released under CC0 by their photographers, as
scikit-image's documentation of `skimage.data` says.

**Limits.** Six idealised styles, none of them a painter's work. Not made to measure recognition.

**Licence.** Images: CC0 1.0. Code: MIT.

**Size and digest.** {size:.2f} MB; SHA-256 over sorted paths and file digests:
`{digest}`
"""


IMAGE_TEXT_CARD = """\
# Two towers for drawn shapes and sentences

**What.** A convolutional network for pictures of 32 x 32 pixels and a bag of word vectors for
sentences (`tlhelpers.methods.image_text.TwoTower`), {parameters:,} parameters, stored as fp16
safetensors. Both end in unit vectors of {size} numbers. The metadata hold the vocabulary of
{words_count} words:
{words}.

**Trained on.** {pictures:,} pictures of `tlhelpers.data.shapes`, of {seen_count} of the 48
combinations of shape, colour and texture, with captions of `tlhelpers.data.captions`. The metadata
name the other 8 + 8, `validation` and `unseen`, of which it has seen no picture.

**Accuracy.** On new pictures, each among the classes of its part, by the sentence "a dotted red
circle" and its like: {accuracy}.

**How made.** `{command}`: the contrastive loss of CLIP (Radford et al. 2021), {steps:,} steps of
{batch} pairs, AdamW, one-cycle schedule up to {rate:g}; {seconds} s on one core.

**Limits.** It knows {words_count} words, no order of words, no "not", and no number.

**Licence.** Weights: CC0 1.0. Code: MIT.

**Size and digest.** {size_mb:.2f} MB; SHA-256 `{digest}`
"""


def folder_bytes(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(f.stat().st_size for f in ([path] if path.is_file() else path.rglob("*.*")))


def ants_bees_item() -> tuple[dict, str]:
    """Registry entry and card of the target set."""
    from .ants_bees import WINGED_ANTS, WINGLESS_BEES
    from .draw_ants_bees import COUNTS, EMBEDDED, SEEDS

    shortcuts = json.loads((DATA / "results" / "shortcuts.json").read_text(encoding="utf-8"))
    entry = _entry(
        EMBEDDED,
        "Drawn ants and bees: 244 + 153 images of 128 x 128 pixels, train and val",
        "python -m data.recipes.draw_ants_bees",
    )
    card = ANTS_BEES_CARD.format(
        files=sum(sum(counts.values()) for counts in COUNTS.values()),
        **{f"{split}_{name}": n for split, counts in COUNTS.items() for name, n in counts.items()},
        winged=WINGED_ANTS,
        wingless=WINGLESS_BEES,
        shortcuts=", ".join(f"{name} {value:.2f}" for name, value in shortcuts.items()),
        command=entry["command"],
        seeds=", ".join(f"{seed} ({name})" for name, seed in SEEDS.items()),
        size=entry["bytes"] / 1e6,
        digest=entry["sha256"],
    )
    return entry, card


def faces_item() -> tuple[dict, str]:
    """Registry entry and card of the door's persons."""
    from .faces import FOLDER, PERSONS, PICTURES, SEED, SHORTCUTS, SIZE

    shortcuts = json.loads(SHORTCUTS.read_text(encoding="utf-8"))
    count = sum(PERSONS.values())
    entry = _entry(
        FOLDER,
        f"Drawn faces: {PICTURES} pictures of {SIZE} x {SIZE} pixels of each of {count} persons",
        "python -m data.recipes.faces",
    )
    card = FACES_CARD.format(
        files=count * PICTURES,
        side=SIZE,
        pictures=PICTURES,
        persons=", ".join(f"{n} persons ({split})" for split, n in PERSONS.items()),
        shortcuts=", ".join(f"{name} {value:.2f}" for name, value in shortcuts.items()),
        command=entry["command"],
        seed=SEED,
        size=entry["bytes"] / 1e6,
        digest=entry["sha256"],
    )
    return entry, card


def styles_item() -> tuple[dict, str]:
    """Registry entry and card of the pictures for style transfer."""
    from .styles import DRAWN, FOLDER, PHOTOGRAPHS, SEED, STYLES

    entry = _entry(
        FOLDER,
        "Six drawn styles, two drawn contents and two photographs: 256 x 256 pixels",
        "python -m data.recipes.styles",
    )
    card = STYLES_CARD.format(
        files=len(list(FOLDER.glob("*.jpg"))),
        styles=", ".join(STYLES),
        drawn=" and ".join(DRAWN),
        photographs=" and ".join(PHOTOGRAPHS),
        seed=SEED,
        command=entry["command"],
        size=entry["bytes"] / 1e6,
        digest=entry["sha256"],
    )
    return entry, card


def weights_item(name: str) -> tuple[dict, str]:
    """Registry entry and card of one mini network."""
    from .pretrain import RECIPES, WEIGHTS, load

    path = WEIGHTS / f"{name}.safetensors"
    model, facts = load(path)
    title = {"resnet18": "ResNet-18", "alexnet": "AlexNet", "vgg16": "VGG-16"}[name]
    entry = _entry(
        path,
        f"Mini {title}, pre-trained on {len(facts['classes'])} drawn classes "
        f"to {facts['source_accuracy']:.3f} held-out accuracy",
        f"python -m data.recipes.pretrain {name}",
    )
    stages = " then ".join(f"{n} epochs at {side} pixels" for side, n in RECIPES[name]["stages"])
    folded = "Trained with BatchNorm, which was then folded into the convolutions.\n"
    card = WEIGHTS_CARD.format(
        **facts | {"classes": fill(", ".join(facts["classes"]), 100)},
        classes_count=len(facts["classes"]),
        title=title,
        parameters=sum(p.numel() for p in model.parameters()),
        folded=folded if name == "vgg16" else "",
        command=entry["command"],
        rate=RECIPES[name]["rate"],
        stages=stages,
        size=entry["bytes"] / 1e6,
        digest=entry["sha256"],
    )
    return entry, card


def image_text_item() -> tuple[dict, str]:
    """Registry entry and card of the two towers of lesson 09."""
    from tlhelpers.methods.image_text import TwoTower
    from tlhelpers.models.weight_files import read_weights

    from .image_text import PATH

    _, facts = read_weights(PATH)
    entry = _entry(
        PATH,
        "Two towers for drawn shapes and sentences, "
        f"{facts['accuracy']['unseen']:.3f} on 8 combinations they never saw",
        "python -m data.recipes.image_text",
    )
    model = TwoTower(facts["words"], facts["size"])
    words = fill(", ".join(facts["words"]), 100)
    accuracy = ", ".join(f"{name} {value:.3f}" for name, value in facts["accuracy"].items())
    card = IMAGE_TEXT_CARD.format(
        **facts | {"words": words, "accuracy": accuracy},
        parameters=sum(p.numel() for p in model.parameters()),
        words_count=len(facts["words"]),
        seen_count=len(facts["seen"]),
        command=entry["command"],
        size_mb=entry["bytes"] / 1e6,
        digest=entry["sha256"],
    )
    return entry, card


def _entry(path: Path, description: str, command: str) -> dict:
    return {
        "path": path.relative_to(DATA).as_posix(),
        "bytes": folder_bytes(path),
        "sha256": sha256(path),
        "licence": LICENCE,
        "description": description,
        "command": command,
    }


def main() -> None:
    (DATA / "cards").mkdir(exist_ok=True)
    registry = {}
    registry["ants_bees"], card = ants_bees_item()
    (DATA / "cards" / "ants_bees.md").write_text(card, encoding="utf-8", newline="\n")
    registry["faces"], card = faces_item()
    (DATA / "cards" / "faces.md").write_text(card, encoding="utf-8", newline="\n")
    registry["styles"], card = styles_item()
    (DATA / "cards" / "styles.md").write_text(card, encoding="utf-8", newline="\n")
    for name in NETWORKS:
        if not (DATA / "weights" / f"{name}.safetensors").exists():
            print(f"weights/{name}: not there, left out")
            continue
        registry[f"weights/{name}"], card = weights_item(name)
        target = DATA / "cards" / f"weights_{name}.md"
        target.write_text(card, encoding="utf-8", newline="\n")
    registry["weights/image_text"], card = image_text_item()
    target = DATA / "cards" / "weights_image_text.md"
    target.write_text(card, encoding="utf-8", newline="\n")
    text = json.dumps(registry, indent=1) + "\n"
    (DATA / "registry.json").write_text(text, encoding="utf-8", newline="\n")
    for name, entry in registry.items():
        print(f"{name}: {entry['bytes'] / 1e6:.2f} MB, {entry['sha256'][:12]}")


if __name__ == "__main__":
    main()

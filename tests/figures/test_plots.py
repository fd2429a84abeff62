"""What the figures show, read back from their Axes; the alternative text on a page."""

from __future__ import annotations

import html
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.evaluation.statistics import Interval, wilson_interval
from tlhelpers.training.metrics import History


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def history(*accuracies: float, val: bool = True) -> History:
    rows = []
    for epoch, accuracy in enumerate(accuracies, start=1):
        row = {"epoch": epoch, "step": 8 * epoch, "seconds": 1.5 * epoch}
        row |= {"train_loss": 1 / epoch, "train_accuracy": accuracy}
        rows.append(row | ({"val_loss": 1.2 / epoch, "val_accuracy": accuracy} if val else {}))
    return History(rows, steps=8 * len(rows))


def words(ax) -> str:
    legend = ax.get_legend()
    texts = [*ax.texts, *(legend.get_texts() if legend else [])]
    return "\n".join(text.get_text() for text in texts)


def inside(figure) -> bool:
    """Every text of the figure lies within it."""
    figure.canvas.draw()
    renderer, page = figure.canvas.get_renderer(), figure.bbox
    boxes = [
        text.get_window_extent(renderer)
        for text in figure.findobj(matplotlib.text.Text)
        if text.get_visible() and text.get_text() and text.axes is not None
    ]
    return bool(boxes) and all(
        box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1
        for box in boxes
    )


def test_pictures_are_shown_as_they_are():
    images = torch.randint(0, 256, (5, 3, 8, 12), dtype=torch.uint8)
    axes = tl.show_images(images, titles=list("abcde"), correct=[True, False, True, True, False])
    assert len(axes) == 5
    for index, ax in enumerate(axes):
        shown = ax.images[0].get_array()
        assert np.array_equal(shown, images[index].permute(1, 2, 0).numpy())
    assert axes[0].get_title() == "✔ a" and axes[1].get_title() == "✘ b"
    assert axes[0].spines["left"].get_edgecolor() != axes[1].spines["left"].get_edgecolor()
    assert inside(axes[0].figure)


def test_floats_grey_and_mixed_sizes_are_pictures_too():
    axes = tl.show_images([torch.ones(1, 4, 6), torch.full((3, 8, 5), 0.5)])
    assert axes[0].images[0].get_array().shape == (4, 6)
    assert (axes[0].images[0].get_array() == 255).all()
    assert (axes[1].images[0].get_array() == 128).all()


def test_image_tensors_bring_their_class_names():
    data = SimpleNamespace(
        images=torch.zeros(2, 3, 4, 4, dtype=torch.uint8),
        labels=torch.tensor([1, 0]),
        classes=["ants", "bees"],
    )
    assert [ax.get_title() for ax in tl.show_images(data)] == ["bees", "ants"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": torch.zeros(0, 3, 4, 4)}, "1 to 64 pictures, got 0"),
        ({"images": torch.zeros(65, 3, 4, 4)}, "got 65"),
        ({"images": torch.zeros(2, 4, 4, 3)}, "permute"),
        ({"images": torch.zeros(2, 3, 4, 4) - 2}, "undo the normalisation"),
        ({"images": torch.zeros(2, 3, 4, 4), "titles": ["a"]}, "2 images but 1 titles"),
        ({"images": torch.zeros(2, 3, 4, 4), "correct": [True]}, "2 images but 1 correct"),
    ],
)
def test_pictures_that_cannot_be_shown(arguments, message):
    with pytest.raises(InputError, match=message):
        tl.show_images(**arguments)


def test_history_marks_best_and_last_epoch():
    axes = tl.plot_history(history(0.6, 0.9, 0.8), title="fine-tuned")
    assert [ax.get_ylabel() for ax in axes] == ["loss", "accuracy"]
    assert "best: 0.900 (epoch 2)" in words(axes[1])
    assert "last: 0.800 (epoch 3)" in words(axes[1])
    training, validation = axes[1].lines[:2]
    assert list(training.get_xdata()) == [1, 2, 3]
    assert training.get_linestyle() != validation.get_linestyle()
    assert training.get_marker() != validation.get_marker()
    assert "best and last: 0.900" in words(tl.plot_history(history(0.6, 0.9))[1])
    assert inside(axes[0].figure)


def test_history_without_validation_has_nothing_to_choose():
    axes = tl.plot_history(history(0.6, 0.9, val=False))
    assert len(axes[1].lines) == 1 and "best" not in words(axes[1])


def test_histories_are_compared_by_one_metric():
    runs = {"fixed": history(0.6, 0.9), "scratch": history(0.5, 0.6, 0.7)}
    ax = tl.plot_history(runs, "val_accuracy", x="step")
    assert list(ax.lines[1].get_xdata()) == [8, 16, 24]
    assert ax.get_xlabel() == "optimiser steps" and ax.get_ylabel() == "validation accuracy"
    assert "scratch" in words(ax)
    assert len({(line.get_linestyle(), line.get_marker()) for line in ax.lines}) == 2
    with pytest.raises(InputError, match="need a metric"):
        tl.plot_history(runs)
    with pytest.raises(InputError, match='Did you mean "val_accuracy"'):
        tl.plot_history(runs, "val_acuracy")
    assert plt.get_fignums() == [ax.figure.number]


@pytest.mark.parametrize("metric", [None, "val_accuracy"])
def test_a_run_stopped_at_once_leaves_no_empty_figure(metric):
    stopped = History(stopped="interrupted after 3 of 60 steps")
    with pytest.raises(InputError, match="interrupted after 3 .* Run the training again"):
        tl.plot_history(stopped, metric)
    assert plt.get_fignums() == []


def test_lines_have_whiskers_where_values_are_intervals():
    values = {
        "pre-trained": {5: Interval(0.71, 0.69, 0.75), 10: Interval(0.75, 0.71, 0.8)},
        "scratch": {5: 0.54, 10: 0.55},
    }
    ax = tl.plot_lines(values, "images a class", "accuracy", fmt=".2f")
    trained, scratch = ax.containers
    assert list(trained.lines[0].get_xdata()) == [5, 10] and trained.has_yerr
    assert np.allclose(trained.lines[2][0].get_segments()[0][:, 1], [0.69, 0.75])
    assert list(scratch.lines[0].get_ydata()) == [0.54, 0.55] and not scratch.has_yerr
    assert "scratch" in words(ax) and inside(ax.figure)
    assert (
        ax.get_label()
        == "pre-trained: 5 .71 [.69, .75], 10 .75 [.71, .80]; scratch: 5 0.54, 10 0.55."
    )
    named = tl.plot_lines({"a": {"conv1": 1.0, "conv2": 2.0}}, "layer", "accuracy")
    assert [tick.get_text() for tick in named.get_xticklabels()] == ["conv1", "conv2"]
    with pytest.raises(InputError, match="each with a point"):
        tl.plot_lines({"a": {}}, "x", "y")


def test_confusion_matrix_counts_and_shares_each_row():
    labels, predictions = torch.tensor([0, 0, 0, 0, 1, 1]), torch.tensor([0, 0, 0, 1, 1, 0])
    ax = tl.plot_confusion_matrix(labels, predictions, ["ants", "bees", "wasps"])
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["3\n75%", "1\n25%", "0\n0%", "1\n50%", "1\n50%", "0\n0%"] + ["0\n0%"] * 3
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["ants", "bees", "wasps"]
    assert inside(ax.figure)


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 1], torch.zeros(2, 2), "argmax"),
        ([0, 1], [0], "N class numbers"),
        ([0, 2], [0, 1], r"0\.\.1"),
        ([], [], "N class numbers"),
    ],
)
def test_confusion_matrix_refuses(labels, predictions, message):
    with pytest.raises(InputError, match=message):
        tl.plot_confusion_matrix(labels, predictions, ["ants", "bees"])


def test_embedding_gives_each_class_a_look_of_its_own():
    classes = [f"class {index}" for index in range(14)]
    labels = torch.arange(14).repeat(3)
    points = torch.randn(42, 2)
    ax = tl.plot_embedding(points, labels, classes, axis="principal component")
    looks = set()
    for index, dots in enumerate(ax.collections):
        assert np.allclose(dots.get_offsets(), points[labels == index].numpy())
        looks.add((tuple(dots.get_facecolor()[0]), dots.get_paths()[0].vertices.tobytes()))
    assert len(looks) == 14
    assert ax.get_xlabel() == "principal component 1"
    with pytest.raises(InputError, match="PCA"):
        tl.plot_embedding(torch.randn(42, 3), labels, classes)


def test_parameters_add_up_and_frozen_is_hatched():
    model = nn.Sequential()
    model.add_module("body", nn.Sequential(nn.Linear(10, 20), nn.Linear(20, 5)))
    model.add_module("head", nn.Linear(5, 2))
    model.body[0].requires_grad_(False)
    ax = tl.plot_parameters(model)
    widths = {bar.get_width(): bar.get_hatch() for bar in ax.patches}
    assert widths == {220: "///", 105: "", 12: ""} or widths == {220: "///", 105: None, 12: None}
    assert "trainable: 117" in words(ax) and "frozen: 220" in words(ax)
    assert "325  96.4%" in words(ax)
    rows = [tick.get_text() for tick in tl.plot_parameters(model, depth=2).get_yticklabels()]
    assert rows == ["body.0", "body.1", "head"]
    assert inside(ax.figure)
    with pytest.raises(InputError, match="1 to 40 modules, there are 0"):
        tl.plot_parameters(nn.ReLU())
    with pytest.raises(InputError, match="take a smaller depth"):
        tl.plot_parameters(nn.Sequential(*[nn.Linear(1, 1) for _ in range(41)]))


def test_bars_write_their_numbers():
    ax = tl.plot_bars({"full": 112.0, "frozen": 36.24}, "ms a step", fmt=".1f")
    assert [bar.get_width() for bar in ax.patches] == [112.0, 36.24]
    assert words(ax) == "112.0\n36.2" and ax.get_xlabel() == "ms a step"
    assert inside(ax.figure)


def test_series_of_bars_differ_in_hatch_and_carry_whiskers():
    values = {
        "scratch": {"5": Interval(0.54, 0.5, 0.58), "10": Interval(0.55, 0.5, 0.6)},
        "pre-trained": {"5": Interval(0.71, 0.69, 0.75), "10": Interval(0.75, 0.71, 0.8)},
    }
    ax = tl.plot_bars(values, "accuracy")
    assert ax.patches[0].get_hatch() != ax.patches[2].get_hatch()
    assert [tuple(line.get_xdata()) for line in ax.lines][0] == (0.5, 0.58)
    assert ".710 [.690, .750]" in words(ax) and "pre-trained" in words(ax)
    assert inside(ax.figure)


def test_zero_on_a_logarithmic_axis_has_a_number_but_no_bar():
    ax = tl.plot_bars({"frozen": 0.0, "head": 0.3}, "relative change", log=True, fmt=".1g")
    left, right = ax.get_xlim()
    frozen, head = ax.patches
    assert frozen.get_x() + frozen.get_width() <= left < head.get_x() + head.get_width() < right
    assert words(ax) == "0\n0.3"
    assert inside(ax.figure)


def test_bars_refuse_uneven_series():
    with pytest.raises(InputError, match="same labels"):
        tl.plot_bars({"a": {"x": 1.0}, "b": {"y": 1.0}}, "s")
    with pytest.raises(InputError, match="at least one label"):
        tl.plot_bars({}, "s")


def test_intervals_are_whiskers_with_their_numbers():
    intervals = {"fine-tuned": wilson_interval(142, 153), "fixed": wilson_interval(146, 153)}
    ax = tl.plot_intervals(intervals, chance=0.5, title="n = 153")
    whisker, dot = ax.lines[2:4]
    assert tuple(whisker.get_xdata()) == (intervals["fixed"].low, intervals["fixed"].high)
    assert dot.get_xdata()[0] == 146 / 153
    assert ".954 [.909, .978]" in words(ax) and "chance .50" in words(ax)
    assert inside(ax.figure)
    with pytest.raises(InputError, match="at least one Interval"):
        tl.plot_intervals({})


def test_differences_stand_on_both_sides_of_none_with_markers_of_their_own():
    pairs = {
        ("a", "b"): tl.paired_interval(4, 8, 153),
        ("a", "long " * 9): tl.paired_interval(20, 2, 153),
    }
    ax = tl.plot_differences(pairs, real=[("a", "long " * 9)])
    none, *drawn = ax.lines
    assert list(none.get_xdata()) == [0, 0] and none.get_linestyle() == "--"
    assert [line.get_marker() for line in drawn] == ["None", "o", "None", "s"]
    assert tuple(drawn[2].get_xdata()) == (
        pairs["a", "long " * 9].low,
        pairs["a", "long " * 9].high,
    )
    assert "+.026 [-.021, +.073]" in words(ax) and "may be chance" in words(ax)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["b\nminus a", "long long long …long long long\nminus a"]
    assert inside(ax.figure)
    with pytest.raises(InputError, match="at least one pair"):
        tl.plot_differences({})


def test_given_axes_are_drawn_on():
    _, (left, right) = plt.subplots(1, 2)
    assert tl.plot_bars({"a": 1.0}, "s", ax=left) is left
    assert tl.plot_intervals({"a": wilson_interval(1, 2)}, ax=right) is right
    assert tl.plot_differences({("a", "b"): tl.paired_interval(1, 2, 9)}, ax=left) is left
    assert len(plt.get_fignums()) == 1


def test_show_needs_words_and_a_figure(recwarn):
    ax = tl.plot_bars({"a": 1.0}, "s")
    with pytest.raises(InputError, match="needs alt"):
        tl.show(ax, alt=" ")
    with pytest.raises(InputError, match="not str"):
        tl.show("figure", alt="A bar.")
    assert tl.show(ax, alt="A bar.") is None
    assert not plt.get_fignums() and not recwarn.list  # closed, and Agg has nothing to complain of


def test_show_reads_out_the_numbers_and_prints_the_note(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr("tlhelpers.figures.show.in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    network = nn.Sequential(nn.Linear(10, 20), nn.Linear(20, 2).requires_grad_(False))
    runs = {"fixed": history(0.6, 0.9), "scratch": history(0.5, 0.7)}
    for axes in (
        tl.plot_bars({"full": 112.0, "frozen": 36.24}, "ms", fmt=".1f"),
        tl.plot_bars({"CPU": {"full": 2.0}, "GPU": {"full": 1.0}}, "ms", fmt=".1f"),
        tl.plot_intervals({"fixed": wilson_interval(146, 153)}),
        tl.plot_parameters(network),
        tl.plot_history(runs, "val_accuracy"),
        plt.subplots()[1],
    ):
        tl.show(axes, alt="A figure.", note="A line below.")
    start = "[Figure: A figure. A line below."
    assert [data["text/plain"].removeprefix(start) for data in shown] == [
        " full 112.0; frozen 36.2.]",
        " CPU: full 2.0; GPU: full 1.0.]",
        " fixed .954 [.909, .978].]",
        " parameters: 0 220, 1 42; in all: trainable 220, frozen 42.]",
        " validation accuracy at the end: fixed 0.900, scratch 0.700.]",
        "]",
    ]
    assert capsys.readouterr().out == "A line below.\n" * 6


def test_alternative_text_reaches_the_exported_page():
    nbformat = pytest.importorskip("nbformat")
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    alt = 'The "fixed" extractor is right on <95 %>.'
    source = (
        "import tlhelpers as tl\n"
        "tl.show(tl.plot_intervals({'fixed': tl.wilson_interval(146, 153)}), "
        f"alt={alt!r})"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    (output,) = notebook.cells[0].outputs  # one picture: the open figure is not shown again
    alt = f"{alt} fixed .954 [.909, .978]."
    assert output.data["text/plain"] == f"[Figure: {alt}]"
    page, _ = HTMLExporter().from_notebook_node(notebook)
    picture = page[page.index("<img ") :]
    picture = html.unescape(picture[: picture.index("</div>")])
    assert f"alt='{alt}'" in picture or f'alt="{alt}"' in picture


def test_a_long_note_fits_the_page(capsys):
    words = "lesson 0.123 " * 40
    tl.show(tl.plot_bars({"a": 1.0}, "seconds"), alt="One bar.", note=f"{words}\nnext line")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 95 and lines[-1] == "next line"
    assert " ".join(lines[:-1]) == words.strip()


def test_the_legend_of_an_embedding_can_be_placed_elsewhere():
    ax = tl.plot_embedding([[0, 0], [1, 1]], [0, 1], ["fonts", "handwriting"])
    texts = ax.legend(loc="best").get_texts()
    assert [text.get_text() for text in texts] == ["fonts", "handwriting"]

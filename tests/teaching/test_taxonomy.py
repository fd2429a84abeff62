"""The map of transfer learning: complete, drawn without overlaps, and the same in words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from tlhelpers.teaching.diagrams import draw_taxonomy, measure, wrap
from tlhelpers.teaching.taxonomy import LESSONS, TAXONOMY, lesson_links, taxonomy_table

SVG, HTML = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xhtml}"
NODES = [node for question in TAXONOMY for _, node in question.walk()]
VARIANTS = {
    "whole": {},
    "names only": {"details": False},
    "labels": {"questions": (0,), "details": False, "width": 860},
    "carried over": {"questions": (1,), "details": False, "width": 860},
    "inputs and decision": {"questions": (2, 3), "width": 860},
    "one half": {"questions": (2,), "width": 600},
}


def needed(text: ET.Element) -> float:
    """Width in px of a text element in DejaVu Sans, the broadest of the usual system fonts."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=float(text.get("font-size")))
    font.set_weight("bold" if int(text.get("font-weight", 400)) >= 600 else "normal")
    return text_to_path.get_text_width_height_descent(text.text, font, False)[0]


def span(text: ET.Element) -> tuple[float, float]:
    """Left and right edge of a text element, after its anchor."""
    x, width = float(text.get("x")), needed(text)
    shift = {"start": 0.0, "middle": width / 2, "end": width}[text.get("text-anchor", "start")]
    return x - shift, x - shift + width


def test_every_lesson_but_the_first_has_a_place_on_the_map():
    assert {n for node in NODES for n in node.lessons} == set(LESSONS) - {0}


@pytest.mark.parametrize(
    "term",
    "inductive|transductive|unsupervised|multi-task|self-taught|domain adaptation|domain confusion"
    "|covariate shift|biased sample|few-shot|one-shot|zero-shot|instances|parameters|hard sharing"
    "|soft sharing|features|asymmetric|symmetric|relations|homogeneous|heterogeneous"
    "|negative transfer|fine-tuning".split("|"),
)
def test_the_map_names(term):
    assert re.search(rf"\b{term}\b", taxonomy_table().lower())


def test_every_node_is_one_sentence_and_every_method_has_a_lesson_and_a_paper():
    assert len({node.name for node in NODES}) == len(NODES)
    for node in NODES:
        assert re.fullmatch(r"[A-Z][^.]*\.", node.definition), node
        if not node.children:
            assert node.lessons and re.fullmatch(r"[A-Z]\w+ (19|20)\d\d", node.paper), node


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_the_drawing_is_legible_and_nothing_overlaps(options):
    root = ET.fromstring(draw_taxonomy(links={1: "01.ipynb"}, **options))
    _, _, width, height = map(float, root.get("viewBox").split())
    texts = list(root.iter(f"{SVG}text"))
    assert min(float(t.get("font-size")) for t in texts) >= 11
    cards = [g for g in root.findall(f"{SVG}g") if g.get("transform")]
    assert len(cards) == sum(
        len(TAXONOMY[i].children) for i in options.get("questions", range(len(TAXONOMY)))
    )
    frames = [root.findall(f"{SVG}text")]
    for card in cards:
        box = card.find(f"{SVG}rect")
        x, y = map(float, re.findall(r"[\d.]+", card.get("transform")))
        assert x + float(box.get("width")) <= width and y + float(box.get("height")) <= height
        inside = list(card.iter(f"{SVG}text"))
        frames.append(inside)
        for text in inside:
            left, right = span(text)
            assert left >= 0 and right <= float(box.get("width")), text.text
            assert float(text.get("y")) <= float(box.get("height")) - 4, text.text
    for group in frames:  # lines of one group must neither touch sideways nor sit on each other
        for i, a in enumerate(group):
            for b in group[i + 1 :]:
                if abs(float(a.get("y")) - float(b.get("y"))) < 10:
                    (left_a, right_a), (left_b, right_b) = span(a), span(b)
                    assert right_a < left_b or right_b < left_a, (a.text, b.text)


def test_only_notebooks_that_exist_are_linked(tmp_path):
    for name in ("00_start_here.ipynb", "05_ants_and_bees.ipynb", "notes.ipynb"):
        (tmp_path / name).touch()
    links = lesson_links(tmp_path)
    assert links == {0: "00_start_here.ipynb", 5: "05_ants_and_bees.ipynb"}
    root = ET.fromstring(draw_taxonomy(links=links))
    addresses = {a.get("href") for a in root.iter(f"{HTML}a")}
    assert addresses == set(links.values())
    assert "lesson to come" in ET.tostring(root, encoding="unicode")
    assert not list(root.iter(f"{SVG}a"))  # JupyterLab fails on those
    assert "href" not in draw_taxonomy(links={})


def test_the_drawing_needs_nothing_from_outside():
    drawing = re.sub(r'xmlns="http://www.w3.org/[^"]*"', "", draw_taxonomy(links={1: "01.ipynb"}))
    assert not re.search(r"https?:|@import|url\(|<script|<image", drawing)


def test_drawing_and_table_say_the_same():
    drawing = " ".join(t.text or "" for t in ET.fromstring(draw_taxonomy()).iter(f"{SVG}text"))
    table = taxonomy_table()
    position = 0
    for node in NODES:
        position = table.index(f"**{node.name}** {node.definition}", position)
        for phrase in (node.name, node.definition, node.paper):
            assert phrase in drawing, phrase


def test_wrapping_keeps_every_word_and_the_width():
    sentence = "Rotate one embedding space onto the other, incomprehensibilities included"
    lines = wrap(sentence, 12, 100)
    assert " ".join(lines) == sentence
    assert all(measure(line, 12) <= 100 or " " not in line for line in lines)

"""Diagrams as SVG text: a few primitives, and the map of transfer learning drawn with them.

SVG needs no plotting library, stays sharp on a projector, and carries links and tooltips. Every
drawing brings its own light ground, so it reads on light and on dark pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from .taxonomy import LESSONS, TAXONOMY, Node, lesson_links

INK, MUTED, PAPER = "#1d2733", "#5b6773", "#f6f4ef"
COLOURS = ("#0b5394", "#9a4300", "#0a6b52", "#6f3a78")  # white text on each: contrast > 5.5 : 1
FONT = "system-ui,'Segoe UI',Helvetica,Arial,'Liberation Sans',sans-serif"
NARROW, WIDE = frozenset(" iljtfrI.,:;'!|()"), frozenset("mwMW%@")
TITLE = "Transfer learning, in four questions"
COLUMNS, GAP, MARGIN, PAD = 4, 14, 18, 12  # of the map: columns, and px between and inside cards


def svg(width: float, height: float, body: str, label: str) -> str:
    """A self-contained SVG of `width` x `height` px on a light ground, named for screen readers."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'role="group" aria-label="{escape(label)}" font-family="{FONT}" fill="{INK}" '
        f'style="width:100%;max-width:{width:g}px;height:auto">'
        f'<rect width="100%" height="100%" rx="12" fill="{PAPER}"/>{body}</svg>'
    )


def text(x: float, y: float, size: float, content: str, **attributes: object) -> str:
    """One line of text with its baseline at `y`; `font_weight=700` and the like go into the tag."""
    more = "".join(f' {k.replace("_", "-")}="{v}"' for k, v in attributes.items())
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}"{more}>{escape(content)}</text>'


def measure(content: str, size: float, *, bold: bool = False) -> float:
    """Width in px that `content` needs in a broad font (DejaVu Sans), so that others fit too."""
    units = sum(0.37 if c in NARROW else 0.93 if c in WIDE else 0.62 for c in content)
    return units * size * (1.12 if bold else 1)


def wrap(content: str, size: float, width: float, *, bold: bool = False) -> list[str]:
    """Break `content` between words into lines of at most `width` px."""
    lines: list[str] = []
    for word in content.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and measure(longer, size, bold=bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def draw_taxonomy(
    questions: Sequence[int] = (0, 1, 2, 3),
    *,
    links: Mapping[int, str] | None = None,
    details: bool = True,
    width: int = 1000,
) -> str:
    """Draw the map of transfer learning (`taxonomy.TAXONOMY`) as one SVG; type is 11 px or larger.

    `questions` picks some of the four. `details=False` leaves the definitions to the tooltips.
    `width` is the drawing's own width in px: a smaller one gives larger type on a page of the
    same size (840 or more). `links` maps lesson numbers to addresses: by default every notebook
    that exists is linked; an empty mapping links none.
    """
    links = lesson_links() if links is None else links
    chosen = [TAXONOMY[i] for i in questions]
    columns = _widest_row([len(q.children) for q in chosen])
    column = (width - 2 * MARGIN - GAP * (columns - 1)) / columns
    whole = len(chosen) == len(TAXONOMY)
    parts = [_key(width, links)] if whole else []
    x, y, bottom = width, 0.0, 60.0 if whole else MARGIN  # "row full": the first question opens one
    for q in chosen:
        if x + len(q.children) * (column + GAP) - GAP > width:  # a question stays in one row
            x, y = MARGIN, bottom + (22 if y else 0)
        colour = COLOURS[TAXONOMY.index(q)]
        parts.append(text(x, y + 16, 18, q.name, fill=colour, font_weight=700))
        parts.append(text(x, y + 34, 12, q.definition, fill=MUTED) if details else "")
        top = y + (44 if details else 26)
        cards = [_card(group, column, colour, links, details) for group in q.children]
        tallest = max(height for _, height in cards)
        for body, _ in cards:
            frame = (
                f'<rect width="{column:g}" height="{tallest:g}" rx="8" fill="#fff" '
                f'stroke="{colour}" stroke-opacity=".5"/>'
            )
            parts.append(f'<g transform="translate({x:g} {top:g})">{frame}{body}</g>')
            x += column + GAP
        bottom = max(bottom, top + tallest)
    label = "Map of transfer learning: " + " ".join(q.name for q in chosen)
    return svg(width, bottom + MARGIN, "".join(parts), label)


def _widest_row(cards: Sequence[int]) -> int:
    """Cards in the fullest row, where the cards of one question stay in one row."""
    widest = row = 0
    for count in cards:
        row = row + count if row + count <= COLUMNS else count
        widest = max(widest, row)
    return widest


def _key(width: float, links: Mapping[int, str]) -> str:
    """Title line of the whole map: what it is, after whom, what the numbered pills mean."""
    key = [(min(links, default=5), "open the lesson" if links else "lesson")]
    missing = sorted(set(LESSONS) - set(links))
    if links and missing:
        key.append((missing[0], "lesson to come"))
    x, parts = width - MARGIN, [text(MARGIN, 40, 22, TITLE, font_weight=700)]
    for number, meaning in reversed([*key, (None, "after Pan & Yang 2010")]):
        parts.append(text(x, 39, 12, meaning, fill=MUTED, text_anchor="end"))
        x -= measure(meaning, 12) + 26
        parts.append("" if number is None else _pill(x, 39, number, INK, links))
        x -= 0 if number is None else 16
    return "".join(parts)


def _pill(x: float, y: float, number: int, colour: str, links: Mapping[int, str]) -> str:
    """A lesson's number: a link where its notebook exists, pale where it is to come.

    The link is an HTML anchor laid over the pill: JupyterLab opens those in a tab of its own, and
    fails on SVG's anchors ("Cannot set property href of #<SVGAElement>", 4.6).
    """
    opacity, ink = (1, "#fff") if number in links or not links else (0.12, colour)
    tip = escape(f"Lesson {number:02d}: {LESSONS[number]}")
    pill = (
        f'<g><title>{tip}</title><rect x="{x:g}" y="{y - 12:g}" width="20" height="16" rx="8" '
        f'fill="{colour}" fill-opacity="{opacity}"/>'
        + text(x + 10, y, 11, f"{number:02d}", fill=ink, text_anchor="middle", font_weight=700)
        + "</g>"
    )
    if number not in links:
        return pill
    return (
        f'{pill}<foreignObject x="{x:g}" y="{y - 12:g}" width="20" height="16">'
        f'<a xmlns="http://www.w3.org/1999/xhtml" href="{escape(links[number])}" title="{tip}" '
        f'aria-label="{tip}" style="display:block;width:20px;height:16px"></a></foreignObject>'
    )


def _card(
    group: Node, width: float, colour: str, links: Mapping[int, str], details: bool
) -> tuple[str, float]:
    """One family: a coloured head, its definition, its methods as a small tree; and its height."""
    parts = [
        f"<title>{escape(group.definition)}</title>",
        f'<path d="M0 34V8a8 8 0 0 1 8-8H{width - 8:g}a8 8 0 0 1 8 8V34z" fill="{colour}"/>',
        text(PAD, 22, 15, group.name, fill="#fff", font_weight=700),
    ]
    y = 40.0 if details else 26.0
    for line in wrap(group.definition, 12, width - 2 * PAD) if details else ():
        y += 15
        parts.append(text(PAD, y, 12, line))
    y += 8
    stem = {0: y}  # where the branch to the next method of each depth starts
    for depth, node in [pair for child in group.children for pair in child.walk()]:
        x = PAD + 14 + 14 * depth
        parts.append(
            f'<path d="M{x - 12:g} {stem.get(depth, y + 4):g}V{y + 16:g}h7" fill="none" '
            f'stroke="{colour}" stroke-opacity=".6"/>'
        )
        stem = {d: at for d, at in stem.items() if d < depth} | {depth: y + 16}
        body, y = _entry(node, x, y + 20, width - PAD - x, colour, links, details)
        parts.append(body)
        y += 4
    return "".join(parts), y + 8


def _entry(
    node: Node,
    x: float,
    y: float,
    width: float,
    colour: str,
    links: Mapping[int, str],
    details: bool,
) -> tuple[str, float]:
    """One method, its name on baseline `y`, then definition, paper and lessons; and its bottom."""
    parts = [f"<title>{escape(node.definition)}</title>"]
    for i, line in enumerate(wrap(node.name, 13, width, bold=True)):
        y += 16 if i else 0
        parts.append(text(x, y, 13, line, font_weight=600))
    for line in wrap(node.definition, 11.5, width) if details else ():
        y += 14.5
        parts.append(text(x, y, 11.5, line))
    if node.lessons:
        y += 17
        parts.append(text(x, y, 11, node.paper, fill=MUTED, font_style="italic"))
        if measure(node.paper, 11) + 23 * len(node.lessons) > width:  # no room beside the paper
            y += 17
    for place, number in enumerate(reversed(node.lessons)):
        parts.append(_pill(x + width - 20 - 23 * place, y, number, colour, links))
    return f"<g>{''.join(parts)}</g>", y

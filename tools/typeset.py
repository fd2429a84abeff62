"""Formulas as pictures inside the page: what MathJax does in JupyterLab, done once, at build time.

A page that loads MathJax needs the network, and MathML needs a mathematics font that few machines
have. ziamath draws LaTeX as SVG outlines instead: the same on every machine, with the LaTeX source
as the text for screen readers.
"""

from __future__ import annotations

import re
from html import escape
from xml.etree import ElementTree

from bs4 import BeautifulSoup, NavigableString

# $$block$$, \begin{name}block\end{name}, $inline$; \$ is a dollar. An inline formula starts and
# ends next to its dollars, so that "$5 and $6" stays money.
FORMULA = re.compile(
    r"(?<!\\)\$\$(?P<block>.+?)(?<!\\)\$\$"
    r"|(?P<environment>\\begin\{(?P<name>[a-z]+\*?)\}.+?\\end\{(?P=name)\})"
    r"|(?<![\\$])\$(?P<inline>[^\s$](?:[^$]*?[^\s$\\])?)\$(?![$\d])",
    re.DOTALL,
)
VERBATIM = {"code", "pre", "script", "style", "textarea", "svg", "title"}


def svg(latex: str, inline: bool) -> str:
    """One formula as an ``<svg>``, sized for 16-pixel text.

    Raises:
        ValueError: ziamath cannot draw it, or would draw something else.
    """
    import ziamath

    ziamath.config.svg2 = False  # outlines in place: no ids that could clash within a page
    ziamath.config.math.color = "currentColor"  # the text's: readable on light and dark screens
    try:
        formula = ziamath.Latex(latex, size=17 if inline else 20, inline=inline)
    except Exception as error:  # whatever its parser stumbles over
        raise ValueError(f"cannot draw the formula {latex!r} ({type(error).__name__})") from error
    # Commands it does not know come out as text, or not at all.
    unknown = re.findall(r">(\\[A-Za-z]+)<", formula.mathmlstr()) or re.findall(
        r"\\operatorname\*", latex
    )
    if unknown:
        raise ValueError(f"cannot draw {unknown[0]} in the formula {latex!r}")
    picture = formula.svgxml()
    picture.set("role", "img")
    picture.set("aria-label", latex)
    if inline:
        picture.set("style", f"vertical-align:{formula.getyofst():.2f}px")
    return ElementTree.tostring(picture, encoding="unicode")


def typeset(html: str) -> str:
    """``html`` with every formula in its text drawn; code and preformatted text stay as they are.

    Raises:
        ValueError: a formula cannot be drawn; the message quotes it.
    """
    soup = BeautifulSoup(html, "html.parser")
    draw_formulas(soup)
    return str(soup)


def draw_formulas(soup: BeautifulSoup) -> None:
    """The same on a page that is parsed already.

    Raises:
        ValueError: as `typeset`.
    """
    for text in soup.find_all(string=lambda string: "$" in string or r"\begin{" in string):
        if type(text) is NavigableString and not VERBATIM & {p.name for p in text.parents}:
            drawn = BeautifulSoup(_draw_all(str(text)), "html.parser")
            text.replace_with(*list(drawn.contents))


def _draw_all(text: str) -> str:
    parts, end = [], 0
    for match in FORMULA.finditer(text):
        parts.append(escape(text[end : match.start()], quote=False).replace(r"\$", "$"))
        end = match.end()
        if match["inline"]:
            parts.append(svg(match["inline"], inline=True))
        else:
            block = match["block"] or match["environment"]
            parts.append(f'<span class="formula">{svg(block.strip(), inline=False)}</span>')
    return "".join(parts) + escape(text[end:], quote=False).replace(r"\$", "$")

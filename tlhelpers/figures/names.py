"""Names of classes as text of a figure: never parsed, not too long, in fonts that have the letters.

What is a folder's name may hold `$`, a line break, a hundred letters, or any script.
"""

from __future__ import annotations

import functools
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

# To pass to whatever draws a name: "$" begins no formula.
PLAIN = {"parse_math": False}


def drawable(names: Sequence[str], width: int = 22) -> list[str]:
    """The names on at most two lines; `class 3` for one whose letters no font here has."""
    shown = [" ".join("".join(map(_visible, name)).split()) for name in names]
    lacking = use_fonts_with(shown)
    return [
        f"class {number}" if not name or lacking & set(name) else _shortened(name, width)
        for number, name in enumerate(shown)
    ]


def use_fonts_with(texts: Iterable[str]) -> set[str]:
    """Add installed fonts that have the letters which the present ones lack.

    They are asked only for what the ones before them lack. Returns what no font has, and what
    matplotlib before 3.11 cannot write: joined letters and those that run from right to left.
    """
    import matplotlib
    from matplotlib import font_manager
    from matplotlib.font_manager import FontProperties

    letters = set("".join(texts)) - set(map(chr, range(128)))
    if not letters:
        return set()
    families = list(matplotlib.rcParams["font.family"])
    missing = letters - frozenset().union(
        *(_letters(font_manager.findfont(FontProperties(family=[f]))) for f in families)
    )
    # Upright and of usual weight first, and of these the ones without serifs.
    for path in _installed() if missing else []:
        if found := missing & _letters(path):
            font_manager.fontManager.addfont(path)
            families.append(font_manager.get_font(path).family_name)
            missing -= found
    matplotlib.rcParams["font.family"] = list(dict.fromkeys(families))
    unshaped = matplotlib.__version_info__ < (3, 11)
    return missing | {letter for letter in letters if unshaped and _needs_shaping(letter)}


def _visible(letter: str) -> str:
    return " " if unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") else letter


def _shortened(name: str, width: int) -> str:
    if len(name) <= width:
        return name
    return "\n".join(textwrap.wrap(name, width, max_lines=2, placeholder=" …"))


def _needs_shaping(letter: str) -> bool:
    joined = letter > "\u0590" and unicodedata.category(letter) in ("Mc", "Mn")
    return joined or unicodedata.bidirectional(letter) in ("R", "AL")


@functools.cache
def _installed() -> list[str]:
    from matplotlib import font_manager

    fonts = []
    for path in font_manager.findSystemFonts():  # matplotlib's own list may be older than they are
        try:
            font = font_manager.get_font(path)
        except (OSError, RuntimeError):
            continue
        if not font.scalable:
            continue
        style = f"{font.family_name} {font.style_name}"
        unusual = font.style_name not in ("Regular", "Book", "Roman", "Medium")
        fonts.append((unusual, "Sans" not in style, style, path))
    return [path for *_, path in sorted(fonts)]


@functools.cache
def _letters(path: str) -> frozenset[str]:
    from matplotlib import font_manager

    return frozenset(map(chr, font_manager.get_font(path).get_charmap()))

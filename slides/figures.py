"""Draw the figures of all decks: `python slides/figures.py`; of one: `python slides/figures.py 05`.

Each deck has a module `draw_NN.py`, or `draw_applications.py`, with `FIGURES`: file name ->
function without arguments. A function returns SVG text, a Pillow image, or a matplotlib Axes as
the course's plots do. Figures come from the lessons' own code, so that a slide cannot say what a
notebook does not.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # for the modules beside this one, and data.recipes


def modules(decks: list[str]) -> list:
    """The drawing modules of `decks` ("00", "05", "applications", ...), or all of them."""
    names = sorted(path.stem for path in HERE.glob("draw_*.py"))
    return [
        importlib.import_module(n) for n in names if not decks or n.removeprefix("draw_") in decks
    ]


def write(name: str, figure: object) -> Path:
    """Save what a drawing function returned as slides/figures/`name`; equal input, equal bytes."""
    path = HERE / "figures" / name
    path.parent.mkdir(exist_ok=True)
    if isinstance(figure, str):
        path.write_text(figure + "\n", encoding="utf-8", newline="\n")
    elif hasattr(figure, "save"):
        figure.save(path, optimize=True, quality=88)
    else:
        import matplotlib.pyplot as plt

        with plt.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
            metadata = {"Date": None} if path.suffix == ".svg" else None
            figure.figure.savefig(path, transparent=True, metadata=metadata, dpi=144)
        plt.close(figure.figure)
    return path


def main() -> None:
    for module in modules(sys.argv[1:]):
        for name, draw in module.FIGURES.items():
            path = write(name, draw())
            print(f"slides/figures/{name}: {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()

"""Write the whole course as a static site: `make site`, then open build/site/index.html.

    python tools/build_site.py                     # run the lessons, build everything
    python tools/build_site.py --lessons 01 05     # these lessons only: a quick look

The site holds the lessons as they ran here, with figures and folded solutions, the decks, the map
of the articles, the verdicts, the reference of the library, and a search that needs no server. It
works from a folder without a network and on any plain host. Sphinx with myst-nb writes it (extra
`site`).

A lesson runs again only if it or the library has changed since the last time.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
from build_pages import Lesson, replace_widget, show_status

ROOT = Path(__file__).resolve().parent.parent
SITE = Path(__file__).resolve().parent / "site"
# What stands in the side bar below the lessons: file of the repository -> page.
TEXTS = {
    "slides/README.md": "decks",
    "docs/verdicts.md": "verdicts",
    "docs/coverage.md": "coverage",
    "docs/glossary.md": "glossary",
    "docs/accessibility.md": "accessibility",
    "docs/many_machines.md": "many_machines",
    "docs/capstone_rubric.md": "capstone_rubric",
    "instructors/guide.md": "instructors",
    "instructors/lessons.md": "teaching_plans",
    "instructors/assessment.md": "assessment",
    "instructors/README.md": "grading",
    "library": "library",  # written here
    "data/README.md": "data",
    "CONTRIBUTING.md": "contributing",
    "SECURITY.md": "security",
    "CHANGELOG.md": "changelog",
}
NEEDED = ("sphinx", "myst_nb", "furo")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s]+)\)")
PICTURE = re.compile(r"(!\[[^\]]*\]\(|src=\")([^)\s\"]+)([)\"])")
ANCHOR = re.compile(r'<a ([^>]*?)href="([^"]+)"([^>]*)>(.*?)</a>', re.DOTALL)
OUTSIDE = re.compile(r"(\w+:|#)")
CELL = '<a id="cell-id={0}"></a>\n'


def run_lesson(path: Path, kept: Path) -> Lesson:
    """The lesson with its outputs: from the folder `kept` if nothing changed, else from a run."""
    lesson = Lesson(path)
    ran = kept / f"{path.stem}-{state_of(path)}.ipynb"
    if ran.is_file():
        lesson.notebook = nbformat.read(ran, as_version=4)
        return lesson
    lesson.run(tell=lambda text: show_status(f"{path.stem}  {text}"))
    show_status("")
    print(f"{path.stem}: {lesson.failure or 'ran'}, {lesson.seconds:.0f} s", flush=True)
    if not lesson.failure:
        for old in kept.glob(f"{path.stem}-*.ipynb"):
            old.unlink()
        nbformat.write(lesson.notebook, ran)
    return lesson


def state_of(path: Path) -> str:
    """A digest of the notebook, of the library and of the data that it may use."""
    files = [path, ROOT / "data" / "registry.json"]
    files += sorted((ROOT / "tlhelpers").rglob("*.py")) + sorted(
        (ROOT / "data" / "results").glob("*.json")
    )
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def fold(lesson: Lesson) -> None:
    """Give every cell an address, fold what JupyterLab folds, put a line where widgets lived."""
    cells = []
    for cell in lesson.notebook.cells:
        if cell.cell_type == "code":
            # A target of its own: docs/coverage.md leads to single cells.
            cells.append(nbformat.v4.new_markdown_cell(CELL.format(cell.id)))
            if cell.metadata.get("jupyter", {}).get("source_hidden"):
                cell.metadata.setdefault("tags", []).append("hide-input")
            for output in cell.get("outputs", []):
                replace_widget(output)
        else:
            if cells:  # one title a page
                cell.source = re.sub(r"(?m)^# ", "## ", cell.source)
            cell.source = CELL.format(cell.id) + "\n" + cell.source
        cells.append(cell)
    lesson.notebook.cells = cells


def relink(text: str, here: str, pages: dict[str, str]) -> str:
    """Lead every link and picture of a file of the repository to what the site made of its target.

    `here` is the path of the file in the repository; `pages` maps such paths to paths in the site.
    A link to a file that is not in the site becomes plain text. Links become HTML, since Sphinx
    would offer a deck as a download, and does not know the address of a cell.
    """
    folder = posixpath.dirname(pages[here]) or "."

    def address(old: str) -> str | None:
        """The new address; the old one if it leads outside; None if there is no such page."""
        if OUTSIDE.match(old):
            return old
        target, hash_, anchor = old.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        return (
            posixpath.relpath(pages[target], folder) + hash_ + anchor if target in pages else None
        )

    def link(match: re.Match) -> str:
        words, old = match.groups()
        if OUTSIDE.match(old):
            return match[0]
        new = address(old)
        return words if new is None else f'<a href="{new}">{words}</a>'

    def anchor(match: re.Match) -> str:
        before, old, after, words = match.groups()
        new = address(old)
        return words if new is None else f'<a {before}href="{new}"{after}>{words}</a>'

    def picture(match: re.Match) -> str:
        return f"{match[1]}{address(match[2]) or match[2]}{match[3]}"

    return LINK.sub(link, PICTURE.sub(picture, ANCHOR.sub(anchor, text)))


def shown_by(path: str) -> set[str]:
    """The pictures of the repository that a text or a notebook of it shows."""
    text = (ROOT / path).read_text(encoding="utf-8").replace('\\"', '"')
    found = {match[2] for match in PICTURE.finditer(text)}
    found = {posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in found}
    return {name for name in found if (ROOT / name).is_file()}


def write_sources(lessons: list[Lesson], source: Path) -> None:
    """Write everything that Sphinx reads into `source`, which is emptied first."""
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    pages = {f"notebooks/{lesson.name}.ipynb": f"lessons/{lesson.name}.html" for lesson in lessons}
    pages |= {path: f"{page}.html" for path, page in TEXTS.items()} | {"README.md": "index.html"}
    decks = sorted((ROOT / "slides").glob("*.html"))
    pages |= {f"slides/{deck.name}": f"slides/{deck.name}" for deck in decks}
    pages = {path: page for path, page in pages.items() if (ROOT / path).is_file()}
    pictures = set().union(*(shown_by(path) for path in pages if path.endswith((".md", ".ipynb"))))
    pages |= {path: path for path in pictures}

    for path, page in pages.items():
        target = source / page
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".md"):
            text = (ROOT / path).read_text(encoding="utf-8")
            text = relink(text, path, pages)
            target.with_suffix(".md").write_text(text, encoding="utf-8")
        elif not path.endswith(".ipynb"):
            # As they are; and Sphinx looks for the pictures of Markdown beside the text.
            for copy in (source / "_extra" / page, *([target] if path in pictures else [])):
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, copy)
    for lesson in lessons:
        fold(lesson)
        here = f"notebooks/{lesson.name}.ipynb"
        for cell in lesson.notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = relink(cell.source, here, pages)
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                for kind in {"text/html", "text/markdown"} & set(data):
                    data[kind] = relink(data[kind], here, pages)
        nbformat.write(lesson.notebook, source / "lessons" / f"{lesson.name}.ipynb")
    write_library(source / "library.md")
    write_contents(source, [lesson.name for lesson in lessons])


def write_library(path: Path) -> None:
    """A page of all public names: the site's search finds them, pdoc's pages say the rest."""
    from build_docs import public_names

    lines = ["# The library", "", "Every public name, `tl.name`, in a line."]
    lines += ["", '<a href="api/index.html">Full reference</a>']
    for part, text, entries in public_names():
        lines += ["", f"## {part}", "", text.split("\n\n")[0], "", "| name | what it does |"]
        lines += ["| --- | --- |"]
        for entry in entries:
            address = f"api/tlhelpers/{entry['module'].replace('.', '/')}.html#{entry['name']}"
            summary = " ".join(entry["summary"].split()).replace("|", "\\|")
            lines.append(f'| <a href="{address}">`{entry["name"]}`</a> | {summary} |')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_contents(source: Path, lessons: list[str]) -> None:
    """Append the contents to the first page: Sphinx makes the side bar of them."""
    blocks = {
        "Lessons": [f"lessons/{name}" for name in lessons],
        "More": [name for name in TEXTS.values() if (source / f"{name}.md").is_file()],
    }
    with (source / "index.md").open("a", encoding="utf-8") as file:
        for caption, names in blocks.items():
            listed = "\n".join(names)
            file.write(f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n")


def build(out: Path, work: Path, wanted: Callable[[str], bool] = lambda name: True) -> list[str]:
    """Build the site in `out`; return what went wrong, one line each."""
    kept, source = work / "ran", work / "source"
    kept.mkdir(parents=True, exist_ok=True)
    paths = [path for path in sorted((ROOT / "notebooks").glob("*.ipynb")) if wanted(path.stem)]
    lessons = [run_lesson(path, kept) for path in paths]
    problems = [f"{lesson.name}: {lesson.failure}" for lesson in lessons if lesson.failure]
    write_sources(lessons, source)
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", "-c", str(SITE)]
    made = subprocess.run(
        [*command, "-d", str(work / "doctrees"), str(source), str(out)],
        stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tools"), *sys.path])},
    )  # fmt: skip
    problems += [line for line in made.stderr.splitlines() if line.strip()]
    if made.returncode:
        return problems or ["Sphinx failed without a word"]
    from build_docs import build as build_reference

    build_reference(out / "api")
    return problems


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--lessons", nargs="*", default=[], metavar="NN", help="default: all")
    options = parser.parse_args(arguments)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f'{", ".join(missing)} not installed: pip install -e ".[site]", or make site')
        return 1
    os.environ.setdefault("TLHELPERS_PROFILE", "mini")
    sys.path.insert(0, str(ROOT))
    chosen = tuple(options.lessons) or ("",)
    work = options.out.parent / f"{options.out.name}-work"
    problems = build(options.out.resolve(), work.resolve(), lambda name: name.startswith(chosen))
    print("\n".join(problems + [f"Open {options.out / 'index.html'}"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

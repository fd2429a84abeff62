"""Run the lessons headless and write them, with all figures, as pages that need no network.

    python tools/build_pages.py                   # every notebook -> build/, index.html first
    python tools/build_pages.py 05_ants_and_bees  # one of them

`make run` calls it. A lesson that fails is written up to its error; the others still run, and the
exit status is 1. Ctrl-C stops the run; the pages that are finished stay.
"""

from __future__ import annotations

import argparse
import base64
import mimetypes
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import nbformat
from bs4 import BeautifulSoup, Tag
from jinja2 import Template
from jupyter_core.utils import ensure_event_loop
from lesson_client import LessonClient
from lesson_header import header_fields, plain_title
from nbclient.exceptions import CellControlSignal, DeadKernelError
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter
from typeset import draw_formulas, typeset

ROOT = Path(__file__).resolve().parent.parent
PAGES = Path(__file__).resolve().parent / "pages"
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_NOTE = '<p class="widget-note">An interactive control in JupyterLab.</p>'
FITS = 60  # letters of output that find room on a screen of some 600 px
REMOTE = re.compile(r"(https?:)?//")


class Lesson:
    """One notebook, what its header says, and how its run went."""

    def __init__(self, path: Path):
        self.path, self.name = path, path.stem
        self.notebook = nbformat.read(path, as_version=4)
        header = self.notebook.cells[0].source if self.notebook.cells else ""
        fields = header_fields(header)
        self.title = plain_title(header) or self.name
        self.aim, self.minutes = fields.get("You will be able to", ""), fields.get("Minutes", "")
        self.seconds: float | None = None
        self.failure = ""

    def run(self, cell_timeout: int = 600, tell: Callable[[str], None] = lambda text: None) -> None:
        """Execute the notebook in its own folder; note its seconds, and the error if it fails.

        `tell` is called with a line of text before each cell.
        """
        client = LessonClient(
            self.notebook,
            timeout=cell_timeout,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
            resources={"metadata": {"path": str(self.path.parent)}},
        )
        self.notebook.metadata.setdefault("language_info", {"name": "python"})
        start = time.monotonic()
        try:
            # execute() would take Ctrl-C for itself and report it as a dead kernel.
            with client.setup_kernel():
                self._run_cells(client, tell)
        except (CellControlSignal, DeadKernelError) as error:  # an error, a time-out, a dead kernel
            name = getattr(error, "ename", type(error).__name__)
            text = str(getattr(error, "evalue", error)).strip()
            self.failure = f"{name}: {text}".splitlines()[0]
        self.seconds = time.monotonic() - start
        # nbclient needs the widgets' state while it runs; a page with it would fetch scripts.
        self.notebook.metadata.pop("widgets", None)

    def _run_cells(self, client: LessonClient, tell: Callable[[str], None]) -> None:
        cells = self.notebook.cells
        try:
            for index, cell in enumerate(cells):
                if cell.cell_type == "code":
                    tell(f"cell {index + 1} of {len(cells)}, {cell.get('id', '')}")
                    client.execute_cell(cell, index)
        except KeyboardInterrupt:  # nobody waits for the stopped cell: its end is no news
            ensure_event_loop().set_exception_handler(lambda loop, context: None)
            raise

    def page(self, names: set[str]) -> str:
        """Self-contained HTML; links between the notebooks called ``names`` lead to their pages.

        Raises:
            ValueError: a formula cannot be drawn, or a browser would load something remote.
        """
        for cell in self.notebook.cells:
            for output in cell.get("outputs", []):
                replace_widget(output)
        exporter = HTMLExporter(template_name="pages", extra_template_basedirs=[str(PAGES.parent)])
        resources = {
            "metadata": {"name": self.name, "path": str(self.path.parent)},
            "title": self.title,
            "failure": self.failure,
            "style": style(),
        }
        html, _ = exporter.from_notebook_node(self.notebook, resources)
        soup = BeautifulSoup(html, "html.parser")
        draw_formulas(soup)
        for link in soup.find_all("a", href=re.compile(r"^[\w.-]+\.ipynb(#.*)?$")):
            name, _, anchor = link["href"].partition(".ipynb")
            if name in names:
                link["href"] = f"{name}.html{anchor}"
        for image in soup.select("img[src]"):
            image["src"] = embedded(image["src"], self.path.parent)
        demote_headings(soup)
        name_rows(soup)
        let_keys_scroll(soup)
        if remote := remote_resources(soup):
            raise ValueError(f"the page would load {', '.join(remote)} from the network")
        return str(soup)


def replace_widget(output: nbformat.NotebookNode) -> None:
    """Put a line where a widget lived: it needs a kernel, and its static twin stands beside it."""
    data = output.get("data", {})
    if data.pop(WIDGET, None) is not None:
        data.setdefault("text/html", WIDGET_NOTE)


def embedded(address: str, folder: Path) -> str:
    """``address`` of an image as a data: address if it names a file; others stay as they are.

    nbconvert's own ``embed_images`` closes ``<details>`` around what follows it.
    """
    path = folder / unquote(address)
    if address.startswith("data:") or REMOTE.match(address) or not path.is_file():
        return address
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def name_rows(soup: BeautifulSoup) -> None:
    """Tables without words in their head, as every lesson's first: their first column names rows.

    Markdown can only head columns, and a screen reader would announce an empty head.
    """
    for table in soup.select("table:has(thead)"):
        if not table.thead.get_text(strip=True):
            table.thead.decompose()
            for cell in table.select("tr > td:first-child"):
                cell.name, cell["scope"] = "th", "row"
        for corner in table.select("thead th"):
            if not corner.get_text(strip=True) and not corner.find("img"):
                corner.name = "td"


def demote_headings(soup: BeautifulSoup) -> None:
    """Titles in outputs, a model card's say, become bold lines: they head no part of a lesson."""
    for title in soup.select(".output_area :is(h1, h2, h3, h4, h5, h6)"):
        for anchor in title.select("a.anchor-link"):
            anchor.decompose()
        title.name = "p"
        title["style"] = "font-weight:bold"


def let_keys_scroll(soup: BeautifulSoup) -> None:
    """Make what may be wider than its column a stop of the Tab key, so that arrows scroll it."""
    wide = [pre for pre in soup.select(".output_area pre") if longest_line(pre) > FITS]
    wide += [table.find_parent(class_="output_area") for table in soup.select(".output_area table")]
    for place in wide:
        place["tabindex"] = "0"


def longest_line(pre: Tag) -> int:
    return max(map(len, pre.get_text().splitlines()), default=0)


def remote_resources(soup: BeautifulSoup) -> list[str]:
    """Addresses that a browser would load from the network to show the page (links are not)."""
    loaded = [tag["src"] for tag in soup.select("[src]")]
    loaded += [tag["href"] for tag in soup.select("link[href]")]
    code = " ".join(tag.get_text() for tag in soup.find_all(["style", "script"]))
    loaded += re.findall(r"""(?:url\(|import|from)\s*\(?["']?([^\s"')]+)""", code)
    return [address for address in loaded if REMOTE.match(address)]


def style() -> str:
    """The style sheet of every page, code colours for light and dark screens included."""
    light = HtmlFormatter(style="xcode").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    page = (PAGES / "style.css").read_text(encoding="utf-8")
    return (
        f"{page}@media not (prefers-color-scheme: dark) {{\n{light}\n}}\n"
        f"@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
        ".highlight { background: none; }"
    )


def write_map(lessons: list[Lesson], out: Path) -> None:
    """Write ``index.html``: the map of the lessons, with how each one ran so far."""
    template = Template((PAGES / "map.html.j2").read_text(encoding="utf-8"))
    html = template.render(lessons=lessons, style=style())
    (out / "index.html").write_text(typeset(html), encoding="utf-8")


def show_status(text: str) -> None:
    """Replace the terminal's last line with `text`; do nothing where the output is a file."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{text}", end="", flush=True)


def build(paths: list[Path], out: Path) -> list[Lesson]:
    """Run the notebooks at ``paths`` one after another and write their pages to ``out``."""
    lessons = [Lesson(path) for path in sorted(paths)]
    names = {lesson.name for lesson in lessons}
    width = max(map(len, names), default=0)
    out.mkdir(parents=True, exist_ok=True)
    write_map(lessons, out)
    for lesson in lessons:
        line = f"{lesson.name:{width}}  "
        lesson.run(tell=lambda text, line=line: show_status(line + text))
        try:
            html = lesson.page(names)
            (out / f"{lesson.name}.html").write_text(html, encoding="utf-8")
        except ValueError as error:
            lesson.failure = lesson.failure or str(error)
        result = f"FAILED: {lesson.failure}" if lesson.failure else "ok"
        show_status("")
        print(f"{line}{lesson.seconds:6.1f} s  {result}", flush=True)
        write_map(lessons, out)
    return lessons


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="notebooks to run (default: all)")
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks")
    parser.add_argument("--out", type=Path, default=ROOT / "build")
    options = parser.parse_args(arguments)

    notebooks = {path.stem: path for path in options.notebooks.glob("*.ipynb")}
    wanted = {Path(name).stem for name in options.names} or set(notebooks)
    if missing := sorted(wanted - set(notebooks)):
        parser.error(f"no notebook {', '.join(missing)} among {', '.join(sorted(notebooks))}")
    os.environ.setdefault("TLHELPERS_PROFILE", "mini")
    os.environ["TLHELPERS_PROGRESS"] = "off"  # nobody learns here
    try:
        lessons = build([notebooks[name] for name in wanted], options.out)
    except KeyboardInterrupt:
        show_status("")
        print(f"Stopped. The finished pages are in {options.out / 'index.html'}")
        return 130  # what a shell reports after Ctrl-C

    ran = sum(not lesson.failure for lesson in lessons)
    print(f"{ran} of {len(lessons)} lessons ran to their end. Open {options.out / 'index.html'}")
    return 0 if lessons and ran == len(lessons) else 1


if __name__ == "__main__":
    sys.exit(main())

"""What a learner does in JupyterLab: open a lesson, run cells, type, click, read."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import nbformat

# True once nothing has run or waited for half a second: between two cells of "Run All Cells" the
# kernel is idle for a moment, and a folded cell does not show that it waits.
DONE = """() => {
    const panel = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)');
    const waits = [...panel.querySelectorAll('.jp-InputPrompt')].some(p => p.textContent == '[*]:');
    const status = panel.querySelector('.jp-Notebook-ExecutionIndicator').dataset.status;
    if (waits || status != 'idle' || !/\\| Idle/.test(document.body.textContent)) {
        window.tlIdleSince = null;
    } else {
        window.tlIdleSince ??= performance.now();
    }
    return window.tlIdleSince !== null && performance.now() - window.tlIdleSince > 500;
}"""


class Lab:
    """One page of JupyterLab; cells are named by their id in the notebook."""

    def __init__(self, page, server):
        self.page, self._server = page, server
        self._cells: dict[str, int] = {}

    def start(self) -> None:
        """Follow the address that `make lab` prints; it shows the first lesson."""
        self.page.goto(self._server.address)
        self._opened("00_start_here")

    def open(self, lesson: str) -> None:
        """Start JupyterLab with nothing open, and open a lesson from the list of files."""
        self.page.goto(self._server.address.replace("/00_start_here.ipynb?", "?reset&"))
        files = self.page.locator(".jp-DirListing-item")
        files.filter(has_text=f"{lesson}.ipynb").dblclick()
        self._opened(lesson)

    def _opened(self, lesson: str) -> None:
        path = self._server.lessons / f"{lesson}.ipynb"
        cells = nbformat.read(path, as_version=4).cells
        self._cells = {cell.id: position for position, cell in enumerate(cells)}
        tab = self.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab.lm-mod-current")
        tab.filter(has_text=path.name).wait_for()
        self.panel.locator(".jp-Cell").nth(len(cells) - 1).wait_for(state="attached")
        self.wait()

    @property
    def panel(self):
        """The notebook in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def cell(self, id: str):
        """A cell of the notebook in front."""
        return self.panel.locator(f'.jp-Cell[data-windowed-list-index="{self._cells[id]}"]')

    def read(self, id: str) -> str:
        """What a cell has printed and shown as text, also where it is out of sight."""
        return "\n".join(self.cell(id).locator(".jp-OutputArea-output").all_text_contents())

    def menu(self, *names: str) -> None:
        """Click through the menus: `menu("Run", "Run All Cells")`."""
        for name in names:
            labels = self.page.locator(".lm-MenuBar-itemLabel:visible, .lm-Menu-itemLabel:visible")
            labels.filter(has_text=re.compile(rf"^{re.escape(name)}(…|\.\.\.)?$")).click()

    def wait(self, seconds: float = 60) -> None:
        """Until every cell that was started has ended."""
        self.page.evaluate("() => { window.tlIdleSince = null; }")
        self.page.wait_for_function(DONE, timeout=1000 * seconds, polling=50)

    def run_all(self, seconds: float) -> None:
        """Run > Run All Cells; every cell must end without a traceback or a warning."""
        self.menu("Run", "Run All Cells")
        self.wait(seconds)
        assert not self.errors(), self.errors()

    def select(self, id: str) -> None:
        """Click beside a cell's text, which selects it without a cursor."""
        cell = self.cell(id)
        cell.locator(".jp-InputPrompt").first.click()

    def run(self, id: str, seconds: float = 60) -> None:
        """Run one cell, as Ctrl+Enter does, and wait for its end."""
        self.select(id)
        self.page.keyboard.press("Control+Enter")
        self.wait(seconds)

    def write(self, id: str, text: str) -> None:
        """Replace the text of a cell by typing."""
        self.cell(id).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Escape")

    def pictures(self):
        """All images of the notebook in front."""
        return self.panel.locator(".jp-OutputArea img").all()

    def broken_pictures(self) -> list[str]:
        """Images without pixels or without a text for those who do not see them."""
        bad = "images => images.filter(i => !i.naturalWidth || !i.alt).map(i => i.outerHTML)"
        return self.panel.locator(".jp-OutputArea img").evaluate_all(bad)

    def shown(self, image) -> str:
        """Digest of the bytes that an `<img>` shows."""
        read = """async image => {
            const bytes = await (await fetch(image.src)).arrayBuffer();
            return [...new Uint8Array(bytes)].join();
        }"""
        return hashlib.sha256(image.evaluate(read).encode()).hexdigest()

    def picture(self, id: str, path: Path) -> None:
        """A screenshot of a whole cell."""
        for _ in range(2):  # cells that come into view get their true height, which moves others
            self.cell(id).scroll_into_view_if_needed()
            self.page.evaluate("() => new Promise(requestAnimationFrame)")
        self.cell(id).screenshot(path=path)

    def errors(self) -> list[str]:
        """Tracebacks and warnings on the page."""
        kinds = ("error", "stderr")
        found = ", ".join(f'[data-mime-type="application/vnd.jupyter.{kind}"]' for kind in kinds)
        return self.panel.locator(found).all_text_contents()

    def theme(self, name: str) -> None:
        """`Light` or `Dark`, by the menu."""
        self.menu("Settings", "Theme", f"JupyterLab {name}")
        light = str(name == "Light").lower()
        self.page.locator(f'body[data-jp-theme-light="{light}"]').wait_for(state="attached")

    def close(self) -> None:
        """Close the notebook and end its kernel; what was typed is saved."""
        self.page.keyboard.press("Control+s")
        self.menu("File", "Close and Shut Down Notebook")
        dialog = self.page.locator(".jp-Dialog")
        dialog.get_by_role("button").last.click()
        dialog.wait_for(state="detached")

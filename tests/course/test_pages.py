"""`make run`: lessons become pages that need no network; one that fails stops no other."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import build_pages
import pytest
from bs4 import BeautifulSoup
from lesson_header import header_fields, plain_title
from nbclient.output_widget import OutputWidget
from nbformat import write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from typeset import typeset

HEADER = """# What does `freeze` freeze?

| | |
|---|---|
| **You will be able to** | freeze *provably*, see [01](01_next.ipynb) |
| **Needs** | nothing |
| **Minutes** | 10 + 5 |
| **Run time** | 1 s |
| **Downloads** | nothing |
"""
TEXT = r"""The mean moves: $\mu \leftarrow (1 - m)\,\mu + m\,\bar{x}$, and

$$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}$$

<details><summary>Hint</summary>

Look at $\theta_t$ and at `$HOME`.

</details>

Go on with [the next lesson](01_next.ipynb#recap) or [another course](https://example.org).
"""
SOLUTION = {"tags": ["solution"], "jupyter": {"source_hidden": True}}


def save(folder, name, *cells):
    notebook = new_notebook(cells=[new_markdown_cell(HEADER), *cells])
    notebook.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    write(notebook, folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two lessons, the second one broken in its middle, built as `make run` builds them."""
    folder = tmp_path_factory.mktemp("course with a space")
    save(
        folder,
        "00_first",
        new_markdown_cell(TEXT),
        new_code_cell(
            "import ipywidgets\n"
            "from IPython.display import HTML, display\n"
            "display(HTML(\"<img alt='A dot.' src='data:image/gif;base64,R0lGODlh'>\"))\n"
            "ipywidgets.IntSlider()"
        ),
        new_code_cell("print(6 * 7)", metadata=SOLUTION),
        new_code_cell("print('What?')  # 43", metadata={"tags": ["quiz"]}),
        new_code_cell("plot = 44", metadata={"jupyter": {"source_hidden": True}}),
    )
    save(folder, "01_next", new_code_cell("before = 1"), new_code_cell("no_such_name"))
    out = folder / "pages"
    status = build_pages.main(["--notebooks", str(folder), "--out", str(out)])
    return status, out


def soup(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_pages_load_nothing_from_the_network(built):
    _, out = built
    pages = sorted(out.glob("*.html"))
    assert [page.name for page in pages] == ["00_first.html", "01_next.html", "index.html"]
    for page in pages:
        html = page.read_text(encoding="utf-8")
        assert not build_pages.remote_resources(soup(page))
        assert "<script" not in html and "cdnjs" not in html and "MathJax" not in html


def test_formulas_are_drawn_and_code_is_left_alone(built):
    _, out = built
    page = soup(out / "00_first.html")
    labels = [svg["aria-label"] for svg in page.find_all("svg")]
    assert r"\mu \leftarrow (1 - m)\,\mu + m\,\bar{x}" in labels
    assert r"\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}" in labels
    assert all(len(svg.find_all("path")) >= 2 for svg in page.find_all("svg"))
    assert page.select_one(".formula svg") and page.select_one("details svg")
    assert "$HOME" in page.find("details").get_text()
    assert "\\mu" not in page.get_text()
    shapes = [shape for svg in page.find_all("svg") for shape in svg.find_all(["path", "rect"])]
    assert {shape.get("fill") for shape in shapes} == {"currentColor"}  # dark screens


def test_links_widgets_solutions_and_figures(built):
    _, out = built
    page = soup(out / "00_first.html")
    links = [link["href"] for link in page.select("main a[href]")]
    assert "01_next.html#recap" in links and "https://example.org" in links
    assert not [link for link in links if ".ipynb" in link]
    assert page.select_one(".widget-note") and "IntSlider(value" not in page.get_text()
    assert page.find("img", alt="A dot.")["src"].startswith("data:")


def test_answers_are_folded_or_left_out(built):
    _, out = built
    page = soup(out / "00_first.html")
    solution, code = page.select("details.folded")
    assert solution.summary.get_text() == "Solution" and code.summary.get_text() == "Code"
    assert "print" in solution.get_text() and "42" in solution.get_text()
    assert "44" in code.get_text()
    for folded in (solution, code):
        folded.extract()
    left = page.get_text()
    assert "42" not in left and "44" not in left
    assert "What?" in left and "43" not in left


def test_pages_follow_the_dark_colour_scheme(built):
    _, out = built
    page = soup(out / "00_first.html").style.get_text()
    assert "color-scheme: light dark" in page
    assert page.count("@media (prefers-color-scheme: dark)") == 2  # the page, its code


def test_a_failing_lesson_is_shown_and_does_not_stop_the_others(built, capsys):
    status, out = built
    assert status == 1
    assert "NameError" in soup(out / "01_next.html").select_one(".failure").get_text()
    assert "before" in soup(out / "01_next.html").get_text()
    rows = soup(out / "index.html").select("tbody tr")
    assert [row.find("a")["href"] for row in rows] == ["00_first.html", "01_next.html"]
    assert "failed" in rows[1].get_text() and re.search(r"\d s", rows[0].get_text())
    assert "What does freeze freeze?" in rows[0].get_text()
    assert "freeze provably, see 01" in rows[0].get_text() and "10 + 5" in rows[0].get_text()


def test_a_lost_wake_up_does_not_stop_the_run(tmp_path, monkeypatch, capsys):
    """nbclient writes to its reply socket late: "done" has arrived, and its signal is used up."""
    send = OutputWidget.send

    def send_late(self, *arguments, **keywords):
        time.sleep(1.5)
        send(self, *arguments, **keywords)

    monkeypatch.setattr(OutputWidget, "send", send_late)
    source = "import ipywidgets\nwith ipywidgets.Output():\n    print('a')"
    save(tmp_path, "00_first", new_code_cell(source))
    lesson = build_pages.Lesson(tmp_path / "00_first.ipynb")
    lesson.run(cell_timeout=30)
    assert not lesson.failure and lesson.seconds < 25


def test_the_terminal_says_which_cell_runs(tmp_path):
    save(tmp_path, "00_first", new_code_cell("1", id="one"), new_code_cell("2", id="two"))
    told = []
    build_pages.Lesson(tmp_path / "00_first.ipynb").run(tell=told.append)
    assert told == ["cell 2 of 3, one", "cell 3 of 3, two"]


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches a process group in another way")
def test_ctrl_c_ends_the_run_with_one_line(tmp_path):
    began = tmp_path / "began"
    source = f"import pathlib, time\npathlib.Path({str(began)!r}).touch()\ntime.sleep(60)"
    save(tmp_path, "00_first", new_code_cell(source))
    command = [sys.executable, build_pages.__file__]
    command += ["--notebooks", str(tmp_path), "--out", str(tmp_path / "pages")]
    # Ctrl-C goes to every process of a terminal's group: to the kernel as well.
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    ) as run:
        deadline = time.monotonic() + 60
        while not began.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGINT)
        out, errors = run.communicate(timeout=30)
    assert run.returncode == 130 and not errors
    assert out.splitlines() == [f"Stopped. The finished pages are in {tmp_path}/pages/index.html"]


def test_unknown_names_are_refused(tmp_path, capsys):
    save(tmp_path, "00_first")
    with pytest.raises(SystemExit):
        build_pages.main(["05_nothing", "--notebooks", str(tmp_path), "--out", str(tmp_path)])
    assert "no notebook 05_nothing among 00_first" in capsys.readouterr().err


def test_a_page_that_would_load_something_is_refused(tmp_path):
    output = new_output("display_data", data={"text/html": '<img src="https://example.org/a.png">'})
    save(tmp_path, "00_first", new_code_cell("1", outputs=[output]))
    with pytest.raises(ValueError, match="would load https://example.org/a.png"):
        build_pages.Lesson(tmp_path / "00_first.ipynb").page(set())


def test_tables_get_heads_wide_outputs_a_key_and_outputs_no_headings(tmp_path):
    data = {"text/markdown": "# A card\n\nIts text."}
    card = new_output("display_data", data=data)
    wide = new_output("stream", text="x" * 99)
    narrow = new_output("stream", text="y")
    cells = [new_code_cell("1", outputs=[output]) for output in (card, wide, narrow)]
    save(tmp_path, "00_first", new_markdown_cell("| | b |\n|---|---|\n| c | d |"), *cells)
    html = build_pages.Lesson(tmp_path / "00_first.ipynb").page(set())
    page = BeautifulSoup(html, "html.parser")
    header, corner = page.find_all("table")
    assert not header.thead and "Minutes" in [cell.get_text() for cell in header.select("th")]
    assert header.th["scope"] == "row"
    assert corner.thead.find("td").get_text() == "" and corner.th.get_text() == "b"
    titles = page.find_all(re.compile("^h[1-6]$"))
    assert len(titles) == 1 and page.find("p", style=True).get_text() == "A card"
    stops = [place.get_text().strip() for place in page.select("[tabindex]")]
    assert stops == ["x" * 99]


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://example.org/x.js"></script>',
        '<script>import("//example.org/x.js")</script>',
        '<script type="module">import a from "https://example.org/x.js"</script>',
        '<link rel="stylesheet" href="http://example.org/x.css">',
        "<style>@import 'https://example.org/x.css';</style>",
        "<style>body { background: url(https://example.org/x.png) }</style>",
        '<iframe src="//example.org"></iframe>',
    ],
)
def test_remote_resources_are_found(html):
    assert len(build_pages.remote_resources(BeautifulSoup(html, "html.parser"))) == 1


def test_local_pictures_travel_with_the_page(tmp_path):
    (tmp_path / "a dot.gif").write_bytes(b"GIF89a")
    save(tmp_path, "00_first", new_markdown_cell("![A dot.](a%20dot.gif)"))
    page = BeautifulSoup(build_pages.Lesson(tmp_path / "00_first.ipynb").page(set()), "html.parser")
    assert page.find("img", alt="A dot.")["src"] == "data:image/gif;base64,R0lGODlh"


def test_header_fields_are_read_from_the_table():
    assert header_fields(HEADER) == {
        "You will be able to": "freeze provably, see 01",
        "Needs": "nothing",
        "Minutes": "10 + 5",
        "Run time": "1 s",
        "Downloads": "nothing",
    }
    assert "Minutes" not in header_fields(HEADER.replace("10 + 5", " "))
    assert plain_title(HEADER) == "What does freeze freeze?"


@pytest.mark.parametrize(
    ("html", "formulas"),
    [
        ("<p>$a$ and $b$</p>", ["a", "b"]),
        ("<p>$$a$$</p>", ["a"]),
        (r"<p>\begin{aligned}a &amp;= b\end{aligned}</p>", [r"\begin{aligned}a &= b\end{aligned}"]),
        ("<p>$5 and $6, \\$7</p>", []),
        ("<p><code>$a$</code></p><pre>$a$</pre><style>$a$</style>", []),
        ("<p>$a &lt; b$</p>", ["a < b"]),
    ],
)
def test_formulas_are_told_from_text(html, formulas):
    drawn = BeautifulSoup(typeset(html), "html.parser")
    assert [svg["aria-label"] for svg in drawn.find_all("svg")] == formulas


@pytest.mark.parametrize("latex", [r"\nosuch{x}", r"\frac{1}", "x_", r"\operatorname*{argmin}"])
def test_a_formula_that_cannot_be_drawn_is_named(latex):
    with pytest.raises(ValueError, match=re.escape(latex[:4])):
        typeset(f"<p>${latex}$</p>")

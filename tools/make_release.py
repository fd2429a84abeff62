"""Write what a class gets, and what its instructor grades with: `make release`, or

    python tools/make_release.py                              # all lessons -> build/release/
    python tools/make_release.py 01_weight_freezing 05 --out ../class

- `student/`: the course without solutions, tests and decks. It works as the course does.
- `nbgrader/`: the folder of an nbgrader course, with an assignment for each lesson.
- `points.csv`: the points of each exercise, from instructors/points.csv or `--points FILE`.
- `assessment_questions.md`: the questions of instructors/assessment.md without their answers.

Everything derives from the tags of the lessons. A second run replaces what the first wrote and
nothing else: submissions, grades and copies of lessons stay.
"""

from __future__ import annotations

import argparse
import copy
import csv
import re
import shutil
import sys
from pathlib import Path

import nbformat
from lesson_header import plain_title
from nbformat import NotebookNode
from release_notebooks import Task, master_copy, points, relink, student_version, tasks

ROOT = Path(__file__).resolve().parent.parent
# What the student's folder holds of the repository, beside its notebooks, README and Makefile.
COPIED = [
    *("LICENSE", "CITATION.cff", "requirements.txt", "pyproject.toml", "conftest.py", ".gitignore"),
    *("tlhelpers", "data", "tools/jupyterlab", "tools/pages", "tools/open_lab.py"),
    *("tools/build_pages.py", "tools/lesson_client.py", "tools/lesson_header.py"),
    "tools/typeset.py",
]
TARGETS = {"help", "lab", "test", "env", "run", "clean", "$(READY)"}
START = "00"  # the start page: `make lab` opens it


class Release:
    """The chosen lessons, their exercises and points, written below the folder `out`."""

    def __init__(self, paths: list[Path], table: Path, out: Path):
        self.out = out
        self.lessons = {path.stem: nbformat.read(path, as_version=4) for path in paths}
        self.tasks: dict[str, list[Task]] = {n: tasks(nb) for n, nb in self.lessons.items()}
        self.points = points([task for found in self.tasks.values() for task in found], table)

    def write_student(self) -> Path:
        """The folder that students get."""
        folder = self.out / "student"
        for name in COPIED:
            put(ROOT / name, folder / name)
        for path in (ROOT / "docs").glob("*.md"):
            put(path, folder / "docs" / path.name)
        shutil.rmtree(folder / "notebooks", ignore_errors=True)
        (folder / "notebooks").mkdir(parents=True)
        for name, notebook in self.lessons.items():
            write(student_version(notebook, self.points), folder / "notebooks" / f"{name}.ipynb")
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        (folder / "Makefile").write_text(student_makefile(makefile), encoding="utf-8")
        readme = (ROOT / "instructors" / "student_readme.md").read_text(encoding="utf-8")
        readme = readme.replace("{lessons}", "\n".join(self._rows()))
        (folder / "README.md").write_text(readme, encoding="utf-8")
        self._drop_dead_links(folder)
        return folder

    def write_course(self) -> Path:
        """The folder in which `nbgrader` is called."""
        course = self.out / "nbgrader"
        shutil.rmtree(course / "source", ignore_errors=True)
        for name, notebook in self.lessons.items():
            folder = course / "source" / name
            folder.mkdir(parents=True)
            master = master_copy(notebook, self.points)
            for cell in master.cells:
                if cell.cell_type == "markdown":
                    cell.source = relink(cell.source, lambda t, f=folder: self._in_course(t, f))
            write(master, folder / f"{name}.ipynb")
        put(ROOT / "instructors" / "nbgrader_config.py", course / "nbgrader_config.py")
        put(ROOT / "tools" / "lesson_client.py", course / "lesson_client.py")
        return course

    def write_points(self) -> Path:
        """Every exercise with its kind and points, for the instructor's eyes."""
        path = self.out / "points.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["lesson", "exercise", "kind", "points"])
            for name, found in self.tasks.items():
                rows.writerows([name, t.id, t.kind, self.points[t.id]] for t in found)
        return path

    def write_questions(self) -> Path:
        """The questions for before and after, not in the students' folder: they come too early."""
        path = self.out / "assessment_questions.md"
        text = (ROOT / "instructors" / "assessment.md").read_text(encoding="utf-8")
        path.write_text(questions_only(text), encoding="utf-8")
        return path

    def total(self, name: str) -> int:
        """Points of a lesson."""
        return sum(self.points[task.id] for task in self.tasks[name])

    def _rows(self) -> list[str]:
        """The student's README lists the lessons."""
        return [
            f"| {name[:2]} {plain_title(notebook.cells[0].source)} | {len(self.tasks[name])} "
            f"| {self.total(name)} |"
            for name, notebook in self.lessons.items()
        ]

    def _drop_dead_links(self, folder: Path) -> None:
        """Links to what students do not get become plain words."""

        def address(target: str, page: Path) -> str | None:
            return target if (page.parent / target).exists() else None

        for page in [*folder.glob("docs/*.md"), *folder.glob("data/**/*.md")]:
            text = relink(page.read_text(encoding="utf-8"), lambda t, p=page: address(t, p))
            page.write_text(text, encoding="utf-8")
        for page in folder.glob("notebooks/*.ipynb"):
            notebook = nbformat.read(page, as_version=4)
            for cell in notebook.cells:
                if cell.cell_type == "markdown":
                    cell.source = relink(cell.source, lambda t, p=page: address(t, p))
            write(notebook, page)

    def _in_course(self, target: str, folder: Path) -> str | None:
        """Assignments lie side by side; a picture comes along; other files stay behind."""
        lesson, picture = Path(target).stem, ROOT / "notebooks" / target
        if target.endswith(".ipynb"):
            return f"../{lesson}/{lesson}.ipynb" if lesson in self.lessons else None
        if picture.suffix in {".png", ".jpg", ".svg"} and picture.is_file():
            put(picture, folder / "pictures" / picture.name)
            return f"pictures/{picture.name}"
        return None


def put(source: Path, target: Path) -> None:
    """Copy a file or a folder in place of an older copy, without caches and records."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__", ".*", "progress.json", "*.part")
        shutil.copytree(source, target, ignore=ignored)
    else:
        shutil.copyfile(source, target)


def write(notebook: NotebookNode, path: Path) -> None:
    nbformat.validate(copy.deepcopy(notebook))
    nbformat.write(notebook, path)


def questions_only(text: str) -> str:
    """The part *Questions* of the assessment without its answers, which are folded blocks."""
    asked = re.search(r"^## Questions\n(.*?)^## Map\n", text, re.DOTALL | re.MULTILINE)[1]
    asked = re.sub(r"^<details>.*?^</details>\n\n", "", asked, flags=re.DOTALL | re.MULTILINE)
    return f"# Questions\n{asked.rstrip()}\n"


def student_makefile(text: str) -> str:
    """The Makefile with the targets that a student can use; `test` does without lint."""
    kept = []
    for block in text.split("\n\n"):
        target = re.search(r"^([\w$()-]+):(?!=)", block, re.MULTILINE)
        if target is None or target[1] in TARGETS:
            kept.append(block)
    text = "\n\n".join(kept)
    text = re.sub(
        r"^\.PHONY:.*$", f".PHONY: {' '.join(sorted(TARGETS - {'$(READY)'}))}", text, flags=re.M
    )
    return re.sub(
        r"^test: env lint  ##.*$",
        "test: env  ## every notebook from top to bottom",
        text,
        flags=re.M,
    )


def chosen(names: list[str], folder: Path) -> list[Path]:
    """The notebooks that names or numbers mean, and the start page; all, where none is named."""
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    for name in names:
        if not any(Path(name).stem in (path.stem, path.stem[:2]) for path in paths):
            raise ValueError(f"no lesson {name} among {', '.join(p.stem for p in paths)}")
    stems = {Path(name).stem for name in names}
    return [p for p in paths if not stems or stems & {p.stem, p.stem[:2]} or p.stem[:2] == START]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "names", nargs="*", help="lessons, as 05 or 05_ants_and_bees (default: all)"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--points", type=Path, default=ROOT / "instructors" / "points.csv")
    options = parser.parse_args(arguments)
    try:
        release = Release(chosen(options.names, ROOT / "notebooks"), options.points, options.out)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    student, course = release.write_student(), release.write_course()
    release.write_points()
    release.write_questions()
    for name, found in release.tasks.items():
        print(f"{name:34}{len(found):3} exercises {release.total(name):4} points")
    print(f"For students:   {student}\nFor nbgrader:   {course}")
    print("How to go on:   instructors/README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())

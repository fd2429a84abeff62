"""What the README promises: its commands, links and numbers are right in a fresh clone."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tlhelpers.jobs import command_line

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/many_machines.md", "data/README.md"]
GUIDES += ["slides/README.md", "benchmarks/README.md", "docs/accessibility.md"]
GUIDES += [f"instructors/{name}.md" for name in ("README", "guide", "lessons", "assessment")]
OWN_IMAGES = {"photos", "/shared/photos"}  # what the guides call the reader's own folder
ACTIVATE = {"source .venv/bin/activate", r".venv\Scripts\activate"}


def tracked(*patterns: str, drafts: bool = True) -> list[Path]:
    """Files of the project matching `patterns`, ignored ones excepted; new ones are drafts."""
    command = ["git", "ls-files", "-z", "--cached", *patterns]
    if drafts:
        command[3:3] = ["--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    if done.returncode:
        pytest.skip("not a git checkout: no list of the project's files")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def commands(guide: str) -> list[str]:
    """The command lines of a guide: those in blocks of code, and those in `backticks`."""
    text = (ROOT / guide).read_text(encoding="utf-8").replace("\\\n", " ")
    starts = r"(?:[A-Z_]+=\S+ )*(?:make|python\S*|\S+[/\\]python|torchrun|source|\.venv\\)(?: |\b)"
    blocks = re.findall(r"^ *```(?:bash|sh)?\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [code for code in re.findall(r"`([^`\n]+)`", text) if " " in code]
    lines = [re.split(r"\s+#\s", line.strip())[0] for line in lines]
    return [line for line in lines if re.match(starts + r".*$", line)]


def words(line: str) -> list[str]:
    """A command's words, without settings in front of it (`OMP_NUM_THREADS=2 make lab`)."""
    found = shlex.split(line.replace("\\", "/"))
    while re.fullmatch(r"[A-Z_]+=.*", found[0]):
        found = found[1:]
    return found


def fault(line: str, made: set[str]) -> str | None:
    """Why a reader's command would fail, or None; `made` are the folders of earlier commands."""
    if line in ACTIVATE:
        return None
    program, *rest = words(line)
    if program == "make":
        return make_fault(rest)
    if "tlhelpers" in rest:
        return tlhelpers_fault(rest[rest.index("tlhelpers") + 1 :], made)
    if not re.search(r"(^|/)python[\d.]*$", program) or not rest:
        return f"nothing here knows the program {program}"
    if rest[0] != "-m":
        return None if (ROOT / rest[0]).is_file() else f"no file {rest[0]}"
    if rest[1] in ("venv", "pytest"):
        return None
    if rest[1] == "pip":
        return pip_fault(rest[2:])
    if rest[1] in {"playwright"}:  # of an extra: the text says how to install it
        return None
    try:
        found = importlib.util.find_spec(rest[1])
    except ModuleNotFoundError:
        found = None
    return None if found else f"no module {rest[1]}"


def make_fault(arguments: list[str]) -> str | None:
    if os.name == "nt":
        return None  # make is not part of Windows
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for setting in (argument for argument in arguments if "=" in argument):
        name = setting.split("=")[0]
        if f"$({name})" not in makefile:
            return f"the Makefile does not use {name}"
    done = subprocess.run(
        ["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    return done.stderr if done.returncode else None


def tlhelpers_fault(arguments: list[str], made: set[str]) -> str | None:
    if len(arguments) == 1:  # only named in a sentence
        arguments = [*arguments, "--help"]
    try:
        options = command_line._parser().parse_args(arguments)
    except SystemExit as end:
        return "the command line does not take these arguments" if end.code else None
    data, runs = getattr(options, "data", None), getattr(options, "runs", [])
    runs = [*runs, *([options.model] if "model" in options else [])]
    if data and str(data) not in OWN_IMAGES and not (ROOT / data).exists():
        return f"no folder {data}"
    for run in runs:
        if run not in made:
            return f"no command before this one makes {run}"
    made.add(str(getattr(options, "out", None)))
    return None


def pip_fault(arguments: list[str]) -> str | None:
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for name in (argument for argument in arguments if "==" in argument):
        if name.startswith("torch") and not any(pin.split(" ")[0] == name for pin in pins):
            return f"{name} is not what requirements.txt pins"
    if "-r" in arguments and not (ROOT / arguments[arguments.index("-r") + 1]).is_file():
        return "no such file of requirements"
    return None


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_works_in_a_fresh_clone(guide):
    made: set[str] = set()
    faults = {line: why for line in commands(guide) if (why := fault(line, made))}
    assert not faults


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("make everything", "everything"),
        ("make lab PORT=9", "does not use PORT"),
        ("python -m tlhelpers finetune photos --fast", "does not take"),
        ("python -m tlhelpers finetune no_such --backbone x --out runs/a", "no folder no_such"),
        ("python -m tlhelpers predict runs/none a.jpg", "makes runs/none"),
        ("python -m tlhelpers compare runs/none runs/other", "makes runs/none"),
        ("python tools/no_such.py", "no file"),
        ("python -m data.recipes.no_such", "no module"),
        ("python -m pip install torch==1.0", "not what requirements.txt pins"),
        ("python -m pip install -r none.txt", "no such file"),
    ],
)
def test_a_wrong_command_is_found(line, why):
    assert why in fault(line, set())


def test_the_commands_of_the_readme_are_seen():
    found = commands("README.md")
    for line in ("make lab", "make test", "make run", "python tools/open_lab.py", *ACTIVATE):
        assert line in found
    assert sum("-m tlhelpers" in line for line in found) >= 3


@pytest.mark.parametrize("guide", [*GUIDES, "CHANGELOG.md", "CODE_OF_CONDUCT.md"])
def test_links_lead_somewhere(guide):
    text = (ROOT / guide).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'(?:href|src)="([^"#]+)"', text)
    local = {target for target in targets if not re.match(r"[a-z]+:", target)}
    assert not [target for target in local if not ((ROOT / guide).parent / target).exists()]


def test_the_map_lists_every_lesson_with_the_minutes_of_its_header():
    rows = re.findall(r"^\| (\d\d) \| (.+?) \|.*\| (\d+) \+ (\d+) \|$", README, re.MULTILINE)
    lessons = {
        path.name: re.search(
            r"Minutes[*]* \| (\d+) of teaching, (\d+) of exercises", path.read_text("utf-8")
        ).groups()
        for path in tracked("notebooks/*.ipynb", drafts=False)
    }
    linked = [name for _, cell, *_ in rows for name in re.findall(r"\(notebooks/([^)]+)\)", cell)]
    assert dict(zip(linked, [tuple(row[2:]) for row in rows], strict=True)) == lessons
    hours = sum(int(minutes) for pair in lessons.values() for minutes in pair) / 60
    assert f"{hours:.0f} hours in all" in README


def test_the_size_of_the_library_is_told_honestly():
    files = list((ROOT / "tlhelpers").rglob("*.py"))
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    [told] = re.findall(r"library of about\s+([\d,]+)\s+lines", README)
    assert int(told.replace(",", "")) == pytest.approx(lines, rel=0.15)


def test_nothing_of_one_machine_is_tracked():
    places = r"/work/|/root/|/home/\w+/|/Users/\w+/|[A-Z]:\\Users"
    binary = {".png", ".jpg", ".gif", ".safetensors", ".html"}
    found = []
    for path in tracked():
        if path.suffix not in binary and "tests" not in path.parts:
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{path.relative_to(ROOT)}: {m[0]}" for m in re.finditer(places, text)]
    assert not found

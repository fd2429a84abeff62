"""Imports between sub-packages run one way, and no modules import each other in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "tlhelpers"

# Each part of the package -> the parts it may import. What is not listed is forbidden.
MAY_IMPORT = {
    "__init__": {"core"},  # errors; the public names are loaded on first use
    "__main__": {"jobs"},
    "core": set(),
    "data": {"core"},
    "models": {"core", "data"},
    "fetching": {"core", "data", "models"},
    "training": {"core", "data", "models"},
    "methods": {"core", "data", "models", "training"},
    "evaluation": {"core"},
    "figures": {"core", "evaluation"},
    "teaching": {"core", "data", "models", "training", "methods", "evaluation", "figures"},
    "jobs": {
        *("core", "data", "models", "fetching", "training", "methods", "evaluation", "figures")
    },
}


def imported(source: str, package: str, known: set[str]) -> Iterator[str]:
    """Names of the `known` modules that `source`, a module of `package`, imports.

    Every import counts, wherever it stands: in a function, in a class, under TYPE_CHECKING.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            # `from .core import errors` imports a module, `from .core.errors import X` a name.
            members = (f"{base}.{alias.name}" for alias in node.names)
            names = [member if member in known else base for member in members]
        else:
            continue
        yield from (name for name in names if name in known)


def import_graph(package: Path) -> dict[str, set[str]]:
    """Module -> the modules of the same package that it imports."""
    files = {}
    for path in package.rglob("*.py"):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph = {}
    for name, path in files.items():
        parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
        graph[name] = set(imported(path.read_text(encoding="utf-8"), parent, set(files)))
    return graph


def part(module: str) -> str:
    """The sub-package or top-level module that `module` belongs to."""
    return (module.split(".") + ["__init__"])[1]


def wrong_way(graph: dict[str, set[str]]) -> list[str]:
    return [
        f"{module} imports {other}"
        for module, others in sorted(graph.items())
        for other in sorted(others)
        if part(other) != part(module) and part(other) not in MAY_IMPORT[part(module)]
    ]


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_imports_run_one_way():
    graph = import_graph(PACKAGE)
    assert {part(module) for module in graph} == set(MAY_IMPORT)
    assert not wrong_way(graph)


def test_no_modules_import_each_other_in_a_circle():
    assert not circle(import_graph(PACKAGE))


@pytest.mark.parametrize(
    "line",
    [
        "from ..jobs.finetune import finetune",
        "from ..jobs import finetune",
        "import tlhelpers.jobs.finetune",
        "from tlhelpers.jobs.finetune import finetune as run",
        "def f():\n    from ..jobs.finetune import finetune",
        "if TYPE_CHECKING:\n    from ..jobs.finetune import finetune",
    ],
)
def test_every_form_of_import_is_seen(line):
    known = {"tlhelpers.core.errors", "tlhelpers.jobs.finetune", "tlhelpers.core"}
    found = set(imported(line, "tlhelpers.core", known))
    assert wrong_way({"tlhelpers.core.errors": found}) == [
        "tlhelpers.core.errors imports tlhelpers.jobs.finetune"
    ]


def test_a_circle_is_found(tmp_path):
    package = tmp_path / "tlhelpers"
    (package / "data").mkdir(parents=True)
    (package / "data" / "one.py").write_text("from .two import x", encoding="utf-8")
    (package / "data" / "two.py").write_text("def f():\n    from . import one", encoding="utf-8")
    found = circle(import_graph(package))
    assert set(found) == {"tlhelpers.data.one", "tlhelpers.data.two"}

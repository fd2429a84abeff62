"""Write the API reference from the docstrings: `make docs`, then open build/docs/index.html.

    python tools/build_docs.py

One page a module, made by pdoc, which imports the package and loads nothing from the network. The
first page lists every public name (`tl.name`) with a link to the module that defines it.
"""

from __future__ import annotations

import argparse
import inspect
import re
import shutil
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = Path(__file__).resolve().parent / "api"


def public_names() -> list[tuple[str, str, list[dict[str, str]]]]:
    """Sub-package, what it is for, its public names with module, signature and summary."""
    import tlhelpers as tl

    def entry(name: str) -> dict[str, str]:
        value, module = getattr(tl, name), tl._HOME[name]
        described = inspect.isroutine(value) or inspect.isclass(value)
        summary = (inspect.getdoc(value) or "").split("\n\n")[0] if described else ""
        signature = arguments(value) if described else ""
        return {"name": name, "module": module, "signature": signature, "summary": summary}

    entries = sorted(map(entry, tl.__all__), key=lambda e: (order(e["module"]), e["name"]))
    return [
        (part, sys.modules[f"tlhelpers.{part}"].__doc__ or "", list(group))
        for part, group in groupby(entries, key=lambda e: e["module"].split(".")[0])
    ]


def arguments(function: Callable) -> str:
    """The parameters with their default values, without types: those are on the module's page."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # classes without a Python __init__, exceptions for example
        return ""
    plain = [
        parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()
    ]
    text = str(signature.replace(parameters=plain, return_annotation=signature.empty))
    return re.sub(r"<function (\w+) at \w+>", r"\1", re.sub(r"<function <lambda>.*?>", "...", text))


def order(module: str) -> int:
    """Where a module's sub-package stands: the basic ones first."""
    parts = "core data models fetching training methods evaluation figures teaching jobs".split()
    return parts.index(module.split(".")[0])


def build(out: Path) -> None:
    """Write the pages to `out`, which is emptied first."""
    import pdoc

    shutil.rmtree(out, ignore_errors=True)
    pdoc.render.configure(docformat="google", template_directory=TEMPLATES)
    names = public_names()
    pdoc.render.env.globals.update(public_names=names, code_colours=code_colours())
    parts = [f"tlhelpers.{part}" for part, _, _ in names]  # with all modules in them
    answers = "!tlhelpers.teaching.checks.lesson_"  # "!" leaves out
    pdoc.pdoc("tlhelpers", *parts, answers, output_directory=out)


def code_colours() -> str:
    """Style sheet of source code on light and dark screens."""
    from pygments.formatters import HtmlFormatter

    def style(name: str) -> str:
        return HtmlFormatter(style=name).get_style_defs(".pdoc-code")

    return f"{style('default')} @media (prefers-color-scheme: dark) {{ {style('github-dark')} }}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "docs")
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(ROOT))
    try:
        import pdoc  # noqa: F401
    except ModuleNotFoundError:
        print('pdoc is not installed: pip install -e ".[docs]" or make env', file=sys.stderr)
        return 1
    build(options.out)
    print(f"Open {options.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Which cells of a notebook need which others: read from the code, nothing is run.

A cell needs another one if it reads a name that the other one was the last to bind, or to change
by an assignment (``x[0] = 1``). What a call changes (it trains a network, it fills a list) is not
seen here: only running the notebook shows that.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass, field

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.Lambda)


@dataclass
class CellNames:
    """What one code cell binds and reads."""

    id: str
    binds: set[str] = field(default_factory=set)
    reads: set[str] = field(default_factory=set)  # before it binds them itself
    mentions: set[str] = field(default_factory=set)  # reads, and what it has bound itself
    bodies: dict[str, set[str]] = field(default_factory=dict)  # function: what a call reads


def cell_names(id: str, source: str) -> CellNames:
    """The names of one cell; what the body of a function reads is needed by a call only."""
    found = CellNames(id)
    _run(ast.parse(source).body, found)
    return found


def _run(statements: Iterable[ast.stmt | ast.ExceptHandler], found: CellNames) -> None:
    """Go through statements in their order; bodies of loops and branches count as executed."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef):
            found.bodies[statement.name] = _reads(statement)
            found.binds.add(statement.name)
            continue
        inner = [] if isinstance(statement, ast.ClassDef) else _statements_inside(statement)
        if inner:  # a loop or a branch: first its head, then its body
            head = [n for n in ast.iter_child_nodes(statement) if n not in inner]
            read, bound = set().union(*map(_reads, head)), set().union(*map(_binds, head))
            bound |= {statement.name} if getattr(statement, "name", None) else set()
        else:
            read, bound = _reads(statement), _binds(statement)
            changed = _changes(statement)
            read, bound = read | changed, bound | changed
        found.mentions |= read
        found.reads |= read - found.binds
        found.binds |= bound
        _run(inner, found)


def _statements_inside(statement: ast.AST) -> list[ast.AST]:
    kinds = (ast.stmt, ast.ExceptHandler)
    return [node for node in ast.iter_child_nodes(statement) if isinstance(node, kinds)]


def _changes(statement: ast.stmt) -> set[str]:
    """Names whose values a statement changes: ``x += 1``, ``x[0] = 1``, ``x.y = 1``."""
    if isinstance(statement, ast.AugAssign):
        targets = [statement.target]
    else:
        targets = getattr(statement, "targets", [])
    changed = set()
    for target in targets:
        inside = target
        while isinstance(inside, (ast.Subscript, ast.Attribute)):
            inside = inside.value
        if isinstance(inside, ast.Name) and (
            inside is not target or isinstance(statement, ast.AugAssign)
        ):
            changed.add(inside.id)
    return changed


def _binds(node: ast.AST) -> set[str]:
    """Names that a statement binds in its own scope."""
    if isinstance(node, (*COMPREHENSIONS, ast.Lambda)):
        return set()
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Store) else set()
    own = {node.name} if isinstance(node, ast.ExceptHandler) and node.name else set()
    return own.union(*map(_binds, ast.iter_child_nodes(node)))


def _reads(node: ast.AST) -> set[str]:
    """Names that a node reads from outside of itself."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    inside = set().union(*map(_reads, ast.iter_child_nodes(node)))
    if isinstance(node, COMPREHENSIONS):
        return inside - set().union(*(_binds(part.target) for part in node.generators))
    if isinstance(node, FUNCTIONS):
        body = node.body if isinstance(node.body, list) else []
        arguments = {argument.arg for argument in ast.walk(node.args) if hasattr(argument, "arg")}
        return inside - arguments - set().union(*map(_binds, body))
    return inside


def needs(cells: list[CellNames]) -> dict[str, dict[str, str]]:
    """For each cell the names that it needs, and for each name the cell that bound it last."""
    last: dict[str, CellNames] = {}
    found: dict[str, dict[str, str]] = {}
    for cell in cells:
        here = {**last, **dict.fromkeys(cell.binds, cell)}  # what a function finds when called
        todo = [(name, last) for name in cell.reads]
        todo += [
            (name, here) for f in cell.mentions & cell.bodies.keys() for name in cell.bodies[f]
        ]
        wanted: dict[str, str] = {}
        seen = set()
        while todo:
            name, scope = todo.pop()
            binder = scope.get(name)
            if binder is None or (name, binder.id) in seen:
                continue
            seen.add((name, binder.id))
            if binder is not cell:
                wanted[name] = binder.id
            todo += [(inner, here) for inner in binder.bodies.get(name, ())]
        found[cell.id] = wanted
        last = here
    return found


def unbound(cells: list[CellNames]) -> list[str]:
    """Names that a cell reads and no cell before it binds: proof that the reading is right."""
    bound = {*dir(builtins), "__name__"}
    lost = []
    for cell in cells:
        lost += [f"{cell.id} reads {name}" for name in sorted(cell.reads - bound)]
        bound |= cell.binds
    return lost


def broken_by(cells: list[CellNames], skipped: set[str]) -> list[str]:
    """What goes wrong if the cells ``skipped`` do not run: one line for each name."""
    return [
        f"{cell} needs {name}, which {binder} binds"
        for cell, wanted in needs(cells).items()
        if cell not in skipped
        for name, binder in wanted.items()
        if binder in skipped
    ]

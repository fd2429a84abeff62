"""Runs inside a lesson's kernel, before its first cell: what do the seconds of each cell go to?

Exclusive times by a stack: a function that calls another kind of work stops its own clock until the
call returns. Import statements, the library's functions, calls of networks, backward passes and the
drawing of figures are wrapped when their module has been loaded; nothing is loaded for the clock's
sake, and the notebook is not changed. Only the main thread is clocked: what a pool of threads does
counts for the function that waits for it.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import inspect
import sys
import threading
import time

# Every public function of these modules, and of all modules in these sub-packages, counts as ...
PLACES = {
    "tlhelpers.core.runtime": "imports",  # that is, `setup`
    "tlhelpers.core.assets": "data",
    "tlhelpers.data": "data",
    "tlhelpers.data.augmentation": "training",
    "tlhelpers.models.backbones": "weights",
    "tlhelpers.models.imagenet": "weights",
    "tlhelpers.models.libraries": "weights",
    "tlhelpers.models.weight_files": "weights",
    "tlhelpers.models.vgg16_edges": "weights",
    "tlhelpers.training": "training",
    "tlhelpers.training.checkpoints": "weights",
    "tlhelpers.methods": "training",
    "tlhelpers.evaluation.baselines": "training",
    "tlhelpers.figures": "plots",
    "tlhelpers.teaching.diagrams": "plots",
}
# ... and what lessons use of other libraries, or as methods.
METHODS = {
    ("torch.nn.modules.module", "Module", "__call__"): "training",
    ("torch._tensor", "Tensor", "backward"): "training",
    ("torch.optim.optimizer", "Optimizer", "zero_grad"): "training",
    ("tlhelpers.data.loader", "BatchLoader", "_prepare"): "training",
    ("sklearn.base", "ClassifierMixin", "score"): "training",
    ("matplotlib.figure", "Figure", "savefig"): "plots",
    ("matplotlib.pyplot", None, "subplots"): "plots",
}
OWN = "own"  # the lesson's own code: whatever nothing here covers


class Clock:
    """Seconds by kind of work; `cells` has a dict for each cell that was run."""

    def __init__(self):
        self.cells: list[dict[str, float]] = []
        self.stack, self.last = [OWN], time.perf_counter()
        self.thread = threading.get_ident()
        self.seen: set[str] = set()  # modules of the library
        self.pending: set[str] = set()  # those of them that are not wrapped yet
        self.modules = 0
        self.methods = dict(METHODS)

    def begin_cell(self, *_) -> None:
        self.cells.append({})
        self.stack, self.last = [OWN], time.perf_counter()

    def end_cell(self, *_) -> None:
        if self.cells:
            self._spent()

    def _spent(self) -> None:
        now = time.perf_counter()
        if self.cells:
            kinds = self.cells[-1]
            kinds[self.stack[-1]] = kinds.get(self.stack[-1], 0.0) + now - self.last
        self.last = now

    def wrap(self, function, kind: str):
        """`function`, whose time counts as `kind`."""

        @functools.wraps(function)
        def clocked(*args, **kwargs):
            if threading.get_ident() != self.thread or self.stack[-1] == kind:
                return function(*args, **kwargs)
            self._spent()
            self.stack.append(kind)
            try:
                return function(*args, **kwargs)
            finally:
                self._spent()
                self.stack.pop()

        return clocked

    def wrap_what_is_loaded(self) -> None:
        """Wrap the functions and methods whose modules have been loaded since the last look."""
        if len(sys.modules) != self.modules:  # asked after every import, so it must cost little
            self.modules = len(sys.modules)
            found = {name for name in list(sys.modules) if name.startswith("tlhelpers.")}
            self.pending |= {name for name in found - self.seen if kind_of(name)}
            self.seen |= found
        for name in [name for name in self.pending if _loaded(name)]:
            self.pending.remove(name)
            module, kind = sys.modules[name], kind_of(name)
            for key, value in list(vars(module).items()):
                here = inspect.isfunction(value) and value.__module__ == name
                if here and not key.startswith("_") and not inspect.isgeneratorfunction(value):
                    setattr(module, key, self.wrap(value, kind))
        for place in [place for place in self.methods if _loaded(place[0])]:
            module, owner, name = place
            holder = sys.modules[module] if owner is None else getattr(sys.modules[module], owner)
            setattr(holder, name, self.wrap(getattr(holder, name), self.methods.pop(place)))

    def watch_imports(self) -> None:
        """Clock every import, and look for what it has brought before its importer binds names."""
        for place, name in ((builtins, "__import__"), (importlib, "import_module")):
            setattr(place, name, self._importer(getattr(place, name)))

    def _importer(self, load):
        clocked = self.wrap(load, "imports")

        @functools.wraps(load)
        def loader(*args, **kwargs):
            try:
                return clocked(*args, **kwargs)
            finally:
                if threading.get_ident() == self.thread:
                    self.wrap_what_is_loaded()

        return loader


def kind_of(module: str) -> str | None:
    """What the time in a module of the library counts as: its nearest place above decides."""
    above = [place for place in PLACES if f"{module}.".startswith(f"{place}.")]
    return PLACES[max(above, key=len)] if above else None


def _loaded(name: str) -> bool:
    """Whether a module is there and complete."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    return module is not None and not getattr(spec, "_initializing", False)


def start(shell) -> Clock:
    """Clock the cells that this IPython shell runs from now on."""
    clock = Clock()
    clock.watch_imports()
    shell.events.register("pre_run_cell", clock.begin_cell)
    shell.events.register("post_run_cell", clock.end_cell)
    return clock

'''Self-checks behind the exercises: not attempted, not run, wrong because ..., right.

A lesson's checks live in one file, `lesson_01.py` for lesson 01, loaded when one of its
exercises is first checked. A check is a function of the learner's answers, registered under the
exercise's id together with named wrong answers::

    from . import Wrong, attempted, exercise

    def forgets_the_bias():
        return 64 * 10

    @exercise("02-1", wrong={
        "forgets the bias": forgets_the_bias,
        "swaps in and out twice": lambda: 2 * (64 * 10 + 10),
    })
    def parameters_of_the_head(count):
        """How many parameters has `nn.Linear(64, 10)`?"""
        if count == 640:
            raise Wrong("640 are the weights alone: each of the 10 outputs has a bias as well.")
        if count != 650:
            raise Wrong(f"{count} is not it. Count inputs x outputs, then the biases.")
        return "650: 640 weights and 10 biases."

A learner's notebook then says `tl.check("02-1", count)` on the last line of a cell.

- The function raises `Wrong(message)`, where the message says *why* and what to try, or returns
  the message for a right answer, which may add a thought.
- An untouched scaffold is recognised without help: an answer that is `...` or `None` or holds
  `...`, or a function with nothing in it but `...`. What a learner's function *returns* is
  yours to ask about: `value = attempted(answer(x))` ends the check as *not attempted* for
  `...` and `None`.
- Errors raised by a learner's code need no care either: they become *wrong: your code raised ...*
  with the line in the learner's cell. Where the cell before the check stopped with an error, the
  result is *not run*: what the check would see is an older answer.
- `wrong` maps the name of a mistake to a function that makes it: it returns the answer, or a
  tuple of answers where the check takes several. At least one an exercise, each with a message of
  its own; the tests hold you to that. The right answer is the notebook's solution cell.
- Check what the answer *does* (shapes, values, what moved), not how it is written, and leave what
  the learner gave you unchanged: work on a copy.
'''

from __future__ import annotations

import ast
import dis
import importlib
import inspect
import pkgutil
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import InputError, nearest
from ...core.notebook import callout, running_cell
from .. import record

# status: kind of box, symbol on a page, symbol in plain text (any terminal can print it)
STATUSES = {
    "right": ("good", "✔", "[+]"),
    "wrong": ("bad", "✘", "[-]"),
    "not attempted": ("neutral", "○", "[ ]"),
    "not run": ("neutral", "○", "[ ]"),
}
_UNTOUCHED = "Replace each `...` of the exercise with your answer, run its cell, then this one."
_STOPPED = (
    "The cell that ran before this one stopped with {error} What this check can see is older than "
    "that. Run the exercise's cell without an error, then this one."
)


class Wrong(Exception):
    """Raised by a check: the answer is wrong, and the message says why."""


class NotAttempted(Exception):
    """Raised by a check (mostly through `attempted`): the scaffold is still untouched."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: its id, its check, and the mistakes the check knows by name."""

    id: str
    function: Callable[..., str]
    wrong: Mapping[str, Callable[[], Any]]

    @property
    def takes(self) -> list[str]:
        """Names of the answers that the check takes."""
        return list(inspect.signature(self.function).parameters)

    def wrong_answers(self, name: str) -> tuple:
        """The answers of a named mistake, ready for `check(id, *answers)`."""
        made = self.wrong[name]()
        return made if len(self.takes) > 1 else (made,)


@dataclass(frozen=True)
class CheckResult:
    """What a check found; true only when right. Shows itself as the last value of a cell."""

    exercise: str
    status: str
    message: str

    def __bool__(self) -> bool:
        return self.status == "right"

    def __repr__(self) -> str:
        return f"{STATUSES[self.status][2]} Exercise {self.exercise}: {self.status}. {self.message}"

    def _repr_html_(self) -> str:
        kind, symbol, _ = STATUSES[self.status]
        return callout(kind, f"{symbol} Exercise {self.exercise}: {self.status}", self.message)


_EXERCISES: dict[str, Exercise] = {}


def exercise(id: str, *, wrong: Mapping[str, Callable[[], Any]]):
    """Register the decorated function as the check of exercise `id`; see the module's text."""
    if not wrong:
        raise InputError(
            f"Exercise {id} names no wrong answer: add a likely mistake to wrong={{}}."
        )

    def register(function):
        known = _EXERCISES.get(id)
        if known and known.function.__qualname__ != function.__qualname__:  # same name: a reload
            raise InputError(f"Exercise {id} has two checks: give one of them another id.")
        _EXERCISES[id] = Exercise(id, function, dict(wrong))
        return function

    return register


def exercises() -> dict[str, Exercise]:
    """Every exercise of every lesson, by id; loads all lessons' files."""
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("lesson_"):
            importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_EXERCISES.items()))


def attempted(value):
    """Return `value`; if it is `...` or `None`, or holds `...`, end the check as not
    attempted."""
    if value is None or _holds_ellipsis(value) or _is_blank(value):
        raise NotAttempted
    return value


def check(id: str, *answers) -> CheckResult:
    """Check the answers to an exercise: *not attempted* or *not run*, *wrong* because ..., *right*.

    `id` is the lesson and the exercise, such as `"01-2"`. The result is shown when the call is
    the last line of its cell, and is true only when right. A notebook's own check (a call that
    stands alone, not one inside an `assert`) is noted for `tl.progress()`.

    Raises:
        InputError: no such exercise, or another number of answers than it asks for.
    """
    found = _find(id)
    if len(answers) != len(found.takes):
        raise InputError(
            f"Exercise {id} takes {len(found.takes)} answers ({', '.join(found.takes)}), "
            f"{len(answers)} given."
        )
    if (stopped := _stopped_before(id)) is not None:
        return stopped
    result = _judge(found, answers)
    # A solution asserts its check: only what shows its result is the learner's question.
    if any(
        isinstance(statement, ast.Expr) and _checks(statement, id) for statement in running_cell()
    ):
        record.note(id, result.status)
    return result


def _judge(exercise: Exercise, answers: tuple) -> CheckResult:
    try:
        for answer in answers:
            attempted(answer)
        return CheckResult(exercise.id, "right", exercise.function(*answers))
    except NotAttempted:
        return CheckResult(exercise.id, "not attempted", _UNTOUCHED)
    except Wrong as error:
        return CheckResult(exercise.id, "wrong", str(error))
    except Exception as error:  # whatever a learner's code, or a strange answer, may raise
        return CheckResult(exercise.id, "wrong", _explain(error))


def _find(id: str) -> Exercise:
    lesson = f"lesson_{str(id).split('-')[0]}"
    if id not in _EXERCISES and lesson in {
        module.name for module in pkgutil.iter_modules(__path__)
    }:
        importlib.import_module(f"{__name__}.{lesson}")
    if id not in _EXERCISES:
        raise InputError(f'There is no exercise "{id}".{nearest(id, exercises())}')
    return _EXERCISES[id]


def _stopped_before(id: str) -> CheckResult | None:
    """*Not run*, where a cell begins with this check and the cell that ran before it failed.

    Asked once more, it still is: the cell before is then the check that said so.
    """
    cell = running_cell()
    if not cell or not _checks(cell[0], id):  # a solution, say, which begins with its answer
        return None
    last = sys.modules["IPython"].get_ipython().last_execution_result
    if not last:
        return None
    if isinstance(last.result, CheckResult):
        same = (last.result.exercise, last.result.status) == (id, "not run")
        return last.result if same else None
    if (error := last.error_before_exec or last.error_in_exec) is None:
        return None
    what = f"{type(error).__name__}: {str(error).strip() or 'no message'}."
    return CheckResult(id, "not run", _STOPPED.format(error=what))


def _checks(statement: ast.stmt, id: str) -> bool:
    """Whether a statement calls something with the exercise's id first: `tl.check("05-2", x)`."""
    return any(
        isinstance(node, ast.Call)
        and any(isinstance(first, ast.Constant) and first.value == id for first in node.args[:1])
        for node in ast.walk(statement)
    )


def _holds_ellipsis(value) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return any(map(_holds_ellipsis, value))
    return value is ...


def _is_blank(value) -> bool:
    """A function whose body is `...` or `pass`: it loads None, returns it, and does nothing
    else."""
    if not inspect.isfunction(value):
        return False
    code = [step for step in dis.get_instructions(value) if step.opname not in {"RESUME", "NOP"}]
    names = {step.opname for step in code}
    return names <= {"LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"} and code[0].argval is None


def _explain(error: Exception) -> str:
    """Where and how the learner's own code failed, without the stack of the check."""
    what = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
    line = None
    for frame in traceback.extract_tb(error.__traceback__):
        line = frame.lineno if _is_learners(frame.filename) else line
    if line is None:
        return f"The check could not work with this answer ({what}). Is it of the kind asked for?"
    return f"Your code raised {what} (line {line} of its cell)."


def _is_learners(filename: str) -> bool:
    """Neither the package, nor the standard library, nor anything installed."""
    paths = sysconfig.get_paths()
    ours = [
        Path(__file__).parents[2],
        *(Path(paths[key]) for key in ("stdlib", "purelib", "platlib")),
    ]
    return not filename.startswith("<frozen") and not any(
        Path(filename).is_relative_to(folder) for folder in ours
    )

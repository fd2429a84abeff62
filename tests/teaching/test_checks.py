"""The machinery of the self-checks, and the named mistakes of every lesson's exercises."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.teaching import checks
from tlhelpers.teaching.checks import CheckResult, NotAttempted, Wrong, attempted, check, exercise

LESSONS = checks.exercises()
MISTAKES = [(id, name) for id, found in LESSONS.items() for name in found.wrong]


@pytest.mark.parametrize(("id", "name"), MISTAKES)
def test_named_wrong_answers(id, name):
    """A named mistake is called wrong, in words that no other mistake of the exercise gets."""
    results = {
        mistake: check(id, *LESSONS[id].wrong_answers(mistake)) for mistake in LESSONS[id].wrong
    }
    assert results[name].status == "wrong", f"{id}, {name}: {results[name]}"
    same = [other for other in results if results[other].message == results[name].message]
    assert same == [name], f"{id}: {same} get the same message: {results[name].message}"


@pytest.mark.parametrize("id", LESSONS)
def test_untouched_answers_are_not_attempted(id):
    count = len(LESSONS[id].takes)
    assert check(id, *[...] * count).status == "not attempted"
    assert check(id, *[None] * count).status == "not attempted"


# A lesson of the tests' own.


@pytest.fixture
def lesson(monkeypatch):
    """Exercises 90-1 (a number), 90-2 (a function) and 90-3 (two answers), for one test."""
    monkeypatch.setattr(checks, "_EXERCISES", {})

    @exercise("90-1", wrong={"weights alone": lambda: 640, "far off": lambda: 1})
    def head(count):
        if count == 640:
            raise Wrong("The biases are missing.")
        if count != 650:
            raise Wrong(f"{count} is too far off.")
        return "650 it is."

    @exercise("90-2", wrong={"adds": lambda: lambda x: x + 2})
    def doubles(function):
        if not torch.equal(attempted(function(torch.ones(3))), torch.full((3,), 2.0)):
            raise Wrong("It should double.")
        return "It doubles."

    @exercise("90-3", wrong={"swapped": lambda: (2, 1)})
    def pair(low, high):
        if low > high:
            raise Wrong("They are swapped.")
        return "In order."


def test_right_wrong_and_not_attempted(lesson):
    right = check("90-1", 650)
    assert right and right.status == "right" and right.message == "650 it is."
    wrong = check("90-1", 640)
    assert not wrong and wrong.status == "wrong" and wrong.message == "The biases are missing."
    for untouched in (..., None, [1, ...], {"mean": ...}, (1, [...])):
        result = check("90-1", untouched)
        assert not result and result.status == "not attempted"


def test_tuples_from_mistakes_are_spread_over_several_answers(lesson):
    found = checks._EXERCISES["90-3"]
    assert found.takes == ["low", "high"]
    assert check("90-3", *found.wrong_answers("swapped")).message == "They are swapped."
    assert check("90-3", 1, 2)
    assert check("90-3", 1, ...).status == "not attempted"


def scaffold(x): ...


def scaffold_with_words(x, y=2, *, z=3):
    """Return x twice as large."""
    ...


def scaffold_half_done(x):
    half = x / 2  # noqa: F841
    result = ...
    return result


def scaffold_in_a_loop(x):
    for _ in range(2):
        ...


@pytest.mark.parametrize(
    "function", [scaffold, scaffold_with_words, scaffold_half_done, scaffold_in_a_loop]
)
def test_untouched_scaffolds_are_recognised(lesson, function):
    assert check("90-2", function).status == "not attempted"


@pytest.mark.parametrize("function", [lambda x: 2, lambda x: x, lambda x: x * 3, int])
def test_functions_that_do_something_are_attempts(lesson, function):
    assert check("90-2", function).status == "wrong"


def test_errors_of_the_learner_become_feedback_with_their_line(lesson):
    def doubles(x):
        y = x * 2
        return y + "a"

    result = check("90-2", doubles)
    assert result.status == "wrong"
    line = doubles.__code__.co_firstlineno + 2
    assert "Your code raised TypeError: unsupported operand" in result.message
    assert f"(line {line} of its cell)" in result.message


def test_errors_below_the_learners_code_point_to_the_learners_line(lesson):
    def doubles(x):
        return nn.Linear(4, 2)(x)

    result = check("90-2", doubles)
    assert f"(line {doubles.__code__.co_firstlineno + 1} of its cell)" in result.message
    assert "RuntimeError" in result.message


def test_an_answer_of_another_kind_is_wrong_and_says_so(lesson):
    result = check("90-2", 3)
    assert result.status == "wrong" and "TypeError: 'int' object is not callable" in result.message


def cells(*sources: str) -> list:
    """What the last expression of each cell gives, run one after another in one IPython shell."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        return [shell.run_cell(source, store_history=True).result for source in sources]
    finally:
        InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("failing", "what"),
    [("count = nothing + 1", "NameError: name 'nothing'"), ("count = = 1", "SyntaxError")],
)
def test_an_older_answer_is_not_judged_after_an_error(lesson, capsys, failing, what):
    check = "tl.check('90-1', count)"
    found = cells(
        *("import tlhelpers as tl", "count = 650", check),
        *(failing, check, check, "solution = 650\nassert tl.check('90-1', solution)"),
        *("count = 640", check),
    )
    statuses = [result.status for result in found if isinstance(result, CheckResult)]
    assert statuses == ["right", "not run", "not run", "wrong"]
    assert what in found[4].message


def test_a_solution_is_judged_whatever_ran_before_it(lesson, capsys):
    *_, stopped, judged = cells(
        "import tlhelpers as tl", "1 / 0", "solution = 650\ntl.check('90-1', solution)"
    )
    assert stopped is None and judged.status == "right"


def test_only_a_stop_gets_through(lesson):
    def stops(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("90-2", stops)


@pytest.mark.parametrize("value", [0, False, "", [], torch.zeros(2), nn.Identity(), lambda: 0])
def test_empty_values_are_attempts(value):
    assert attempted(value) is value


@pytest.mark.parametrize("value", [None, ..., [...], {"a": (1, ...)}, scaffold])
def test_attempted_ends_the_check(value):
    with pytest.raises(NotAttempted):
        attempted(value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("90-4", 1), 'no exercise "90-4". Did you mean "90-'),
        (("90-3", 1), r"90-3 takes 2 answers \(low, high\), 1 given"),
        (("90-1",), "90-1 takes 1 answers"),
    ],
)
def test_calls_that_fit_no_exercise(lesson, arguments, message):
    with pytest.raises(InputError, match=message):
        check(*arguments)


def test_exercises_need_a_named_mistake_and_an_id_of_their_own(lesson):
    with pytest.raises(InputError, match="no wrong answer"):
        exercise("90-5", wrong={})
    with pytest.raises(InputError, match="two checks"):

        @exercise("90-1", wrong={"a": lambda: 1})
        def another(answer): ...


def test_a_lesson_is_loaded_when_first_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "_EXERCISES", {})
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "tlhelpers.teaching.checks.lesson_97", raising=False)
    (tmp_path / "lesson_97.py").write_text(
        "from . import Wrong, exercise\n"
        "@exercise('97-1', wrong={'one': lambda: 1})\n"
        "def two(answer):\n"
        "    if answer != 2:\n"
        "        raise Wrong('Not two.')\n"
        "    return 'Two.'\n",
        encoding="utf-8",
    )
    assert "tlhelpers.teaching.checks.lesson_97" not in sys.modules
    assert tl.check("97-1", 2)
    assert check("97-1", 1).message == "Not two."
    monkeypatch.delitem(sys.modules, "tlhelpers.teaching.checks.lesson_97")


@pytest.mark.parametrize("status", checks.STATUSES)
def test_results_show_their_status_by_colour_symbol_and_word(status):
    result = CheckResult("01-1", status, "Because `x * y * z` < y * 2 * z, *not* more.")
    page = result._repr_html_()
    assert f"Exercise 01-1: {status}" in page
    assert "Because <code>x * y * z</code> &lt; y * 2 * z, <em>not</em> more." in page
    assert checks.STATUSES[status][1] in page
    assert status in repr(result) and repr(result).isascii()

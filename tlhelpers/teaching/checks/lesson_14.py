"""Checks of lesson 14, your own job: a threshold, leaks, the weakest group, suspicious labels."""

from __future__ import annotations

import torch

from ...evaluation.statistics import Interval, wilson_interval
from . import Wrong, attempted, exercise

_SURE = torch.tensor([0.95, 0.40, 0.99, 0.70, 0.85, 0.60, 0.90, 0.50, 0.80, 0.75, 0.65])


@exercise(
    "14-1",
    wrong={
        "keeps the unsure ones": lambda: lambda sure, keep: float(sure.quantile(keep)),
        "takes keep itself": lambda: lambda sure, keep: keep,
        "a share of the largest": lambda: lambda sure, keep: float(sure.max()) * (1 - keep),
        "the lowest of all": lambda: lambda sure, keep: float(sure.min()),
    },
)
def threshold_that_keeps(threshold_for_share):
    """Eleven probabilities, of which 80 % are kept; then 100 %."""
    value = float(attempted(threshold_for_share(_SURE.clone(), 0.8)))
    due = float(_SURE.quantile(0.2))
    if abs(value - float(_SURE.quantile(0.8))) < 1e-6:
        raise Wrong(
            "That refuses 80 % and keeps 20 %. Refused are the pictures *below* the threshold: the "
            "share below it is `1 - keep`."
        )
    if abs(value - 0.8) < 1e-6:
        raise Wrong(
            "You returned `keep` itself. It is a share of the pictures, and the threshold is a "
            "probability: it follows from `sure`."
        )
    if abs(value - float(_SURE.min())) < 1e-6:
        raise Wrong("Below the lowest value lies nothing: you keep all pictures, not 80 %.")
    if abs(value - due) > 0.06:
        kept = float((_SURE >= value).float().mean())
        raise Wrong(
            f"Your threshold {value:.2f} keeps {kept:.0%} of the pictures; 80 % are asked for. "
            "Take `torch.quantile` of `sure`."
        )
    if float(threshold_for_share(_SURE.clone(), 1.0)) > float(_SURE.min()) + 1e-6:
        raise Wrong("Right for .8, but with keep=1 it refuses some. Nothing may hang on .8 alone.")
    return "The price is known beforehand: one of five good pictures gets no answer."


_PART = {
    "a": "train", "b": "test", "c": "val", "d": "test", "e": "test", "f": "test", "g": "train",
    "h": "train", "i": "test", "j": "test", "k": "val", "l": "train",
}  # fmt: skip
_COPIES = [["l", "a", "i"], ["e", "f"], ["g", "h"], ["k", "d"], ["b", "j", "c", "a"]]


def _leaks(part_of, copies, *, elsewhere=("train", "val"), keep=("test",), ordered=True):
    found = [
        name
        for group in copies
        if {part_of[name] for name in group} & set(elsewhere)
        for name in group
        if part_of[name] in keep
    ]
    return sorted(set(found)) if ordered else found[::-1]


@exercise(
    "14-2",
    wrong={
        "copies in training only": lambda: lambda p, c: _leaks(p, c, elsewhere=("train",)),
        "copies within the test set too": lambda: (
            lambda p, c: sorted(name for group in c for name in group if p[name] == "test")
        ),
        "the training copies too": lambda: lambda p, c: _leaks(p, c, keep=("train", "test")),
        "the groups": lambda: lambda p, c: [g for g in c if len({p[name] for name in g}) > 1],
        "their number": lambda: lambda p, c: len(_leaks(p, c)),
        "not sorted": lambda: lambda p, c: _leaks(p, c, ordered=False),
        "one of a group": lambda: lambda p, c: _leaks(p, c)[::2],
    },
)
def test_pictures_that_leak(leaks):
    """Five groups: with training, with validation, with both, inside the test set, outside it."""
    found = attempted(leaks(dict(_PART), [list(group) for group in _COPIES]))
    due = _leaks(_PART, _COPIES)
    if isinstance(found, int) and not isinstance(found, bool):
        raise Wrong("Return the names, not their number: somebody has to look at them.")
    found = list(found)
    if found and isinstance(found[0], (list, tuple, set)):
        raise Wrong("Return the names of the test pictures, not whole groups.")
    if found == due:
        return "A test picture whose copies are all in the test set is counted twice, but no leak."
    if sorted(found) == due:
        raise Wrong("The right names, but not sorted: `sorted(...)`.")
    if missing := set(due) - set(found):
        if missing == {"d"}:
            raise Wrong(
                "`d` is missing. Its copy is in the validation set, which has chosen: that is a "
                "leak as well."
            )
        raise Wrong(f"Missing: {', '.join(sorted(missing))}. Of a group count *all* test pictures.")
    more = sorted(set(found) - set(due))
    if any(_PART[name] != "test" for name in more):
        raise Wrong(f"{more[0]} is not in the test set. Asked for are test pictures alone.")
    raise Wrong(
        f"{', '.join(more)}: all copies of it are in the test set. Nothing of it was learnt from."
    )


_GROUP = ["bark"] * 20 + ["petal"] * 10 + ["soil"] * 3 + ["wall"] * 8
_CORRECT = [True] * 15 + [False] * 5 + [True] * 6 + [False] * 4 + [False] * 3 + [True] * 5
_CORRECT += [False] * 3


def _weakest(correct, group, *, least=5, key="mean"):
    found = {}
    for name in dict.fromkeys(group):
        hits = [hit for hit, other in zip(correct, group, strict=True) if other == name]
        if len(hits) >= least:
            found[name] = wilson_interval(sum(hits), len(hits))
    name = min(found, key=lambda name: getattr(found[name], key))
    return name, found[name]


@exercise(
    "14-3",
    wrong={
        "small groups too": lambda: lambda c, g: _weakest(c, g, least=1),
        "the lowest lower end": lambda: lambda c, g: _weakest(c, g, key="low"),
        "the accuracy without an interval": lambda: lambda c, g: (_weakest(c, g)[0], 0.6),
        "the name alone": lambda: lambda c, g: _weakest(c, g)[0],
        "most errors": lambda: lambda c, g: ("bark", wilson_interval(5, 20)),
    },
)
def weakest_group(weakest):
    """Four groups, one too small; the one with the most errors is not the weakest."""
    found = attempted(weakest(list(_CORRECT), list(_GROUP)))
    if isinstance(found, str):
        raise Wrong(f"{found} alone does not say how sure that is: return its interval as well.")
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], float):
        raise Wrong(
            f"{found[1]:g} is the accuracy without an interval. Few pictures: return "
            "`tl.wilson_interval(right, number)`."
        )
    if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[1], Interval):
        raise Wrong(
            "Return two things: the name of the group, and its Wilson interval "
            "(`tl.wilson_interval(right, number)`)."
        )
    name, interval = found
    due_name, due = _weakest(_CORRECT, _GROUP)
    if name == "soil":
        raise Wrong("`soil` has 3 pictures: too few to say anything. Leave groups below 5 out.")
    if name == "wall":
        raise Wrong(
            "`wall` has the lowest *lower end*, because it is small; its accuracy is not the "
            "lowest. Compare the accuracies (`.mean`)."
        )
    if name != due_name:
        raise Wrong(
            f"{name} is not the weakest. Compare accuracies, not numbers of errors: large groups "
            "have more of them."
        )
    if abs(interval.mean - due.mean) > 1e-9 or abs(interval.low - due.low) > 1e-9:
        raise Wrong(f"The right group, but its interval is {due}, not {interval}.")
    return f"{name}: {due}. A mean over all pictures would have hidden it."


_P = torch.tensor(
    [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.05, 0.95], [0.3, 0.7], [0.02, 0.98], [0.45, 0.55]],
    dtype=torch.float64,
)
_GIVEN = torch.tensor([0, 0, 1, 0, 1, 0, 0])
_IN = ["train", "val", "train", "train", "val", "test", "train"]


def _suspects(p, given, part, count, *, test=False, value="given", descending=False):
    of_given = p[torch.arange(len(given)), given]
    x = (of_given if value == "given" else p.amax(1)).clone()
    if not test:
        x[[name == "test" for name in part]] = -1 if descending else 2
    return x.argsort(descending=descending)[:count].tolist()


def _changes(p, given, part, count):
    for row, name in enumerate(part):
        if name == "test":
            p[row] = 2
    return _suspects(p, given, part, count, test=True)


@exercise(
    "14-4",
    wrong={
        "test pictures too": lambda: lambda *a: _suspects(*a, test=True),
        "the least sure": lambda: lambda *a: _suspects(*a, value="largest"),
        "the most probable": lambda: lambda *a: _suspects(*a, descending=True),
        "training only": lambda: (
            lambda p, g, part, n: _suspects(p, g, ["test" if x != "train" else x for x in part], n)
        ),
        "another order": lambda: lambda *a: sorted(_suspects(*a)),
        "all of them": lambda: lambda p, g, part, n: _suspects(p, g, part, len(g)),
        "changes the probabilities": lambda: _changes,
    },
)
def suspicious_labels(list_suspects):
    """Seven pictures, one of them a test picture with the least probable label."""
    p, given = _P.clone(), _GIVEN.clone()
    found = attempted(list_suspects(p, given, list(_IN), 4))
    found = found.tolist() if torch.is_tensor(found) else [int(row) for row in found]
    due = _suspects(_P, _GIVEN, _IN, 4)
    if 5 in found[:4]:
        raise Wrong(
            "Row 5 is a test picture. Whoever removes the test pictures that a model finds hard "
            "makes the test easier."
        )
    if len(found) != 4:
        raise Wrong(f"4 suspects were asked for (`count`), you returned {len(found)}.")
    if found == _suspects(_P, _GIVEN, _IN, 4, value="largest"):
        raise Wrong(
            "These are the pictures the model is least sure about. A wrong label shows where it is "
            "*sure of another class*: take the probability of the given one."
        )
    if found == _suspects(_P, _GIVEN, _IN, 4, descending=True):
        raise Wrong("These labels are the most probable ones. Sort upwards.")
    if found != due and sorted(found) == sorted(due):
        raise Wrong("The right pictures; the least probable label comes first.")
    if 1 not in found:
        raise Wrong("Row 1 is missing. Validation pictures are asked as well, only test ones not.")
    if found != due:
        raise Wrong(f"Expected {due}, got {found}: sort by the probability of the *given* class.")
    if not torch.equal(p, _P) or not torch.equal(given, _GIVEN):
        raise Wrong("Right, but you have changed `p` itself. Work on a copy: `.clone()`.")
    return "A list of suspects: a person looks at each before anything is removed."

"""What a comparison of runs found, as data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..evaluation.statistics import Interval

ALPHA = 0.05


@dataclass(frozen=True)
class RunRow:
    """A run in the table: what was trained on how many images, and its accuracy with interval."""

    name: str
    folder: str
    backbone: str
    method: str
    trained_on: int
    accuracy: Interval
    correct: int
    n: int
    seconds: float
    device: str


@dataclass(frozen=True)
class Difference:
    """Accuracy of run `b` minus that of run `a`, on n images.

    Attributes:
        difference: a share, with its 95 % interval (`paired_interval`), not adjusted.
        only_a, only_b: images that one of the two alone got right.
        p_value: McNemar's exact test; adjusted: the same for all differences together (`holm`).
        visible: a difference of so many images would be called real, with as many disagreements
            and as many comparisons.
    """

    a: str
    b: str
    n: int
    difference: Interval
    only_a: int
    only_b: int
    p_value: float
    adjusted: float
    visible: int

    @property
    def real(self) -> bool:
        """Whether the difference is more than chance at the 5 % level."""
        return self.adjusted <= ALPHA


@dataclass(frozen=True, repr=False)
class Compared:
    """Runs, and the difference between any two of them.

    Attributes:
        images: what the runs were compared on, in words. notes: what to mind, as sentences.
    """

    images: str
    runs: list[RunRow]
    differences: list[Difference]
    notes: list[str]

    def to_dict(self) -> dict:
        """Everything as JSON can hold it."""
        return dataclasses.asdict(self)

"""Verdicts on the claims that the course puts to the test."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import InputError, nearest
from ..core.notebook import callout, in_notebook
from .sources import find_source

# outcome: kind of box, symbol on a page, symbol in plain text (any terminal can print it)
OUTCOMES = {
    "holds": ("good", "✔", "[+]"),
    "fails": ("bad", "✘", "[-]"),
    "depends": ("mixed", "◐", "[~]"),
}


@dataclass(frozen=True)
class Verdict:
    """What a measurement says about one claim."""

    claim: str
    outcome: str
    evidence: str
    source: str | None = None

    @property
    def title(self) -> str:
        """`C1 holds (source: LeewayHertz)`"""
        source = f" (source: {self.source})" if self.source else ""
        return f"{self.claim} {self.outcome}{source}"

    def __str__(self) -> str:
        return f"{OUTCOMES[self.outcome][2]} {self.title}: {self.evidence}"

    def _repr_html_(self) -> str:
        kind, symbol, _ = OUTCOMES[self.outcome]
        return callout(kind, f"{symbol} {self.title}", self.evidence)

    def _ipython_display_(self) -> None:
        """Nothing: verdict() has shown it, and the last value of a cell would show it twice."""


def verdict(claim: str, outcome: str, evidence: str, source: str | None = None) -> Verdict:
    """Show the verdict on a claim as a coloured box (a line of text outside notebooks); return it.

    Args:
        claim: the claim's name, such as `"C1"`.
        outcome: `"holds"`, `"fails"` or `"depends"`.
        evidence: the measured numbers in a sentence, with their interval.
        source: publisher of the article or paper that the claim comes from, a key of `SOURCES` or
            `PAPERS`.

    Raises:
        InputError: another outcome, an unknown source, or no evidence.
    """
    if outcome not in OUTCOMES:
        raise InputError(f'A verdict cannot be "{outcome}".{nearest(outcome, OUTCOMES)}')
    if not evidence.strip():
        raise InputError(f"The verdict on {claim} has no evidence: say what was measured.")
    if source is not None:
        find_source(source)
    result = Verdict(claim, outcome, evidence, source)
    if in_notebook():
        from IPython.display import display

        display({"text/html": result._repr_html_(), "text/plain": str(result)}, raw=True)
    else:
        print(result)
    return result

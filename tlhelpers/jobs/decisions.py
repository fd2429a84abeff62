"""The report of a job that writes itself: every decision leaves a line, with its reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..core.errors import InputError, nearest
from ..core.files import write_text
from ..evaluation.statistics import Interval
from .card import escaped

REPORT, RECORD, FIGURES = "report.md", "report.json", "figures"
STEPS = (
    "look", "copies", "labels", "baselines", "model", "layers", "training", "result", "failures",
    "out of scope", "export",
)  # fmt: skip
PARTS = ("all", "train", "validation", "test", "none")


@dataclass
class Decision:
    """One line of the report.

    Attributes:
        step: one of `STEPS`. question, choice, evidence: a sentence each.
        on: the images that the choice or the figure rests on, one of `PARTS`.
        interval: mean, low and high of the figure, where there is one.
        note: what a person says about it. figure, alt: a picture beside the report, and what it
            shows. facts: numbers for programs, as JSON can hold them.
    """

    step: str
    question: str
    choice: str
    evidence: str
    on: str
    interval: list[float] | None = None
    note: str = ""
    figure: str = ""
    alt: str = ""
    facts: dict = field(default_factory=dict)


class DecisionLog:
    """Collects the decisions of one job and keeps report.md and report.json up to date.

    A decision on the same step and question replaces the earlier one: a cell may run again.
    """

    def __init__(self, out: str | Path, title: str):
        self.out, self.title = Path(out), title
        self.decisions: list[Decision] = []
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot make the folder {self.out}: {error.strerror or error}. Give a folder that "
                "you may write to."
            ) from error
        for name in (REPORT, RECORD):  # an earlier report says nothing about this job
            (self.out / name).unlink(missing_ok=True)

    def add(
        self,
        step: str,
        question: str,
        choice: str,
        evidence: str,
        *,
        on: str,
        interval: Interval | None = None,
        note: str = "",
        figure=None,
        alt: str = "",
        **facts,
    ) -> None:
        """Write down one decision, print it, and show its figure.

        figure: a figure or what a `tl.plot_...` function returned; it needs `alt`, a sentence that
        says what it shows. The other arguments are those of `Decision`.

        Raises `InputError` for an unknown step or part, and for an empty choice or evidence.
        """
        for name, value, known in (("step", step, STEPS), ("on", on, PARTS)):
            if value not in known:
                raise InputError(f'{name} cannot be "{value}".{nearest(value, known)}')
        if not choice.strip() or not evidence.strip():
            raise InputError(f"{step}: a decision needs a choice and the evidence for it.")
        made = Decision(step, question, choice, evidence, on, note=note.strip(), facts=facts)
        if interval is not None:
            made.interval = [interval.mean, interval.low, interval.high]
        same = [(old.step, old.question) for old in self.decisions]
        place = same.index((step, question)) if (step, question) in same else len(same)
        print(f"[{step}] {question}\n    -> {choice}")
        if figure is not None:
            made.alt = alt
            made.figure = f"{FIGURES}/{place + 1:02d}_{step.replace(' ', '_')}.png"
            self._save(figure, made)
        self.decisions[place : place + 1] = [made]
        self._write()

    def _save(self, figure, made: Decision) -> None:
        from ..figures.show import figure_of, show

        (self.out / FIGURES).mkdir(exist_ok=True)
        # Before it is shown: `show` closes it.
        figure_of(figure).savefig(self.out / made.figure, dpi=110, bbox_inches="tight")
        show(figure, alt=made.alt)

    def _write(self) -> None:
        record = {"title": self.title, "decisions": [asdict(made) for made in self.decisions]}
        write_text(self.out / RECORD, json.dumps(record, indent=1))
        write_text(self.out / REPORT, self.markdown())

    def markdown(self) -> str:
        """The report: a table of the decisions by step, then what a person said, and figures."""
        ordered = sorted(self.decisions, key=lambda made: STEPS.index(made.step))
        lines = [f"# {escaped(self.title)}", ""]
        lines += ["| step | question | decision | evidence | rests on |", "|---|---|---|---|---|"]
        for made in ordered:
            cells = (made.step, made.question, made.choice, made.evidence, _images(made.on))
            lines.append("| " + " | ".join(escaped(cell) for cell in cells) + " |")
        for made in ordered:
            if made.note or made.figure:
                lines += ["", f"## {made.step[0].upper()}{made.step[1:]}: {escaped(made.question)}"]
            if made.note:
                lines += ["", escaped(made.note)]
            if made.figure:
                lines += ["", f"![{escaped(made.alt)}]({made.figure})"]
        return "\n".join(lines) + "\n"


def read_record(folder: str | Path) -> dict:
    """The record that a `DecisionLog` has left in `folder`; `InputError` if there is none."""
    path = Path(folder) / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        known = isinstance(record, Mapping) and record["decisions"] is not None
        record["decisions"] = [Decision(**made) for made in record["decisions"]] if known else None
    except FileNotFoundError as error:
        raise InputError(
            f"there is no {path}. A tl.DecisionLog writes it: run the notebook of lesson 14, and "
            "give the folder that its OUT names."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no record of decisions ({error}). Run the job again."
        ) from error
    return record


def _images(on: str) -> str:
    return {"none": "no images", "all": "all images"}.get(on, f"{on} images")

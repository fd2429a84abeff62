"""A finished fine-tuning run, read back from its folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import InputError, nearest
from ..data.class_files import some
from ..data.file_kinds import is_run_folder
from . import answers
from .run_folder import METRICS, PLAN

# What is measured of the time: the stages that fit something, not reading and drawing.
TRAINING = ("features", "linear probe", "training")


@dataclass(frozen=True)
class Finished:
    """A run: its folder, its name in tables, and what stands in its files.

    Attributes:
        split: the images of "train", "val" and "test"; digests: of the same files, in the same
            order, or None; correct: for each test image that counts, whether it was taken for what
            it is, or None. None stands for runs of before these were stored.
    """

    name: str
    out: Path
    metrics: dict
    split: dict[str, list[str]]
    digests: dict[str, list[str]] | None
    correct: dict[str, bool] | None

    @property
    def seconds(self) -> float:
        """What training took, decoding and figures left out; a resumed run counts as a whole."""
        laps = dict(self.metrics["seconds"])
        if self.metrics["history"]:  # its clock goes on where a killed run was saved
            laps["training"] = max(laps["training"], self.metrics["history"][-1]["seconds"])
        return sum(laps.get(stage, 0.0) for stage in TRAINING)

    def digest_of(self, part: str) -> dict[str, str]:
        """The digest of each image of a part; empty where none was stored."""
        known = (self.digests or {}).get(part, [])
        return dict(zip(self.split[part], known, strict=True)) if known else {}


def read_runs(folders: Sequence[str | Path]) -> list[Finished]:
    """Read two or more finished runs; each folder may also be given as its model.safetensors.

    A run is called by its folder's name, or by its path where two folders have the same name.
    Raises `InputError` for a missing or unfinished run, another folder, and a run given twice.
    """
    folders = [folders] if isinstance(folders, (str, Path)) else folders
    paths = [Path(folder) for folder in folders]
    paths = [path.parent if path.name == "model.safetensors" else path for path in paths]
    if len(paths) < 2:
        raise InputError(
            f"a comparison needs two or more runs, and {len(paths)} is given: name the folders "
            "that `finetune` wrote, such as runs/one runs/two."
        )
    real = [path.resolve() for path in paths]
    for position, path in enumerate(paths):
        if (first := real.index(real[position])) < position:
            raise InputError(
                f"{path} is the same run as {paths[first]}: name each run once. To see how far a "
                "run differs from itself, train it again with another seed."
            )
    names = [path.name for path in real]
    return [
        _read(path, name if names.count(name) == 1 else path.as_posix())
        for path, name in zip(paths, names, strict=True)
    ]


def _read(out: Path, name: str) -> Finished:
    if not out.is_dir():
        raise InputError(_missing(out))
    if not (out / METRICS).is_file():
        raise InputError(_unfinished(out) if (out / PLAN).is_file() else _other(out))
    try:
        metrics, split = (
            json.loads((out / file).read_text(encoding="utf-8")) for file in (METRICS, "split.json")
        )
        there = (out / answers.DIGESTS).is_file()
        digests = json.loads((out / answers.DIGESTS).read_text(encoding="utf-8")) if there else None
        run = Finished(name, out, metrics, split, digests, answers.read(out))
        stage = metrics["stages"][metrics["result"]]
        for part in ("train", "val", "test"):
            run.digest_of(part)  # as many as there are images
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{out} holds a damaged run ({type(error).__name__}: {error}). Put its files back as "
            "`finetune` wrote them, or train again with --overwrite."
        ) from error
    if run.correct is not None and (len(run.correct), sum(run.correct.values())) != (
        stage["n"],
        stage["correct"],
    ):
        raise InputError(
            f"{out / answers.PREDICTIONS} does not belong to {METRICS} beside it: "
            f"{sum(run.correct.values())} of {len(run.correct)} are right there, "
            f"{stage['correct']} of {stage['n']} here. Put the files of one run back."
        )
    return run


def _missing(out: Path) -> str:
    if out.exists():
        return f"{out} is a file. Give the folder that `finetune` wrote."
    beside = _runs_in(out.parent) if out.parent.is_dir() else []
    hint = nearest(out.name, beside) if beside else ""
    return f"there is no run {out}, looked for from {Path.cwd()}. Check the path.{hint}"


def _unfinished(out: Path) -> str:
    return (
        f"{out} holds an unfinished run: it has no {METRICS}. Give the command that began it once "
        "more, it resumes there; or leave this run out."
    )


def _other(out: Path) -> str:
    inside = _runs_in(out)
    if inside:
        return f"{out} is no run, it holds runs: {some(inside)}. Name these, such as {out}/*."
    return f"{out} is no run of `finetune`: it has no {METRICS}. Give a folder that it wrote."


def _runs_in(folder: Path) -> list[str]:
    found = (path for path in sorted(folder.iterdir()) if path.is_dir())
    return [path.name for path in found if is_run_folder([p.name for p in path.iterdir()])]

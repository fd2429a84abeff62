"""Measure every alignment method of lesson 06 on fresh seeds and splits.

    OMP_NUM_THREADS=1 python -m data.recipes.domain_confusion_table

writes data/results/domain_confusion.json (a row a training) and .md (the table made of it). Run r
draws its own fonts, its own split of the handwriting, its own initial weights and batches, all from
seed 100 + r; the recipe was fixed on seeds 0 and 1. A measurement that was interrupted resumes;
delete the .json to start again. A run has 19 trainings of 4 to 10 s on one free core.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics

import torch

import tlhelpers as tl
from tlhelpers.data.digits import digit_domains
from tlhelpers.methods.adaptation.batchnorm import adapt_batchnorm
from tlhelpers.methods.adaptation.domain_gap import measure_domains
from tlhelpers.methods.adaptation.trainer import adapt

FIRST_SEED = 100
BOTH = {"discriminator_steps": 5, "penalty": 1.0}
ARMS = {
    "plain source only": {"method": "source", "feature_norm": False},
    "source only": {"method": "source"},
    "oracle": {"method": "oracle"},
    "DDC": {"method": "linear_mmd"},
    "MMD": {"method": "mmd"},
    "Deep CORAL": {"method": "coral"},
    "reversal": {"method": "reversal"},
    "reversal, 5 steps + penalty": {"method": "reversal", **BOTH},
    "confusion": {"method": "confusion"},
    "confusion, 5 steps": {"method": "confusion", "discriminator_steps": 5},
    "confusion, penalty": {"method": "confusion", "penalty": 1.0},
    "confusion, 5 steps + penalty": {"method": "confusion", **BOTH},
    "mutual information": {"method": "mutual_information"},
}
# A network that sees the source only is the same under every shift: it is trained once.
SHIFTED = ["MMD", "confusion, 5 steps + penalty", "mutual information"]
FOLDER = tl.data_dir() / "results"


def measure_run(run: int, known: set, record) -> None:
    """Train the arms of one run that are not in `known`; each result goes to `record` at once."""
    seed = FIRST_SEED + run
    source = None
    for shift in (None, "labels", "inverted"):
        arms = ARMS if shift is None else ["source only", "AdaBN", *SHIFTED]
        if {(run, shift, arm) for arm in arms} <= known:
            continue
        domains = digit_domains(seed, shift=shift)
        for arm in arms:
            if arm == "AdaBN" or (run, shift, arm) in known:
                continue
            if arm == "source only":
                source = source or adapt(domains, "source", seed=seed)
                trained, twin = source, adapt_batchnorm(source.network, domains.target.images)
                record(run, shift, "AdaBN", measure_domains(twin, domains))
            else:
                trained = adapt(domains, **ARMS[arm], seed=seed)
            row = measure_domains(trained.network, domains) | {"seconds": trained.seconds}
            for column in ("domain_loss", "domain_accuracy"):
                if (value := trained.recent(column)) is not None:
                    row[column] = value
            record(run, shift, arm, row)


def summarise(rows: list[dict]) -> str:
    """The Markdown table: mean over runs and 95 % t-interval, without and with a shift."""
    runs = sorted({row["run"] for row in rows})
    names = list(dict.fromkeys(row["arm"] for row in rows))
    text = [
        f"Mean over {len(runs)} runs [95 % t-interval]; each run has its own renders, split of the "
        "handwriting, initial weights and batches. Gap closed: share of the way from source only "
        "to the oracle, and from the plain network's source only to the same oracle.",
        "",
        "| method | target accuracy | gap closed | of the plain network's gap | discriminator "
        "| fresh probe | proxy A-distance | s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for arm in names:
        share = (gap_closed(rows, arm, base) for base in ("source only", "plain source only"))
        cells = [
            _cell(column(rows, arm, "target_accuracy")),
            *(_cell(values, ".2f") for values in share),
            *(
                _mean(column(rows, arm, name))
                for name in ("domain_accuracy", "probe_accuracy", "a_distance")
            ),
            _mean(column(rows, arm, "seconds"), ".0f"),
        ]
        text.append(f"| {arm} | {' | '.join(cells)} |")
    for shift, title in (("labels", "Label shift"), ("inverted", "Inverted target")):
        text += [
            "",
            f"| {title} | target accuracy | fresh probe | mutual information |",
            "|---|---|---|---|",
        ]
        for arm in ["source only", "AdaBN", *SHIFTED]:
            accuracy = _cell(column(rows, arm, "target_accuracy", shift))
            others = (
                _mean(column(rows, arm, name, shift))
                for name in ("probe_accuracy", "mutual_information")
            )
            text.append(f"| {arm} | {accuracy} | {' | '.join(others)} |")
    return "\n".join(text) + "\n"


def column(rows: list[dict], arm: str, name: str, shift: str | None = None) -> dict[int, float]:
    """One number of one method, by run; empty where it was not recorded."""
    return {
        row["run"]: row[name]
        for row in rows
        if row["arm"] == arm and row["shift"] == shift and name in row
    }


def gap_closed(rows: list[dict], arm: str, base: str) -> dict[int, float]:
    """Share of the gap between `base` and the oracle that a method closes, by run."""
    accuracy, low, high = (column(rows, name, "target_accuracy") for name in (arm, base, "oracle"))
    return {
        run: (accuracy[run] - low[run]) / (high[run] - low[run])
        for run in accuracy
        if run in low and run in high
    }


def _cell(values: dict[int, float], digits: str = ".3f") -> str:
    if len(values) < 2:
        return _mean(values, digits)
    return format(tl.mean_interval(values.values()), digits)


def _mean(values: dict[int, float], digits: str = ".2f") -> str:
    return format(statistics.fmean(values.values()), digits) if values else "-"


def main() -> None:
    """Measure, writing after every training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=8)
    runs = parser.parse_args().runs
    path = FOLDER / "domain_confusion.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    FOLDER.mkdir(exist_ok=True)

    def record(run: int, shift: str | None, arm: str, numbers: dict) -> None:
        numbers = {name: round(value, 4) for name, value in numbers.items()}
        rows.append({"run": run, "shift": shift, "arm": arm, **numbers})
        print(run, shift, arm, numbers, flush=True)
        made = {
            "command": "python -m data.recipes.domain_confusion_table",
            "date": datetime.date.today().isoformat(),
            "machine": f"{os.cpu_count()} CPU cores, {torch.get_num_threads()} thread",
            "torch": torch.__version__,
            "first_seed": FIRST_SEED,
        }
        # a row a line: small, and a change shows where it is
        body = ",\n".join(json.dumps(row) for row in rows)
        path.write_text(
            f'{{"made": {json.dumps(made)},\n"rows": [\n{body}\n]}}\n', encoding="utf-8"
        )
        path.with_suffix(".md").write_text(summarise(rows), encoding="utf-8")

    for run in range(runs):
        known = {(row["run"], row["shift"], row["arm"]) for row in rows}
        measure_run(run, known, record)


if __name__ == "__main__":
    main()

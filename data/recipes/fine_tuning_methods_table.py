"""Measure what lies between frozen and free: lesson 07's second half, on fresh seeds.

    OMP_NUM_THREADS=1 python -m data.recipes.fine_tuning_methods_table

writes data/results/fine_tuning_methods.json (a row a measurement) and .md (the tables made of it).
Run r draws its own letters, prints, split of the handwriting, networks and batches, all from seed
100 + r. Learning rates, and the weight of L2-SP, are chosen for each method on the tuning seeds,
on images of the training's own distribution; these runs are never reported. A measurement that was
interrupted resumes; delete the .json to start again. Four parts, in `fine_tuning_methods`:

- methods: a network of letters is fine-tuned to few handwritten digits and tested on printed ones
  too, and the other way round. Equal optimiser steps for all.
- line: the networks between the linear probe and the fine-tuned one (WiSE-FT).
- combine: several source networks against one, by heads on their frozen features.
- overfit: accuracy step by step, with clean and with partly wrong labels.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os

import torch

from .fine_tuning_methods import FIRST_SEED, RUNS
from .fine_tuning_methods.combination import measure_combination
from .fine_tuning_methods.methods import SHOTS, STEPS, choose, measure_methods
from .fine_tuning_methods.overfitting import measure_overfitting
from .fine_tuning_methods.report import summarise
from .tables import RESULTS, rounded


def main() -> None:
    """Measure, writing after every part of a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    runs = parser.parse_args().runs
    torch.set_num_threads(1)
    path = RESULTS / "fine_tuning_methods.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows, tuning = stored.get("rows", []), stored.get("tuning", {})

    def write() -> None:
        made = {
            "command": "python -m data.recipes.fine_tuning_methods_table",
            "date": datetime.date.today().isoformat(),
            "machine": f"{os.cpu_count()} CPU cores, 1 thread",
            "torch": torch.__version__,
            "first_seed": FIRST_SEED,
            "steps": STEPS,
        }
        body = ",\n".join(json.dumps(row) for row in rows)
        path.with_suffix(".md").write_text(summarise(rows), encoding="utf-8")
        path.write_text(
            f'{{"made": {json.dumps(made)},\n"tuning": {json.dumps(tuning)},\n'
            f'"rows": [\n{body}\n]}}\n',
            encoding="utf-8",
        )

    def record(**row) -> None:
        rows.append(rounded(row))

    def once(job, *where, **known) -> None:
        """Do a part of a run unless it is stored; write it when it is done."""
        if not any(known.items() <= row.items() for row in rows):
            job(*where, record)
            write()
            print(known, flush=True)

    for trained_on in SHOTS:
        if trained_on not in tuning:
            chosen, grids = choose(trained_on)
            tuning[trained_on] = {"best": chosen, "grids": grids}
            write()
    best = {trained_on: tuning[trained_on]["best"] for trained_on in SHOTS}
    for run in range(runs):
        for name in SHOTS:
            once(measure_methods, run, name, best[name], part="methods", run=run, trained_on=name)
    for run in range(runs):
        for count in (10, 100):
            known = {"part": "overfit", "run": run, "images": count * 10}
            once(measure_overfitting, run, count, best["handwriting"], **known)
        once(measure_combination, run, part="combine", run=run)


if __name__ == "__main__":
    main()

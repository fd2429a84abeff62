"""The parts of `instances_features_table`, and the seeds that they share.

Tuning seeds choose settings, the others are reported; `DIGIT_` are those of the handwriting.
"""

TUNING_SEEDS, SEEDS = range(5), range(100, 120)
DIGIT_TUNING_SEEDS, DIGIT_SEEDS = range(3), range(100, 110)

"""The parts of `fine_tuning_methods_table`, and the seeds that they share.

Run r has the seed FIRST_SEED + r; the tuning seeds choose settings and are never reported.
"""

FIRST_SEED, TUNING_SEEDS, RUNS = 100, (0, 1, 2), 8

"""What a measured number can say: intervals, tests, honest baselines."""

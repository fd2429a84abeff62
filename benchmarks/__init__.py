"""Measurements behind the course's figures: `python -m benchmarks.NAME` in the root folder."""

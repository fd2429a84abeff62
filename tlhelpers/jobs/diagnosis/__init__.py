"""The checks behind `python -m tlhelpers doctor`: each yields findings, and imports no torch."""

"""Whole jobs on your own images, from the command line."""

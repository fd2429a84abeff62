"""How every embedded item was made: one command each, `python -m data.recipes.<name>`."""

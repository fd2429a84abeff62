"""The training loop, what happens around it, and what it leaves behind."""

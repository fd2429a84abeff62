"""`python -m tlhelpers COMMAND`: what the commands are stands in `jobs/command_line.py`."""

from __future__ import annotations

import sys

from .jobs.command_line import main

if __name__ == "__main__":
    sys.exit(main())

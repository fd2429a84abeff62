"""`python -m tlhelpers doctor`: is this machine ready for the course?"""

from __future__ import annotations

import argparse
import sys

from .diagnosis import doctor


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well."""
    parser = argparse.ArgumentParser(prog="python -m tlhelpers", description=__doc__)
    parser.add_argument("command", choices=["doctor"], help="check this machine")
    parser.parse_args(arguments)
    report = doctor()
    print(report)
    return 0 if report.ready else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tlhelpers fetch`: its options, and what it prints."""

from __future__ import annotations

import argparse

HINT = """
Nothing was fetched. Name what you want, or everything that the full profile uses:
    python -m tlhelpers fetch --profile full"""


def add_arguments(add) -> None:
    """Add the options by `add`, a parser's `add_argument`."""
    add("names", nargs="*", metavar="NAME", help="what to fetch; none: show what there is")
    add("--profile", help="full: everything that the full profile uses")
    add("--dry-run", action="store_true", help="show what, how large, from where; fetch nothing")
    add(
        "--to",
        metavar="DIR",
        help="fill this folder, for a class: a share or a USB stick. TLHELPERS_DATA=DIR then "
        "serves everything from there, and nothing is written to it. If left out: a folder of your "
        "user account, where every lesson looks (~/.cache/tlhelpers on Linux, "
        "~/Library/Caches/tlhelpers on macOS, %%LOCALAPPDATA%%\\tlhelpers\\Cache on Windows; "
        "TLHELPERS_CACHE names another one)",
    )


def run(options: argparse.Namespace) -> int:
    """Fetch, and print the table."""
    from ..fetching.fetch import fetch_assets

    rows = fetch_assets(
        *options.names, profile=options.profile, to=options.to, dry_run=options.dry_run
    )
    print(rows)
    if options.to and not options.dry_run and (options.names or options.profile):
        print(f"\nTo use this folder: TLHELPERS_PROFILE=full TLHELPERS_DATA={options.to} make lab")
    if not (options.names or options.profile):
        print(HINT)
    return 0

"""Write `tlhelpers/__init__.pyi`: where each public name comes from, for editors and type checkers.

    python tools/write_stub.py

`tlhelpers/__init__.py` loads its names on first use, so an editor that only reads it sees none of
them. The stub repeats its table as plain imports; `tests/project/test_stub.py` compares the two.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUB = ROOT / "tlhelpers" / "__init__.pyi"
HEADER = "# Written by tools/write_stub.py from the table in __init__.py. Do not edit by hand.\n"


def stub_text() -> str:
    """The stub that fits `tlhelpers/__init__.py` as it is now."""
    sys.path.insert(0, str(ROOT))
    import tlhelpers

    # `import X as X` is how a stub says that it exports X.
    lines = [f"from .{home} import {name} as {name}" for name, home in tlhelpers._HOME.items()]
    return HEADER + "\n".join(sorted(lines)) + "\n"


if __name__ == "__main__":
    STUB.write_text(stub_text(), encoding="utf-8")

"""Keep freed memory for the next step instead of giving it back to the system after each.

A training step asks for the same large pieces again and again. glibc, the C library of most Linux
systems, returns them to the kernel whenever a few megabytes are free, and the kernel has to give
them out again page by page, each cleared first. On two cores this took a fifth of ResNet-18's
fine-tuning and half of EfficientNet-Lite0's (benchmarks/README.md has the command). torch's own
notes on CPU performance advise another allocator for the same reason; two settings of this one do.
`tl.setup()` and the command line call it.
"""

from __future__ import annotations

import ctypes
import os
import sys

# Of glibc's malloc.h: memory at the heap's end above the first goes back to the system; pieces of
# the second size and more come from the system directly, and go back as soon as they are freed.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_TRIM = 2**30
_MMAP = (2**28, 2**25)  # old releases take no more than 32 MB


def keep_freed_memory() -> bool:
    """Let this process keep up to 1 GB that it has freed; whether it could be arranged.

    Only where glibc is the C library, and not where you have settings of your own (`MALLOC_...` or
    `GLIBC_TUNABLES` in the environment). The system's other allocators do this by themselves.
    """
    own = [name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]
    if not sys.platform.startswith("linux") or own:
        return False
    try:
        library = ctypes.CDLL("libc.so.6")
        library.gnu_get_libc_version  # noqa: B018  another C library has no such function
        if not library.mallopt(_M_TRIM_THRESHOLD, _TRIM):
            return False
        return any(library.mallopt(_M_MMAP_THRESHOLD, size) for size in _MMAP)
    except (OSError, AttributeError):
        return False

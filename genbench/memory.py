"""Memory that was freed is kept for the next step, on Linux, where giving it back costs more than it is worth."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 2**30
"""Bytes: blocks up to this size come from the heap, and the heap's end stays as long as it is below this."""


@cache
def keep_freed_memory() -> bool:
    """Let the C library keep what was freed; whether it was glibc and took the order.

    Every training step frees and asks again for the same megabytes of activations. By default glibc returns them to the
    system each time, which then clears each page anew (mallopt(3): M_TRIM_THRESHOLD, M_MMAP_THRESHOLD).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, _KEPT) == 1 for name in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))

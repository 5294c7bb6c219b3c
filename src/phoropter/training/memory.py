"""What the C library does with memory that tensors give back."""

from __future__ import annotations

import ctypes
import os
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, as malloc.h has them
_MAPPED_BYTES = 32 * 2**20  # the C library gets there by itself where it is not told
_KEPT_BYTES = 512 * 2**20
_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")


@cache
def keep_memory() -> bool:
    """Half a GiB that is freed is kept for the next step; whether the C library could be told.

    Otherwise it gives back what lies free at the end of its heap, and each step takes it anew page
    by page (docs/adr/0013-large-pages.md). Tensors of 32 MiB and more are given back in any case.
    Nothing is done where the environment says how memory is to be handled.
    """
    if any(name in os.environ for name in _OWN):
        return False
    tell = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if tell is None:  # not the GNU C library
        return False
    return bool(tell(_MMAP_THRESHOLD, _MAPPED_BYTES) and tell(_TRIM_THRESHOLD, _KEPT_BYTES))

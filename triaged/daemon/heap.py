"""Makes the C library give freed memory back to the system.

With its defaults glibc keeps several arenas for threads and, once it has seen large blocks come and go, keeps those
too: after twenty senders with long headers a receiver would stay as large as it was for a moment. What lies free
between blocks in use it returns only when asked.
"""

from __future__ import annotations

import ctypes

_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
_MIB = 1024 * 1024


def keep_little_memory(*, large: int = _MIB // 4) -> None:
    """Use few arenas, and take blocks of `large` bytes and more from the system alone, which gets them back once free.

    Does nothing where the C library is another one. Small blocks come cheaper from an arena than from the system: who
    computes with arrays says what is large.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 2)
        mallopt(_MMAP_THRESHOLD, large)
        mallopt(_TRIM_THRESHOLD, 4 * large)


def give_memory_back() -> None:
    """Return the pages that are free now; takes milliseconds, and does nothing where the C library is another one."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

"""Keeps pydicom's warnings about what a sender wrote to itself: they are no news, and some quote the value.

Knows no attribute. For code that several threads run at once, where `warnings.catch_warnings` alone is not safe: it
changes and restores the filters of the whole process.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_one_at_a_time = threading.RLock()


@contextmanager
def without_warnings() -> Iterator[None]:
    """Ignore warnings in what is enclosed, or in the decorated function."""
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

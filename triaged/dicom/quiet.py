"""Keeps out of the log what pydicom says about odd values: some of it quotes them, and it comes with every instance.

Knows no attribute. For code that several threads run at once, where `warnings.catch_warnings` alone is not safe: it
changes and restores the filters of the whole process.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_one_at_a_time = threading.RLock()
_pydicom_log = logging.getLogger("pydicom")


@contextmanager
def without_warnings() -> Iterator[None]:
    """Ignore warnings in what is enclosed, or in the decorated function."""
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        was_disabled = _pydicom_log.disabled
        _pydicom_log.disabled = True
        try:
            yield
        finally:
            _pydicom_log.disabled = was_disabled

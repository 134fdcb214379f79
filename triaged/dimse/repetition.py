"""Keeps what peers repeat out of the log: how often a thing happened is logged, not each time.

Knows no event.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_MOST_SOURCES = 100


class Repetition:
    """Counts events by source; safe to use from several threads.

    Of one event from one source the first `at_once` in `every_s` are logged. What came after them is counted and
    logged with the next one. Many sources at once count as one.
    """

    def __init__(
        self, *, at_once: int = 1, every_s: float = 30.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._at_once = at_once
        self._every_s = every_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], tuple[float, int]] = {}
        """When each event began to be counted, and how often it happened since."""

    def times(self, event: str, source: str) -> int:
        """Count an event; return how many a log line stands for that is written now, 0 where none is to be written."""
        now = self._monotonic()
        with self._lock:
            if (event, source) not in self._counts and len(self._counts) >= _MOST_SOURCES:
                self._counts = {key: value for key, value in self._counts.items() if now - value[0] < self._every_s}
                source = source if len(self._counts) < _MOST_SOURCES else "others"
            began, count = self._counts.get((event, source), (now, 0))
            if now - began >= self._every_s:
                self._counts[event, source] = now, 1
                return max(0, count - self._at_once) + 1
            self._counts[event, source] = began, count + 1
            return 1 if count < self._at_once else 0

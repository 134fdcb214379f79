"""Keeps what repeats itself from filling the log: a few lines in a while, and a count of what was left out."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

AWAY_S: Final = 30.0
_MOST_LINES: Final = 200
_PERIOD_S: Final = 30.0
_MOST_KEYS = 1000


class Repeated:
    """Lets through `most` of each key in every `period_s`."""

    def __init__(self, most: int, period_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._period_s = period_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, int]] = {}

    def left_out(self, key: str) -> int | None:
        """Return how many were left out before this one, or None where this one is to be left out too."""
        now = self._monotonic()
        with self._lock:
            if key not in self._said and len(self._said) >= _MOST_KEYS:
                self._said.clear()
            began, number = self._said.get(key, (now, 0))
            if now - began < self._period_s:
                self._said[key] = began, number + 1
                return 0 if number < self._most else None
            self._said[key] = now, 1
            return max(0, number - self._most)


def cause(why: str) -> str:
    """Return what is the same of a message each time: numbers in it may differ."""
    return re.sub(r"\d+", "#", why)


class EventLimit:
    """A processor of structlog that drops what is logged too often; messages are constant, so they are the keys."""

    def __init__(self, repeated: Repeated | None = None) -> None:
        self._repeated = repeated or Repeated(_MOST_LINES, _PERIOD_S)

    def __call__(self, _logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """Return the event, with how many like it were left out before."""
        left_out = self._repeated.left_out(f"{method} {event.get('event')}")
        if left_out is None:
            raise structlog.DropEvent
        return {**event, "left_out": left_out} if left_out else event

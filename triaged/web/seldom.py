"""Keeps what others can make us write in the log at any rate to a few lines a minute; knows no messages."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import Final

PERIOD_S: Final = 60.0
MOST: Final = 5
_MOST_KEYS: Final = 100


class Seldom:
    """Counts what is said of each key, and of all keys together, within a minute."""

    def __init__(self, most: int = MOST, most_keys: int = _MOST_KEYS) -> None:
        self._most = most
        self._most_keys = most_keys
        self._began = float("-inf")
        self._said: dict[Hashable, int] = {}
        self._unsaid = 0

    def allows(self, key: Hashable, now: float) -> bool:
        """Tell whether to say something once more; a clock that steps begins another minute."""
        if abs(now - self._began) >= PERIOD_S:
            self._began, self._said = now, {}
        if self._said.get(key, 0) >= self._most or (key not in self._said and len(self._said) >= self._most_keys):
            self._unsaid += 1
            return False
        self._said[key] = self._said.get(key, 0) + 1
        return True

    def unsaid(self) -> int:
        """Return how often nothing was said since this was asked last."""
        unsaid, self._unsaid = self._unsaid, 0
        return unsaid


class SeldomFilter(logging.Filter):
    """Does so for the lines of a library, each known by its text without values."""

    def __init__(self) -> None:
        super().__init__()
        self._seldom = Seldom()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a line through, with how many were left out before it."""
        if not self._seldom.allows(record.msg, record.created):
            return False
        if unsaid := self._seldom.unsaid():
            record.msg, record.args = f"{record.getMessage()} ({unsaid} lines left out before this)", ()
        return True

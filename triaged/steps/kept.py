"""Keeps figures for a minute, so that a page that many look at is counted once; knows no figures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

Asked = TypeVar("Asked", bound=Hashable)
Found = TypeVar("Found")

KEPT_FOR: Final = timedelta(minutes=1)
_MOST = 16


class Kept(Generic[Asked, Found]):
    """What was counted lately, by what was asked; safe to share between threads, which wait for each other."""

    def __init__(self, count: Callable[[Asked, datetime], Found]) -> None:
        self._count = count
        self._kept: dict[Asked, tuple[datetime, Found]] = {}
        self._one_at_a_time = threading.Lock()

    def of(self, asked: Asked, *, now: datetime) -> Found:
        """Return what is asked for, counted now or less than a minute ago."""
        with self._one_at_a_time:
            kept = self._kept.pop(asked, None)
            if kept is None or not timedelta(0) <= now - kept[0] < KEPT_FOR:
                kept = now, self._count(asked, now)
            self._kept[asked] = kept
            while len(self._kept) > _MOST:
                del self._kept[next(iter(self._kept))]
        return kept[1]

"""Whether the working threads of one role get on with their work; knows no processes, no database and no work.

A thread that works marks each round. One that has not marked within its limit hangs, whatever the rest of the process
does: so a role that answers in one thread and hangs in another is found out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_REMEMBERED_S = 15.0
"""How long a hindrance counts where no further work has been tried."""


class Mark:
    """The progress of one thread; calling it says that a round is done."""

    def __init__(self, what: str, limit_s: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._usual = (what, limit_s)
        self._now = (what, limit_s)
        self._at = monotonic()

    def __call__(self) -> None:
        """Say that the thread gets on."""
        with self._lock:
            self._at = self._monotonic()

    @contextmanager
    def during(self, what: str, limit_s: float) -> Iterator[None]:
        """Allow one piece of work another time than a usual round."""
        self._set((what, limit_s))
        try:
            yield
        finally:
            self._set(self._usual)

    def overdue(self) -> str | None:
        """Return what has taken longer than it may, or None."""
        with self._lock:
            (what, limit_s), silent_s = self._now, self._monotonic() - self._at
        return None if silent_s <= limit_s else f"{what}: no progress for {silent_s:.0f} s, at most {limit_s:.0f} s"

    def _set(self, now: tuple[str, float]) -> None:
        with self._lock:
            self._now, self._at = now, self._monotonic()


class Progress:
    """The progress of all working threads of a role, and whether it has begun to serve."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._marks: list[Mark] = []
        self._serves = threading.Event()
        self._hindrances: dict[str, tuple[str, float]] = {}

    def watch(self, what: str, limit_s: float) -> Mark:
        """Return the mark of one more thread, which has to call it at least every `limit_s`."""
        mark = Mark(what, limit_s, self._monotonic)
        self._marks.append(mark)
        return mark

    def serving(self) -> None:
        """Say that the role does its work from now on."""
        self._serves.set()

    @property
    def is_serving(self) -> bool:
        """Tell whether the role does its work."""
        return self._serves.is_set()

    def hindered(self, why: str, *, of: str = "") -> None:
        """Note why a piece of work could not be done just now, though the role gets on; nothing where it could.

        `of` tells kinds of work apart, each of which may be hindered or not.
        """
        self._hindrances = {**self._hindrances, of: (why, self._monotonic())}

    def hindrance(self) -> str:
        """Return what hindered the last piece of work of some kind, or nothing; what was long ago may be over."""
        now = self._monotonic()
        return next((why for why, at in self._hindrances.values() if why and now - at <= _REMEMBERED_S), "")

    def hung(self) -> str | None:
        """Return which thread makes no progress, or None while all do."""
        return next((found for mark in list(self._marks) if (found := mark.overdue()) is not None), None)

"""Writes down who did and saw what, as every role calls it; nobody's work waits for it, and nothing of it is lost.

What cannot be written while the store is unreachable is kept in memory, and written with the next thing that happens.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from triaged.errors import TryLater
from triaged.store.trail.audits import Audits
from triaged.study.audit import Audited, AuditEvent

log = structlog.get_logger()

QUIET: Final = timedelta(minutes=10)
"""Of the same person who looks at the same again, only the first time in so long is written."""
_MOST_REMEMBERED, _MOST_KEPT = 10_000, 10_000


class Trail:
    """The audit trail of one process, whose name is `source`; safe to share between threads."""

    def __init__(self, audits: Audits, source: str, clock: Callable[[], datetime]) -> None:
        self._audits = audits
        self._source = source
        self._clock = clock
        self._lock = threading.Lock()
        self._unwritten: deque[Audited] = deque(maxlen=_MOST_KEPT)
        self._seen: OrderedDict[Hashable, datetime] = OrderedDict()

    def record(self, event: AuditEvent, **what: Any) -> None:
        """Write down one thing, with the fields of `Audited`; never raises for a store that is unreachable."""
        with self._lock:
            self._unwritten.append(Audited(event, self._clock(), source=self._source, **what))
            self._write()

    def looked_at(self, event: AuditEvent, **what: Any) -> None:
        """Write down what somebody looks at, once in a while for each person and thing; `detail` may differ."""
        key = event, what.get("person"), what.get("address"), what.get("study_uid"), what.get("target")
        if self._is_new(key):
            self.record(event, **what)

    def flush(self) -> None:
        """Write what could not be written before, where that is possible now."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        waiting = list(self._unwritten)
        if not waiting:
            return
        try:
            self._audits.record(*waiting)
        except TryLater as later:
            log.warning("audit trail not written, will try again", why=str(later), rows=len(waiting))
            return
        self._unwritten.clear()

    def _is_new(self, key: Hashable) -> bool:
        now = self._clock()
        with self._lock:
            last = self._seen.get(key)
            if last is not None and timedelta(0) <= now - last < QUIET:
                return False
            self._seen[key] = now
            self._seen.move_to_end(key)
            while len(self._seen) > _MOST_REMEMBERED:
                self._seen.popitem(last=False)
            return True

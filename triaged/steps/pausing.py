"""Keeps roles from what an administrator has stopped; asks the store every few seconds, so that nobody waits for it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from triaged.errors import TryLater
from triaged.store.roles.pauses import Pausable, Pause, Pauses

ASKED_EVERY_S: Final = 2.0


class Gate:
    """What is stopped, as this process knows it; safe to share between threads.

    While the store is unreachable, what was known last counts.
    """

    def __init__(self, pauses: Pauses, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pauses = pauses
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._known: Sequence[Pause] = ()

    def receives(self) -> None:
        """Raise `TryLater`, so that senders keep what they have, while receiving is stopped."""
        for each in self._all():
            if each.what is Pausable.RECEIVING:
                raise TryLater(each.words)

    def sends_to(self, target: str) -> bool:
        """Tell whether something may be sent to a destination or subscriber."""
        return not any(each.what is Pausable.SENDING and each.target in ("", target) for each in self._all())

    def _all(self) -> Sequence[Pause]:
        with self._lock:
            now = self._monotonic()
            if now - self._asked_at >= ASKED_EVERY_S:
                self._asked_at = now
                with contextlib.suppress(TryLater):
                    self._known = self._pauses.all()
            return self._known

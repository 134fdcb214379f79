"""How a role waits for work: by tickets where the database is PostgreSQL, else by looking several times a second.

Who waits by tickets looks without one too: every few seconds, and several times a second while it cannot listen. So
nothing depends on a ticket.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, Protocol

import structlog

from triaged.daemon.rooms import IDLE_S, skip_if_unreachable
from triaged.errors import TryLater
from triaged.store.dispatch.tickets import Tickets, has_tickets
from triaged.store.tables.database import Database

log = structlog.get_logger()

LOOK_S: Final = 5.0
"""How long who waits by tickets goes without looking."""
_UNREACHABLE_S = 2.0


class Waiting(Protocol):
    """What one thread does while there is nothing to do."""

    def wait(self, is_over: Callable[[], bool], *, most_s: float = LOOK_S) -> None:
        """Return when there may be work, when `is_over` says so, or after `most_s`."""
        ...

    def take(self) -> None:
        """Use up a ticket for what is taken next, if `wait` has not done so."""
        ...


@contextmanager
def waiting(database: Database, queues: Sequence[str], stop: threading.Event) -> Iterator[Mapping[str, Waiting]]:
    """Give how threads of a role wait for work in these queues, one for each."""
    if not has_tickets(database):
        yield {queue: Looking(stop) for queue in queues}
        return
    ears, tickets = _Ears({queue: threading.Event() for queue in queues}), Tickets(database)
    with _listening(database, ears):
        yield {queue: ByTickets(tickets, [queue], ears) for queue in queues}


@contextmanager
def waiting_for_any(database: Database, queues: Sequence[str], stop: threading.Event) -> Iterator[Waiting]:
    """Give how the only thread of a role waits for work in whichever of these queues."""
    if not has_tickets(database):
        yield Looking(stop)
        return
    ears = _Ears(dict.fromkeys(queues, threading.Event()))
    with _listening(database, ears):
        yield ByTickets(Tickets(database), queues, ears)


@contextmanager
def _listening(database: Database, ears: _Ears) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=_listen, args=(database, ears, ended), name="tickets", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_UNREACHABLE_S)


class Looking:
    """Waits for a moment, after which there may be work."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def wait(self, is_over: Callable[[], bool], *, most_s: float = LOOK_S) -> None:
        """See `Waiting`."""
        if not is_over():
            self._stop.wait(min(IDLE_S, most_s))

    def take(self) -> None:
        """See `Waiting`: there are no tickets."""


class ByTickets:
    """Waits until this thread has a ticket."""

    def __init__(self, tickets: Tickets, queues: Sequence[str], ears: _Ears) -> None:
        self._tickets = tickets
        self._queues = queues
        self._ears = ears
        self._bell = ears.bells[queues[0]]
        self._has_one = False

    def wait(self, is_over: Callable[[], bool], *, most_s: float = LOOK_S) -> None:
        """See `Waiting`."""
        until = time.monotonic() + most_s
        while not is_over() and (left_s := until - time.monotonic()) > 0:
            if self._bell.wait(min(IDLE_S, left_s)):
                self._bell.clear()
                if self._takes():
                    self._bell.set()  # there may be more, and this was the only one that rang
                    self._has_one = True
                    return
            if not self._ears.hear:
                return

    def take(self) -> None:
        """See `Waiting`."""
        if not self._has_one:
            self._takes()
        self._has_one = False

    def _takes(self) -> bool:
        with suppress(TryLater):  # the look that follows says so
            return any(self._tickets.take(queue) for queue in self._queues)
        return False


class _Ears:
    """What a thread that listens has heard: the bell of each queue, which rings also for what it may have missed."""

    def __init__(self, bells: Mapping[str, threading.Event]) -> None:
        self.bells = bells
        self.hear = False


def _listen(database: Database, ears: _Ears, ended: threading.Event) -> None:
    """Ring the bells of queues with new tickets until `ended` is set; connect again where that is needed."""
    from triaged.store.dispatch.listening import listening

    while not ended.is_set():
        with skip_if_unreachable(), listening(database, list(ears.bells)) as hear:
            ears.hear = True
            for bell in ears.bells.values():
                bell.set()
            while not ended.is_set():
                for queue in hear(IDLE_S):
                    ears.bells[queue].set()
        ears.hear = False
        ended.wait(_UNREACHABLE_S)

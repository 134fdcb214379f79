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
    listener, tickets = _Listener({queue: threading.Event() for queue in queues}), Tickets(database)
    with _listening(database, listener):
        yield {queue: ByTickets(tickets, [queue], listener) for queue in queues}


@contextmanager
def waiting_for_any(database: Database, queues: Sequence[str], stop: threading.Event) -> Iterator[Waiting]:
    """Give how the only thread of a role waits for work in whichever of these queues."""
    if not has_tickets(database):
        yield Looking(stop)
        return
    listener = _Listener(dict.fromkeys(queues, threading.Event()))
    with _listening(database, listener):
        yield ByTickets(Tickets(database), queues, listener)


@contextmanager
def _listening(database: Database, listener: _Listener) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=_listen, args=(database, listener, ended), name="tickets", daemon=True)
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

    def __init__(self, tickets: Tickets, queues: Sequence[str], listener: _Listener) -> None:
        self._tickets = tickets
        self._queues = queues
        self._listener = listener
        self._written = listener.written[queues[0]]
        self._has_one = False

    def wait(self, is_over: Callable[[], bool], *, most_s: float = LOOK_S) -> None:
        """See `Waiting`."""
        until = time.monotonic() + most_s
        while not is_over() and (left_s := until - time.monotonic()) > 0:
            if self._written.wait(min(IDLE_S, left_s)):
                self._written.clear()
                if self._takes():
                    self._written.set()  # there may be more, of which nobody tells again
                    self._has_one = True
                    return
            if not self._listener.listens:
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


class _Listener:
    """What a thread that listens tells those that wait.

    `written` is set for a queue in which tickets were written, or may have been while nobody listened.
    """

    def __init__(self, written: Mapping[str, threading.Event]) -> None:
        self.written = written
        self.listens = False


def _listen(database: Database, listener: _Listener, ended: threading.Event) -> None:
    """Listen until `ended` is set; connect again where that is needed."""
    from triaged.store.dispatch.listening import listening

    while not ended.is_set():
        try:
            with skip_if_unreachable(), listening(database, list(listener.written)) as next_queues:
                listener.listens = True
                for written in listener.written.values():
                    written.set()
                while not ended.is_set():
                    for queue in next_queues(IDLE_S):
                        listener.written[queue].set()
        finally:
            listener.listens = False
        ended.wait(_UNREACHABLE_S)

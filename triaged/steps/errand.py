"""Takes what is queued to a peer, one thing after the other; what does not arrive is tried again, with growing waits.

Knows neither what is sent nor how: each kind of errand says that, and the words in which the log tells of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Generic, assert_never

from triaged.errors import StaleClaim
from triaged.steps.ports import Refused, SendOutcome, Sent, Unreachable
from triaged.store.couriers.queue import Item, Queue

Clock = Callable[[], datetime]
Fields = Mapping[str, str | float]


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How patient a courier is: the wait doubles from `first_wait_s` up to `longest_wait_s`; an object is dead (kept,
    shown, re-sendable by hand) after `max_attempts`, by default when a destination was unreachable for about two days.
    It is asked what it accepts every `negotiate_every_s`, and after a refusal."""

    first_wait_s: float = 5.0
    longest_wait_s: float = 60.0
    max_attempts: int = 3000
    lease_s: float = 300.0
    negotiate_every_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Words:
    """How the log tells each end of an errand; `late`: why its lease ran out before it ended, and to whom."""

    sent: Callable[..., None]
    refused: Callable[..., None]
    dead: Callable[..., None]
    again: Callable[..., None]
    late: Callable[[str, str | None], None]


class Errand(ABC, Generic[Item]):
    """What one courier does for one peer, or for any; a peer that is unreachable delays nobody but itself.

    It has one item at a time. What a peer answered while the store was away is recorded once the store is back, before
    anything else; what may have been claimed when the store went away is made due again, instead of waiting for its
    lease.
    """

    words: ClassVar[Words]

    def __init__(self, queue: Queue[Item], options: DeliveryOptions, *, courier: str, to: str | None = None) -> None:
        self._queue = queue
        self._options = options
        self._courier = courier
        self._to = to
        self._answered: tuple[Item, SendOutcome, datetime] | None = None
        """What a peer said that is not recorded yet, and when."""
        self._is_in_doubt = False
        """Whether something may be claimed of which nothing is known here."""

    def run_next(self, *, clock: Clock) -> bool:
        """Do what has been due for longest; False when nothing is."""
        self._catch_up()
        self._is_in_doubt = True
        item = self._queue.claim_due(self._courier, to=self._to, lease_s=self._options.lease_s, now=clock())
        if item is not None:
            self._answered = item, self._do(item, clock), clock()
        self._is_in_doubt = False
        self._record()
        return item is not None

    def _catch_up(self) -> None:
        """Bring the store to what is known here, where it was away in the middle of an errand."""
        self._record()
        if self._is_in_doubt:
            self._queue.release(self._courier, to=self._to)
            self._is_in_doubt = False

    def _record(self) -> None:
        if self._answered is None:
            return
        try:
            self._settle(*self._answered)
        except StaleClaim as stale:
            self.words.late(str(stale), self._to)
        self._answered = None

    @abstractmethod
    def _do(self, item: Item, clock: Clock) -> SendOutcome:
        """Return what the peer says to it."""

    @abstractmethod
    def _told(self, item: Item, outcome: SendOutcome, counted: Fields) -> Fields:
        """Return what the log tells of an outcome, with what was counted: attempts, or the wait for the next one."""

    def _settle(self, item: Item, outcome: SendOutcome, now: datetime) -> None:
        match outcome:
            case Sent():
                self._queue.sent(item, now=now)
                self.words.sent(**self._told(item, outcome, {}))
            case Refused(reason=reason, final=True):
                self._queue.refused(item, error=reason, now=now)
                self.words.refused(**self._told(item, outcome, {}))
            case Refused(reason=reason) | Unreachable(reason=reason) if item.attempts >= self._options.max_attempts:
                self._queue.dead(item, error=reason, now=now)
                self.words.dead(**self._told(item, outcome, {"attempts": item.attempts}))
            case Refused(reason=reason) | Unreachable(reason=reason):
                wait_s = backoff_s(item.attempts, self._options)
                self._queue.retry(item, error=reason, next_attempt_at=now + timedelta(seconds=wait_s), now=now)
                self.words.again(**self._told(item, outcome, {"wait_s": wait_s}))
            case _:
                assert_never(outcome)


def backoff_s(attempts: int, options: DeliveryOptions) -> float:
    """Return the wait before the next attempt after `attempts` (1 or more) have failed."""
    return min(options.first_wait_s * 2.0 ** min(attempts - 1, 30), options.longest_wait_s)

"""Takes result objects from the outbox to one destination; a destination that is away delays nobody but itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from triaged.errors import StaleClaim
from triaged.steps.ports import Outgoing, Peer, Refused, Sender, SendOutcome, Sent, Unreachable
from triaged.store.outbox import Outbox
from triaged.store.spool import Spool
from triaged.study.records import OutboxItem

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How patient the courier is: the wait doubles from `first_wait_s` up to `longest_wait_s`; an object is dead (kept,
    shown, re-sendable by hand) after `max_attempts`. With the defaults a destination may be away for about two days."""

    first_wait_s: float = 5.0
    longest_wait_s: float = 60.0
    max_attempts: int = 3000
    lease_s: float = 300.0


class Courier:
    """Delivers to one destination, oldest object first."""

    def __init__(
        self, outbox: Outbox, spool: Spool, sender: Sender, *, peer: Peer, options: DeliveryOptions, courier: str
    ) -> None:
        self._outbox = outbox
        self._spool = spool
        self._sender = sender
        self._peer = peer
        self._options = options
        self._courier = courier

    def deliver_next(self, *, clock: Callable[[], datetime]) -> bool:
        """Send the oldest object that is due; return False when none is."""
        item = self._outbox.claim_due(
            self._courier, destination=self._peer.name, lease_s=self._options.lease_s, now=clock()
        )
        if item is None:
            return False
        outgoing = Outgoing(
            self._spool.absolute(item.object.path),
            item.object.sop_class_uid,
            item.object.sop_instance_uid,
            item.object.transfer_syntax_uid,
        )
        (outcome,) = self._sender.send([outgoing], self._peer)
        try:
            self._settle(item, outcome, clock())
        except StaleClaim as stale:
            log.warning("delivery took longer than its lease", why=str(stale), destination=item.destination)
        return True

    def _settle(self, item: OutboxItem, outcome: SendOutcome, now: datetime) -> None:
        fields = {
            "study_instance_uid": item.study_uid,
            "destination": item.destination,
            "kind": item.object.kind.value,
            "sop_instance_uid": item.object.sop_instance_uid,
        }
        match outcome:
            case Sent(comment=comment):
                self._outbox.sent(item, now=now)
                log.info("object sent", comment=comment, **fields)
            case Refused(reason=reason, final=True):
                self._outbox.dead(item, error=reason, now=now)
                log.error("object refused, not sent again", reason=reason, **fields)
            case Refused(reason=reason) | Unreachable(reason=reason):
                self._try_again(item, reason, now, fields)
            case _:
                assert_never(outcome)

    def _try_again(self, item: OutboxItem, reason: str, now: datetime, fields: dict[str, str]) -> None:
        if item.attempts >= self._options.max_attempts:
            self._outbox.dead(item, error=reason, now=now)
            log.error("object given up", reason=reason, attempts=item.attempts, **fields)
            return
        wait_s = backoff_s(item.attempts, self._options)
        self._outbox.retry(item, error=reason, next_attempt_at=now + timedelta(seconds=wait_s), now=now)
        log.warning("object not sent, will try again", reason=reason, wait_s=wait_s, **fields)


def backoff_s(attempts: int, options: DeliveryOptions) -> float:
    """Return the wait before the next attempt after `attempts` (1 or more) have failed."""
    return min(options.first_wait_s * 2.0 ** min(attempts - 1, 30), options.longest_wait_s)

"""Takes result objects from the outbox to one destination; a destination that is away delays nobody but itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from triaged.errors import StaleClaim
from triaged.spool.files import Spool
from triaged.steps.negotiate import Destination, Negotiator, refusal
from triaged.steps.ports import Outgoing, Refused, Sender, SendOutcome, Sent, Unreachable
from triaged.store.couriers.outbox import Outbox
from triaged.study.records import Negotiated, OutboxItem

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How patient the courier is: the wait doubles from `first_wait_s` up to `longest_wait_s`; an object is dead (kept,
    shown, re-sendable by hand) after `max_attempts`. With the defaults a destination may be away for about two days. It
    is asked what it accepts every `negotiate_every_s`, and after a refusal."""

    first_wait_s: float = 5.0
    longest_wait_s: float = 60.0
    max_attempts: int = 3000
    lease_s: float = 300.0
    negotiate_every_s: float = 3600.0


class Courier:
    """Delivers to one destination, oldest object first; asks it now and then what it accepts."""

    def __init__(
        self,
        outbox: Outbox,
        spool: Spool,
        sender: Sender,
        negotiator: Negotiator,
        *,
        destination: Destination,
        options: DeliveryOptions,
        courier: str,
    ) -> None:
        self._outbox = outbox
        self._spool = spool
        self._sender = sender
        self._negotiator = negotiator
        self._destination = destination
        self._options = options
        self._courier = courier
        self._ask_at: datetime | None = None
        """When to ask the destination again; None: at once."""
        self._unanswered = 0

    def deliver_next(self, *, clock: Callable[[], datetime]) -> bool:
        """Send the oldest object that is due, or record that the destination refuses its class; False: none is due."""
        self._negotiate_where_due(clock)
        peer = self._destination.peer
        item = self._outbox.claim_due(self._courier, destination=peer.name, lease_s=self._options.lease_s, now=clock())
        if item is None:
            return False
        try:
            self._settle(item, self._offered(item, clock), clock())
        except StaleClaim as stale:
            log.warning("delivery took longer than its lease", why=str(stale), destination=item.destination)
        return True

    def _offered(self, item: OutboxItem, clock: Callable[[], datetime]) -> SendOutcome:
        """Return what the destination says to an object, which is not sent where it declines the class."""
        sop_class_uid = item.object.sop_class_uid
        answer = self._negotiator.known()
        if answer is not None and answer.refuses(sop_class_uid):
            # A person who asks for it again has perhaps just made the destination take it.
            if clock() - answer.asked_at > timedelta(seconds=self._options.longest_wait_s):
                asked = self._negotiator.ask(now=clock())
                if isinstance(asked, Unreachable):
                    return asked
                answer = asked
            if answer.refuses(sop_class_uid):
                return Refused(refusal(answer, sop_class_uid), final=True)
        (outcome,) = self._sender.send([self._outgoing(item)], self._destination.peer)
        if isinstance(outcome, Refused):
            self._ask_soon(clock())
        return outcome

    def _negotiate_where_due(self, clock: Callable[[], datetime]) -> None:
        if self._ask_at is not None and clock() < self._ask_at:
            return
        match self._negotiator.ask(now=clock()):
            case Unreachable(reason=reason):
                self._unanswered += 1
                wait_s = backoff_s(self._unanswered, self._options)
                name = self._destination.peer.name
                log.warning("destination did not say what it accepts", destination=name, why=reason, wait_s=wait_s)
            case Negotiated():
                self._unanswered = 0
                wait_s = self._options.negotiate_every_s
        self._ask_at = clock() + timedelta(seconds=wait_s)

    def _ask_soon(self, now: datetime) -> None:
        """Ask again after a refusal, which may mean that the destination changed; not with every object, though."""
        soon = now + timedelta(seconds=self._options.first_wait_s)
        self._ask_at = soon if self._ask_at is None else min(self._ask_at, soon)

    def _outgoing(self, item: OutboxItem) -> Outgoing:
        return Outgoing(
            self._spool.absolute(item.object.path),
            item.object.sop_class_uid,
            item.object.sop_instance_uid,
            item.object.transfer_syntax_uid,
            self._destination.transfer_syntaxes,
        )

    def _settle(self, item: OutboxItem, outcome: SendOutcome, now: datetime) -> None:
        fields = {
            "study_instance_uid": item.study_uid,
            "destination": item.destination,
            "kind": item.object.kind.name,
            "sop_instance_uid": item.object.sop_instance_uid,
        }
        match outcome:
            case Sent(comment=comment):
                self._outbox.sent(item, now=now)
                log.info("object sent", comment=comment, **fields)
            case Refused(reason=reason, final=True):
                self._outbox.refused(item, error=reason, now=now)
                log.error("object refused", why=reason, **fields)
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

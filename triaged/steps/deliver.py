"""Takes result objects from the outbox to one destination; one that is unreachable delays nobody but itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

import structlog

from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.steps.errand import Clock, DeliveryOptions, Errand, Fields, Words, backoff_s
from triaged.steps.negotiate import Destination, Negotiator, refusal
from triaged.steps.ports import Outgoing, Refused, Sender, SendOutcome, Sent, Unreachable
from triaged.steps.waits import still_waits
from triaged.store.couriers.outbox import Outbox
from triaged.study.records import Negotiated, OutboxItem

log = structlog.get_logger()


class Courier(Errand[OutboxItem]):
    """Delivers to one destination, oldest object first; asks it now and then what it accepts."""

    words = Words(
        sent=lambda **told: log.info("object sent", **told),
        refused=lambda **told: log.error("object refused", **told),
        dead=lambda **told: log.error("object given up", **told),
        again=lambda **told: log.warning("object not sent, will try again", **told),
        late=lambda why, to: log.warning("delivery took longer than its lease", why=why, destination=to),
    )

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
        super().__init__(outbox, options, courier=courier, to=destination.peer.name)
        self._spool = spool
        self._sender = sender
        self._negotiator = negotiator
        self._destination = destination
        self._ask_at: datetime | None = None
        """When to ask the destination again; None: at once."""
        self._unanswered = 0

    def run_next(self, *, clock: Clock) -> bool:
        """Send the oldest object that is due, or record that the destination refuses its class; False: none is due.

        Raises:
            TryLater: the store or the spool is away; nothing is taken from the outbox then.
        """
        self._negotiate_where_due(clock)
        self._spool.check_present()
        return super().run_next(clock=clock)

    def _do(self, item: OutboxItem, clock: Clock) -> SendOutcome:
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
        try:
            outgoing = self._outgoing(item)
        except TryLater as later:
            return Unreachable(str(later))
        (outcome,) = self._sender.send([outgoing], self._destination.peer)
        if isinstance(outcome, Refused):
            self._ask_soon(clock())
        return outcome

    def _negotiate_where_due(self, clock: Clock) -> None:
        longest_s = max(self._options.negotiate_every_s, self._options.longest_wait_s)
        if still_waits(self._ask_at, longest_s=longest_s, now=clock()):
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

    def _told(self, item: OutboxItem, outcome: SendOutcome, counted: Fields) -> Fields:
        match outcome:
            case Sent():
                said = {"comment": outcome.for_log}
            case Refused(final=True):
                said = {"why": outcome.for_log}
            case Refused() | Unreachable():
                said = {"reason": outcome.for_log}
            case _:
                assert_never(outcome)
        return {
            **said,
            **counted,
            "study_instance_uid": item.study_uid,
            "destination": item.destination,
            "kind": item.object.kind.name,
            "sop_instance_uid": item.object.sop_instance_uid,
        }

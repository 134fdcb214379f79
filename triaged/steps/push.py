"""Tells one receiver of changes, from the outbox; a receiver that is away delays nobody but itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, assert_never

import structlog

from triaged.errors import StaleClaim
from triaged.steps.deliver import DeliveryOptions, backoff_s
from triaged.steps.ports import Refused, SendOutcome, Sent, Unreachable
from triaged.store.couriers.pushes import Pushes
from triaged.study.push import Push

log = structlog.get_logger()


class Receiver(Protocol):
    """Is told of changes of a study's class, in its own language."""

    def push(self, push: Push, *, now: datetime) -> SendOutcome:
        """Tell one change, the same message in every attempt but for its time; never raises for what a peer does."""
        ...

    def reach(self) -> Sent | Unreachable:
        """Tell whether somebody is there, without telling anything."""
        ...


class Pusher:
    """Tells one receiver, the oldest change first."""

    def __init__(
        self, pushes: Pushes, receiver: Receiver, *, name: str, options: DeliveryOptions, courier: str
    ) -> None:
        self._pushes = pushes
        self._receiver = receiver
        self._name = name
        self._options = options
        self._courier = courier

    def push_next(self, *, clock: Callable[[], datetime]) -> bool:
        """Tell the oldest change that is due; False: none is."""
        push = self._pushes.claim_due(self._courier, receiver=self._name, lease_s=self._options.lease_s, now=clock())
        if push is None:
            return False
        try:
            self._settle(push, self._receiver.push(push, now=clock()), clock())
        except StaleClaim as stale:
            log.warning("push took longer than its lease", why=str(stale), receiver=self._name)
        return True

    def _settle(self, push: Push, outcome: SendOutcome, now: datetime) -> None:
        # A receiver's own words may name the patient: they stand on the status page and never in the log.
        fields: dict[str, str | int] = {
            "study_instance_uid": push.change.study_uid.value,
            "receiver": push.receiver,
            "number": push.number,
        }
        match outcome:
            case Sent():
                self._pushes.sent(push, now=now)
                log.info("change pushed", **fields)
            case Refused(reason=reason, final=True):
                self._pushes.refused(push, error=reason, now=now)
                log.error("push refused, the reason stands on the status page", **fields)
            case Refused(reason=reason):
                self._try_again(push, reason, now, fields)
            case Unreachable(reason=reason):
                self._try_again(push, reason, now, fields | {"why": reason})
            case _:
                assert_never(outcome)

    def _try_again(self, push: Push, reason: str, now: datetime, fields: dict[str, str | int]) -> None:
        if push.attempts >= self._options.max_attempts:
            self._pushes.dead(push, error=reason, now=now)
            log.error("push given up, the reason stands on the status page", attempts=push.attempts, **fields)
            return
        wait_s = backoff_s(push.attempts, self._options)
        self._pushes.retry(push, error=reason, next_attempt_at=now + timedelta(seconds=wait_s), now=now)
        log.warning("change not pushed, will try again", wait_s=wait_s, **fields)

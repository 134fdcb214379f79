"""Tells one receiver of changes, from the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import structlog

from triaged.steps.errand import Clock, DeliveryOptions, Errand, Fields, Words
from triaged.steps.ports import SendOutcome, Sent, Unreachable
from triaged.store.couriers.notifications import Notifications
from triaged.study.notification import Notification

log = structlog.get_logger()


class Subscriber(Protocol):
    """Is notified of changes of a study's class, in its own language."""

    def push(self, push: Notification, *, now: datetime) -> SendOutcome:
        """Tell one change, the same message in every attempt but for its time; never raises for what a peer does."""
        ...

    def reach(self) -> Sent | Unreachable:
        """Tell whether somebody is there, without telling anything."""
        ...


class Notifier(Errand[Notification]):
    """Tells one receiver, the oldest change first."""

    words = Words(
        sent=lambda **told: log.info("change pushed", **told),
        refused=lambda **told: log.error("push refused, the reason stands on the status page", **told),
        dead=lambda **told: log.error("push given up, the reason stands on the status page", **told),
        again=lambda **told: log.warning("change not pushed, will try again", **told),
        late=lambda why, to: log.warning("push took longer than its lease", why=why, receiver=to),
    )

    def __init__(
        self, pushes: Notifications, receiver: Subscriber, *, name: str, options: DeliveryOptions, courier: str
    ) -> None:
        super().__init__(pushes, options, courier=courier, to=name)
        self._receiver = receiver

    def _do(self, item: Notification, clock: Clock) -> SendOutcome:
        return self._receiver.push(item, now=clock())

    def _told(self, item: Notification, outcome: SendOutcome, counted: Fields) -> Fields:
        # A receiver's own words may name the patient: they are on the status page and never in the log.
        why = {"why": outcome.reason} if isinstance(outcome, Unreachable) else {}
        uid = item.change.study_uid.value
        return {**counted, "study_instance_uid": uid, "receiver": item.receiver, "number": item.number, **why}

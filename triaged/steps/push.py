"""Tells one receiver of changes, from the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from triaged.steps.errand import Clock, DeliveryOptions, Errand, Fields, Words
from triaged.steps.ports import SendOutcome, Sent, Unreachable
from triaged.store.couriers.pushes import Pushes
from triaged.study.push import Push


class Receiver(Protocol):
    """Is told of changes of a study's class, in its own language."""

    def push(self, push: Push, *, now: datetime) -> SendOutcome:
        """Tell one change, the same message in every attempt but for its time; never raises for what a peer does."""
        ...

    def reach(self) -> Sent | Unreachable:
        """Tell whether somebody is there, without telling anything."""
        ...


class Pusher(Errand[Push]):
    """Tells one receiver, the oldest change first."""

    words = Words(
        sent="change pushed",
        refused="push refused, the reason stands on the status page",
        dead="push given up, the reason stands on the status page",
        again="change not pushed, will try again",
        late="push took longer than its lease",
    )

    def __init__(
        self, pushes: Pushes, receiver: Receiver, *, name: str, options: DeliveryOptions, courier: str
    ) -> None:
        super().__init__(pushes, options, to={"receiver": name})
        self._pushes = pushes
        self._receiver = receiver
        self._name = name
        self._courier = courier

    def _claim(self, clock: Clock) -> Push | None:
        return self._pushes.claim_due(self._courier, receiver=self._name, lease_s=self._options.lease_s, now=clock())

    def _do(self, item: Push, clock: Clock) -> SendOutcome:
        return self._receiver.push(item, now=clock())

    def _told(self, item: Push, outcome: SendOutcome, counted: Fields) -> Fields:
        # A receiver's own words may name the patient: they stand on the status page and never in the log.
        why = {"why": outcome.reason} if isinstance(outcome, Unreachable) else {}
        uid = item.change.study_uid.value
        return {**counted, "study_instance_uid": uid, "receiver": item.receiver, "number": item.number, **why}

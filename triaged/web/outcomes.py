"""How the results of a study, their deliveries, and changes that a receiver did not take read for people.

Knows values only: no server, no store, no markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from shlex import quote

from triaged.store.tables.views import Delivery, PushDelivery, ResultRecord
from triaged.study.records import DeliveryState
from triaged.web.entries import STYLES, class_and_why
from triaged.web.score import NOTHING, as_share, read_by

DELIVERY_WORDS = {
    DeliveryState.PENDING: "waiting",
    DeliveryState.SENT: "sent",
    DeliveryState.REFUSED: "refused",
    DeliveryState.DEAD: "given up",
    DeliveryState.WITHDRAWN: "withdrawn",
}
FOR_A_PERSON = (DeliveryState.REFUSED, DeliveryState.DEAD)
"""Where a delivery stays until a person asks for it again, or the destination accepts its class."""


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One result of a study; `validity` says in words whether it counts, `superseded` marks those that do not."""

    revision: int
    validity: str
    superseded: bool
    at: datetime
    style: str
    triage_class: str
    why: str
    share: str
    read_by: str


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One object for one destination; `at` is when it got into its state where that is known, `why` may be empty."""

    study_uid: str
    revision: int
    destination: str
    what: str
    sop_instance_uid: str
    style: str
    state: str
    at: datetime | None
    committed_at: datetime | None
    attempts: int
    why: str


@dataclass(frozen=True, slots=True)
class UndeliveredLine:
    """One change that a receiver refused, or that was given up; `why` may be the receiver's own words, or empty."""

    receiver: str
    what: str
    style: str
    state: str
    why: str
    attempts: int
    study_uid: str


def as_results(records: Sequence[ResultRecord]) -> list[ResultLine]:
    """Return the results of a study, given the oldest first, for people: the one in force, then those before it."""
    return [_result(record) for record in reversed(records)]


def as_line(delivery: Delivery) -> DeliveryLine:
    """Return a delivery for people."""
    return DeliveryLine(
        study_uid=delivery.study_uid,
        revision=delivery.result_revision,
        destination=delivery.destination,
        what=delivery.kind.words,
        sop_instance_uid=delivery.sop_instance_uid,
        style=delivery.state.value.lower(),
        state=DELIVERY_WORDS[delivery.state],
        at=delivery.sent_at if delivery.state is DeliveryState.SENT else None,
        committed_at=delivery.committed_at if delivery.state is DeliveryState.SENT else None,
        attempts=delivery.attempts,
        why=_why(delivery),
    )


def as_lines(deliveries: Sequence[Delivery]) -> list[DeliveryLine]:
    """Return the deliveries of a study for people: by destination, of the newest result first."""
    ordered = sorted(deliveries, key=lambda each: (each.destination, -each.result_revision, each.item_id))
    return [as_line(delivery) for delivery in ordered]


def as_undelivered(push: PushDelivery) -> UndeliveredLine:
    """Return a notification for people."""
    return UndeliveredLine(
        receiver=push.receiver,
        what=f"{push.class_before.value} → {push.class_after.value}",
        style=push.state.value.lower(),
        state=DELIVERY_WORDS[push.state],
        why=push.error or "",
        attempts=push.attempts,
        study_uid=push.study_uid,
    )


def resend_commands(deliveries: Sequence[Delivery], *, study_uid: str | None = None) -> list[str]:
    """Return the commands that send refused and given-up deliveries again: one per destination that has any.

    Pictures as one object are not sent again: the single pictures went in their place.
    """
    again = [each for each in deliveries if each.state in FOR_A_PERSON and not each.kind.combines]
    of_study = "" if study_uid is None else f" --study {quote(study_uid)}"
    return [
        f"triaged resend{of_study} --destination {quote(name)}" for name in sorted({one.destination for one in again})
    ]


def _result(record: ResultRecord) -> ResultLine:
    triage_class, why = class_and_why(record.reason, record.triage_class)
    follower = record.superseded_by_revision
    return ResultLine(
        revision=record.revision,
        validity="in force" if follower is None else f"superseded by revision {follower}",
        superseded=follower is not None,
        at=record.at,
        style=STYLES[record.triage_class],
        triage_class=triage_class,
        why=why,
        share=NOTHING if record.urgency is None else as_share(record.urgency),
        read_by=read_by(record.algorithm, record.configuration),
    )


def _why(delivery: Delivery) -> str:
    why = delivery.error or ""
    if delivery.state is DeliveryState.WITHDRAWN:
        return "superseded by a newer result before it was sent"
    if delivery.state is DeliveryState.PENDING and why:
        return f"last attempt: {why}"
    if delivery.state in FOR_A_PERSON and delivery.kind.combines:
        return f"{why} (the single pictures went in its place)"
    return why

"""Changes on their way to receivers: claimed by couriers, kept until sent or given up, as deliveries of objects are.

Of one study a receiver is notified in order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select, update

from triaged.store.couriers.queue import Queue
from triaged.store.dispatch.tickets import Task
from triaged.store.listing.rankings import assessment_of
from triaged.store.posting.leases import Leases, posted
from triaged.store.posting.notifying import withdraw_for_newer
from triaged.store.tables import schema
from triaged.store.tables.findings import findings_of
from triaged.store.tables.rows import insert_or_replace, known_study, patient_of, study_uid_of
from triaged.store.tables.views import PushDelivery
from triaged.study.notification import Change, Notification, Occasion, Scored
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.study.records import DeliveryState

_push, _receiver, _study, _result = schema.push, schema.push_receiver, schema.study, schema.result
_older = _push.alias("older")


class Notifications(Queue[Notification]):
    """What the couriers write, and the administrator's resend; where something newer waits, that goes instead."""

    leases = Leases(_push)
    due = (
        leases.first(_push.c.id, _study.c.study_uid)
        .join(_study, _study.c.id == _push.c.study_id)
        .where(
            ~select(_older.c.id)
            .where(
                _older.c.study_id == _push.c.study_id,
                _older.c.receiver == _push.c.receiver,
                _older.c.state == DeliveryState.PENDING.value,
                _older.c.id < _push.c.id,
            )
            .exists()
        )
    )
    peer = _push.c.receiver
    task = Task.PUSH

    def subscribe(self, receivers: Mapping[str, frozenset[Occasion]]) -> None:
        """Let these and no others be notified of changes from now on.

        What waits for a receiver that is not among them stays, and goes when it is back.
        """
        with self._database.begin() as connection:
            connection.execute(delete(_receiver).where(_receiver.c.receiver.not_in(list(receivers))))
            for receiver, occasions in receivers.items():
                values = {"receiver": receiver, "occasions": json.dumps(sorted(occasions))}
                insert_or_replace(connection, _receiver, values, key=["receiver"])

    def resend(self, study_uid: str | None = None, receiver: str | None = None, *, now: datetime) -> int:
        """Try again what was given up or refused, of one study or all, to one receiver or all; return how many."""
        lost = [DeliveryState.DEAD, DeliveryState.REFUSED]
        wanted = update(_push).where(_push.c.state.in_(lost))
        if receiver is not None:
            wanted = wanted.where(_push.c.receiver == receiver)
        if study_uid is not None:
            wanted = wanted.where(_push.c.study_id.in_(select(_study.c.id).where(_study.c.study_uid == study_uid)))
        with self._database.begin() as connection:
            receivers = connection.execute(wanted.returning(_push.c.receiver), posted(now)).scalars().all()
            self._issue(connection, *receivers)
        return len(receivers)

    def counts(self) -> Mapping[str, Mapping[DeliveryState, int]]:
        """Return how many pushes are in each state, per receiver that is notified or ever was."""
        found = super().counts()
        with self._database.read() as connection:
            names = connection.execute(select(_receiver.c.receiver)).scalars().all()
        none = dict.fromkeys(DeliveryState, 0)
        return {name: found.get(name, none) for name in sorted({*names, *found})}

    def undelivered(self, limit: int = 1000) -> list[PushDelivery]:
        """Return what was refused or given up, the newest first."""
        lost = _PUSHES.where(_push.c.state.in_([DeliveryState.DEAD, DeliveryState.REFUSED]))
        return self._deliveries(lost.order_by(_push.c.id.desc()).limit(limit))

    def pushes(self, study_uid: str) -> list[PushDelivery]:
        """Return every notification of a study, sent or to be sent, the oldest first."""
        return self._deliveries(_PUSHES.where(_study.c.study_uid == study_uid).order_by(_push.c.id))

    def _first(self, connection: Connection, due: Select[Any], courier: str, now: datetime) -> Notification | None:
        """Return None also where another courier was faster; not what has something older of the same study before."""
        while (first := connection.execute(due, {"now": now}).first()) is not None:
            # The study first, as in a commit: so neither waits for the other.
            study = known_study(connection, first.study_uid)
            push = connection.execute(_DUE_STILL, {"now": now, "push": first.id}).one_or_none()
            if push is None:
                return None
            if not withdraw_for_newer(connection, push, now=now):
                change = _change(connection, push, study)
                return Notification(push.id, push.receiver, push.attempts + 1, courier, change)
        return None

    def _named(self, item: Notification) -> tuple[int, str]:
        return item.number, f"push {item.number} to {item.receiver}"

    def _not_sent(self, item: Notification, values: Mapping[str, Any], now: datetime) -> None:
        with self._database.begin() as connection:
            known_study(connection, item.change.study_uid.value)
            self._settle(connection, item, values)
            withdraw_for_newer(connection, connection.execute(_ONE, {"push": item.number}).one(), now=now)

    def _deliveries(self, query: Select[Any]) -> list[PushDelivery]:
        return [_delivery(row) for row in self._rows(query)]


def _change(connection: Connection, push: Row[Any], study: Row[Any]) -> Change:
    result = None
    if push.result_id is not None:
        row = connection.execute(_RESULT, {"result": push.result_id}).one()
        finding = findings_of(connection, [row]).get(row.id)
        result = Scored(row.set_revision, row.at, row.model, assessment_of(row, finding))
    return Change(
        study_uid=study_uid_of(study),
        at=push.at,
        occasion=Occasion(push.occasion),
        class_before=TriageClass(push.class_before),
        class_after=TriageClass(push.class_after),
        reason=push.reason,
        order_priority=RequestPriority(study.order_priority),
        patient=patient_of(study),
        result=result,
    )


def _delivery(row: Row[Any]) -> PushDelivery:
    return PushDelivery(
        number=row.id,
        study_uid=row.study_uid,
        receiver=row.receiver,
        at=row.at,
        class_before=TriageClass(row.class_before),
        class_after=TriageClass(row.class_after),
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        sent_at=row.sent_at,
        error=row.error,
    )


_ONE = select(_push).where(_push.c.id == bindparam("push"))
_DUE_STILL = _ONE.where(Notifications.leases.is_due)
_RESULT = select(_result).where(_result.c.id == bindparam("result"))
_PUSHES = select(_push, _study.c.study_uid).join(_study, _study.c.id == _push.c.study_id)

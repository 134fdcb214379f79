"""Changes on their way to receivers: claimed by couriers, kept until told or given up, as deliveries of objects are.

Knows no sockets. A claim is owned by (push, attempt), and ends with its lease. Of one study a receiver is told in
order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, or_, select, update

from triaged.errors import StaleClaim
from triaged.store.listing.standings import assessment_of
from triaged.store.posting.pushing import give_way_to_newer
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.findings import findings_of
from triaged.store.tables.rows import insert_or_replace, known_study, patient_of, release_held, study_uid_of
from triaged.store.tables.views import PushDelivery
from triaged.study.placement import OrderPriority, TriageClass
from triaged.study.push import Change, Occasion, Push, Scored
from triaged.study.records import DeliveryState


class Pushes(Ledger):
    """What the couriers write, and the administrator's resend."""

    def subscribe(self, receivers: Mapping[str, frozenset[Occasion]]) -> None:
        """Let these and no others be told of changes from now on.

        What waits for a receiver that is not among them stays, and goes when it is back.
        """
        with self._database.begin() as connection:
            connection.execute(delete(_receiver).where(_receiver.c.receiver.not_in(list(receivers))))
            for receiver, occasions in receivers.items():
                values = {"receiver": receiver, "occasions": json.dumps(sorted(occasions))}
                insert_or_replace(connection, _receiver, values, key=["receiver"])

    def claim_due(self, courier: str, *, receiver: str, lease_s: float, now: datetime) -> Push | None:
        """Take what has been due for longest to a receiver; None when nothing is, or another courier was faster.

        Not what has something older of the same study before it.
        """
        due = {"now": now, "to": receiver}
        with self._database.read() as connection:
            if connection.execute(_DUE, due).first() is None:
                return None  # asked often and mostly in vain: without the write lock
        with self._database.begin() as connection:
            while (first := connection.execute(_DUE, due).first()) is not None:
                # The study first, as in a commit: so neither waits for the other.
                study = known_study(connection, first.study_uid)
                push = connection.execute(_DUE_STILL, {**due, "push": first.id}).one_or_none()
                if push is None:
                    return None
                if give_way_to_newer(connection, push, now=now):
                    continue
                lease = {"courier": courier, "lease_expires_at": now + timedelta(seconds=lease_s)}
                connection.execute(_SET, {"push": push.id, "attempts": push.attempts + 1, **lease})
                return Push(push.id, receiver, push.attempts + 1, _change(connection, push, study))
        return None

    def release(self, courier: str) -> int:
        """Make due again what a courier of this name was telling when it died; return how many pushes."""
        with self._database.begin() as connection:
            return release_held(connection, _push, courier)

    def sent(self, push: Push, *, now: datetime) -> None:
        """Record that the receiver took it.

        Raises:
            StaleClaim: the lease ran out and another courier has the push.
        """
        with self._database.begin() as connection:
            _settle(connection, push, {"state": DeliveryState.SENT, "sent_at": now, "error": None})

    def retry(self, push: Push, *, error: str, next_attempt_at: datetime, now: datetime) -> None:
        """Record that it did not work, and when to try again; where something newer waits, that goes instead.

        Raises:
            StaleClaim: the lease ran out and another courier has the push.
        """
        self._not_sent(push, {"next_attempt_at": next_attempt_at, "error": error}, now)

    def refused(self, push: Push, *, error: str, now: datetime) -> None:
        """Record that the receiver does not want it.

        Raises:
            StaleClaim: the lease ran out and another courier has the push.
        """
        self._not_sent(push, {"state": DeliveryState.REFUSED, "error": error}, now)

    def dead(self, push: Push, *, error: str, now: datetime) -> None:
        """Give it up until a person asks for it again.

        Raises:
            StaleClaim: the lease ran out and another courier has the push.
        """
        self._not_sent(push, {"state": DeliveryState.DEAD, "error": error}, now)

    def resend(self, study_uid: str | None = None, receiver: str | None = None, *, now: datetime) -> int:
        """Try again what was given up or refused, of one study or all, to one receiver or all; return how many."""
        lost = [DeliveryState.DEAD, DeliveryState.REFUSED]
        wanted = update(_push).where(_push.c.state.in_(lost))
        if receiver is not None:
            wanted = wanted.where(_push.c.receiver == receiver)
        if study_uid is not None:
            wanted = wanted.where(_push.c.study_id.in_(select(_study.c.id).where(_study.c.study_uid == study_uid)))
        values = {"state": DeliveryState.PENDING, "attempts": 0, "next_attempt_at": now}
        with self._database.begin() as connection:
            return connection.execute(wanted, values).rowcount

    def counts(self) -> Mapping[str, Mapping[DeliveryState, int]]:
        """Return how many pushes are in each state, per receiver that is told or ever was."""
        columns = (_push.c.receiver, _push.c.state)
        with self._database.read() as connection:
            rows = connection.execute(select(*columns, func.count().label("items")).group_by(*columns)).all()
            names = connection.execute(select(_receiver.c.receiver)).scalars().all()
        found = {name: dict.fromkeys(DeliveryState, 0) for name in sorted({*names, *(row.receiver for row in rows)})}
        for row in rows:
            found[row.receiver][DeliveryState(row.state)] = row.items
        return found

    def undelivered(self, limit: int = 1000) -> list[PushDelivery]:
        """Return what was refused or given up, the newest first."""
        lost = _PUSHES.where(_push.c.state.in_([DeliveryState.DEAD, DeliveryState.REFUSED]))
        return self._deliveries(lost.order_by(_push.c.id.desc()).limit(limit))

    def pushes(self, study_uid: str) -> list[PushDelivery]:
        """Return everything that receivers were told of a study, or are to be told, the oldest first."""
        return self._deliveries(_PUSHES.where(_study.c.study_uid == study_uid).order_by(_push.c.id))

    def _not_sent(self, push: Push, values: Mapping[str, Any], now: datetime) -> None:
        with self._database.begin() as connection:
            known_study(connection, push.change.study_uid.value)
            _settle(connection, push, values)
            give_way_to_newer(connection, connection.execute(_ONE, {"push": push.number}).one(), now=now)

    def _deliveries(self, query: Select[Any]) -> list[PushDelivery]:
        with self._database.read() as connection:
            return [_delivery(row) for row in connection.execute(query)]


def _settle(connection: Connection, push: Push, values: Mapping[str, Any]) -> None:
    parameters = {"push": push.number, "attempt": push.attempts, "courier": None, "lease_expires_at": None}
    if connection.execute(_SET_OWNED, {**parameters, **values}).rowcount != 1:
        raise StaleClaim(
            f"expected push {push.number} to {push.receiver} in attempt {push.attempts}, "
            "found it with another courier, or settled"
        )


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
        order_priority=OrderPriority(study.order_priority),
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


_push, _receiver, _study, _result = schema.push, schema.push_receiver, schema.study, schema.result
_older = _push.alias("older")
_now = bindparam("now", type_=_push.c.next_attempt_at.type)
_DUE = (
    select(_push.c.id, _study.c.study_uid)
    .join(_study, _study.c.id == _push.c.study_id)
    .where(
        _push.c.state == DeliveryState.PENDING.value,
        _push.c.receiver == bindparam("to"),
        _push.c.next_attempt_at <= _now,
        or_(_push.c.lease_expires_at.is_(None), _push.c.lease_expires_at <= _now),
        ~select(_older.c.id)
        .where(
            _older.c.study_id == _push.c.study_id,
            _older.c.receiver == _push.c.receiver,
            _older.c.state == DeliveryState.PENDING.value,
            _older.c.id < _push.c.id,
        )
        .exists(),
    )
    .order_by(_push.c.next_attempt_at, _push.c.id)
    .limit(1)
)
_ONE = select(_push).where(_push.c.id == bindparam("push"))
_DUE_STILL = _ONE.where(
    _push.c.receiver == bindparam("to"),
    _push.c.state == DeliveryState.PENDING.value,
    _push.c.next_attempt_at <= _now,
    or_(_push.c.lease_expires_at.is_(None), _push.c.lease_expires_at <= _now),
)
_SET = update(_push).where(_push.c.id == bindparam("push"))
_SET_OWNED = _SET.where(
    _push.c.state == DeliveryState.PENDING,
    _push.c.courier.is_not(None),
    _push.c.attempts == bindparam("attempt"),
)
_RESULT = select(_result).where(_result.c.id == bindparam("result"))
_PUSHES = select(_push, _study.c.study_uid).join(_study, _study.c.id == _push.c.study_id)

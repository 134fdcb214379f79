"""Deliveries: one row per result object and destination, claimed by couriers, kept until sent or given up.

Knows no sockets. A claim is owned by (item, attempt), and ends with its lease, so that a dead courier holds up nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, not_, or_, select, update

from triaged.errors import StaleClaim
from triaged.store.couriers.pushes import Pushes
from triaged.store.posting.publishing import HAS_GIVEN_WAY, IN_FORCE, IS_SUPERSEDED, give_way, withdraw_superseded
from triaged.store.studies.history import derived_object
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import known_study, release_held
from triaged.store.tables.views import Delivery
from triaged.study.kinds import kind_of
from triaged.study.records import DeliveryState, OutboxItem


class Outbox(Ledger):
    """What the couriers write, and the administrator's resend."""

    @property
    def pushes(self) -> Pushes:
        """Return the changes that receivers are told; they leave by the same door."""
        return Pushes(self._database)

    def claim_due(
        self, courier: str, *, destination: str | None = None, lease_s: float, now: datetime
    ) -> OutboxItem | None:
        """Take the delivery that has been due for longest, to one destination or to any; None when none is due."""
        due = _DUE if destination is None else _DUE.where(_outbox.c.destination == destination)
        with self._database.read() as connection:
            if connection.execute(due, {"now": now}).first() is None:
                return None  # asked often and mostly in vain: without the write lock
        with self._database.begin() as connection:
            row = _first_in_force(connection, due, now)
            if row is None:
                return None
            lease = {"courier": courier, "lease_expires_at": now + timedelta(seconds=lease_s)}
            connection.execute(_SET, {"item": row.item_id, "attempts": row.attempts + 1, **lease})
        return OutboxItem(row.item_id, row.study_uid, row.destination, derived_object(row), row.attempts + 1)

    def release(self, courier: str) -> int:
        """Make due again what a courier of this name was sending when it died; return how many deliveries.

        A courier that starts calls this: waiting for the lease to run out would only delay the object.
        """
        with self._database.begin() as connection:
            return release_held(connection, _outbox, courier)

    def sent(self, item: OutboxItem, *, now: datetime) -> None:
        """Record that the destination has the object.

        Raises:
            StaleClaim: the lease ran out and another courier has the item.
        """
        with self._database.begin() as connection:
            _settle(connection, item, {"state": DeliveryState.SENT, "sent_at": now, "error": None})

    def retry(self, item: OutboxItem, *, error: str, next_attempt_at: datetime, now: datetime) -> None:
        """Record that it did not work, and when to try again; what was superseded meanwhile is withdrawn.

        Raises:
            StaleClaim: the lease ran out and another courier has the item.
        """
        self._not_sent(item, {"next_attempt_at": next_attempt_at, "error": error}, now)

    def refused(self, item: OutboxItem, *, error: str, now: datetime) -> None:
        """Record that the destination does not want the object; of pictures in one object the single ones go instead.

        Raises:
            StaleClaim: the lease ran out and another courier has the item.
        """
        self._not_sent(item, {"state": DeliveryState.REFUSED, "error": error}, now)

    def dead(self, item: OutboxItem, *, error: str, now: datetime) -> None:
        """Give a delivery up until a person asks for it again; of pictures in one object the single ones go instead.

        Raises:
            StaleClaim: the lease ran out and another courier has the item.
        """
        self._not_sent(item, {"state": DeliveryState.DEAD, "error": error}, now)

    def resend(self, study_uid: str | None = None, destination: str | None = None, *, now: datetime) -> int:
        """Try again what was given up or refused, of one study or all, to one destination or all; return how many.

        What something newer took the place of is not sent, whoever asks.
        """
        wanted = _REVIVABLE.where(_outbox.c.state.in_([DeliveryState.DEAD, DeliveryState.REFUSED]))
        if destination is not None:
            wanted = wanted.where(_outbox.c.destination == destination)
        if study_uid is not None:
            wanted = wanted.where(_study.c.study_uid == study_uid)
        return self._revive(wanted, now)

    def revive_refused(self, destination: str, sop_class_uids: Collection[str], *, now: datetime) -> int:
        """Send what a destination refused of these classes, since it accepts them now; return how many deliveries."""
        refused = _REVIVABLE.where(
            _outbox.c.state == DeliveryState.REFUSED,
            _outbox.c.destination == destination,
            _derived.c.sop_class_uid.in_(sop_class_uids),
        )
        return self._revive(refused, now)

    def counts(self) -> Mapping[str, Mapping[DeliveryState, int]]:
        """Return how many deliveries are in each state, per destination that ever had one."""
        columns = (_outbox.c.destination, _outbox.c.state)
        found: dict[str, dict[DeliveryState, int]] = {}
        for row in self._rows(select(*columns, func.count().label("items")).group_by(*columns)):
            per_state = found.setdefault(row.destination, dict.fromkeys(DeliveryState, 0))
            per_state[DeliveryState(row.state)] = row.items
        return found

    def awaiting_commitment(self) -> Mapping[str, int]:
        """Return how many objects each destination was asked to keep and has not committed to; none where all is."""
        query = (
            select(_outbox.c.destination, func.count().label("items"))
            .where(
                _outbox.c.state == DeliveryState.SENT,
                _outbox.c.committed_at.is_(None),
                _outbox.c.commitment_asked_at.is_not(None),
            )
            .group_by(_outbox.c.destination)
        )
        return {row.destination: row.items for row in self._rows(query)}

    def dead_items(self, limit: int = 1000) -> list[Delivery]:
        """Return the deliveries that were given up, the newest first."""
        return self._in_state(DeliveryState.DEAD, limit)

    def refused_items(self, limit: int = 1000) -> list[Delivery]:
        """Return the deliveries that their destination does not want, with its reason, the newest first."""
        return self._in_state(DeliveryState.REFUSED, limit)

    def deliveries(self, study_uid: str) -> list[Delivery]:
        """Return every delivery of a study, also those of superseded results, the oldest first."""
        of_study = _DELIVERIES.where(_study.c.study_uid == study_uid).order_by(_outbox.c.id)
        return [_delivery(row) for row in self._rows(of_study)]

    def _not_sent(self, item: OutboxItem, values: Mapping[str, Any], now: datetime) -> None:
        with self._database.begin() as connection:
            # The study first, as in a commit: so neither waits for the other, and one of them sees what the other did.
            study = known_study(connection, item.study_uid)
            _settle(connection, item, values)
            withdraw_superseded(connection, study.id, now=now)
            give_way(connection, item.item_id, now=now)

    def _revive(self, items: Select[Any], now: datetime) -> int:
        revived = update(_outbox).where(
            _outbox.c.id.in_(items), _outbox.c.state.in_([DeliveryState.DEAD, DeliveryState.REFUSED])
        )
        values = {"state": DeliveryState.PENDING, "attempts": 0, "commitment_failures": 0, "next_attempt_at": now}
        with self._database.begin() as connection:
            return connection.execute(revived, values).rowcount

    def _in_state(self, state: DeliveryState, limit: int) -> list[Delivery]:
        query = _DELIVERIES.where(_outbox.c.state == state).order_by(_outbox.c.id.desc()).limit(limit)
        return [_delivery(row) for row in self._rows(query)]

    def _rows(self, query: Select[Any]) -> list[Row[Any]]:
        with self._database.read() as connection:
            return list(connection.execute(query))


def _first_in_force(connection: Connection, due: Select[Any], now: datetime) -> Row[Any] | None:
    """Return the first delivery that is due, locked; what was superseded while a courier died with it is withdrawn."""
    locked = due.with_for_update(key_share=True, skip_locked=True)
    while (item_id := connection.execute(locked, {"now": now}).scalar()) is not None:
        row = connection.execute(_DELIVERIES.where(_outbox.c.id == item_id)).one()
        if not row.is_superseded:
            return row
        withdraw_superseded(connection, row.study_id, now=now)
    return None


def _settle(connection: Connection, item: OutboxItem, values: Mapping[str, Any]) -> None:
    parameters = {"item": item.item_id, "attempt": item.attempts, "courier": None, "lease_expires_at": None}
    if connection.execute(_SET_OWNED, {**parameters, **values}).rowcount != 1:
        raise StaleClaim(
            f"expected delivery {item.item_id} to {item.destination} in attempt {item.attempts}, "
            "found it with another courier, or settled"
        )


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        item_id=row.item_id,
        study_uid=row.study_uid,
        destination=row.destination,
        sop_instance_uid=row.sop_instance_uid,
        kind=kind_of(row.kind),
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        sent_at=row.sent_at,
        error=row.error,
        committed_at=row.committed_at,
        result_revision=row.set_revision,
    )


_outbox, _derived, _study, _result = schema.outbox, schema.derived, schema.study, schema.result
_now = bindparam("now", type_=_outbox.c.next_attempt_at.type)
_SET = update(_outbox).where(_outbox.c.id == bindparam("item"))
_SET_OWNED = _SET.where(
    _outbox.c.state == DeliveryState.PENDING,
    _outbox.c.courier.is_not(None),
    _outbox.c.attempts == bindparam("attempt"),
)
_OWN_COLUMNS = [column for column in _outbox.c if column.name not in ("id", "derived_id")]
_OBJECT_COLUMNS = [column for column in _derived.c if column.name not in ("id", "result_id")]
_DELIVERIES = (
    select(_outbox.c.id.label("item_id"), *_OWN_COLUMNS, *_OBJECT_COLUMNS, _study.c.study_uid)
    .add_columns(_result.c.set_revision, IS_SUPERSEDED.label("is_superseded"))
    .join(_derived, _derived.c.id == _outbox.c.derived_id)
    .join(_study, _study.c.id == _derived.c.study_id)
    .join(_result, _result.c.id == _derived.c.result_id)
    .join(IN_FORCE, IN_FORCE.c.id == _study.c.result_id)
)
# Of deliveries alone, so that the index finds the first one, however many wait.
_DUE = (
    select(_outbox.c.id)
    .where(
        _outbox.c.state == DeliveryState.PENDING.value,
        _outbox.c.next_attempt_at <= _now,
        or_(_outbox.c.lease_expires_at.is_(None), _outbox.c.lease_expires_at <= _now),
    )
    .order_by(_outbox.c.next_attempt_at, _outbox.c.id)
    .limit(1)
)
_REVIVABLE = (
    select(_outbox.c.id)
    .join(_derived, _derived.c.id == _outbox.c.derived_id)
    .join(_study, _study.c.id == _derived.c.study_id)
    .join(_result, _result.c.id == _derived.c.result_id)
    .join(IN_FORCE, IN_FORCE.c.id == _study.c.result_id)
    .where(not_(IS_SUPERSEDED), not_(HAS_GIVEN_WAY))
)

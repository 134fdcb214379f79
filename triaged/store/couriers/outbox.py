"""Deliveries: one row per result object and destination, claimed by couriers, kept until sent or given up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, bindparam, exists, func, not_, select, update

from triaged.store.couriers.queue import Queue
from triaged.store.dispatch.tickets import Task
from triaged.store.posting.leases import Leases, is_free, posted
from triaged.store.posting.publishing import (
    HAS_GIVEN_WAY,
    IN_FORCE,
    IS_SUPERSEDED,
    withdraw_if_pending,
    withdraw_superseded,
)
from triaged.store.studies.history import derived_object
from triaged.store.tables import schema
from triaged.store.tables.rows import known_study
from triaged.store.tables.views import Delivery
from triaged.store.trail.audits import write_audit
from triaged.study.audit import Audited, AuditEvent
from triaged.study.kinds import ObjectKind, kind_of
from triaged.study.records import DeliveryState, OutboxItem


def _waits_for_another_set(outbox: Table) -> ColumnElement[bool]:
    """True for a delivery while somebody has one of another set of the same study to the same destination.

    With several couriers that one, which is superseded, could arrive after its successor.
    """
    held, result = outbox.alias("held"), schema.result
    own, other = schema.derived.alias("own"), schema.derived.alias("other")
    own_result, other_result = result.alias("own_result"), result.alias("other_result")
    return exists(
        select(held.c.id)
        .join(other, other.c.id == held.c.derived_id)
        .join(other_result, other_result.c.id == other.c.result_id)
        .join(own, own.c.study_id == other.c.study_id)
        .join(own_result, own_result.c.id == own.c.result_id)
        .where(
            held.c.courier.is_not(None),
            not_(is_free(held)),
            held.c.destination == outbox.c.destination,
            own.c.id == outbox.c.derived_id,
            own_result.c.object_set_uid != other_result.c.object_set_uid,
        )
        .correlate(outbox)
    )


class Outbox(Queue[OutboxItem]):
    """What the couriers write, and the administrator's resend.

    Of pictures in one object that are refused or given up the single ones go instead; what was superseded by the time
    that it could not be sent is withdrawn.
    """

    leases = Leases(schema.outbox)
    due = leases.first(schema.outbox.c.id).where(~_waits_for_another_set(schema.outbox))
    """Of deliveries alone, so that the index finds it, however many wait."""
    peer = schema.outbox.c.destination
    task = Task.DELIVER

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

    def move(self, peer: str, to: str, *, now: datetime) -> int:
        """As of every queue; what the other destination has or is to get already is withdrawn here instead."""
        there = _outbox.alias("there")
        has = exists(select(there.c.id).where(there.c.derived_id == _outbox.c.derived_id, there.c.destination == to))
        values = {"state": DeliveryState.WITHDRAWN, "error": f"{to} gets it already"}
        with self._database.begin() as connection:
            connection.execute(update(_outbox).where(*self._idle(peer), has), values | {"now": now})
        return super().move(peer, to, now=now)

    def revive_refused(self, destination: str, kinds: Collection[ObjectKind], *, now: datetime) -> int:
        """Send what a destination refused of these kinds, since it accepts them now; return how many deliveries."""
        refused = _REVIVABLE.where(
            _outbox.c.state == DeliveryState.REFUSED,
            _outbox.c.destination == destination,
            _derived.c.kind.in_([kind.name for kind in kinds]),
        )
        return self._revive(refused, now)

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

    def _first(self, connection: Connection, due: Select[Any], courier: str, now: datetime) -> OutboxItem | None:
        """Also withdraw what was superseded while a courier died with it."""
        locked = due.with_for_update(key_share=True, skip_locked=True)
        while (item_id := connection.execute(locked, {"now": now}).scalar()) is not None:
            row = connection.execute(_DELIVERIES.where(_outbox.c.id == item_id)).one()
            if not row.is_superseded:
                made = derived_object(row)
                return OutboxItem(item_id, row.study_uid, row.destination, made, row.attempts + 1, courier)
            withdraw_superseded(connection, row.study_id, now=now)
        return None

    def _named(self, item: OutboxItem) -> tuple[int, str]:
        return item.item_id, f"delivery {item.item_id} to {item.destination}"

    def sent(self, item: OutboxItem, *, now: datetime) -> None:
        """Record that the peer has it; in the audit trail, once it has everything of the study that it can get."""
        with self._database.begin() as connection:
            self._settle(connection, item, {"state": DeliveryState.SENT, "sent_at": now, "error": None})
            _audit(connection, item, now)

    def _not_sent(self, item: OutboxItem, values: Mapping[str, Any], now: datetime) -> None:
        with self._database.begin() as connection:
            # The study first, as in a commit: so neither waits for the other, and one of them sees what the other did.
            study = known_study(connection, item.study_uid)
            self._settle(connection, item, values)
            withdraw_superseded(connection, study.id, now=now)
            withdraw_if_pending(connection, item.item_id, now=now)
            if "next_attempt_at" not in values:
                _audit(connection, item, now)

    def _revive(self, items: Select[Any], now: datetime) -> int:
        revived = update(_outbox).where(
            _outbox.c.id.in_(items), _outbox.c.state.in_([DeliveryState.DEAD, DeliveryState.REFUSED])
        )
        with self._database.begin() as connection:
            values = {"commitment_failures": 0, **posted(now)}
            destinations = connection.execute(revived.returning(_outbox.c.destination), values).scalars().all()
            self._issue(connection, *destinations)
        return len(destinations)

    def _in_state(self, state: DeliveryState, limit: int) -> list[Delivery]:
        query = _DELIVERIES.where(_outbox.c.state == state).order_by(_outbox.c.id.desc()).limit(limit)
        return [_delivery(row) for row in self._rows(query)]


def _audit(connection: Connection, item: OutboxItem, now: datetime) -> None:
    """Write down how many objects of a study a destination has, once none of them waits any more."""
    of_study = {"study_uid": item.study_uid, "destination": item.destination}
    states = {row.state: row.objects for row in connection.execute(_STATES, of_study)}
    if not states.get(DeliveryState.PENDING):
        sent = states.get(DeliveryState.SENT, 0)
        refused = states.get(DeliveryState.REFUSED, 0) + states.get(DeliveryState.DEAD, 0)
        detail = f"instances: {sent}" + (f", refused or given up: {refused}" if refused else "")
        audited = Audited(
            AuditEvent.INSTANCES_SENT,
            now,
            source="courier",
            study_uid=item.study_uid,
            target=item.destination,
            detail=detail,
            succeeded=sent > 0,
        )
        write_audit(connection, [audited])


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
_STATES = (
    select(_outbox.c.state, func.count().label("objects"))
    .join(_derived, _derived.c.id == _outbox.c.derived_id)
    .join(_study, _study.c.id == _derived.c.study_id)
    .where(_study.c.study_uid == bindparam("study_uid"), _outbox.c.destination == bindparam("destination"))
    .group_by(_outbox.c.state)
)
_REVIVABLE = (
    select(_outbox.c.id)
    .join(_derived, _derived.c.id == _outbox.c.derived_id)
    .join(_study, _study.c.id == _derived.c.study_id)
    .join(_result, _result.c.id == _derived.c.result_id)
    .join(IN_FORCE, IN_FORCE.c.id == _study.c.result_id)
    .where(not_(IS_SUPERSEDED), not_(HAS_GIVEN_WAY))
)

"""Who is sending, and what came that could not be filed under a study.

Knows no sockets and no files: the bytes in quarantine are already durable in the spool when they come here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, update

from triaged.errors import TryLater
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import locked_study, record_event
from triaged.store.tables.views import Quarantined
from triaged.store.trail.audits import write_audit
from triaged.study.audit import Audited, AuditEvent
from triaged.study.process import stable_part
from triaged.study.uids import SOPInstanceUID


class Reception(Ledger):
    """What the receivers write beside the instances."""

    def open_association(self, *, receiver: str, peer: str, calling_ae_title: str, now: datetime) -> int:
        """Record that a sender has begun, and return the association's number."""
        values = {"receiver": receiver, "peer": peer, "calling_ae_title": calling_ae_title, "opened_at": now}
        with self._database.begin() as connection:
            return int(connection.execute(_OPEN, values).scalar_one())

    def close_association(self, association_id: int, *, now: datetime) -> None:
        """Record that a sender has ended, in whatever way, and in the audit trail what it brought of each study."""
        with self._database.begin() as connection:
            _close(connection, _association.c.id == association_id, now)

    def known_senders(self, *, since: datetime) -> frozenset[tuple[str, str]]:
        """Return calling AE title and address of those who have begun since then and had an instance kept.

        Looks at the last associations only: this is asked while senders wait, and a history has no end.
        """
        kept = schema.association_study.c.association_id
        recent = select(func.coalesce(func.max(_association.c.id), 0) - _LOOKED_AT).scalar_subquery()
        query = (
            select(_association.c.calling_ae_title, _association.c.peer)
            .distinct()
            .join(schema.association_study, kept == _association.c.id)
            .where(_association.c.id > recent, _association.c.opened_at >= since)
        )
        with self._database.read() as connection:
            return frozenset((row.calling_ae_title, row.peer) for row in connection.execute(query))

    def receivers(self) -> frozenset[str]:
        """Return the name of everybody who has an association open."""
        return frozenset(row.receiver for row in self._rows(_RECEIVERS))

    def close_orphans(self, receiver: str, *, now: datetime) -> int:
        """Close what a receiver that is gone left open; return how many."""
        with self._database.begin() as connection:
            return _close(connection, schema.association.c.receiver == receiver, now)

    def note_delivery(self, study_uid: str, words: str, *, now: datetime) -> None:
        """Write one line of a study's history: what was delivered, and by whom; nothing where there is no study."""
        with self._database.begin() as connection:
            study = locked_study(connection, study_uid)
            if study is not None:
                record_event(connection, study, "DELIVERED", words, now=now)

    def quarantine(self, kept: Quarantined, *, is_there: Callable[[str], bool] = lambda _: True) -> None:
        """Record bytes that are kept but cannot be filed under a study, with the reason.

        Raises:
            TryLater: the same bytes were deleted (`store.studies.retention`) while they came again.
        """
        sent = kept.sop_instance_uid_sent
        uid = SOPInstanceUID.parse(sent).value if sent.strip(" \0") else None
        with self._database.begin() as connection:
            connection.execute(insert(schema.quarantine), {**asdict(kept), "sop_instance_uid": uid})
            if not is_there(kept.path):
                raise TryLater("expected the bytes that have just come, found them deleted with the earlier ones")


def _close(connection: Connection, which: ColumnElement[bool], now: datetime) -> int:
    ended = connection.execute(_CLOSE.where(which), {"closed_at": now}).scalars().all()
    brought = connection.execute(_BROUGHT, {"ended": ended}).all() if ended else []
    write_audit(
        connection,
        (
            Audited(
                AuditEvent.INSTANCES_RECEIVED,
                now,
                person=row.calling_ae_title,
                address=row.peer,
                source=stable_part(row.receiver),
                study_uid=row.study_uid,
                detail=f"instances: {row.instances}",
            )
            for row in brought
        ),
    )
    return len(ended)


_LOOKED_AT = 20_000
_association = schema.association
_RECEIVERS = select(_association.c.receiver).where(_association.c.closed_at.is_(None)).distinct()
_OPEN = insert(schema.association).returning(schema.association.c.id)
_CLOSE = update(_association).where(_association.c.closed_at.is_(None)).returning(_association.c.id)
_brought = schema.association_study
_BROUGHT = (
    select(_association, _brought.c.instances, schema.study.c.study_uid)
    .join(_brought, _brought.c.association_id == _association.c.id)
    .join(schema.study, schema.study.c.id == _brought.c.study_id)
    .where(_association.c.id.in_(bindparam("ended", expanding=True)))
    .order_by(_association.c.id, schema.study.c.id)
)

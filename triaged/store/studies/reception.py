"""Who is sending, and what came that could not be filed under a study.

Knows no sockets and no files: the bytes in quarantine are already durable in the spool when they come here.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import func, insert, select, update

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.views import Quarantined
from triaged.study.uids import SOPInstanceUID


class Reception(Ledger):
    """What the receivers write beside the instances."""

    def open_association(self, *, receiver: str, peer: str, calling_ae_title: str, now: datetime) -> int:
        """Record that a sender has begun, and return the association's number."""
        values = {"receiver": receiver, "peer": peer, "calling_ae_title": calling_ae_title, "opened_at": now}
        with self._database.begin() as connection:
            return int(connection.execute(_OPEN, values).scalar_one())

    def close_association(self, association_id: int, *, now: datetime) -> None:
        """Record that a sender has ended, in whatever way."""
        with self._database.begin() as connection:
            connection.execute(_CLOSE.where(schema.association.c.id == association_id), {"closed_at": now})

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

    def close_orphans(self, receiver: str, *, now: datetime) -> int:
        """Close what this receiver's predecessor of the same name left open when it died; return how many."""
        orphans = _CLOSE.where(schema.association.c.receiver == receiver)
        with self._database.begin() as connection:
            return connection.execute(orphans, {"closed_at": now}).rowcount

    def quarantine(self, kept: Quarantined) -> None:
        """Record bytes that are kept but cannot be filed under a study, with the reason."""
        sent = kept.sop_instance_uid_sent
        uid = SOPInstanceUID.parse(sent).value if sent.strip(" \0") else None
        with self._database.begin() as connection:
            connection.execute(insert(schema.quarantine), {**asdict(kept), "sop_instance_uid": uid})


_LOOKED_AT = 20_000
_association = schema.association
_OPEN = insert(schema.association).returning(schema.association.c.id)
_CLOSE = update(schema.association).where(schema.association.c.closed_at.is_(None))

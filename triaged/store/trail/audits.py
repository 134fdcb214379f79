"""The rows of who did, saw or was sent what, and up to which of them another system has been told.

Rows are added and never changed. Knows no messages and no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.history import audit
from triaged.store.tables.housekeeping import audit_sent
from triaged.store.tables.rows import insert_or_replace
from triaged.study.audit import Audited, AuditEvent

_MOST_TEXT = 1000
_TELLING_LOCK = 7226940164


@dataclass(frozen=True, slots=True)
class Told:
    """A row to tell another system of: its number, and the Patient ID of its study; empty where it has none."""

    number: int
    audited: Audited
    patient_id: str


def write_audit(connection: Connection, entries: Iterable[Audited]) -> None:
    """Add rows within the caller's transaction, so that what happened and that it did are kept together."""
    rows = [_values(entry) for entry in entries]
    if rows:
        connection.execute(insert(audit), rows)


class Audits(Ledger):
    """The audit trail."""

    def record(self, *entries: Audited) -> None:
        """Add what happened; raises `TryLater` where the store is unreachable."""
        with self._database.begin() as connection:
            write_audit(connection, entries)

    def since(self, at: datetime, *, most: int = 10_000) -> list[Audited]:
        """Return what happened since a time, the oldest first; of more than `most` the newest."""
        query = select(audit).where(audit.c.at >= at).order_by(audit.c.id.desc()).limit(most)
        return [_audited(row) for row in reversed(self._rows(query))]

    def last(self, event: AuditEvent) -> Audited | None:
        """Return the last row of a kind, or None where there is none."""
        row = self._row(select(audit).where(audit.c.event == event).order_by(audit.c.id.desc()).limit(1))
        return None if row is None else _audited(row)

    def untold(self, most: int) -> list[Told]:
        """Return the oldest rows of which nobody has been told, with the Patient IDs that only they may leave with."""
        query = (
            select(audit, schema.study.c.patient_id)
            .outerjoin(schema.study, schema.study.c.study_uid == audit.c.study_uid)
            .where(audit.c.id > _LAST_TOLD)
            .order_by(audit.c.id)
            .limit(most)
        )
        return [Told(row.id, _audited(row), row.patient_id or "") for row in self._rows(query)]

    @contextmanager
    def only_teller(self, *, lease_s: float) -> Iterator[bool]:
        """Give whether nobody else in the cluster tells at this moment; then nobody does, as `Database.alone` says."""
        with self._database.alone(_TELLING_LOCK, lease_s=lease_s) as is_alone:
            yield is_alone

    def waiting(self) -> int:
        """Return how many rows wait to be told."""
        return int(self._rows(select(func.count().label("rows")).where(audit.c.id > _LAST_TOLD))[0].rows)

    def told(self, number: int, *, now: datetime) -> None:
        """Record that everything up to a row has been told; more than that may have been, by somebody else."""
        with self._database.begin() as connection:
            if number <= connection.execute(select(_LAST_TOLD)).scalar_one():
                return
            insert_or_replace(connection, audit_sent, {"id": 1, "last_id": number, "at": now}, key=["id"])


_LAST_TOLD = select(func.coalesce(func.max(audit_sent.c.last_id), 0)).scalar_subquery()


def _values(entry: Audited) -> dict[str, Any]:
    texts = {name: getattr(entry, name)[:_MOST_TEXT] for name in _TEXTS}
    outcome = "success" if entry.succeeded else "failure"
    known = {"event": entry.event, "at": entry.at, "study_uid": entry.study_uid[:64] or None}
    return {**known, **texts, "outcome": outcome}


def _audited(row: Row[Any]) -> Audited:
    texts = {name: getattr(row, name) for name in _TEXTS}
    succeeded = row.outcome == "success"
    return Audited(AuditEvent(row.event), row.at, study_uid=row.study_uid or "", succeeded=succeeded, **texts)


_TEXTS: Sequence[str] = ("person", "address", "source", "target", "reason", "detail")

"""The reading worklist as rows: what is on it, in which order, and whether it has changed.

Reads only. The order is the sort key's and nothing else's.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row, func, select

from triaged.store import schema
from triaged.store.database import Ledger
from triaged.store.rows import patient_of
from triaged.store.views import Ended
from triaged.study.lifecycle import State
from triaged.study.placement import Lane, TriageClass
from triaged.study.records import WorklistEntry

_study = schema.study
_ENTRIES = select(_study, schema.result.c.set_revision).outerjoin(
    schema.result, schema.result.c.id == _study.c.result_id
)
_LATE_COMMITS = 1000
"""How many event numbers back a transaction may still be open that the change token must notice."""


class Worklist(Ledger):
    """The list, as pages and commands show it."""

    def entries(self, limit: int = 1000, offset: int = 0) -> list[WorklistEntry]:
        """Return a stretch of the list from the top, after skipping `offset` entries."""
        query = _ENTRIES.order_by(_study.c.sort_key).limit(limit).offset(offset)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [_entry(row, position) for position, row in enumerate(rows, start=offset + 1)]

    def entry(self, study_uid: str) -> WorklistEntry | None:
        """Return one study with its position, or None where it is not on the list."""
        above = schema.study.alias("above")
        position = select(func.count()).where(above.c.sort_key < schema.study.c.sort_key).scalar_subquery() + 1
        query = _ENTRIES.add_columns(position.label("position")).where(_study.c.study_uid == study_uid)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _entry(row, row.position)

    def ended(self, limit: int = 1000) -> list[Ended]:
        """Return the studies that could not be read or are out of scope, in the order of the list."""
        columns = (_study.c.study_uid, _study.c.state, _study.c.reason)
        since = func.coalesce(_study.c.ready_at, _study.c.first_instance_at, type_=_study.c.ready_at.type)
        query = (
            select(*columns, since.label("since"))
            .where(_study.c.state.in_((State.FAILED, State.OUT_OF_SCOPE)))
            .order_by(_study.c.sort_key)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Ended(row.study_uid, State(row.state), row.reason, row.since) for row in rows]

    def total(self) -> int:
        """Return how many studies are on the list."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(schema.study)).scalar_one())

    def version(self) -> str:
        """Return a token that changes whenever the list does; equal tokens mean that nothing has to be read again.

        Every change writes an event. The highest number alone would miss, on PostgreSQL, a transaction that took a
        lower number and committed later; the count of the last numbers does not.
        """
        highest = func.coalesce(func.max(schema.event.c.id), 0)
        recent = select(highest.label("highest")).cte("newest")
        query = select(
            recent.c.highest,
            select(func.count())
            .select_from(schema.event)
            .where(schema.event.c.id > recent.c.highest - _LATE_COMMITS)
            .scalar_subquery()
            .label("recent"),
        )
        with self._database.read() as connection:
            row = connection.execute(query).one()
        return f"{row.highest}-{row.recent}"


def _entry(row: Row[Any], position: int) -> WorklistEntry:
    return WorklistEntry(
        study_instance_uid=row.study_uid,
        position=position,
        lane=Lane(row.lane),
        triage_class=TriageClass(row.triage_class),
        reason=row.reason,
        identification=row.identification,
        severity=row.severity,
        severity_left=row.severity_left,
        severity_right=row.severity_right,
        grade=row.grade,
        state=State(row.state),
        ready_at=row.ready_at,
        revision=row.revision,
        first_instance_at=row.first_instance_at,
        instances=row.instances,
        quality=tuple(json.loads(row.quality)) if row.quality else (),
        patient=patient_of(row),
        result_revision=row.set_revision,
    )

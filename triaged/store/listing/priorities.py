"""Which studies' orders have not been looked up on another list yet, and that they have been."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select

from triaged.store.listing.order import IS_OPEN
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import known_study, record_event, study_uid_of
from triaged.study.uids import StudyUID

ASKED = "PRIORITY_ASKED"
"""The event in a study's history that keeps it from being asked about again."""


@dataclass(frozen=True, slots=True)
class Unasked:
    """A complete study whose order has not been looked up; never logged but for the UID."""

    study_uid: StudyUID
    accession_number: str


class Priorities(Ledger):
    """What has been asked of the other list."""

    def unasked(self, *, ready_since: datetime) -> Unasked | None:
        """Return the study that has been complete for the shortest time and has not been asked about, if any.

        The last first: if the other list answers slowly, what has just arrived is what is decided about now. Those that
        were complete before `ready_since` are left as they are.
        """
        row = self._row(_UNASKED, since=ready_since)
        return None if row is None else Unasked(study_uid_of(row), row.accession_number)

    def asked(self, study_uid: StudyUID, *, detail: str, now: datetime) -> None:
        """Record that a study has been asked about, and what was said; `UnknownStudy` where there is none."""
        with self._database.begin() as connection:
            record_event(connection, known_study(connection, study_uid.value), ASKED, detail, now=now)


_study, _event = schema.study, schema.event
_was_asked = select(_event.c.id).where(_event.c.study_id == _study.c.id, _event.c.event == ASKED).exists()
_UNASKED = (
    select(_study)
    .where(
        _study.c.ready_at >= bindparam("since", type_=_study.c.ready_at.type),
        IS_OPEN,
        ~_was_asked,
    )
    .order_by(_study.c.ready_at.desc(), _study.c.id.desc())
    .limit(1)
)
